package main

import (
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/apps/http"
)

// apacheConf has MODULES, TMP, ROOT and IP filled in. What it serves: files, packed where asked for; what a program
// writes, in chunks; a place with a password; redirects; all of it with TLS and HTTP/2, too.
const apacheConf = `
ServerRoot TMP
ServerName example.com
PidFile TMP/apache.pid
ScriptSock TMP/cgi.sock
ErrorLog /dev/stderr
LogLevel error
User www-data
Group www-data
Listen IP:80
Listen IP:443
MODULES
DocumentRoot ROOT
TypesConfig /dev/null
AddType text/plain .txt
AddType text/html .html
AddOutputFilterByType DEFLATE text/plain
KeepAlive On
KeepAliveTimeout 5
Redirect 301 /for-good /hello.txt
Redirect 302 /for-now /hello.txt
Redirect 303 /other /hello.txt
Redirect 307 /temporary /cgi/echo
Redirect 308 /permanent /cgi/echo
Redirect 410 /gone
ScriptAlias /cgi/ TMP/cgi/
DirectoryIndex index.html
<Directory />
  Require all granted
</Directory>
<Location /secret>
  AuthType Basic
  AuthName "who are you"
  AuthUserFile TMP/users
  Require valid-user
</Location>
<VirtualHost IP:443>
  SSLEngine on
  SSLCertificateFile TMP/ca.pem
  SSLCertificateKeyFile TMP/key.pem
  Protocols h2 http/1.1
</VirtualHost>
`

var apacheModules = []string{"mpm_event", "authz_core", "authz_host", "authz_user", "authn_core", "authn_file", "auth_basic", "mime", "alias", "dir",
	"filter", "deflate", "cgid", "ssl", "http2"}

// apache serves root on the kernel's side; ca is a file with the certificate of example.com.
func (w *world) apache(root string) (ca string) {
	w.t.Helper()
	program := programPath(w.t, "apache2")
	forAll(w.t, w.dir)
	ca = filepath.Join(w.dir, "ca.pem")
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS() // for its certificate
	defer s.Close()
	key, err := x509.MarshalPKCS8PrivateKey(s.TLS.Certificates[0].PrivateKey)
	require.NoError(w.t, err)
	password := sha1.Sum([]byte("a:b"))
	modules := ""
	for _, m := range apacheModules {
		modules += "LoadModule " + m + "_module /usr/lib/apache2/modules/mod_" + m + ".so\n"
	}
	conf := strings.NewReplacer("MODULES", modules, "TMP", w.dir, "ROOT", root, "IP", kernelIP).Replace(apacheConf)
	require.NoError(w.t, os.Mkdir(filepath.Join(w.dir, "cgi"), 0o755))
	for name, text := range map[string]string{
		"ca.pem":     string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})),
		"key.pem":    string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
		"users":      "joe:{SHA}" + base64.StdEncoding.EncodeToString(password[:]) + "\n",
		"httpd.conf": conf,
		"cgi/chunks": "#!/bin/sh\nprintf 'Content-Type: application/octet-stream\\r\\n\\r\\n'\nfor i in 1 2 3 4 5 6 7 8; do head -c 20000 /dev/zero | tr '\\0' $i; done\n",
		"cgi/echo":   "#!/bin/sh\nprintf 'Content-Type: application/octet-stream\\r\\n\\r\\n%s %s ' \"$REQUEST_METHOD\" \"$CONTENT_LENGTH\"\nsha256sum\n",
	} {
		require.NoError(w.t, os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o755))
	}
	p := w.start(exec.Command(program, "-D", "FOREGROUND", "-f", filepath.Join(w.dir, "httpd.conf")))
	w.t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it ends its children, too
		<-p.done
		if w.t.Failed() {
			w.t.Log(p.stderr())
		}
	})
	w.reachable("80")
	w.reachable("443")
	return ca
}

