package interop

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/tun/setup"
	"github.com/sockeye-net/sockeye/tun/tuntest"
)

// command builds the sockeye command.
func command(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sockeye")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/sockeye")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// A journey's page in a real browser: it loads without a word of complaint and without a
// network, has an arrow for each packet, and a click on an arrow shows what tshark too
// says is in that packet's headers. SOCKEYE_SCREENSHOTS=DIR keeps a picture of each.
func TestPageInABrowser(t *testing.T) {
	program(t, "tshark")
	ctx, complaints := browser(t)
	sockeye := command(t)
	t.Run("demo", func(t *testing.T) {
		html, pcap := filepath.Join(t.TempDir(), "page.html"), filepath.Join(t.TempDir(), "page.pcapng")
		out, err := exec.Command(sockeye, "demo", "--lang", "en", "--html", html, "--pcap", pcap).CombinedOutput()
		require.NoError(t, err, "%s", out)
		requirePage(t, ctx, html, pcap)
		require.Empty(t, complaints())
	})
	t.Run("a page over HTTP/2 with its pictures, of nginx", func(t *testing.T) {
		w := &world{t: t, ns: tuntest.NewNS(t), dir: t.TempDir()}
		require.NoError(t, w.ns.Do(func() error {
			if err := setup.AddTUN("sk0", -1, -1); err != nil {
				return err
			}
			return errorsOf(setup.AddAddr("sk0", tuntest.Theirs), tuntest.Quiet("sk0"), setup.SetUp("sk0"))
		}))
		root := t.TempDir()
		page := "<!doctype html><h1>Fish</h1>"
		for i := range 6 {
			page += fmt.Sprintf("<img src=/%d.png>", i)
			file(t, filepath.Join(root, fmt.Sprint(i)+".png"), 5000*i*i+100)
		}
		require.NoError(t, os.WriteFile(filepath.Join(root, "index.html"), []byte(page), 0o644))
		w.nginx(root)
		html, pcap := filepath.Join(t.TempDir(), "page.html"), filepath.Join(t.TempDir(), "page.pcapng")
		w.finish(w.start(exec.Command(sockeye, "get", "--page", "-k", "--lang", "en", "--tun", "sk0", "--addr", tuntest.Ours.String(),
			"--html", html, "--pcap", pcap, "https://"+w.kernel().ip+"/")))
		requirePage(t, ctx, html, pcap)
		require.Empty(t, complaints())
	})
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// payload is the one field that the page does not have.
const payload = "payload"

// headers are the fields of every packet as tshark tells them, by the names of our page.
func headers(t *testing.T, pcap string) (all []map[string]string) {
	t.Helper()
	fields := map[string]string{"source": "ip.src", "destination": "ip.dst", "time to live": "ip.ttl", "total length": "ip.len", "identification": "ip.id",
		"source port": "tcp.srcport", "destination port": "tcp.dstport", "sequence number": "tcp.seq_raw", "acknowledgment": "tcp.ack_raw",
		"data offset": "tcp.hdr_len", "window": "tcp.window_size_value", "length": "udp.length", payload: "tcp.len"}
	args := []string{"-n", "-r", pcap, "-T", "fields", "-E", "occurrence=f"}
	var names []string
	for name := range maps.Keys(fields) {
		names = append(names, name)
		args = append(args, "-e", fields[name])
	}
	out, err := exec.Command("tshark", args...).Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		packet := map[string]string{}
		for i, value := range strings.Split(strings.TrimRight(line, "\n"), "\t") {
			if value != "" {
				packet[names[i]] = value
			}
		}
		if packet["acknowledgment"] == "0" {
			delete(packet, "acknowledgment") // of a SYN: there is none
		}
		all = append(all, packet)
	}
	return all
}

// whole puts together what a super-segment was cut into: sizes are those of the packets that the stack saw.
func whole(t *testing.T, all []map[string]string, sizes []int) (out []map[string]string) {
	t.Helper()
	number := func(text string) int {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		return n
	}
	for _, size := range sizes {
		require.NotEmpty(t, all)
		p := all[0]
		n := number(p["total length"])
		for all = all[1:]; n < size; all = all[1:] {
			require.NotEmpty(t, all)
			n += number(all[0][payload])
			delete(p, "total length") // the device's, not the stack's
		}
		require.Equal(t, size, n)
		delete(p, payload)
		out = append(out, p)
	}
	require.Empty(t, all, "without an arrow")
	return out
}

