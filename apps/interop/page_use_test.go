package interop

import (
	"context"
	"os/exec"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// wrongs is what a script finds wrong with the page that is open.
func wrongs(t *testing.T, ctx context.Context, script string) []string {
	t.Helper()
	wrong, err := chromedp.Run(ctx, chromedp.Evaluate[[]string]("(() => { const wrong = []; const say = (...what) => wrong.push(what.join(\" \")); "+script+" return wrong; })()"))
	require.NoError(t, err)
	return wrong
}

// The page can be used without a pointer and without eyes, its plots can be looked at closely, and it can be printed.
func TestPageIsUsable(t *testing.T) {
	ctx, complaints := browser(t)
	html := played(t, command(t), "loss ko")
	opened(t, ctx, html, 1400)
	for _, row := range []struct{ rule, script string }{
		{"who reads it aloud is told its language, its title and what each drawing shows", `
			if (document.documentElement.lang !== "ko") say("lang is", document.documentElement.lang);
			if (document.title !== "sockeye demo loss - Sockeye") say("the title is", document.title);
			for (const s of document.querySelectorAll("section")) if (!document.getElementById(s.getAttribute("aria-labelledby")).textContent) say("a section without a name", s.id);
			for (const s of document.querySelectorAll("svg")) if (!s.getAttribute("role") && s.getAttribute("aria-hidden") !== "true") say("a drawing without a role");
			for (const s of document.querySelectorAll('[role="img"], [role="option"]')) if (!(s.getAttribute("aria-label") || "").match(/[가-힣].*\d|\d.*[가-힣]/)) say("no label", s.outerHTML.slice(0, 80));
			for (const g of document.querySelectorAll('[role="option"]')) if (!g.closest('[role="listbox"]')) say("an option of nothing");`},
		{"one stop for the Tab key on the ladder; the arrow keys choose packets", `
			const key = k => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: k, bubbles: true, cancelable: true }));
			const stops = () => document.querySelectorAll('.arrow[tabindex="0"]');
			if (stops().length !== 1) say("stops:", stops().length);
			stops()[0].focus();
			for (const [k, want] of [["Enter", 0], ["ArrowDown", 1], ["ArrowDown", 2], ["ArrowUp", 1], ["ArrowUp", 0], ["ArrowUp", 0], ["End", D.packets.length - 1], ["Home", 0]]) {
				key(k);
				const on = [...document.querySelectorAll(".arrow.on")].map(g => +g.dataset.packet), stop = [...stops()].map(g => +g.dataset.packet);
				if (on.join() !== String(want) || stop.join() !== String(want) || +document.activeElement.dataset.packet !== want) say(k, "chose", on, "stops at", stop, "not", want);
				if (document.querySelector('.arrow[aria-selected="true"]') !== document.activeElement) say(k, "is not said to be selected");
			}
			if (!document.querySelector("#detail td")) say("no headers");`},
		{"a plot shows a part of its time by keys and by dragging, and all of it again", `
			const plot = () => document.querySelector("svg.plot"), axis = () => [...plot().querySelectorAll("text")].map(e => e.textContent).join(" ");
			const all = axis();
			const key = k => plot().dispatchEvent(new KeyboardEvent("keydown", { key: k, bubbles: true, cancelable: true }));
			plot().focus();
			for (const [k, changes] of [["+", true], ["+", true], ["ArrowLeft", true], ["0", true]]) {
				const before = axis();
				key(k);
				if ((axis() !== before) !== changes) say(k, "changed", before, "to", axis());
				if (document.activeElement !== plot()) say(k, "lost the focus");
			}
			if (axis() !== all) say("0 shows", axis(), "not", all);
			for (let i = 0; i < 4; i++) key("+"); // where nothing happens
			for (const p of document.querySelectorAll("svg.plot")) {
				if (![...p.querySelectorAll("g > path")].some(e => e.getBBox().width > 0)) say("an empty plot");
				if ([...p.querySelectorAll("text")].some(e => e.textContent.includes("NaN") || e.getBBox().x < 0)) say("a broken axis:", p.textContent);
			}
			if (!/\d\d(\.\d)?k|\d\d,\d{3}/.test(axis())) say("what holds still is out of sight:", axis());
			key("0");
			const b = plot().getBoundingClientRect(), at = (type, x) => plot().dispatchEvent(new PointerEvent(type, { clientX: b.left + x, clientY: b.top + 50, button: 0, pointerId: 1, bubbles: true }));
			plot().setPointerCapture = () => {};
			at("pointerdown", 80); at("pointermove", 120);
			if (!(+plot().querySelector(".band").getAttribute("width") > 20)) say("no band is drawn");
			at("pointerup", 160);
			if (axis() === all) say("dragging shows no part");
			const marks = [...plot().querySelectorAll("text")].map(e => e.textContent).filter(s => s.endsWith(" ms") || s.endsWith(" s"));
			if (marks.length < 3) say("few marks:", marks);
			plot().dispatchEvent(new MouseEvent("dblclick"));
			if (axis() !== all) say("a double click shows", axis());
			const chosen = document.querySelector(".arrow.on").dataset.packet;
			plot().dispatchEvent(new MouseEvent("click", { clientX: b.right - 20, clientY: b.top + 50, detail: 1 }));
			if (document.querySelector(".arrow.on").dataset.packet === chosen) say("a click chooses nothing");`},
		{"a waterfall's and a ladder's connections have the same numbers", `
			for (const v of D.visits) if (D.flows.findIndex(f => f.local === v.via) < 0) say("of no connection:", v.via);`},
		{"losses, what was sent again and SACK are in the plot", `
			const plot = document.querySelector("svg.plot"), n = D.rows.filter(r => r.lost).length;
			if (plot.querySelectorAll("path.lost").length !== n || n < 4) say("losses:", plot.querySelectorAll("path.lost").length, "of", n);
			for (const c of ["--again", "--call"]) if (!plot.querySelector('line[stroke="var(' + c + ')"]')) say("no line", c);`},
	} {
		t.Run(row.rule, func(t *testing.T) { require.Empty(t, wrongs(t, ctx, row.script)) })
	}
	t.Run("nothing scrolls on paper", func(t *testing.T) {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
		require.NoError(t, err)
		require.Empty(t, wrongs(t, ctx, `
			for (const e of document.querySelectorAll(".draw, #detail, #story pre")) if (e.scrollHeight > e.clientHeight + 2) say("it scrolls:", e.id || e.className || e.tagName);
			for (const e of document.querySelectorAll(".tools, .how")) if (e.offsetHeight) say("to be pressed:", e.className);
			for (const s of document.querySelectorAll(".draw svg")) if (s.getBoundingClientRect().height > 450) say("more than half a sheet in one piece");`))
		_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
		require.NoError(t, err)
	})
	require.Empty(t, complaints())
}

// Hangul takes two columns in the story, in whatever font the browser finds, so that its tables stand straight.
func TestHangulStandsInColumns(t *testing.T) {
	ctx, complaints := browser(t)
	html := played(t, command(t), "page ko")
	opened(t, ctx, html, 1400)
	require.Empty(t, wrongs(t, ctx, `
		const pre = document.querySelector("#story pre"), probe = document.createElement("span");
		probe.textContent = "0".repeat(100);
		pre.append(probe);
		const column = probe.getBoundingClientRect().width / 100;
		probe.remove();
		const places = []; // of each character: which node, which offset
		const walk = document.createTreeWalker(pre, NodeFilter.SHOW_TEXT);
		for (let n; n = walk.nextNode();) for (let i = 0; i < n.length; i++) places.push([n, i, n.data[i]]);
		let line = [], hangul = 0;
		for (const p of [...places, [null, 0, "\n"]]) {
			if (p[2] !== "\n") { line.push(p); continue; }
			const columns = line.reduce((n, [, , c]) => n + wide(c), 0), text = line.map(p => p[2]).join("");
			if (WIDE.test(text)) {
				const r = document.createRange();
				r.setStart(line[0][0], line[0][1]);
				r.setEnd(line.at(-1)[0], line.at(-1)[1] + 1);
				const got = r.getBoundingClientRect().width / column;
				if (Math.abs(got - columns) > .3) say(got.toFixed(2), "columns, not", columns, text);
				hangul++;
			}
			line = [];
		}
		if (hangul < 40) say("lines with Hangul:", hangul);`))
	t.Run("and is no empty box", func(t *testing.T) {
		if out, err := exec.Command("fc-list", ":lang=ko", "family").Output(); err != nil || len(out) == 0 {
			t.Skip("no font with Hangul is installed: fonts-nanum")
		}
		require.Empty(t, wrongs(t, ctx, `
			const ink = (c, family) => {
				const canvas = document.createElement("canvas"), g = canvas.getContext("2d", { willReadFrequently: true });
				canvas.width = canvas.height = 40;
				g.font = "24px " + family;
				g.fillText(c, 4, 30);
				return g.getImageData(0, 0, 40, 40).data.filter((v, i) => i % 4 === 3).join();
			};
			for (const e of [document.body, document.querySelector("#story pre"), document.querySelector("svg text")]) {
				const family = getComputedStyle(e).fontFamily, missing = ink("\u{10fffd}", family), seen = new Set();
				for (const c of "패킷연결응답재전송") {
					const drawn = ink(c, family);
					if (drawn === missing) say(c, "is a box in", family);
					if (seen.has(drawn)) say(c, "looks like another in", family);
					seen.add(drawn);
				}
			}`))
	})
	require.Empty(t, complaints())
}
