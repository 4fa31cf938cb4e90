"use strict";
const D = JSON.parse(document.getElementById("data").textContent);
const t = s => D.T[s] || s;
const $ = s => document.querySelector(s);
const num = n => n.toLocaleString("en-US");
const ms = n => n >= 1000 ? (n / 1000).toFixed(3) + " s" : n.toFixed(3) + " ms";

// wide is how many columns a text takes: Hangul takes two each. cut is as much of it as has room.
const wide = c => /[\u1100-\u115f\u2e80-\ud7a3\uff01-\uff60]/.test(c) ? 2 : 1;
function cut(s, most) {
  let n = 0, out = "";
  for (const c of s) {
    if ((n += wide(c)) > most) return [...out].slice(0, -1).join("") + "\u2026";
    out += c;
  }
  return out;
}

// el makes an element of HTML, sv one of SVG; text never becomes markup.
function el(name, attrs, ...kids) { return fill(document.createElement(name), attrs, kids); }
function sv(name, attrs, ...kids) { return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attrs, kids); }
function fill(e, attrs, kids) {
  for (const k in attrs || {}) e.setAttribute(k, attrs[k]);
  e.append(...kids);
  return e;
}

const tip = $("#tip");
function hint(e, text) {
  e.addEventListener("mousemove", ev => {
    tip.textContent = typeof text === "function" ? text() : text;
    tip.hidden = false;
    const w = tip.offsetWidth, h = tip.offsetHeight;
    tip.style.left = Math.min(ev.clientX + 14, innerWidth - w - 8) + "px";
    tip.style.top = (ev.clientY + 16 + h > innerHeight ? ev.clientY - h - 10 : ev.clientY + 16) + "px";
  });
  e.addEventListener("mouseleave", () => { tip.hidden = true; });
}

function head() {
  const packets = D.rows.filter(r => r.k === "packet");
  const ours = packets.filter(r => r.o).length;
  const bytes = D.layers.reduce((n, l) => n + l.out + l.in, 0);
  const chip = (n, what) => $("#chips").append(el("li", {}, el("b", {}, String(n)), " " + what));
  chip(num(packets.length + D.missing), t("packets"));
  chip(num(ours), t("from us"));
  chip(num(packets.length - ours), t("to us"));
  chip(num(bytes), t("bytes on the wire"));
  if (D.visits.length) chip(num(D.visits.length), t("requests"));
  for (const [id, text] of [["layers", "The layers"], ["requests", "Requests"], ["ladder", "The ladder"], ["flows", "The connections"], ["story", "The story"]])
    $("#" + id + " h2").textContent = t(text);
}

function layers() {
  const box = el("div", { class: "stack" }, el("span"), el("span", { class: "h" }, t("from us")), el("span", { class: "h" }, t("to us")));
  const most = Math.max(1, ...D.layers.flatMap(l => [l.out, l.in]));
  D.layers.forEach((l, i) => {
    const cell = n => el("div", { class: "cell" }, el("div", { class: "bar l" + i, style: "width:" + (n / most * 78).toFixed(2) + "%" }), num(n));
    box.append(el("span", {}, l.name), cell(l.out), cell(l.in));
  });
  $("#layers .body").append(box);
}

