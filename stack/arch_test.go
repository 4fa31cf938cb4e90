//go:build !js

package stack_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// This test holds the shape of the house: who may import whom. The tables are
// the rules; a new room gets a line in floors, or the test fails.

const module = "github.com/sockeye-net/sockeye/"

// floors lists every room with its floor; "/..." takes in all below it. An
// import may only go down, but for sideways.
var floors = map[string]int{
	"cmd/...": 5,

	"apps/...":                4,
	"stack/socket":            4,
	"stack/stdnet":            4,
	"stack/stdnet/stdnettest": 4,

	"stack":         3,
	"stack/capture": 3,
	"stack/sim":     3,
	"stack/script":  3,
	"stack/oracle":  3,
	"stack/outlet":  3,
	"tun":           3,
	"tun/setup":     3,
	"tun/vnet":      3,
	"tun/tuntest":   3,

	"stack/host": 2,

	"stack/tcp":            1,
	"stack/tcp/congestion": 1,

	"stack/wire":   0,
	"stack/clock":  0,
	"stack/buffer": 0,
	"stack/trace":  0,
	"stack/link":   0,
	"stack/cells":  0,
}

// sideways lists the imports within a floor that are allowed.
var sideways = map[string][]string{
	"cmd/...":                 {"cmd/..."},
	"apps/...":                {"apps/...", "stack/socket", "stack/stdnet"},
	"stack/stdnet":            {"stack/socket"},
	"stack/stdnet/stdnettest": {"stack/stdnet"},
	"tun":                     {"tun/vnet"},
	"tun/tuntest":             {"tun/setup"},
	"stack/tcp":               {"stack/tcp/congestion"},
	"stack/link":              {"stack/trace", "stack/wire", "stack/clock"},
	"stack/buffer":            {"stack/wire", "stack/clock"},
	"stack/trace":             {"stack/wire", "stack/clock"},
	"stack/cells":             {"stack/wire"},
}

// harness lists the rooms that the tests of any room may import; the tests of
// floor 3 and above join whole systems and may import every room.
var harness = []string{"stack/capture", "stack/sim", "stack/script"}

// topCoreFloor is the highest floor of the core.
const topCoreFloor = 2

// coreStd lists what the core may import from the standard library. unsafe is
// for Sizeof only, sync for link only: see TestCoreSource and coreOnlyIn.
var coreStd = []string{
	"bytes", "cmp", "encoding/binary", "errors", "hash", "hash/crc32", "hash/fnv", "io", "iter",
	"math", "math/bits", "math/rand/v2", "net/netip", "slices", "strconv", "sync", "time", "unsafe",
}

var coreOnlyIn = map[string]string{"sync": "stack/link"}

// thirdParty lists each module beside the standard library and the rooms that
// may import it outside tests. What is not listed no room may import.
var thirdParty = map[string][]string{
	"github.com/dchest/siphash":       {"stack/host", "stack/tcp", "stack"},
	"golang.org/x/net/dns/dnsmessage": {"apps/...", "cmd/..."},
	"golang.org/x/net/publicsuffix":   {"apps/browse"},
	"golang.org/x/net/http2/hpack":    {"apps/browse"},
	"golang.org/x/net/html":           {"apps/browse"},
	"github.com/coder/websocket":      {"apps/browse", "cmd/..."},
	"github.com/jlaffaye/ftp":         {"apps/browse"},
	"golang.org/x/sys":                {"stack", "apps/dns", "tun", "tun/setup", "tun/vnet", "tun/tuntest", "cmd/..."},
	"github.com/songgao/water":        {"tun"},
	"github.com/vishvananda/netlink":  {"tun/setup"},
	"github.com/vishvananda/netns":    {"tun/setup"},
	"github.com/google/nftables":      {"tun/setup"},
	"github.com/spf13/cobra":          {"cmd/..."},
	"golang.org/x/sync":               {"apps/...", "cmd/..."},
}

// testOnlyIn lists the modules that even tests may import in these rooms only.
// What else is in go.mod any room's tests may import, and nothing but tests.
var testOnlyIn = map[string][]string{
	"gvisor.dev/gvisor":        {"stack/oracle"},
	"github.com/songgao/water": {"tun"},
}

// withoutNet lists the rooms that must not need package net even indirectly.
var withoutNet = []string{"apps/dns", "apps/http"}

// A node is a package of the import graph, as go list describes it.
type node struct {
	ImportPath                         string
	Standard                           bool
	Imports, TestImports, XTestImports []string
}

func (n *node) room() (string, bool) { return inHouse(n.ImportPath) }

// inHouse returns the room that an import path names, if it is one of ours.
func inHouse(path string) (room string, ok bool) { return strings.CutPrefix(path, module) }

// matches reports whether room is pattern, or below it where it ends in "/...".
func matches(pattern, room string) bool {
	if root, ok := strings.CutSuffix(pattern, "/..."); ok {
		return room == root || strings.HasPrefix(room, root+"/")
	}
	return pattern == room
}

