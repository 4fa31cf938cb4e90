package journey

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What a word gets behind it, by how it is read aloud.
func TestParticles(t *testing.T) {
	for in, want := range map[string]string{
		"패킷이(가)": "패킷이", "서버이(가)": "서버가", "연결을(를)": "연결을", "캐시을(를)": "캐시를", "커널은(는)": "커널은",
		"서버(으)로": "서버로", "커널(으)로": "커널로", "패킷(으)로": "패킷으로", "TCP과(와)": "TCP와", "FIN과(와)": "FIN과", "TUN(이)라는": "TUN이라는", "a.test.(이)라는": "a.test.라는",
		"TCP을(를)": "TCP를", "ACK이(가)": "ACK가", "RST은(는)": "RST는", "SYN을(를)": "SYN을", "URL(으)로": "URL로", "URL이(가)": "URL이", "TUN은(는)": "TUN은",
		"192.0.2.1이(가)": "192.0.2.1이", "192.0.2.1(으)로": "192.0.2.1로", "192.0.2.2이(가)": "192.0.2.2가", "10은(는)": "10은", "2486(으)로": "2486으로", "sk0은(는)": "sk0은",
		"sockeye.test.이(가)": "sockeye.test.가", "example.com은(는)": "example.com은", "a.net을(를)": "a.net을", "link을(를)": "link를", "ring을(를)": "ring을",
		"Sockeye(192.0.2.1)이(가)": "Sockeye(192.0.2.1)가", "\"net\"을(를)": "\"net\"을", "Sockeye Demo Root이(가)": "Sockeye Demo Root가",
		"가을(를) 나를 때 은(는)": "가를 나를 때 는", "(으)로": "로", "포트 8080(으)로": "포트 8080으로", "": "", "그대로": "그대로",
	} {
		require.Equal(t, want, particles(in), in)
	}
	require.Equal(t, "x이(가)", Particles("en", "x이(가)"))
}
