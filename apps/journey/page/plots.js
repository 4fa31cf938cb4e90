// The plots of each connection: sequence numbers, windows and round-trip times over the same time.

let plotNumber = 0;

// plot draws axes and hands over the scales. o: title, range (ms), series of points that have to be seen (x in us, in
// order; each holds until the next), from (the lowest y may be above 0), unit, full (a value with its unit), draw, legend, view.
function plot(o) {
  const W = Math.max(300, Math.min(600, $("#flows .body").clientWidth)), H = 250, l = 64, r = 16, b = 26, tp = 12;
  const [x0, x1] = o.range;
  const seen = o.series.flatMap(points => points.filter(([x], i) => x / 1000 <= x1 && (x / 1000 >= x0 || !(points[i + 1]?.[0] / 1000 < x0)))).map(([, y]) => y);
  let y0 = o.from && seen.length ? Math.min(...seen) : 0;
  const top = Math.max(y0 + 1, ...seen), y1 = top + (top - y0) * .06;
  if (y0 < (top - y0) * .5) y0 = 0;
  const X = v => l + (v / 1000 - x0) / (x1 - x0) * (W - l - r), Y = v => H - b - (v - y0) / (y1 - y0) * (H - b - tp);
  const svg = sv("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, class: "plot", role: "img", tabindex: 0, "aria-label": `${o.title}: ${clock(x0, (x1 - x0) / 100, x1)} \u2013 ${clock(x1, (x1 - x0) / 100, x1)}, \u2264 ${o.full(top)}` });
  const [ys, dy] = ticks(y0, y1, 4), [xs, dx] = ticks(x0, x1, W < 460 ? 2.5 : 5);
  for (const y of ys) svg.append(sv("line", { x1: l, x2: W - r, y1: Y(y), y2: Y(y), class: "grid" }), sv("text", { x: l - 6, y: Y(y) + 4, "text-anchor": "end", class: "faint" }, o.unit(y, dy)));
  for (const x of xs) {
    const at = X(x * 1000), text = clock(x, dx, x1), half = text.length * COLUMN / 2, end = at + half > W ? "end" : "middle";
    svg.append(sv("line", { x1: at, x2: at, y1: H - b, y2: H - b + 4, class: "axis" }), sv("text", { x: end === "end" ? W - 1 : at, y: H - 8, "text-anchor": end, class: "faint" }, text));
  }
  svg.append(sv("line", { x1: l, x2: W - r, y1: H - b, y2: H - b, class: "axis" }));
  const id = "clip" + ++plotNumber, g = sv("g", { "clip-path": `url(#${id})` });
  svg.append(sv("clipPath", { id }, sv("rect", { x: l, y: tp - 8, width: W - l - r + 2, height: H - b - tp + 9 })), g);
  const hidden = o.draw(g, X, Y, y1, W - r) || [];
  const scale = { l, w: W - l - r, x0, x1, W, y: v => y0 + (H - b - v) / (H - b - tp) * (y1 - y0) };
  zoomable(svg, scale, o);
  return el("div", { class: "plotbox" }, el("h4", {}, o.title + (o.unit === size ? ` (${t("bytes")})` : "")), svg, key(o.legend.filter(k => k && !hidden.includes(k[0]))));
}

// zoomable lets a stretch of time be looked at closely: by dragging over it or by the keys + - and the arrows; twice
// clicked, or by 0, all is there again. A click shows the packet of that time in the ladder.
function zoomable(svg, s, o) {
  const at = ev => { const b = svg.getBoundingClientRect(); return Math.max(s.l, Math.min(s.l + s.w, (ev.clientX - b.left) * s.W / b.width)); };
  const time = px => s.x0 + (px - s.l) / s.w * (s.x1 - s.x0);
  let from = null;
  const band = sv("rect", { class: "band", y: 4, height: 220, width: 0, x: 0 });
  svg.append(band);
  svg.addEventListener("pointerdown", ev => { if (ev.button === 0 && ev.pointerType !== "touch") { from = at(ev); svg.setPointerCapture(ev.pointerId); } });
  svg.addEventListener("pointermove", ev => { if (from !== null) fill(band, { x: Math.min(from, at(ev)), width: Math.abs(at(ev) - from) }, []); });
  svg.addEventListener("pointerup", ev => {
    if (from === null) return;
    const [a, b] = [from, at(ev)].sort((a, b) => a - b);
    from = null;
    band.setAttribute("width", 0);
    if (b - a > 6) o.view.zoom(time(a), time(b));
  });
  svg.addEventListener("click", ev => { if (ev.detail === 1) o.view.find(time(at(ev))); });
  svg.addEventListener("dblclick", () => o.view.zoom());
  svg.addEventListener("keydown", ev => {
    const w = s.x1 - s.x0, m = (s.x0 + s.x1) / 2;
    const to = { "+": [m - w / 4, m + w / 4], "=": [m - w / 4, m + w / 4], "-": [m - w, m + w], ArrowLeft: [s.x0 - w / 4, s.x1 - w / 4], ArrowRight: [s.x0 + w / 4, s.x1 + w / 4], 0: [] }[ev.key];
    if (!to) return;
    ev.preventDefault();
    o.view.zoom(...to);
  });
  hint(svg, ev => {
    if (!ev) return "";
    const b = svg.getBoundingClientRect(), y = s.y((ev.clientY - b.top) * s.W / b.width);
    return y < 0 ? "" : `${ms(time(at(ev)))}\n${o.full(y)}`;
  });
}

// steps is a line that keeps its height until the next point, and up to the right edge.
function steps(points, X, Y, edge, color, width) {
  let d = "";
  points.forEach(([x, y], i) => { d += i ? `H${X(x).toFixed(1)}V${Y(y).toFixed(1)}` : `M${X(x).toFixed(1)},${Y(y).toFixed(1)}`; });
  return sv("path", { d: d + (points.length && X(points.at(-1)[0]) < edge ? `H${edge}` : ""), fill: "none", stroke: color, "stroke-width": width || 1.5 });
}

const bytesOf = v => count(Math.round(v), "byte");

// sequence is the graph that Wireshark calls tcptrace: each segment where it lies, what is acknowledged below it, how far
// the window reaches above it, and what SACK names.
function sequence(f, ours, common) {
  const data = f.data.filter(d => d[3] === ours), acks = f.acks.filter(a => a[2] !== ours), sacks = f.sacks.filter(s => s[3] !== ours);
  if (!data.length) return null;
  const color = ours ? "var(--us)" : "var(--peer)";
  return plot({ ...common, title: `${t("sequence number")}: ${t(ours ? "data from us" : "data to us")}`, unit: size, full: bytesOf, from: true,
    series: [data.map(d => [d[0], d[1]]), data.map(d => [d[0], d[2]]), acks],
    draw(g, X, Y, top, edge) {
      g.append(steps(acks.map(a => [a[0], a[3]]), X, Y, edge, "var(--faint)", 1), steps(acks, X, Y, edge, "var(--state)"));
      for (const s of sacks) g.append(sv("line", { x1: X(s[0]), x2: X(s[0]), y1: Y(s[1]), y2: Y(s[2]), stroke: "var(--call)", "stroke-width": 2 }));
      for (const d of data) {
        const x = X(d[0]), y = Math.min(Y(d[2]), Y(d[1]) - 1.5), mid = (Y(d[1]) + y) / 2;
        g.append(sv("line", { x1: x, x2: x, y1: Y(d[1]), y2: y, stroke: d[4] ? "var(--again)" : color, "stroke-width": d[4] ? 5 : 3 }));
        if (d[5]) g.append(sv("path", { d: `M${x - 5},${mid - 5} l10,10 m0,-10 l-10,10`, class: "lost" }));
      }
      return acks.some(a => a[3] <= top) ? [] : [t("window")];
    },
    legend: [[t(ours ? "data from us" : "data to us"), color], data.some(d => d[4]) && [t("sent again"), "var(--again)"], data.some(d => d[5]) && [t("lost"), "var(--again)", "cross"],
      [t("acknowledged"), "var(--state)", "line"], sacks.length && ["SACK", "var(--call)"], [t("window"), "var(--faint)", "line"]] });
}

function windows(f, common) {
  if (!f.cwnd.length && !f.flight.length) return null;
  return plot({ ...common, title: f.cwnd.length ? `${t("congestion window")}, ${t("in flight")}` : t("in flight"), unit: size, full: bytesOf, series: [f.cwnd, f.flight],
    draw(g, X, Y, top, edge) { g.append(steps(f.flight, X, Y, edge, "var(--peer)"), steps(f.cwnd, X, Y, edge, "var(--us)", 2)); },
    legend: [f.cwnd.length && [t("congestion window"), "var(--us)", "line"], [t("in flight"), "var(--peer)", "line"]] });
}

function roundTrips(f, common) {
  const srtt = f.cwnd.filter(c => c[2] > 0).map(c => [c[0], c[2]]);
  if (!srtt.length && !f.rtt.length) return null;
  return plot({ ...common, title: t("round-trip time"), series: [srtt, f.rtt], full: v => ms(v / 1000), unit: (v, step) => (v / 1000).toFixed(digits(step / 1000)) + " ms",
    draw(g, X, Y, top, edge) {
      for (const [x, y] of f.rtt) g.append(sv("circle", { cx: X(x), cy: Y(y), r: 2.5, fill: "var(--peer)" }));
      if (srtt.length) g.append(steps(srtt, X, Y, edge, "var(--us)", 2));
    },
    legend: [[t("measured"), "var(--peer)", "dot"], srtt.length && [t("SRTT, smoothed"), "var(--us)", "line"]] });
}

// flowPlots fills a box with a connection's plots, and again when the time that is looked at changes.
function flowPlots(f, i, box) {
  const times = [...f.data, ...f.acks, ...f.cwnd, ...f.flight].map(p => p[0] / 1000), whole = [Math.min(...times), Math.max(Math.min(...times) + .001, ...times)];
  let range = whole;
  const view = {
    zoom(from = whole[0], to = whole[1]) {
      const least = Math.min(.01, whole[1] - whole[0]), w = Math.max(least, Math.min(to - from, whole[1] - whole[0]));
      from = Math.max(whole[0], Math.min(from, whole[1] - w));
      range = [from, from + w];
      draw();
    },
    find(time) {
      const near = D.rows.filter(r => r.k === "packet" && r.f === i).sort((a, b) => Math.abs(a.t - time) - Math.abs(b.t - time))[0];
      if (near) reveal(near);
    },
  };
  function draw() {
    const focused = [...box.querySelectorAll("svg")].indexOf(document.activeElement), common = { range, view };
    tip.hidden = true;
    box.replaceChildren(...[sequence(f, 1, common), sequence(f, 0, common), windows(f, common), roundTrips(f, common)].filter(Boolean));
    if (focused >= 0) box.querySelectorAll("svg")[focused].focus();
  }
  draw();
}

const OPEN = 3; // so many connections are plotted at once; the others when they are opened

function flows() {
  const box = $("#flows .body"), all = [...D.flows.entries()].filter(([, f]) => f.tcp && f.data.length + f.acks.length + f.flight.length);
  box.replaceChildren();
  for (const [n, [i, f]] of all.entries()) {
    const plots = el("div", { class: "plots" }), d = el("details", { class: "flow" }, el("summary", {}, `#${i + 1}  ${f.local} \u2014 ${f.remote}`), plots);
    const once = () => { if (d.open && !plots.children.length) flowPlots(f, i, plots); };
    d.addEventListener("toggle", once);
    box.append(d);
    d.open = n < OPEN;
    once();
  }
  $("#flows .how").textContent = t("Drag over a plot to see a part of it; click twice for all of it (keys: + - arrows 0). A click shows that packet in the ladder.");
  $("#flows").hidden = !all.length;
}
