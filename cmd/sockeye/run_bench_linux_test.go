package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/tun/setup"
)

// BenchmarkRun is iperf3 from inside to a server outside: beside no stack at all, and
// beside what others use for the same. Each round runs all of them once, so that they
// may be compared: go test -run - -bench Run -benchtime 3x ./cmd/sockeye
func BenchmarkRun(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("a network namespace needs root")
	}
	ns, err := setup.NewNetNS()
	require.NoError(b, err)
	defer ns.Close()
	require.NoError(b, ns.Do(func() error { // pasta wants an interface with a default route
		for _, c := range []string{"addr add 192.0.2.1/32 dev lo", "link add v0 type veth peer name v1", "addr add 198.18.5.1/24 dev v0",
			"link set v0 up", "link set v1 up", "route add default via 198.18.5.254"} {
			if out, err := exec.Command("ip", strings.Fields(c)...).CombinedOutput(); err != nil {
				return fmt.Errorf("ip %s: %s", c, out)
			}
		}
		return nil
	}))
	server := exec.Command("iperf3", "-s", "--forceflush")
	said, err := server.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, ns.Start(server))
	defer func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}()
	lines := bufio.NewScanner(said)
	for listens := false; !listens; listens = strings.Contains(lines.Text(), "Server listening") {
		require.True(b, lines.Scan(), "iperf3 does not listen")
	}
	go func() { _, _ = io.Copy(io.Discard, said) }()
	for _, way := range []string{"up", "down"} {
		b.Run(way, func(b *testing.B) {
			sums := map[string][]float64{}
			for b.Loop() {
				for name, run := range map[string]func(*setup.NetNS, ...string) ([]byte, error){
					"none": plainly, "sockeye": bySockeye, "slirp4netns": bySlirp("1500"), "slirp4netns-65520": bySlirp("65520"),
					"pasta": byPasta("65520"), "pasta-1500": byPasta("1500"),
				} {
					args := []string{"iperf3", "-c", "192.0.2.1", "-t", "2", "-J"}
					if way == "down" {
						args = append(args, "-R")
					}
					out, err := run(ns, args...)
					if g := gigabits(out); g > 0 {
						sums[name] = append(sums[name], g)
					} else {
						b.Logf("%s: %v: %.200s", name, err, out)
					}
				}
			}
			for name, all := range sums {
				b.ReportMetric(median(all), name+"-Gbit/s")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func gigabits(out []byte) float64 {
	var r struct {
		End struct {
			Received struct {
				Bits float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		}
	}
	if i := bytes.IndexByte(out, '{'); i < 0 || json.Unmarshal(out[i:], &r) != nil {
		return 0
	}
	return r.End.Received.Bits / 1e9
}

func median(all []float64) float64 {
	for i := range all { // few
		for j := range all[:i] {
			if all[i] < all[j] {
				all[i], all[j] = all[j], all[i]
			}
		}
	}
	return all[len(all)/2]
}

func outputIn(ns *setup.NetNS, cmd *exec.Cmd) (out []byte, err error) {
	var buf bytes.Buffer
	cmd.Stdout = &buf
	if err := ns.Start(cmd); err != nil {
		return nil, err
	}
	err = cmd.Wait()
	return buf.Bytes(), err
}

func plainly(ns *setup.NetNS, args ...string) ([]byte, error) {
	return outputIn(ns, exec.Command(args[0], args[1:]...))
}

func bySockeye(ns *setup.NetNS, args ...string) ([]byte, error) { return outputIn(ns, runs(args...)) }

func byPasta(mtu string) func(*setup.NetNS, ...string) ([]byte, error) {
	return func(ns *setup.NetNS, args ...string) ([]byte, error) {
		return outputIn(ns, exec.Command("pasta", append([]string{"-q", "--runas", "0:0", "-m", mtu, "--config-net", "--"}, args...)...))
	}
}

func bySlirp(mtu string) func(*setup.NetNS, ...string) ([]byte, error) {
	return func(ns *setup.NetNS, args ...string) ([]byte, error) {
		inside, err := setup.NewNetNS()
		if err != nil {
			return nil, err
		}
		defer inside.Close()
		holder := exec.Command("sleep", "600")
		if err := inside.Start(holder); err != nil {
			return nil, err
		}
		ready, told, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		defer ready.Close()
		slirp := exec.Command("slirp4netns", "--configure", "--ready-fd=3", "--mtu="+mtu, strconv.Itoa(holder.Process.Pid), "tap0")
		slirp.ExtraFiles = []*os.File{told}
		err = ns.Start(slirp)
		_ = told.Close()
		if err != nil {
			return nil, err
		}
		defer func() {
			for _, c := range []*exec.Cmd{slirp, holder} {
				_ = c.Process.Kill()
				_ = c.Wait()
			}
		}()
		if _, err := io.ReadFull(ready, make([]byte, 1)); err != nil { // it is written to when the network is there
			return nil, fmt.Errorf("slirp4netns is not ready: %w", err)
		}
		return outputIn(inside, exec.Command(args[0], args[1:]...))
	}
}
