package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// played is the page of a demo in a language, such as "loss ko".
func played(t *testing.T, sockeye, demo string) string {
	t.Helper()
	name, lang, _ := strings.Cut(demo, " ")
	html := filepath.Join(t.TempDir(), "page.html")
	args := []string{"demo", "--link", "pipe", "--lang", lang, "--html", html}
	if name != "page" {
		args = append(args, name)
	}
	out, err := exec.Command(sockeye, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return html
}

// opened loads a page, or a place in it, in a window of so many pixels.
func opened(t *testing.T, ctx context.Context, html string, wide int64) {
	t.Helper()
	require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(wide, 900)))
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate("file://"+html)))
	require.NoError(t, chromedp.Do(ctx, chromedp.Reload()))
	require.NoError(t, chromedp.Do(ctx, chromedp.WaitReady(chromedp.CSS(`html[data-ready="yes"]`))))
}

// A page is fit to be read: in a wide window and in a narrow one, in light and in dark, in English and in Korean no text is
// cut or lies upon another, nothing sticks out of the window, no plot is empty, and every text has contrast.
func TestPageFits(t *testing.T) {
	ctx, complaints := browser(t)
	sockeye := command(t)
	for _, demo := range []string{"page en", "page ko", "loss en", "loss ko", "http2 en", "http2 ko", "websocket ko", "dns-tree ko", "balance ko"} {
		html := played(t, sockeye, demo)
		for _, row := range []struct {
			wide   int64
			scheme string
		}{{1400, "light"}, {1400, "dark"}, {820, "light"}, {390, "dark"}} {
			t.Run(fmt.Sprint(demo, " ", row.wide, " ", row.scheme), func(t *testing.T) { requireFit(t, ctx, html, row.wide, row.scheme) })
		}
	}
	require.Empty(t, complaints())
}

// fitness is what is wrong with the layout of a page, a line each.
const fitness = `(() => {
  const wrong = [];
  const say = (what, e) => wrong.push(what + ": " + (e.textContent || e.id || e.className.baseVal || e.className).trim().slice(0, 60));
  if (document.documentElement.scrollWidth > innerWidth) wrong.push("the page is " + document.documentElement.scrollWidth + " wide in a window of " + innerWidth);
  for (const svg of document.querySelectorAll("svg")) {
    const box = svg.viewBox.baseVal, scale = svg.getBoundingClientRect().width / box.width;
    if (svg.getBoundingClientRect().height > box.height * scale + 2) say("blank space in a drawing", svg.closest("section"));
    const texts = [...svg.querySelectorAll("text")].map(e => [e, e.getBBox()]);
    for (const [e, b] of texts) {
      if (b.x < -1 || b.x + b.width > box.width + 1 || b.y < -1 || b.y + b.height > box.height + 1) say("cut", e);
      if (b.width && scale < .85) say("too small", e);
    }
    const rows = new Map();
    for (const t of texts) { const k = Math.round(t[1].y / 6); for (const n of [k - 1, k, k + 1]) rows.set(n, [...(rows.get(n) || []), t]); }
    for (const row of rows.values()) for (const [a, p] of row) for (const [b, q] of row)
      if (a !== b && p.x < q.x && p.x + p.width > q.x + 1 && p.y < q.y + q.height - 3 && q.y < p.y + p.height - 3) say("upon another", a);
  }
  for (const plot of document.querySelectorAll("svg.plot"))
    if (![...plot.querySelectorAll("path, circle, line:not(.grid)")].some(e => { const b = e.getBBox(); return b.width + b.height > 0; })) say("an empty plot", plot.parentNode);
  for (const e of document.querySelectorAll("h1, h2, h4, summary, p, #chips li, .tools label, .key span, .stack span, .cell, #detail td, #detail h3"))
    if (e.clientWidth && e.scrollWidth > e.clientWidth + 1) say("more than its box holds", e);
  const lum = c => { const [r, g, b] = c.map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
  const rgb = s => (s.match(/[\d.]+/g) || []).map(Number);
  const under = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] > .9) return c.slice(0, 3); } return rgb(getComputedStyle(document.body).backgroundColor).slice(0, 3); };
  const seen = new Set();
  for (const e of document.querySelectorAll("main svg text, main h2, main h3, main td, main p, main li, main label, main pre, main .key span, main .stack span")) {
    const style = getComputedStyle(e), ink = rgb(e.tagName === "text" ? style.fill : style.color).slice(0, 3), paper = under(e);
    const kind = ink + "on" + paper;
    if (seen.has(kind) || !e.textContent.trim()) continue;
    seen.add(kind);
    const [x, y] = [lum(ink), lum(paper)].sort((a, b) => b - a);
    if ((x + .05) / (y + .05) < 3) say("hard to read, " + kind, e);
  }
  return [...new Set(wrong)];
})()`

func requireFit(t *testing.T, ctx context.Context, html string, wide int64, scheme string) {
	t.Helper()
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	require.NoError(t, err)
	opened(t, ctx, html+"#packet-2", wide)
	wrong, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](fitness))
	require.NoError(t, err)
	if dir := os.Getenv("SOCKEYE_SCREENSHOTS"); dir != "" {
		picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		require.NoError(t, err)
		requirePicture(t, picture)
	}
	require.Empty(t, wrong)
}
