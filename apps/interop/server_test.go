package interop

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// thousand is how many connections there are at once.
const thousand = 1000

// serveAll runs net/http's server on our stack: plain at port 80, HTTP/1.1 and h2c, with
// TLS at 443, HTTP/1.1 and h2.
func (w *world) serveAll(h http.Handler) {
	w.t.Helper()
	cert, _ := certificates()
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	web := &http.Server{Handler: h, Protocols: &protocols, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}},
		ErrorLog: log.New(io.Discard, "", 0)} // load programs go away in the middle
	plain, err := w.net.Listen("tcp", ":80")
	require.NoError(w.t, err)
	secure, err := w.net.Listen("tcp", ":443")
	require.NoError(w.t, err)
	var served sync.WaitGroup
	served.Go(func() { _ = web.Serve(plain) })
	served.Go(func() { _ = web.ServeTLS(secure, "", "") })
	w.t.Cleanup(func() {
		require.NoError(w.t, web.Close())
		served.Wait()
		w.drained()
	})
}

func TestOurServerAndTheirPrograms(t *testing.T) {
	w := newWorld(t)
	body := random(8000, 3)
	big, upload := random(20<<20, 4), filepath.Join(w.dir, "upload")
	uploaded := file(t, upload, 10<<20)
	w.serveAll(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			s, err := sumOf(r.Body)
			if err != nil {
				s = err.Error()
			}
			fmt.Fprint(rw, s)
		case r.URL.Path == "/big":
			_, _ = rw.Write(big)
		default:
			_, _ = rw.Write(body)
		}
	}))
	plain, secure := "http://"+w.ours().ip, "https://"+w.ours().ip
	t.Run("curl", func(t *testing.T) {
		for _, row := range []struct {
			name, url, version string
			args               []string
		}{
			{"HTTP/1.0", plain, "1", []string{"--http1.0"}},
			{"HTTP/1.1", plain, "1.1", nil},
			{"h2c", plain, "2", []string{"--http2-prior-knowledge"}},
			{"HTTP/1.1 and TLS", secure, "1.1", []string{"--http1.1"}},
			{"h2", secure, "2", []string{"--http2"}},
			{"TLS 1.2", secure, "2", []string{"--tls-max", "1.2"}},
		} {
			t.Run(row.name, func(t *testing.T) {
				down := filepath.Join(t.TempDir(), "down")
				args := append([]string{"-sSk", "--noproxy", "*", "-m", "60", "-w", "%{stderr}%{http_version}"}, row.args...)
				cmd := exec.Command(program(t, "curl"), append(args, "-o", down, row.url+"/big")...)
				p := w.start(cmd)
				w.finish(p)
				require.Equal(t, row.version, p.said())
				got, err := os.ReadFile(down)
				require.NoError(t, err)
				require.True(t, bytes.Equal(big, got), "down")
				require.Equal(t, uploaded, w.run("curl", append(args[:len(args):len(args)], "-w", "", "--data-binary", "@"+upload, row.url+"/")...), "up")
			})
		}
	})
	t.Run("nghttp", func(t *testing.T) {
		for _, url := range []string{plain, secure} {
			got := w.run("nghttp", "-m", "500", url+"/") // 500 streams of one connection, whose frames are mixed
			require.Len(t, got, 500*len(body))
			for b := range 256 {
				require.Equal(t, 500*bytes.Count(body, []byte{byte(b)}), strings.Count(got, string([]byte{byte(b)})))
			}
			require.True(t, string(big) == w.run("nghttp", url+"/big"), url)
			require.Equal(t, uploaded, w.run("nghttp", "-d", upload, url+"/"), url)
		}
	})
	t.Run("h2load", func(t *testing.T) {
		done := regexp.MustCompile(`(\d+) succeeded, (\d+) failed, (\d+) errored`)
		data := regexp.MustCompile(`\((\d+)\) data`)
		for name, args := range map[string][]string{
			"HTTP/1.1, 1,000 connections":        {"--h1", "-c", "1000", plain + "/"},
			"h2c, 1,000 connections":             {"-c", "1000", "-m", "4", plain + "/"},
			"HTTP/1.1 and TLS, 100 connections":  {"--h1", "-c", "100", secure + "/"},
			"h2, 100 connections of ten streams": {"-c", "100", "-m", "10", secure + "/"},
		} {
			out := w.run("h2load", append([]string{"-n", "4000"}, args...)...)
			m := done.FindStringSubmatch(out)
			require.NotNil(t, m, "%s: %s", name, out)
			require.Equal(t, []string{"4000", "0", "0"}, m[1:], name)
			m = data.FindStringSubmatch(out)
			require.NotNil(t, m, "%s: %s", name, out)
			require.Equal(t, fmt.Sprint(4000*len(body)), m[1], "%s: bytes", name)
		}
	})
	t.Run("wrk", func(t *testing.T) {
		require.NoError(t, os.WriteFile(filepath.Join(w.dir, "want"), body, 0o644))
		lua := filepath.Join(w.dir, "check.lua")
		require.NoError(t, os.WriteFile(lua, []byte(wrkScript), 0o644))
		for url, connections := range map[string]string{plain: "1000", secure: "100"} {
			out := w.run("wrk", "-t", "2", "-c", connections, "-d", "2s", "--timeout", "30s", "-s", lua, url+"/", "--", filepath.Join(w.dir, "want"))
			m := regexp.MustCompile(`checked (\d+) wrong (\d+)`).FindStringSubmatch(out)
			require.NotNil(t, m, out)
			require.NotEqual(t, "0", m[1], out)
			require.Equal(t, "0", m[2], out)
			require.NotContains(t, out, "Socket errors", url)
			require.NotContains(t, out, "Non-2xx", url)
		}
	})
}

// wrkScript has wrk look at every answer.
const wrkScript = `
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init(args)
  local f = io.open(args[1], "rb")
  want, checked, wrong = f:read("*a"), 0, 0
  f:close()
end
function response(status, headers, body)
  checked = checked + 1
  if status ~= 200 or body ~= want then wrong = wrong + 1 end
end
function done(summary, latency, requests)
  local c, w = 0, 0
  for _, t in ipairs(threads) do c, w = c + t:get("checked"), w + t:get("wrong") end
  print("checked " .. c .. " wrong " .. w)
end
`

// A thousand connections are there at once, to our server and from our client: each
// request waits until all have come, and every byte is looked at.
func TestThousandConnections(t *testing.T) {
	eachWay(t, func(t *testing.T, client, server side) {
		var all sync.WaitGroup
		all.Add(thousand)
		l, err := server.listen("tcp4", server.at("80"))
		require.NoError(t, err)
		web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			all.Done()
			all.Wait()
			echo(w, r)
		})}
		go func() { _ = web.Serve(l) }()
		defer web.Close()
		tr := &http.Transport{DialContext: client.dial}
		defer tr.CloseIdleConnections()
		c := &http.Client{Transport: tr, Timeout: 2 * time.Minute}
		errs := make(chan error, thousand)
		for i := range thousand {
			go func() {
				data := random(20_000+i, byte(i))
				resp, err := c.Post("http://"+server.at("80")+"/", "", bytes.NewReader(data))
				if err != nil {
					errs <- err
					return
				}
				defer resp.Body.Close()
				got, err := io.ReadAll(resp.Body)
				if err == nil && !bytes.Equal(data, got) {
					err = fmt.Errorf("request %d: %d bytes came back of %d, or others", i, len(got), len(data))
				}
				errs <- err
			}()
		}
		for range thousand {
			require.NoError(t, <-errs)
		}
	})
}
