package main

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each demo between our stack and the kernel's TCP, in namespaces of their own.
func TestShowsOverTheTUN(t *testing.T) {
	for _, s := range shows()[1:] {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel() // most of a demo is waiting
			w := newNamespace(t)
			pcap := filepath.Join(t.TempDir(), "demo.pcapng")
			p := w.run(sockeye("demo", s.name, "--link", "tun", "--lang", "en", "--pcap", pcap))
			require.Zero(t, p.code, p.stderr())
			require.Empty(t, p.stderr())
			require.Contains(t, p.stdout(), "Linux kernel")
			requireShow(t, s.name, p.stdout(), false)
			requireCapture(t, pcap)
			if s.name == "loss" { // by which of them is a matter of time
				require.Regexp(t, `seq 4345  ack 1  len 1448 -+>\|  (fast retransmit|tail loss|retransmission)`, p.stdout())
			}
		})
	}
}

// An ordinary user sees it on the TUN where the system allows it, and over the Pipe where not.
func TestShowAsOrdinaryUser(t *testing.T) {
	w := newNamespace(t)
	p := w.run(ordinary(t, "demo", "dns-tree", "--lang", "en"))
	require.Zero(t, p.code, p.stderr())
	requireShow(t, "dns-tree", p.stdout(), false)
}

// The secrets are in the capture: nothing else is needed to open it.
func TestShowsDecrypt(t *testing.T) {
	tshark := programPath(t, "tshark")
	for _, r := range []struct{ name, filter, field, want string }{
		{"tls", "http.request", "http.host", "www.sockeye.test\n"},
		{"http2", "http2.headers.path", "http2.headers.path", "/trout"},
	} {
		t.Run(r.name, func(t *testing.T) {
			pcap := filepath.Join(t.TempDir(), "demo.pcapng")
			_, errs, code := try("demo", r.name, "--link", "pipe", "--pcap", pcap)
			require.Zero(t, code, errs)
			out, err := exec.Command(tshark, "-r", pcap, "-Y", r.filter, "-T", "fields", "-e", r.field).Output()
			require.NoError(t, err)
			require.Contains(t, string(out), r.want)
		})
	}
}
