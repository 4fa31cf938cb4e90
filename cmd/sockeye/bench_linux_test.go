package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/cmd/sockeye/internal/bench"
)

// Each contestant comes through each discipline; how fast is not judged.
func TestBench(t *testing.T) {
	w := newNamespace(t)
	p := w.run(sockeye("bench", "--time", "100ms", "--rounds", "1", "--conns", "1,3", "--flows", "1,4", "--json"))
	require.Zero(t, p.code, p.stderr())
	require.Empty(t, p.stderr(), "no progress where there is no terminal")
	got := map[string]int{}
	for line := range strings.Lines(p.stdout()) {
		var r bench.Result
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		got[r.Mode]++
		judged := (r.Conns == 1 || r.Name == "bulk") && strings.HasPrefix(r.Mode, "sockeye")
		require.Equal(t, judged, r.OfCeiling > 0, line)
		require.Equal(t, judged && r.Name == "bulk" && r.Mode == "sockeye, offloads", r.OfDirect > 0, line)
		require.Equal(t, 1500, r.MTU)
		if r.Name == "bulk" {
			require.Positive(t, r.Gbps, line)
			require.Positive(t, r.CPUPerGB, line)
		} else {
			require.Positive(t, r.Ops, line)
			require.LessOrEqual(t, r.P50, r.P99, line)
		}
	}
	require.Equal(t, map[string]int{"sockeye, offloads": 6, "sockeye, plain TUN": 6, "kernel, veth": 6,
		"ceiling, offloads": 5, "ceiling, no copy": 4, "ceiling, plain TUN": 5}, got)

	p = w.run(sockeye("bench", "--time", "50ms", "--rounds", "1", "--conns", "1", "--flows", "2", "--apart", "--way", "up,ask", "--only", "sockeye, offloads", "--only", "kernel, veth"))
	require.Zero(t, p.code, p.stderr())
	require.Contains(t, p.stdout(), "bulk, sending, 2 at once")
	require.Contains(t, p.stdout(), "a byte and its answer")
	require.NotContains(t, p.stdout(), "receiving", "it was not asked for")

	p = w.run(sockeye("bench", "--time", "20ms", "--rounds", "1", "--conns", "2", "--flows", "1", "--only", "kernel, veth"))
	require.Zero(t, p.code, p.stderr())
	for _, want := range []string{"bulk, sending, 1 at once, MTU 1500", "Gbit/s", "bulk, receiving", "a byte and its answer, 2 at once", "per second", "kernel, veth"} {
		require.Contains(t, p.stdout(), want)
	}
	require.NotContains(t, p.stdout(), "sockeye, offloads")
}
