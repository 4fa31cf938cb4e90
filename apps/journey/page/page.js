// The page around the ladder and the plots.

function head() {
  const packets = D.rows.filter(r => r.k === "packet"), ours = packets.filter(r => r.o).length;
  const bytes = D.layers.reduce((n, l) => n + l.out + l.in, 0);
  const chip = text => { // the number stands out
    const [, before, n, after] = /^([^\d]*)([\d,]+)(.*)$/.exec(text);
    $("#chips").append(el("li", {}, before, el("b", {}, n), after));
  };
  chip(count(packets.length + D.missing, "packet"));
  if (!D.missing) {
    chip(say("%s from us", num(ours)));
    chip(say("%s to us", num(packets.length - ours)));
  }
  chip(say("%s on the wire", count(bytes, "byte")));
  if (D.visits.length) chip(count(D.visits.length, "request"));
  for (const [id, text] of [["layers", "The layers"], ["requests", "Requests"], ["ladder", "The ladder"], ["flows", "The connections"], ["story", "The story"]])
    $("#" + id + " h2").textContent = t(text);
}

function layers() {
  const title = way => el("span", { class: "h" }, `${t(way)} (${t("bytes")})`);
  const box = el("div", { class: "stack" }, el("span"), title("from us"), title("to us"));
  const most = Math.max(1, ...D.layers.flatMap(l => [l.out, l.in]));
  for (const l of D.layers) {
    const cell = n => el("div", { class: "cell" }, el("div", { class: "bar of-" + l.kind, style: "width:" + (n / most * 78).toFixed(2) + "%" }), num(n));
    box.append(el("span", {}, l.name), cell(l.out), cell(l.in));
  }
  $("#layers .body").append(box);
}

const PHASES = [["named", "name", "#e3b505"], ["connected", "connection", "#e0703a"], ["secured", "TLS", "#8d6cc9"], ["first", "waiting", "#8fb7a0"], ["end", "body", "#2f8f66"]];

function requests() {
  const box = $("#requests .body");
  $("#requests").hidden = !D.visits.length;
  if (!D.visits.length) return;
  const room = box.clientWidth, narrow = room < 700;
  const W = narrow ? Math.max(300, room) : Math.max(760, Math.min(1240, room)), left = narrow ? 6 : 376, row = narrow ? 44 : 26, top = 28, H = top + row * D.visits.length + 4;
  const end = Math.max(0.001, ...D.visits.map(v => v.end)), right = narrow ? 12 : 96;
  const x = v => left + v / end * (W - left - right);
  const svg = sv("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, role: "list", "aria-labelledby": "h-requests" });
  const [xs, dx] = ticks(0, end, narrow ? 2.5 : 5);
  for (const at of xs) {
    const text = clock(at, dx, end), half = text.length * COLUMN / 2, anchor = x(at) - half < 0 ? "start" : x(at) + half > W ? "end" : "middle";
    svg.append(sv("line", { x1: x(at), x2: x(at), y1: 18, y2: H, class: "grid" }), sv("text", { x: anchor === "start" ? 1 : anchor === "end" ? W - 1 : x(at), y: 12, "text-anchor": anchor, class: "faint" }, text));
  }
  for (const [i, v] of D.visits.entries()) svg.append(visit(v, top + i * row, x, W, row, narrow));
  box.replaceChildren(svg, key(PHASES.filter(([k]) => D.visits.some(v => v[k])).map(([, label, color]) => [t(label), color])));
}

function visit(v, y, x, W, row, narrow) {
  const flow = D.flows.findIndex(f => f.tcp && f.local === v.via), over = (flow < 0 ? "" : "#" + (flow + 1) + "  ") + v.proto, bad = v.code >= 400 || !v.code;
  const lines = [v.url, `${v.proto} ${v.code || "-"}  ${v.kind}`, count(v.bytes, "byte") + (v.reused ? `, ${t("connection")}: ${t("reused")}` : "")];
  const bars = [];
  let from = v.begun;
  for (const [key, label, color] of PHASES) {
    if (!v[key] || v[key] < from) continue;
    bars.push(sv("rect", { x: x(from), y: y + (narrow ? 22 : 5), width: Math.max(1.5, x(v[key]) - x(from)), height: 15, fill: color, rx: 2 }));
    lines.push(`${t(label)}: ${ms(v[key] - from)}`);
    from = v[key];
  }
  const g = sv("g", { class: "visit", role: "listitem", tabindex: 0, "aria-label": lines.join(", ") }, sv("rect", { class: "hit", x: 0, y, width: W, height: row }), ...bars);
  const code = String(v.code || "-"), tone = bad ? "call" : "soft";
  if (narrow) {
    const rest = `${code}  ${num(v.bytes)}  ${flow < 0 ? "" : "#" + (flow + 1)}`;
    g.append(sv("text", { x: 6, y: y + 15 }, cut(v.name, Math.floor((W - 16) / COLUMN) - rest.length - 2)), sv("text", { x: W - 6, y: y + 15, "text-anchor": "end", class: tone }, rest));
  } else {
    g.append(sv("text", { x: 4, y: y + 17 }, cut(v.name, 29)), sv("text", { x: 222, y: y + 17, class: tone }, code), sv("text", { x: 256, y: y + 17, class: "soft" }, over),
      sv("text", { x: x(v.end) + 6, y: y + 17, class: "soft" }, num(v.bytes)));
  }
  hint(g, lines.join("\n"));
  return g;
}

// evenly has each Hangul syllable of the story take two columns, whatever font the browser finds for it.
function evenly(pre) {
  const text = pre.textContent, probe = el("span", {}, "0".repeat(50)), hangul = el("span", { class: "wide" }, "\uac00".repeat(50));
  if (!WIDE.test(text)) return;
  pre.style.removeProperty("--wide");
  pre.replaceChildren(probe, hangul);
  pre.style.setProperty("--wide", ((2 * probe.getBoundingClientRect().width - hangul.getBoundingClientRect().width) / 50).toFixed(3) + "px");
  pre.replaceChildren(...text.split(/([\u1100-\u115f\u2e80-\ud7a3\uff01-\uff60]+)/).map((s, i) => i % 2 ? el("span", { class: "wide" }, s) : s));
}

head();
layers();
requests();
tools();
ladder();
$("#detail").append(el("p", { class: "hint" }, t("Click a packet to see its headers.")));
flows();
if ($("#story pre").textContent.trim()) evenly($("#story pre"));
else $("#story").hidden = true;

let width = innerWidth, later = 0;
addEventListener("resize", () => {
  clearTimeout(later);
  later = setTimeout(() => { if (innerWidth !== width) { width = innerWidth; requests(); ladder(); flows(); } }, 150);
});
// A link such as page.html#packet-3 shows that packet at once.
function follow() {
  const wanted = /^#packet-(\d+)$/.exec(location.hash), r = wanted && D.rows.find(r => r.p === +wanted[1] && r.k === "packet");
  if (r) reveal(r);
}
follow();
addEventListener("hashchange", follow);
document.documentElement.dataset.ready = "yes";
