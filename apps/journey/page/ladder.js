// The ladder: a row for each packet, call and state, and the chosen packet's headers.

const show = { call: true, state: true, frame: true, flow: -1 };
let chosen = -1; // the number of a packet

function tools() {
  const box = $("#ladder .tools");
  const flows = D.flows.map((f, i) => [f, i]);
  if (flows.length > 1) {
    const s = el("select", { "aria-label": t("The connections") }, el("option", { value: -1 }, t("all connections")), ...flows.map(([f, i]) => el("option", { value: i }, `#${i + 1}  ${f.local} - ${f.remote}`)));
    s.addEventListener("change", () => { show.flow = +s.value; ladder(); });
    box.append(s);
  }
  for (const [k, label] of [["call", "calls"], ["state", "states"], ["frame", "frames"]]) {
    if (!D.rows.some(r => r.k === k)) continue;
    const c = el("input", { type: "checkbox", checked: "" });
    c.addEventListener("change", () => { show[k] = c.checked; ladder(); });
    box.append(el("label", {}, c, t(label)));
  }
}

// rungs are the rows that are shown, with the pauses between them that are long beside the whole.
function rungs() {
  const rows = D.rows.filter(r => (r.k === "packet" || show[r.k]) && (show.flow < 0 || r.f < 0 && r.k !== "packet" || r.f === show.flow));
  if (!rows.length) return rows;
  const long = Math.max(5, (rows.at(-1).t - rows[0].t) / 12), all = [];
  rows.forEach((r, i) => {
    const gap = i ? r.t - rows[i - 1].t : 0;
    if (gap >= long) all.push({ k: "pause", gap });
    all.push(r);
  });
  return all;
}

// places are the ladder's columns: a time, a bar, an arrow, a bar, and why; in a narrow window why stands below.
function places() {
  const room = $("#ladder .draw").clientWidth - 2;
  if (room < 700) return { W: Math.max(316, room), L: 66, R: Math.max(316, room) - 12, time: 56, row: 40, narrow: true };
  const W = Math.max(800, room), R = Math.round(Math.max(500, Math.min(600, W * .6)));
  return { W, L: 136, R, time: 90, row: 24, why: Math.floor((W - R - 20) / COLUMN) };
}

const PIECE = 10; // rows of a drawing: a printer puts no piece onto two sheets

function ladder() {
  const box = $("#ladder .draw"), rows = rungs(), p = places();
  const top = sv("svg", { viewBox: `0 0 ${p.W} 28`, width: p.W, height: 28, "aria-hidden": "true" },
    sv("text", { x: p.time, y: 18, "text-anchor": "end", class: "faint" }, "ms"),
    sv("text", { x: p.L, y: 18, "text-anchor": p.narrow ? "start" : "middle" }, D.us), sv("text", { x: p.R, y: 18, "text-anchor": p.narrow ? "end" : "middle" }, D.peer));
  const pieces = [];
  for (let i = 0; i < rows.length; i += PIECE) pieces.push(piece(rows.slice(i, i + PIECE), p, i === 0));
  box.replaceChildren(el("div", { class: "sides", role: "presentation" }, top), ...pieces);
  if (D.missing) box.append(el("p", {}, say("%s more are not drawn: the ladder is long", count(D.missing, "packet"))));
  if (!rows.length) box.replaceChildren(el("p", {}, t("Nothing was sent.")));
  const entry = box.querySelector(`.arrow[data-packet="${chosen}"]`) || box.querySelector(".arrow");
  if (entry) entry.setAttribute("tabindex", 0); // the arrow keys lead on from it
}

function piece(rows, p, first) {
  const high = r => r.k === "packet" ? p.row : 24;
  const H = rows.reduce((n, r) => n + high(r), first ? 6 : 0), svg = sv("svg", { viewBox: `0 0 ${p.W} ${H}`, width: p.W, height: H, role: "presentation" });
  for (const x of [p.L, p.R]) svg.append(sv("line", { x1: x, x2: x, y1: 0, y2: H, class: "pole" }));
  let y = first ? 6 : 0;
  for (const r of rows) {
    svg.append(...rung(r, y, p));
    y += high(r);
  }
  return svg;
}

function rung(r, y, p) {
  if (r.k === "pause") return pause(r, y, p);
  const time = sv("text", { x: p.time, y: y + 16, "text-anchor": "end", class: "faint" }, p.narrow && r.t >= 1000 ? r.t.toFixed(1) : r.t.toFixed(3));
  if (r.k === "packet") return [arrow(r, y, p, time)];
  return [time, sv("text", { x: p.L + 12, y: y + 16, class: r.k }, cut(r.x, Math.floor((p.W - p.L - 16) / COLUMN)))];
}

function pause(r, y, p) {
  const mid = y + 12, gone = x => sv("line", { x1: x, x2: x, y1: y, y2: y + 24, class: "gone" });
  return [gone(p.L), gone(p.R), sv("text", { x: (p.L + p.R) / 2, y: mid + 4, "text-anchor": "middle", class: "faint" }, "\u00b7 \u00b7 \u00b7  " + clock(r.gap, r.gap / 20, r.gap) + "  \u00b7 \u00b7 \u00b7")];
}

