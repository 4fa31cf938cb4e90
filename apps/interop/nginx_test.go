package interop

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// nginx serves a directory on the kernel's side: at port 80, and with TLS at 443.
func (w *world) nginx(root string) {
	w.t.Helper()
	path := program(w.t, "nginx")
	cert, _ := certificates()
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	require.NoError(w.t, err)
	for name, block := range map[string]*pem.Block{"cert": {Type: "CERTIFICATE", Bytes: cert.Certificate[0]}, "key": {Type: "PRIVATE KEY", Bytes: key}} {
		require.NoError(w.t, os.WriteFile(filepath.Join(w.dir, name), pem.EncodeToMemory(block), 0o600))
	}
	ip := w.kernel().ip
	var temp strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temp, "%s_temp_path %s/%s; ", kind, w.dir, kind)
	}
	conf := filepath.Join(w.dir, "nginx.conf")
	require.NoError(w.t, os.WriteFile(conf, []byte(`daemon off; master_process off; user root; pid `+w.dir+`/pid; error_log stderr;
events { worker_connections 4096; }
http { access_log off; `+temp.String()+` client_max_body_size 0; keepalive_requests 100000;
server { listen `+ip+`:80 backlog=4096; listen `+ip+`:443 ssl http2 backlog=4096; ssl_certificate `+w.dir+`/cert; ssl_certificate_key `+w.dir+`/key;
root `+root+`; location = /kept { client_body_in_file_only on; proxy_pass http://`+ip+`:80/small; } } }
`), 0o644))
	p := w.start(exec.Command(path, "-c", conf, "-p", w.dir, "-e", "stderr"))
	w.serves(p, "443")
}

func TestOurClientAndNginx(t *testing.T) {
	w := newWorld(t)
	root := t.TempDir()
	big := file(t, filepath.Join(root, "big"), 50<<20)
	small := file(t, filepath.Join(root, "small"), 50_000)
	w.nginx(root)
	_, pool := certificates()
	for _, row := range []struct {
		name, url string
		major     int
		set       func(*http.Protocols)
	}{
		{"HTTP/1.1", "http://" + w.kernel().ip, 1, func(p *http.Protocols) { p.SetHTTP1(true) }},
		{"HTTP/1.1 and TLS", "https://" + w.kernel().ip, 1, func(p *http.Protocols) { p.SetHTTP1(true) }},
		{"h2", "https://" + w.kernel().ip, 2, func(p *http.Protocols) { p.SetHTTP2(true) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			var protocols http.Protocols
			row.set(&protocols)
			tr := &http.Transport{DialContext: w.net.DialContext, Protocols: &protocols, TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "example.com"}}
			c := &http.Client{Transport: tr, Timeout: 2 * time.Minute}
			get := func(path string) (string, error) {
				resp, err := c.Get(row.url + path)
				if err != nil {
					return "", err
				}
				defer resp.Body.Close()
				if resp.StatusCode != http.StatusOK || resp.ProtoMajor != row.major {
					return "", fmt.Errorf("%s of HTTP/%d", resp.Status, resp.ProtoMajor)
				}
				return sumOf(resp.Body)
			}
			got, err := get("/big")
			require.NoError(t, err)
			require.Equal(t, big, got)
			errs := make(chan error, 100)
			for range cap(errs) {
				go func() {
					got, err := get("/small")
					if err == nil && got != small {
						err = fmt.Errorf("other bytes")
					}
					errs <- err
				}()
			}
			for range cap(errs) {
				require.NoError(t, <-errs)
			}
			// Upward: nginx keeps the body in a file.
			data := random(10<<20, byte(row.major))
			resp, err := c.Post(row.url+"/kept", "", strings.NewReader(string(data)))
			require.NoError(t, err)
			got, err = sumOf(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode, "a POST to a file: %s", got)
			kept, err := filepath.Glob(filepath.Join(w.dir, "client_body", "*"))
			require.NoError(t, err)
			require.Len(t, kept, 1)
			b, err := os.ReadFile(kept[0])
			require.NoError(t, err)
			require.Equal(t, sum(data), sum(b), "up")
			require.NoError(t, os.Remove(kept[0]))
			tr.CloseIdleConnections()
			w.drained()
		})
	}
}

// A thousand downloads are open at once before the first of them is read.
func TestThousandDownloadsFromNginx(t *testing.T) {
	w := newWorld(t)
	root := t.TempDir()
	want := file(t, filepath.Join(root, "file"), 100_000)
	w.nginx(root)
	tr := &http.Transport{DialContext: w.net.DialContext}
	c := &http.Client{Transport: tr, Timeout: 2 * time.Minute}
	type answer struct {
		body io.ReadCloser
		err  error
	}
	answers := make(chan answer, thousand)
	for range thousand {
		go func() {
			resp, err := c.Get("http://" + w.kernel().ip + "/file")
			if err != nil {
				answers <- answer{nil, err}
				return
			}
			answers <- answer{resp.Body, nil}
		}()
	}
	var bodies []io.ReadCloser
	for range thousand {
		a := <-answers
		require.NoError(t, a.err)
		bodies = append(bodies, a.body)
	}
	require.GreaterOrEqual(t, int(w.stack.Counters().TCP.CurrEstab), thousand)
	sums := make(chan string, thousand)
	for _, b := range bodies {
		go func() {
			defer b.Close()
			s, err := sumOf(b)
			if err != nil {
				s = err.Error()
			}
			sums <- s
		}()
	}
	for range thousand {
		require.Equal(t, want, <-sums)
	}
	tr.CloseIdleConnections()
	w.drained()
}
