package socket_test

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// A row of testdata/options.md.
type optionRow struct {
	level, name, number, kinds, bounds, fresh, linux, gvisor string
}

func optionRows(t *testing.T) (rows []optionRow) {
	text, err := os.ReadFile("../../testdata/options.md")
	require.NoError(t, err)
	for _, line := range strings.Split(string(text), "\n") {
		f := strings.Split(line, "|")
		if len(f) != 10 || strings.Contains(line, "---") || strings.Contains(line, "| level |") {
			continue
		}
		for i := range f {
			f[i] = strings.TrimSpace(f[i])
		}
		rows = append(rows, optionRow{f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8]})
	}
	require.NotEmpty(t, rows)
	return rows
}

// kindsOf are the kinds of sockets, in the table's order.
var kindsOf = []struct {
	letter     string
	typ, proto int
}{{"s", socket.SOCK_STREAM, 0}, {"d", socket.SOCK_DGRAM, 0}, {"e", socket.SOCK_DGRAM, socket.IPPROTO_ICMP}}

var between = regexp.MustCompile(`^(-?\d+)\.\.(\d+)(, -?\d+)?$`)

// What the table of options says is so.
func TestOptionsDocument(t *testing.T) {
	a, _ := pair(t)
	listed := map[[2]int]bool{}
	for _, row := range optionRows(t) {
		t.Run(row.name, func(t *testing.T) {
			level, opt := words[row.level], words[row.name]
			require.Equal(t, strconv.Itoa(opt), row.number)
			require.NotEmpty(t, row.linux)
			require.NotEmpty(t, row.gvisor)
			listed[[2]int{level, opt}] = true
			for i, k := range kindsOf {
				fd, err := a.Socket(socket.AF_INET, k.typ, k.proto)
				require.NoError(t, err)
				if strings.Contains(row.kinds, k.letter) {
					fresh := strings.Split(row.fresh, "/")
					row.holds(t, a, fd, level, opt, fresh[min(i, len(fresh)-1)])
				} else {
					isErrno(t, syscall.ENOPROTOOPT, a.SetSockOptInt(fd, level, opt, 1))
				}
				require.NoError(t, a.Close(fd))
			}
		})
	}
	for level := range map[int]bool{socket.SOL_SOCKET: true, socket.IPPROTO_IP: true, socket.IPPROTO_TCP: true, socket.IPPROTO_UDP: true} {
		for opt := range 300 {
			for _, k := range kindsOf {
				fd, err := a.Socket(socket.AF_INET, k.typ, k.proto)
				require.NoError(t, err)
				_, err = a.GetSockOpt(fd, level, opt, make([]byte, 256))
				known := err != syscall.ENOPROTOOPT && err != syscall.EOPNOTSUPP
				require.False(t, known && !listed[[2]int{level, opt}], "level %d, option %d is not in the table", level, opt)
				require.NoError(t, a.Close(fd))
			}
		}
	}
}

// holds checks a row on a socket of a kind that has the option.
func (row optionRow) holds(t *testing.T, a *socket.API, fd, level, opt int, fresh string) {
	t.Helper()
	p := player{c: a, fds: map[string]int{"a": fd}}
	got := p.call([]string{"getsockopt", "a", row.level, row.name})
	switch fresh {
	case "struct":
		require.NotContains(t, got, "E")
	case "cubic":
		require.Equal(t, `"cubi"`, got)
	default:
		if row.bounds != "struct" {
			require.Equal(t, fresh, got)
		}
	}
	set := func(v int) error { return a.SetSockOptInt(fd, level, opt, v) }
	bounds := between.FindStringSubmatch(row.bounds)
	switch {
	case row.bounds == "get only":
		isErrno(t, syscall.ENOPROTOOPT, set(1))
	case row.bounds == "flag":
		require.NoError(t, set(7))
		require.Equal(t, "1", p.call([]string{"getsockopt", "a", row.level, row.name}))
		require.NoError(t, set(0))
		require.Equal(t, "0", p.call([]string{"getsockopt", "a", row.level, row.name}))
	case row.bounds == "any":
		for _, v := range []int{-1 << 31, -1, 0, 1, 1<<31 - 1} {
			require.NoError(t, set(v))
		}
	case row.bounds == "struct":
		isErrno(t, syscall.EINVAL, set(1))
	case row.bounds == "name, else ENOENT":
		isErrno(t, syscall.ENOENT, a.SetSockOptString(fd, level, opt, "nonesuch"))
	default:
		require.NotNil(t, bounds, "what does %q mean?", row.bounds)
		least, most := p.num(bounds[1]), p.num(bounds[2])
		require.NoError(t, set(least))
		require.NoError(t, set(most))
		if most < 1<<31-1 {
			isErrno(t, syscall.EINVAL, set(most+1))
		}
		extra := strings.TrimPrefix(bounds[3], ", ")
		if extra != strconv.Itoa(least-1) {
			isErrno(t, syscall.EINVAL, set(least-1))
		}
		if extra != "" {
			require.NoError(t, set(p.num(extra)))
		}
	}
}