// What curl gets of Apache httpd get gets, too.
func TestGetFromApache(t *testing.T) {
	w := newWorld(t)
	root := t.TempDir()
	forAll(t, root)
	w.file(filepath.Join(root, "large"), 5*mib)
	for name, text := range map[string]string{
		"hello.txt": strings.Repeat("hello, world\n", 5000), "empty": "", "hundred": strings.Repeat("0123456789", 10), "dir/index.html": "the default document",
		"secret/it": "come in", "page.html": "<img src=a><img src=b><img src=c><link rel=stylesheet href=d>", "a": "1", "b": "2", "c": "3", "d": "4",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
	}
	upload := filepath.Join(w.dir, "upload")
	w.file(upload, 2*mib)
	ca := w.apache(root)
	const at, tls = "http://" + kernelIP, "https://example.com"
	known := []string{"--cacert", ca, "--resolve", "example.com:443:" + kernelIP}
	for _, row := range []struct {
		name string
		args []string
		code int
	}{
		{"GET", []string{at + "/hello.txt"}, 0},
		{"nothing", []string{at + "/empty"}, 0},
		{"a long one", []string{"-o", "DIR/page", at + "/large"}, 0},
		{"-C -: all there", []string{"-C", "-", "-o", "DIR/page", at + "/large"}, 0},
		{"-C N", []string{"-C", "95", at + "/hundred"}, 0},
		{"-C N beyond the end", []string{"-C", "101", at + "/hundred"}, 0},
		{"-H Range", []string{"-H", "Range: bytes=10-19", at + "/hundred"}, 0},
		{"several ranges", []string{"-H", "Range: bytes=200-", "-w", `%{http_code}\n`, "-o", "/dev/null", at + "/hundred"}, 0},
		{"in chunks", []string{at + "/cgi/chunks"}, 0},
		{"in chunks, HTTP/1.0: to the end", []string{"--http1.0", at + "/cgi/chunks"}, 0},
		{"gzip, in chunks", []string{"--compressed", at + "/hello.txt"}, 0},
		{"a redirect to a directory", []string{"-L", "-w", `%{num_connects} %{num_redirects} %{url_effective}\n`, at + "/dir"}, 0},
		{"301, on the same connection", []string{"-L", "-w", `%{num_connects} %{num_redirects}\n`, at + "/for-good"}, 0},
		{"302 of a POST", []string{"-L", "-d", "x=y", at + "/for-now"}, 0},
		{"303 of a POST", []string{"-L", "-d", "x=y", at + "/other"}, 0},
		{"307 of a POST", []string{"-L", "-d", "x=y", at + "/temporary"}, 0},
		{"308 of a POST", []string{"-L", "-d", "x=y", at + "/permanent"}, 0},
		{"a long POST, asked for first", []string{"--data-binary", "@" + upload, at + "/cgi/echo"}, 0},
		{"410", []string{"-f", at + "/gone"}, 22},
		{"404", []string{"-w", `%{http_code}\n`, at + "/nothing"}, 0},
		{"no password", []string{"-w", `%{http_code}\n`, at + "/secret/it"}, 0},
		{"-u", []string{"-u", "joe:a:b", at + "/secret/it"}, 0},
		{"a wrong password", []string{"-f", "-u", "joe:b", at + "/secret/it"}, 22},
		{"a password in the URL", []string{"http://joe:a%3Ab@" + kernelIP + "/secret/it"}, 0},
		{"TLS, HTTP/1.1", append([]string{"--http1.1", "-w", `%{http_version}\n`, tls + "/hello.txt"}, known...), 0},
		{"TLS, HTTP/2", append([]string{"-w", `%{http_version}\n`, tls + "/hello.txt"}, known...), 0},
		{"TLS, HTTP/2, a long one", append([]string{"-o", "DIR/page", tls + "/large"}, known...), 0},
		{"TLS, HTTP/2, a POST", append([]string{"--data-binary", "@" + upload, tls + "/cgi/echo"}, known...), 0},
		{"TLS, HTTP/2, redirected with a password", append([]string{"-L", "-u", "joe:a:b", tls + "/secret/it"}, known...), 0},
		{"TLS, nobody vouches for it (60)", []string{"--resolve", "example.com:443:" + kernelIP, tls + "/"}, 60},
		{"TLS to port 80 (35)", []string{"-k", "https://" + kernelIP + ":80/"}, 35},
		{"no TLS to port 443", []string{"-w", `%{http_code}\n`, "-o", "/dev/null", at + ":443/"}, 0},
	} {
		t.Run(row.name, func(t *testing.T) { requireAsCurl(t, w, row.args, row.code) })
	}
	get := func(args ...string) *process { return w.run(sockeye(on(append([]string{"get"}, args...)...)...)) }
	t.Run("HEAD", func(t *testing.T) {
		for _, how := range [][]string{{at + "/hundred"}, append(known, tls+"/hundred")} {
			args := append([]string{"-I"}, how...)
			want, got := w.run(curl(t, args...)), get(args...)
			require.Zero(t, want.code)
			undated := func(head string) string { return regexp.MustCompile(`(?mi)^date:.*\n`).ReplaceAllString(head, "") }
			require.Equal(t, undated(want.stdout()), undated(got.stdout()), got.stderr())
		}
	})
	t.Run("304 of an ETag and of a date", func(t *testing.T) {
		head := get("-I", at+"/hundred").stdout()
		for _, row := range [][2]string{{"ETag", "If-None-Match"}, {"Last-Modified", "If-Modified-Since"}} {
			value := regexp.MustCompile(row[0] + `: (.*)\r`).FindStringSubmatch(head)
			require.NotNil(t, value, head)
			requireAsCurl(t, w, []string{"-H", row[1] + ": " + value[1], "-w", `%{http_code}\n`, at + "/hundred"}, 0)
		}
	})
	t.Run("--page over kept connections", func(t *testing.T) {
		p := get("--page", at+"/page.html")
		require.Zero(t, p.code, p.stderr())
		require.Regexp(t, `5 requests over [1-5] connections?, .* in all`, p.stdout())
		require.Equal(t, 5, strings.Count(p.stdout(), " 200 "), p.stdout())
	})
	t.Run("the journey", func(t *testing.T) {
		p := get(append(known, "-v", "-u", "joe:a:b", tls+"/secret/it")...)
		require.Zero(t, p.code, p.stderr())
		require.Equal(t, "come in", p.stdout())
		for _, part := range []string{"TLSv1.3", "h2", ":status: 200", "HPACK"} {
			require.Contains(t, strings.ReplaceAll(p.stderr(), "TLS 1.3", "TLSv1.3"), part)
		}
		require.NotContains(t, p.stderr(), base64.StdEncoding.EncodeToString([]byte("joe:a:b")))
	})
	t.Run("fifty at once, in one stack", func(t *testing.T) {
		s := w.session()
		errs := make(chan error, 50)
		for range cap(errs) {
			go func() {
				f := newFetch(s)
				defer f.client.Close()
				n, err := f.do(&http.Request{URL: at + "/cgi/chunks"}, io.Discard)
				if err == nil && n != 160_000 {
					err = fmt.Errorf("%d bytes", n)
				}
				errs <- err
			}()
		}
		for range cap(errs) {
			require.NoError(t, <-errs)
		}
	})
}