function requests() {
  if (!D.visits.length) { $("#requests").hidden = true; return; }
  const W = Math.max(820, Math.min(1240, $("#requests .body").clientWidth)), left = 330, row = 26, top = 26, H = top + row * D.visits.length + 8;
  const end = Math.max(0.001, ...D.visits.map(v => v.end));
  const x = v => left + v / end * (W - left - 90);
  const svg = sv("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, role: "img" });
  for (let i = 0; i <= 5; i++) {
    const at = end * i / 5;
    svg.append(sv("line", { x1: x(at), x2: x(at), y1: 18, y2: H, class: "grid" }), sv("text", { x: x(at), y: 12, "text-anchor": "middle", class: "faint" }, ms(at)));
  }
  const phases = [["named", "name", "#e3b505"], ["connected", "connection", "#e0703a"], ["secured", "TLS", "#8d6cc9"], ["first", "waiting", "#b9d7c4"], ["end", "body", "#2f8f66"]];
  const conns = [...new Set(D.visits.map(v => v.via))];
  D.visits.forEach((v, i) => {
    const y = top + i * row, g = sv("g", { class: "visit" });
    g.append(sv("text", { x: 4, y: y + 15 }, cut(v.name, 28)), sv("text", { x: 216, y: y + 15, class: v.code >= 400 || !v.code ? "call" : "soft" }, String(v.code || "-")),
      sv("text", { x: 322, y: y + 15, "text-anchor": "end", class: "soft" }, (v.via ? "#" + (conns.indexOf(v.via) + 1) + "  " : "") + v.proto.replace("HTTP/", "h")));
    let from = v.begun;
    const lines = [v.url, `${v.proto} ${v.code}  ${v.kind}`, `${num(v.bytes)} ${t("bytes")}` + (v.reused ? `, ${t("connection")}: ${t("reused")}` : "")];
    for (const [key, label, color] of phases) {
      if (!v[key] || v[key] < from) continue;
      g.append(sv("rect", { x: x(from), y: y + 4, width: Math.max(1.5, x(v[key]) - x(from)), height: row - 10, fill: color, rx: 2 }));
      lines.push(`${t(label)}: ${ms(v[key] - from)}`);
      from = v[key];
    }
    g.append(sv("text", { x: x(v.end) + 6, y: y + 15, class: "soft" }, num(v.bytes)), sv("rect", { x: 0, y, width: W, height: row, fill: "transparent" }));
    hint(g, lines.join("\n"));
    svg.append(g);
  });
  $("#requests .body").append(svg, key(phases.map(([, label, color]) => [t(label), color])));
}

function key(list) {
  return el("div", { class: "key" }, ...list.map(([label, color]) => el("span", { style: "--c:" + color }, label)));
}

const show = { call: true, state: true, frame: true, flow: -1 };
let chosen = null;

function tools() {
  const box = $("#ladder .tools");
  const flows = D.flows.map((f, i) => [f, i]);
  if (flows.length > 1) {
    const s = el("select", {}, el("option", { value: -1 }, t("all connections")), ...flows.map(([f, i]) => el("option", { value: i }, `#${i + 1}  ${f.local} - ${f.remote}`)));
    s.addEventListener("change", () => { show.flow = +s.value; ladder(); });
    box.append(s);
  }
  for (const [k, label] of [["call", "calls"], ["state", "states"], ["frame", "frames"]]) {
    if (!D.rows.some(r => r.k === k)) continue;
    const c = el("input", { type: "checkbox", checked: "" });
    c.addEventListener("change", () => { show[k] = c.checked; ladder(); });
    box.append(el("label", {}, c, " " + t(label)));
  }
}

function ladder() {
  const rows = D.rows.filter(r => (r.k === "packet" || show[r.k]) && (show.flow < 0 || r.f < 0 && r.k !== "packet" || r.f === show.flow));
  const W = 860, row = 24, top = 40, L = 136, R = 530, H = top + rows.length * row + 14;
  const svg = sv("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, id: "arrows" });
  svg.append(sv("line", { x1: L, x2: L, y1: 24, y2: H, class: "pole" }), sv("line", { x1: R, x2: R, y1: 24, y2: H, class: "pole" }),
    sv("text", { x: L, y: 16, "text-anchor": "middle" }, D.us), sv("text", { x: R, y: 16, "text-anchor": "middle" }, D.peer));
  const many = D.flows.length > 1;
  rows.forEach((r, i) => {
    const y = top + i * row;
    svg.append(sv("text", { x: 92, y: y + 15, "text-anchor": "end", class: "faint" }, r.t.toFixed(3)));
    if (r.k !== "packet") {
      svg.append(sv("text", { x: L + 12, y: y + 15, class: r.k }, cut(r.x, 96)));
      return;
    }
    const g = sv("g", { class: "arrow " + (r.o ? "us" : "peer"), tabindex: 0, "data-packet": r.p });
    g.append(sv("rect", { class: "hit", x: 0, y, width: W, height: row }));
    const [from, to] = r.o ? [L + 2, r.lost ? L + (R - L) * .7 : R - 2] : [R - 2, L + 2], d = r.o ? -8 : 8;
    g.append(sv("line", { x1: from, x2: r.lost ? to : to + d / 2, y1: y + 18, y2: y + 21 }),
      r.lost ? sv("path", { d: `M${to - 5},${y + 16} l10,10 m0,-10 l-10,10`, class: "lost" }) : sv("path", { d: `M${to},${y + 21} l${d},-4 l0,8 z` }),
      sv("text", { x: (L + R) / 2, y: y + 14, "text-anchor": "middle" }, r.x), sv("text", { x: R + 14, y: y + 17, class: "soft" }, cut(r.w || "", 42)));
    if (many && r.f >= 0) g.append(sv("text", { x: 100, y: y + 15, fill: "none", style: `fill:hsl(${r.f * 137 % 360} 60% var(--label))` }, "#" + (r.f + 1)));
    hint(g, () => [r.x, r.w, ms(r.t), r.f >= 0 ? `${D.flows[r.f].local} - ${D.flows[r.f].remote}` : "", `${num(D.packets[r.p].n)} ${t("bytes")}`].filter(Boolean).join("\n"));
    g.addEventListener("click", () => pick(g, r));
    g.addEventListener("keydown", ev => {
      if (ev.key === "Enter" || ev.key === " ") { ev.preventDefault(); pick(g, r); }
      const next = ev.key === "ArrowDown" ? 1 : ev.key === "ArrowUp" ? -1 : 0;
      if (!next) return;
      ev.preventDefault();
      const all = [...document.querySelectorAll(".arrow")], to = all[all.indexOf(g) + next];
      if (to) { to.focus(); to.dispatchEvent(new MouseEvent("click")); }
    });
    svg.append(g);
  });
  const box = $("#ladder .draw");
  box.replaceChildren(svg);
  if (D.missing) box.append(el("p", {}, num(D.missing) + " " + t("packets more are not drawn: the ladder is long")));
  if (!rows.length) box.replaceChildren(el("p", {}, t("Nothing was sent.")));
}

function pick(g, r) {
  if (chosen) chosen.classList.remove("on");
  chosen = g;
  g.classList.add("on");
  const p = D.packets[r.p], box = $("#detail");
  box.replaceChildren(el("p", {}, `${ms(r.t)}  ${r.o ? D.us + " \u2192 " + D.peer : D.peer + " \u2192 " + D.us}, ${num(p.n)} ${t("bytes")}`));
  if (r.w) box.append(el("p", {}, r.w));
  const bytes = (p.h.match(/../g) || []), owner = new Array(bytes.length).fill("");
  for (const l of p.l) {
    const kind = l.name === "state" ? "statebox" : l.name;
    box.append(el("h3", { class: kind }, el("span", {}, l.title), el("span", {}, l.len ? num(l.len) + " " + t("bytes") : "")));
    box.append(el("table", {}, ...(l.fields || []).map(([n, v]) => n ? el("tr", {}, el("td", {}, n), el("td", {}, v)) : el("tr", {}, el("td", { colspan: 2 }, v)))));
    for (let i = l.from; i < l.from + l.len && i < owner.length; i++) owner[i] = kind;
  }
  const hex = el("div", { class: "hex", title: t("each colour is a layer of the selected packet") }, ...bytes.map((b, i) => el("i", { class: owner[i] }, b)));
  box.append(hex);
  if (p.n > bytes.length) box.append(el("p", {}, "+ " + num(p.n - bytes.length) + " " + t("bytes")));
}

// plot draws axes and hands over the scales.
function plot(title, xs, ys, unit, draw, legend) {
  const W = Math.max(320, Math.min(600, $("#flows .body").clientWidth)), H = 250, l = 66, r = 14, b = 26, tp = 10, ticks = W < 460 ? 2 : 4;
  const x0 = Math.min(...xs), x1 = Math.max(...xs, x0 + 1), y1 = Math.max(...ys, 1) * 1.05;
  const X = v => l + (v - x0) / (x1 - x0) * (W - l - r), Y = v => H - b - v / y1 * (H - b - tp);
  const svg = sv("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, class: "plot" });
  for (let i = 0; i <= ticks; i++) {
    const y = y1 * i / ticks, x = x0 + (x1 - x0) * i / ticks;
    svg.append(sv("line", { x1: l, x2: W - r, y1: Y(y), y2: Y(y), class: "grid" }), sv("text", { x: l - 6, y: Y(y) + 4, "text-anchor": "end", class: "faint" }, unit(y)),
      sv("text", { x: X(x), y: H - 8, "text-anchor": i === ticks ? "end" : i ? "middle" : "start", class: "faint" }, ms(x / 1000).replace(/\.(\d\d?)\d* /, ".$1 ")));
  }
  draw(svg, X, Y);
  return el("div", {}, el("h3", {}, title), svg, key(legend));
}

// steps is a line that keeps its height until the next point.
function steps(points, X, Y, color, width) {
  let d = "";
  points.forEach(([x, y], i) => { d += i ? `H${X(x).toFixed(1)}V${Y(y).toFixed(1)}` : `M${X(x).toFixed(1)},${Y(y).toFixed(1)}`; });
  return sv("path", { d, fill: "none", stroke: color, "stroke-width": width || 1.5 });
}

const short = v => v >= 1e6 ? (v / 1e6).toFixed(1) + "M" : v >= 1e4 ? (v / 1e3).toFixed(0) + "k" : v >= 1e3 ? (v / 1e3).toFixed(1) + "k" : v.toFixed(v < 10 ? 1 : 0);

function sequence(f, ours, label) {
  const data = f.data.filter(d => d[3] === ours), acks = f.acks.filter(a => a[2] !== ours);
  if (!data.length) return null;
  const top = Math.max(...data.map(d => d[2]));
  const all = [...data.map(d => d[0]), ...acks.map(a => a[0])];
  const color = ours ? "var(--us)" : "var(--peer)";
  return plot(label, all, [top], short, (svg, X, Y) => {
    const edge = acks.map(a => [a[0], Math.min(a[3], top * 1.04)]);
    if (edge.length) svg.append(steps(edge, X, Y, "var(--faint)", 1));
    if (acks.length) svg.append(steps(acks, X, Y, "var(--state)"));
    for (const d of data)
      svg.append(sv("line", { x1: X(d[0]), x2: X(d[0]), y1: Y(d[1]), y2: Math.min(Y(d[2]), Y(d[1]) - 1.5), stroke: d[4] ? "var(--again)" : color, "stroke-width": d[4] ? 4 : 3 }));
  }, [[t(ours ? "data from us" : "data to us"), color], [t("sent again"), "var(--again)"], [t("acknowledged"), "var(--state)"], [t("window"), "var(--faint)"]]);
}

function flows() {
  const box = $("#flows .body");
  for (const [i, f] of D.flows.entries()) {
    if (!f.tcp) continue;
    const plots = el("div", { class: "plots" });
    for (const p of [sequence(f, 1, `${t("sequence number")}: ${t("data from us")}`), sequence(f, 0, `${t("sequence number")}: ${t("data to us")}`)])
      if (p) plots.append(p);
    const windows = [...f.cwnd, ...f.flight];
    if (windows.length)
      plots.append(plot(`${t("congestion window")}, ${t("in flight")}`, windows.map(c => c[0]), windows.map(c => c[1]), short, (svg, X, Y) => {
        if (f.cwnd.length) svg.append(steps(f.cwnd, X, Y, "var(--us)", 2));
        if (f.flight.length) svg.append(steps(f.flight, X, Y, "var(--peer)"));
      }, [...(f.cwnd.length ? [[t("congestion window"), "var(--us)"]] : []), [t("in flight"), "var(--peer)"]]));
    const srtt = f.cwnd.filter(c => c[2] > 0).map(c => [c[0], c[2]]), rtt = [...srtt, ...f.rtt];
    if (rtt.length)
      plots.append(plot(t("round-trip time"), rtt.map(c => c[0]), rtt.map(c => c[1]), v => (v / 1000).toFixed(v < 100 ? 3 : v < 1e4 ? 2 : 0) + " ms", (svg, X, Y) => {
        for (const [x, y] of f.rtt) svg.append(sv("circle", { cx: X(x), cy: Y(y), r: 2.5, fill: "var(--peer)" }));
        if (srtt.length) svg.append(steps(srtt, X, Y, "var(--us)", 2));
      }, [[t("round-trip time"), "var(--peer)"], ...(srtt.length ? [["SRTT", "var(--us)"]] : [])]));
    box.append(el("div", { class: "flow" }, el("h3", {}, `#${i + 1}  ${f.local} \u2014 ${f.remote}`), plots));
  }
  if (!box.children.length) $("#flows").hidden = true;
}

head();
layers();
requests();
tools();
ladder();
$("#detail").append(el("p", {}, t("Click a packet to see its headers.")));
flows();
if (!$("#story pre").textContent.trim()) $("#story").hidden = true;
// A link such as page.html#packet-3 shows that packet at once.
const wanted = /^#packet-(\d+)$/.exec(location.hash);
if (wanted) {
  const g = document.querySelector(`.arrow[data-packet="${wanted[1]}"]`);
  if (g) { g.scrollIntoView({ block: "center" }); g.dispatchEvent(new MouseEvent("click")); }
}
document.documentElement.dataset.ready = "yes";