// browser starts one, without a way out, and returns what it complains of meanwhile.
func browser(t *testing.T) (ctx context.Context, complaints func() []string) {
	t.Helper()
	chromium := program(t, "chromium")
	if os.Geteuid() != 0 {
		t.Skip("a browser in a network of its own needs root")
	}
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(chromium), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1400, 1000),
		chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) { // a network of its own, that leads nowhere
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
		})}
	for _, f := range []string{"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "disable-dev-shm-usage"} {
		opts = append(opts, chromedp.Flag(f, true))
	}
	var mu sync.Mutex
	var all []string
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, fmt.Sprintf(format, args...))
	}
	listener := chromedp.WithListener(func(ev any) {
		switch ev := ev.(type) {
		case *runtime.EventExceptionThrown:
			say("exception: %s", ev.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			say("console.%s", ev.Type)
		case *log.EventEntryAdded:
			say("log: %s: %s", ev.Entry.Level, ev.Entry.Text)
		case *network.EventRequestWillBeSent:
			if !strings.HasPrefix(ev.Request.URL, "file:") {
				say("a request: %s", ev.Request.URL)
			}
		}
	})
	allocated, free := chromedp.NewExecAllocator(t.Context(), opts...)
	ctx, leave := chromedp.NewContext(allocated, listener)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // it ends the browser, and waits
		leave()
		free()
	})
	return ctx, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

func requirePage(t *testing.T, ctx context.Context, html, pcap string) {
	t.Helper()
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate("file://"+html)))
	short, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	require.NoError(t, chromedp.Do(short, chromedp.WaitReady(chromedp.CSS(`html[data-ready="yes"]`))))
	sizes, err := chromedp.Run(short, chromedp.Evaluate[[]int](`D.packets.map(p => p.n)`))
	require.NoError(t, err)
	want := whole(t, headers(t, pcap), sizes)
	require.Greater(t, len(want), 10)
	arrows, err := chromedp.Run(short, chromedp.Evaluate[int](`document.querySelectorAll(".arrow").length`))
	require.NoError(t, err)
	require.Equal(t, len(want), arrows, "an arrow for each packet")
	first, err := chromedp.Run(short, chromedp.Text(chromedp.CSS("#detail")))
	require.NoError(t, err)
	require.Contains(t, first, "Click a packet")
	hovered, err := chromedp.Run(short, chromedp.Evaluate[[]string](`[...document.querySelectorAll(".arrow")].map(g => {
		g.dispatchEvent(new MouseEvent("mousemove", { clientX: 10, clientY: 10 }));
		const said = document.querySelector("#tip").hidden ? "" : document.querySelector("#tip").innerText;
		g.dispatchEvent(new MouseEvent("mouseleave"));
		return document.querySelector("#tip").hidden ? said : "it stays";
	})`))
	require.NoError(t, err)
	for i, said := range hovered {
		require.Regexp(t, `(?s)^\S.*\d ms\n.*[\d,]+ bytes$`, said, "what is told of arrow %d under the pointer", i)
	}
	for i, w := range want {
		require.NoError(t, chromedp.Do(short, chromedp.Click(chromedp.CSS(fmt.Sprintf(`.arrow[data-packet="%d"] .hit`, i)))))
		rows, err := chromedp.Run(short, chromedp.Evaluate[[][]string](`[...document.querySelectorAll("#detail tr")].map(r => [...r.cells].map(c => c.innerText))`))
		require.NoError(t, err)
		got := map[string]string{}
		for _, r := range rows {
			if _, seen := got[r[0]]; !seen && len(r) == 2 {
				got[r[0]], _, _ = strings.Cut(r[1], " ") // without what is explained
			}
		}
		for name, value := range w {
			require.Equal(t, value, got[name], "packet %d, %s: %v", i, name, rows)
		}
	}
	picture, err := chromedp.Run(short, chromedp.FullScreenshot(100))
	require.NoError(t, err)
	requirePicture(t, picture)
}

// requirePicture looks whether there is something on a screenshot, and keeps it if asked to.
func requirePicture(t *testing.T, picture []byte) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(picture))
	require.NoError(t, err)
	size := img.Bounds()
	require.Greater(t, size.Dy(), 1000)
	colours := map[any]bool{}
	for y := 0; y < size.Dy(); y += 3 {
		for x := 0; x < size.Dx(); x += 3 {
			colours[img.At(x, y)] = true
		}
	}
	require.Greater(t, len(colours), 100, "an empty picture")
	if dir := os.Getenv("SOCKEYE_SCREENSHOTS"); dir != "" {
		name := strings.NewReplacer("/", "-", " ", "-").Replace(t.Name()) + ".png"
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), picture, 0o644))
	}
}
