"use strict";
// What the other parts draw with: texts, numbers, elements, the tooltip, scales.

const D = JSON.parse(document.getElementById("data").textContent);
const t = s => D.T[s] || s;
const $ = s => document.querySelector(s);
const num = n => n.toLocaleString("en-US");
const ms = n => n >= 1000 ? (n / 1000).toFixed(3) + " s" : n.toFixed(3) + " ms";
// count is "1 byte", "2 bytes" in the page's language; say is a text with its value.
const count = (n, what) => t((n === 1 ? "#1" : "#") + what).replace("%s", num(n));
const say = (text, value) => t(text).replace("%s", value);

// wide is how many columns a character takes: Hangul takes two. cut is as much of a text as has room.
const WIDE = /[\u1100-\u115f\u2e80-\ud7a3\uff01-\uff60]/;
const wide = c => WIDE.test(c) ? 2 : 1;
const COLUMN = 7.25; // of the drawings' letters
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

// hint shows a text beside the pointer, and beside what the keyboard has chosen.
const tip = $("#tip");
function hint(e, text) {
  const at = (x, y, ev) => {
    tip.textContent = typeof text === "function" ? text(ev) : text;
    tip.hidden = !tip.textContent;
    const w = tip.offsetWidth, h = tip.offsetHeight;
    tip.style.left = Math.max(4, Math.min(x + 14, innerWidth - w - 8)) + "px";
    tip.style.top = (y + 16 + h > innerHeight ? Math.max(4, y - h - 10) : y + 16) + "px";
  };
  const hide = () => { tip.hidden = true; };
  e.addEventListener("mousemove", ev => at(ev.clientX, ev.clientY, ev));
  e.addEventListener("mouseleave", hide);
  e.addEventListener("focus", () => { if (e.matches(":focus-visible")) { const b = e.getBoundingClientRect(); at(b.left + 40, b.bottom - 12); } });
  e.addEventListener("blur", hide);
}
addEventListener("scroll", () => { tip.hidden = true; }, true);

// ticks are round numbers between two values, about as many as asked for, and what lies between two of them.
function ticks(from, to, about) {
  const raw = (to - from) / about, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(k => k * power).find(s => s >= raw * .7), all = [];
  for (let v = Math.ceil(from / step - 1e-9) * step; v <= to + step * 1e-9; v += step) all.push(+v.toPrecision(12));
  return [all, step];
}

// digits is how many decimals tell values from each other that lie a step apart.
const digits = step => Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));

// clock writes a time, given in ms, on an axis; size writes bytes on one.
function clock(v, step, end) { return end >= 1000 ? (v / 1000).toFixed(digits(step / 1000)) + " s" : v.toFixed(digits(step)) + " ms"; }
function size(v, step) {
  const [unit, letter] = step >= 1e5 ? [1e6, "M"] : step >= 1000 ? [1e3, "k"] : [1, ""];
  return v ? (letter ? (v / unit).toFixed(digits(step / unit)) + letter : num(v)) : "0";
}

function key(list) {
  return el("div", { class: "key" }, ...list.map(([label, color, kind]) => el("span", { style: "--c:" + color, class: kind || "" }, label)));
}
