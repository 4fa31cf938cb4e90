//go:build linux

package browse

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/apps/http"
)

// TLS before 1.2 is not spoken (RFC 8996).
func TestOldTLS_RFC8996(t *testing.T) {
	for version, ok := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		w := newWorld(t)
		w.Insecure = true
		s := httptest.NewUnstartedServer(nethttp.HandlerFunc(echo))
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: version}
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		t.Cleanup(s.Close)
		_, port, err := net.SplitHostPort(s.Listener.Addr().String())
		require.NoError(t, err)
		_, _, err = w.fetch(&http.Request{URL: "https://example.com:" + port + "/"})
		if ok {
			require.NoError(t, err, tls.VersionName(version))
		} else {
			require.ErrorIs(t, err, http.TLSFailed, tls.VersionName(version))
		}
	}
}