func anyMatches(patterns []string, room string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, room) })
}

func floorOf(room string) (floor int, ok bool) {
	for pattern, f := range floors {
		if matches(pattern, room) {
			return f, true
		}
	}
	return 0, false
}

// A house checks the packages of an import graph.
type house struct {
	nodes  map[string]*node
	broken []string
}

// violations returns every breach of the rules in the graph, sorted.
func violations(graph []node) []string {
	h := &house{nodes: map[string]*node{}}
	for i := range graph {
		h.nodes[graph[i].ImportPath] = &graph[i]
	}
	for i := range graph {
		if room, ok := graph[i].room(); ok {
			h.check(room, &graph[i])
		}
	}
	slices.Sort(h.broken)
	return slices.Compact(h.broken)
}

func (h *house) fail(format string, args ...any) {
	h.broken = append(h.broken, fmt.Sprintf(format, args...))
}

func (h *house) check(room string, n *node) {
	floor, ok := floorOf(room)
	if !ok {
		h.fail("%s has no floor", room)
		return
	}
	for _, path := range n.Imports {
		if other, ok := inHouse(path); ok {
			h.checkRoom(room, floor, other)
		} else if h.isStd(path) {
			h.checkStd(room, floor, path)
		} else {
			h.checkThirdParty(room, path)
		}
	}
	for _, path := range slices.Concat(n.TestImports, n.XTestImports) {
		h.checkTest(room, floor, path)
	}
	if slices.Contains(withoutNet, room) {
		if way := h.wayTo(n.ImportPath, "net", map[string]bool{}); way != nil {
			h.fail("%s needs net: %s", room, strings.Join(way, " -> "))
		}
	}
}

// isStd trusts go list where it described the package, else the dot in a
// module's first path element.
func (h *house) isStd(path string) bool {
	if n := h.nodes[path]; n != nil {
		return n.Standard
	}
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

func (h *house) checkRoom(room string, floor int, other string) {
	below, ok := floorOf(other)
	switch {
	case !ok:
		h.fail("%s imports %s, which has no floor", room, other)
	case other == "stack/oracle":
		h.fail("%s imports %s, which is for tests", room, other)
	case below < floor:
	case below > floor:
		h.fail("%s (floor %d) imports %s (floor %d): upward", room, floor, other, below)
	default:
		for pattern, allowed := range sideways {
			if matches(pattern, room) && anyMatches(allowed, other) {
				return
			}
		}
		h.fail("%s imports %s: sideways", room, other)
	}
}

func (h *house) checkStd(room string, floor int, path string) {
	if floor > topCoreFloor {
		return
	}
	if !slices.Contains(coreStd, path) {
		h.fail("%s imports %s: not for the core", room, path)
	}
	if only := coreOnlyIn[path]; only != "" && only != room {
		h.fail("%s imports %s: for %s only", room, path, only)
	}
}

func (h *house) checkThirdParty(room, path string) {
	for name, rooms := range thirdParty {
		if matches(name+"/...", path) && anyMatches(rooms, room) {
			return
		}
	}
	h.fail("%s imports %s: not for this room", room, path)
}

func (h *house) checkTest(room string, floor int, path string) {
	if other, ok := inHouse(path); ok {
		switch above, known := floorOf(other); {
		case !known:
			h.fail("a test of %s imports %s, which has no floor", room, other)
		case above > floor && floor <= topCoreFloor && !slices.Contains(harness, other):
			h.fail("a test of %s (floor %d) imports %s (floor %d): upward", room, floor, other, above)
		}
		return
	}
	for name, rooms := range testOnlyIn {
		if matches(name+"/...", path) && !slices.Contains(rooms, room) {
			h.fail("a test of %s imports %s: not for this room", room, path)
		}
	}
}

// wayTo returns a chain of imports from one package to another, nil if there is none.
func (h *house) wayTo(from, to string, seen map[string]bool) []string {
	if from == to {
		return []string{to}
	}
	if seen[from] || h.nodes[from] == nil {
		return nil
	}
	seen[from] = true
	for _, next := range h.nodes[from].Imports {
		if way := h.wayTo(next, to, seen); way != nil {
			return append([]string{from}, way...)
		}
	}
	return nil
}

// importGraph asks the go command for our packages with everything they need,
// as built for Linux, where all of them are.
func importGraph(t *testing.T) []node {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("the go command is not installed: ", err)
	}
	cmd := exec.Command("go", "list", "-deps",
		"-json=ImportPath,Standard,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var graph []node
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var n node
		if err := d.Decode(&n); err == io.EOF {
			return graph
		} else {
			require.NoError(t, err)
		}
		graph = append(graph, n)
	}
}

func TestImportsGoDown(t *testing.T) {
	graph := importGraph(t)
	require.True(t, slices.ContainsFunc(graph, func(n node) bool {
		return n.ImportPath == module+"stack/wire"
	}), "the graph is ours")
	require.Empty(t, violations(graph))
}