function arrow(r, y, p, time) {
  const many = D.flows.length > 1 && r.f >= 0, flow = D.flows[r.f], bytes = count(D.packets[r.p].n, "byte");
  const way = r.o ? `${D.us} \u2192 ${D.peer}` : `${D.peer} \u2192 ${D.us}`;
  const g = sv("g", { class: "arrow " + (r.o ? "us" : "peer") + (r.p === chosen ? " on" : ""), role: "option", tabindex: -1, "aria-selected": r.p === chosen, "data-packet": r.p,
    "aria-label": [ms(r.t), way, many ? "#" + (r.f + 1) : "", r.x, r.w].filter(Boolean).join(", ") });
  const from = r.o ? p.L + 2 : p.R - 2, to = r.o ? (r.lost ? p.L + (p.R - p.L) * .7 : p.R - 2) : p.L + 2, d = r.o ? -8 : 8;
  g.append(sv("rect", { class: "hit", x: 0, y, width: p.W, height: p.row }), time,
    sv("line", { x1: from, x2: r.lost ? to : to + d / 2, y1: y + 18, y2: y + 21 }),
    r.lost ? sv("path", { d: `M${to - 5},${y + 16} l10,10 m0,-10 l-10,10`, class: "lost" }) : sv("path", { d: `M${to},${y + 21} l${d},-4 l0,8 z` }),
    sv("text", { x: (p.L + p.R) / 2, y: y + 14, "text-anchor": "middle" }, cut(r.x, Math.floor((p.R - p.L - 8) / COLUMN))));
  const number = many ? sv("text", { style: `fill:hsl(${r.f * 137 % 360} 60% var(--label))` }, "#" + (r.f + 1)) : "";
  if (p.narrow) {
    g.append(sv("text", { x: p.L + 10, y: y + 34, class: "soft" }, cut(r.w || "", Math.floor((p.R - p.L - 20) / COLUMN))));
    if (number) g.append(fill(number, { x: p.time, y: y + 33, "text-anchor": "end" }, []));
  } else {
    g.append(sv("text", { x: p.R + 14, y: y + 16, class: "soft" }, cut(r.w || "", p.why)));
    if (number) g.append(fill(number, { x: 96, y: y + 16 }, []));
  }
  hint(g, () => [r.x, r.w, ms(r.t), flow ? `${flow.local} - ${flow.remote}` : "", bytes].filter(Boolean).join("\n"));
  g.addEventListener("click", () => pick(r));
  g.addEventListener("keydown", ev => steer(ev, g, r));
  return g;
}

// steer is the keyboard on the ladder.
function steer(ev, g, r) {
  const all = [...document.querySelectorAll(".arrow")], at = all.indexOf(g);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 10, PageUp: at - 10, Home: 0, End: all.length - 1, Enter: at, " ": at }[ev.key];
  if (to === undefined) return;
  ev.preventDefault();
  const next = all[Math.max(0, Math.min(all.length - 1, to))];
  next.focus();
  next.dispatchEvent(new MouseEvent("click"));
}

// pick chooses a packet and shows what is in it.
function pick(r) {
  for (const g of document.querySelectorAll(".arrow.on, .arrow[tabindex='0']")) {
    g.classList.remove("on");
    fill(g, { "aria-selected": false, tabindex: -1 }, []);
  }
  chosen = r.p;
  const g = document.querySelector(`.arrow[data-packet="${r.p}"]`);
  if (g) {
    g.classList.add("on");
    fill(g, { "aria-selected": true, tabindex: 0 }, []);
  }
  const p = D.packets[r.p], box = $("#detail");
  box.replaceChildren(el("p", {}, `${ms(r.t)}, ${r.o ? D.us + " \u2192 " + D.peer : D.peer + " \u2192 " + D.us}, ${count(p.n, "byte")}`));
  if (r.w) box.append(el("p", {}, r.w));
  const bytes = (p.h.match(/../g) || []), owner = new Array(bytes.length).fill("");
  for (const l of p.l) {
    const kind = l.name === "state" ? "statebox" : l.name;
    box.append(el("h3", { class: kind }, el("span", {}, l.title), el("span", {}, l.len ? count(l.len, "byte") : "")));
    box.append(el("table", {}, ...(l.fields || []).map(([n, v]) => n ? el("tr", {}, el("td", {}, n), el("td", {}, v)) : el("tr", {}, el("td", { colspan: 2 }, v)))));
    for (let i = l.from; i < l.from + l.len && i < owner.length; i++) owner[i] = kind;
  }
  box.append(el("div", { class: "hex", title: t("each colour is a layer of the selected packet") }, ...bytes.map((b, i) => el("i", { class: owner[i] }, b))));
  if (p.n > bytes.length) box.append(el("p", {}, "+ " + count(p.n - bytes.length, "byte")));
}

// reveal chooses a packet and brings its arrow into view.
function reveal(r) {
  if (!document.querySelector(`.arrow[data-packet="${r.p}"]`)) {
    show.flow = -1;
    const s = $("#ladder select");
    if (s) s.value = -1;
    ladder();
  }
  pick(r);
  document.querySelector(`.arrow[data-packet="${r.p}"]`).scrollIntoView({ block: "center" });
}
