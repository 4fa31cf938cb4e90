package http

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// readCurl is curl's reading of many responses: a process asks for one after the other. Some of its failures
// end it (43); another one goes on behind them.
func readCurl(t *testing.T, all []made) (got []reading) {
	t.Helper()
	path, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed")
	}
	server := tellAll(t, all)
	for len(got) < len(all) {
		some := runCurl(t, path, server, all, len(got))
		require.NotEmpty(t, some, "curl says nothing")
		got = append(got, some...)
	}
	return got
}

// runCurl is one process's reading, from one of them on.
func runCurl(t *testing.T, path, server string, all []made, from int) (got []reading) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "config")
	require.NoError(t, os.WriteFile(config, curlConfig(all, from, server, dir), 0o600))
	cmd := exec.Command(path, "-q", "-K", config)
	var told bytes.Buffer
	cmd.Stdout = &told
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) { // its code is the last transfer's
		require.NoError(t, err)
	}
	for line := range strings.Lines(told.String()) {
		var i, exit, code int
		_, err := fmt.Sscanf(line, "%d %d %d ", &i, &exit, &code)
		require.NoError(t, err, line)
		require.Equal(t, from+len(got), i, "one after the other")
		body, _ := os.ReadFile(filepath.Join(dir, strconv.Itoa(i))) // nothing came: there is none
		if all[i].method == "HEAD" {
			body = nil // it is the head
		}
		r := reading{code: code, body: string(body)}
		if exit != 0 {
			r.err = errors.New("curl: " + strconv.Itoa(exit) + " " + strings.TrimSpace(strings.SplitN(line, " ", 4)[3]))
		}
		got = append(got, r)
	}
	return got
}

// curlConfig asks for each response under a host of its own, so that no connection serves two.
func curlConfig(all []made, from int, server, dir string) []byte {
	var b bytes.Buffer
	for i := from; i < len(all); i++ {
		m := all[i]
		fmt.Fprintf(&b, "url = http://h%d.test/\noutput = %s/%d\n", i, dir, i)
		fmt.Fprintf(&b, "silent\nconnect-to = \"::%s\"\nnoproxy = *\nmax-time = 20\n", server)
		fmt.Fprintf(&b, "write-out = \"%d %%{exitcode} %%{http_code} %%{errormsg}\\n\"\n", i)
		if m.method == "HEAD" {
			b.WriteString("head\n")
		}
		if m.zipped {
			b.WriteString("compressed\n")
		}
		b.WriteString("next\n")
	}
	return b.Bytes()
}

// tellAll is a server that answers requests to h7.test with the seventh.
func tellAll(t *testing.T, all []made) (at string) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				if i := whose(c); i >= 0 && i < len(all) {
					_, _ = io.WriteString(c, all[i].raw) // curl may have seen enough
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

// whose reads a request and returns the number in its host; -1: there is none.
func whose(c net.Conn) int {
	n := -1
	for in := bufio.NewReader(c); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			return -1
		}
		if line == "\r\n" {
			return n
		}
		_, _ = fmt.Sscanf(line, "Host: h%d.test", &n) // another line
	}
}

// The rows of the table and hundreds of made responses beside curl; thousands with SOCKEYE_LONG.
func TestNeverLooserThanCurl(t *testing.T) {
	var everything []made
	for _, row := range responses {
		everything = append(everything, made{raw: row.raw, method: "GET"}, made{raw: row.raw, method: "HEAD"})
	}
	for seed := range uint64(long(1000, 50_000)) {
		everything = append(everything, newMaker(seed).response())
	}
	var y tally
	const atOnce = 1000 // responses for one process
	for len(everything) > 0 {
		some := everything[:min(atOnce, len(everything))]
		everything = everything[len(some):]
		for i, them := range readCurl(t, some) {
			m := some[i]
			us := readOurs(m, 1<<20)
			y.beside(t, "curl", m, us, them)
			if them.err != nil && us.err == nil && readNetHTTP(m).err != nil {
				y.fault(t, "%q: we take what both refuse", m.raw)
			}
		}
	}
	y.report(t, "curl")
}
