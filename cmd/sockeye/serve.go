package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// serveFlags are serve's own flags.
type serveFlags struct {
	linkFlags
	dir    string
	listen string
}

func (p *program) serve() *cobra.Command {
	f := &serveFlags{}
	cmd := &cobra.Command{
		Use:   "serve --dir DIR",
		Short: "Serve a directory over HTTP",
		Long: `Serve makes a directory available over HTTP: Go's net/http on a listener of our
stack. Requests are logged on standard error. It runs until it is interrupted.`,
		Example: `  sockeye serve --dir . --listen :80       # then: curl http://192.0.2.2/
  sudo sockeye serve --tun tun7 --addr 192.0.2.2/24 --dir /srv/www`,
		Args: noArguments,
		RunE: func(_ *cobra.Command, _ []string) error { return p.runServe(f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.dir, "dir", ".", "serve this `DIR`")
	fl.StringVar(&f.listen, "listen", ":80", "listen on this `ADDR` of ours")
	f.registerServer(cmd)
	return cmd
}

func (p *program) runServe(f *serveFlags) error {
	if st, err := os.Stat(f.dir); err != nil || !st.IsDir() {
		if err == nil {
			err = errors.New("it is not a directory")
		}
		return fail(1, fmt.Errorf("cannot serve %s: %w; name a directory with --dir", f.dir, err))
	}
	return p.within(&f.linkFlags, 1, func(s *session, stop *interruption) error {
		l, err := stdnet.New(s.stack).Listen("tcp", f.listen)
		if err != nil {
			return fail(1, fmt.Errorf("cannot listen on %s: %w; choose another --listen", f.listen, cause(err)))
		}
		s.tellDevice(p.err)
		fmt.Fprintf(p.err, "serving %s on http://%s/\n", f.dir, reachable(l, s))
		err = serveHTTP(stop, l, f.dir, p.err)
		if stop.came() {
			return nil // being told to end is how it ends
		}
		return fail(1, err)
	})
}

// reachable is where others reach the listener.
func reachable(l net.Listener, s *session) string {
	a, ok := l.Addr().(*net.TCPAddr)
	if !ok || !a.IP.IsUnspecified() {
		return l.Addr().String()
	}
	host := s.us.Addr().String()
	if a.Port == 80 {
		return host
	}
	return fmt.Sprintf("%s:%d", host, a.Port)
}

// serveHTTP serves dir until ctx ends; then every connection is closed at once.
func serveHTTP(ctx context.Context, l net.Listener, dir string, logs io.Writer) error {
	out := &lines{w: logs}
	srv := &http.Server{
		Handler:           logged(http.FileServer(http.Dir(dir)), out),
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          log.New(out, "", 0),
	}
	done := make(chan struct{})
	over := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = srv.Close()
	})
	err := srv.Serve(l)
	if !over() {
		<-done
	}
	_ = srv.Close()
	return err
}

// logged writes a line for each request when it has been answered.
func logged(h http.Handler, out io.Writer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		c := &counted{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			fmt.Fprintf(out, "%s %q %d %d bytes in %s\n", r.RemoteAddr, r.Method+" "+r.URL.RequestURI()+" "+r.Proto,
				c.status, c.bytes, time.Since(begin).Round(time.Microsecond))
		}()
		h.ServeHTTP(c, r)
	})
}

// counted notes what a handler answers.
type counted struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (c *counted) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach what is below.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// lines makes writes of several goroutines not mix.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// cause is the innermost error of package net's wrapping.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}