// The checker itself: each breach is found, and what is allowed is not.
func TestImportRulesAreKept(t *testing.T) {
	const m = module
	std := []node{
		{ImportPath: "net", Standard: true}, {ImportPath: "fmt", Standard: true},
		{ImportPath: "net/netip", Standard: true},
		{ImportPath: "crypto/tls", Standard: true, Imports: []string{"net"}},
	}
	for _, c := range []struct {
		name string
		n    node
		want string // "" : allowed
	}{
		{"down", node{ImportPath: m + "stack/host", Imports: []string{m + "stack/tcp", m + "stack/wire", "net/netip", "slices"}}, ""},
		{"several floors down", node{ImportPath: m + "cmd/sockeye", Imports: []string{m + "stack/link", "net", "github.com/spf13/cobra"}}, ""},
		{"upward", node{ImportPath: m + "stack/tcp", Imports: []string{m + "stack/host"}}, "upward"},
		{"from the bottom to the top", node{ImportPath: m + "stack/wire", Imports: []string{m + "cmd/sockeye"}}, "upward"},
		{"sideways, in the list", node{ImportPath: m + "stack/tcp", Imports: []string{m + "stack/tcp/congestion"}}, ""},
		{"sideways, the other way round", node{ImportPath: m + "stack/tcp/congestion", Imports: []string{m + "stack/tcp"}}, "sideways"},
		{"sideways on floor 3", node{ImportPath: m + "stack", Imports: []string{m + "tun"}}, "sideways"},
		{"sideways on floor 0", node{ImportPath: m + "stack/wire", Imports: []string{m + "stack/link"}}, "sideways"},
		{"an application on another", node{ImportPath: m + "apps/journey", Imports: []string{m + "apps/http", m + "stack/stdnet"}}, ""},
		{"a room nobody knows", node{ImportPath: m + "stack/attic"}, "no floor"},
		{"into a room nobody knows", node{ImportPath: m + "stack/host", Imports: []string{m + "stack/attic"}}, "no floor"},
		{"the oracle outside tests", node{ImportPath: m + "cmd/sockeye", Imports: []string{m + "stack/oracle"}}, "for tests"},
		{"fmt in the core", node{ImportPath: m + "stack/buffer", Imports: []string{"fmt"}}, "not for the core"},
		{"fmt above the core", node{ImportPath: m + "stack/capture", Imports: []string{"fmt"}}, ""},
		{"sync in link", node{ImportPath: m + "stack/link", Imports: []string{"sync"}}, ""},
		{"sync elsewhere in the core", node{ImportPath: m + "stack/host", Imports: []string{"sync"}}, "for stack/link only"},
		{"SipHash in the core", node{ImportPath: m + "stack/host", Imports: []string{"github.com/dchest/siphash"}}, ""},
		{"another module in the core", node{ImportPath: m + "stack/host", Imports: []string{"golang.org/x/sys/unix"}}, "not for this room"},
		{"a module nobody listed", node{ImportPath: m + "cmd/sockeye", Imports: []string{"example.org/thing"}}, "not for this room"},
		{"water in tun", node{ImportPath: m + "tun", Imports: []string{"github.com/songgao/water"}}, ""},
		{"water elsewhere", node{ImportPath: m + "cmd/sockeye", Imports: []string{"github.com/songgao/water"}}, "not for this room"},
		{"water in a test elsewhere", node{ImportPath: m + "cmd/sockeye", TestImports: []string{"github.com/songgao/water"}}, "a test of cmd/sockeye"},
		{"gVisor in the oracle's tests", node{ImportPath: m + "stack/oracle", TestImports: []string{"gvisor.dev/gvisor/pkg/tcpip"}}, ""},
		{"gVisor in the oracle's code", node{ImportPath: m + "stack/oracle", Imports: []string{"gvisor.dev/gvisor/pkg/tcpip"}}, "not for this room"},
		{"gVisor in another test", node{ImportPath: m + "stack", XTestImports: []string{"gvisor.dev/gvisor/pkg/tcpip"}}, "a test of stack "},
		{"a core test with the harness", node{ImportPath: m + "stack/tcp", XTestImports: []string{m + "stack/sim", "os", "testing"}}, ""},
		{"a core test that looks upward", node{ImportPath: m + "stack/tcp", TestImports: []string{m + "stack/socket"}}, "upward"},
		{"a test of a whole system", node{ImportPath: m + "tun", XTestImports: []string{m + "stack/stdnet", "net/http"}}, ""},
		{"net in an application", node{ImportPath: m + "apps/dns", Imports: []string{"net"}}, "needs net"},
		{"net behind something else", node{ImportPath: m + "apps/http", Imports: []string{"crypto/tls"}}, "crypto/tls -> net"},
		{"net in the tests of an application", node{ImportPath: m + "apps/http", TestImports: []string{"net"}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(violations(append(std, c.n)), "\n")
			if c.want == "" {
				require.Empty(t, got)
				return
			}
			require.Contains(t, got, c.want)
		})
	}
}
