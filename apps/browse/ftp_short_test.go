package browse

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/url"
)

// A file that ends before the server said it would is no success (attack 74, for FTP), whatever the server says then.
func TestFTPShortFiles(t *testing.T) {
	for _, row := range []struct {
		rule, size, end string
		want            error
	}{
		{"as long as said", "213 6", "226 Done.", nil},
		{"nobody knows how long", "502 What?", "226 Done.", nil},
		{"shorter", "213 500", "226 Done.", http.Partial},
		{"the server says so itself", "213 6", "451 The disk died.", http.Partial},
		{"the server says so itself, and nobody knows how long", "550 No.", "426 Cut.", http.Partial},
	} {
		t.Run(row.rule, func(t *testing.T) {
			answers := map[string]string{"USER": "331 Who?\r\n", "PASS": "230 In.\r\n", "FEAT": "502 What?\r\n", "TYPE": "200 Good.\r\n", "EPSV": "229 There (|||7777|)\r\n",
				"SIZE": row.size + "\r\n", "RETR": "150 Here it comes.\r\n" + row.end + "\r\n", "QUIT": "221 Bye.\r\n"}
			var out bytes.Buffer
			u, err := url.Parse("ftp://192.0.2.1/f")
			require.NoError(t, err)
			f := &FTP{URL: u, Out: &out, Dial: func(_ context.Context, _, address string) (net.Conn, error) {
				end, theirs := net.Pipe()
				ours := &addressed{end}
				if strings.HasSuffix(address, ":7777") {
					go func() {
						defer theirs.Close()
						_, _ = io.WriteString(theirs, "hello\n")
					}()
					return ours, nil
				}
				go obey(theirs, "220 Hi.\r\n", answers)
				return ours, nil
			}}
			_, _, err = f.Fetch(t.Context())
			require.Equal(t, "hello\n", out.String())
			if row.want == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, row.want)
			}
		})
	}
}

// An addressed connection is one of TCP, for those who look.
type addressed struct{ net.Conn }

func (*addressed) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 21} }
