"use strict";
// What the page carries, unpacked: calls as columns (pack.go), bins (bins.go), lines (excerpt.go).
// Times are microseconds since the start of the run.

const OK = 0, FAILED = 1, UNKNOWN = 2;
const ROWS = 96;            // rows of latency in a grid, from the fastest decade to the slowest
const DIRECT = 150000;      // up to so many calls in view are counted anew for each frame
const POINTS = 8000;        // up to so many are drawn one by one

const element = id => document.getElementById(id);

async function gunzip(id) {
  const packed = Uint8Array.from(atob(element(id).textContent.trim()), c => c.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

// columnsOf reads columns of n rows, each in four planes of bytes.
function columnsOf(buffer, n) {
  const b = new Uint8Array(buffer);
  let at = 0;
  return () => {
    const out = new Uint32Array(n), p = at;
    for (let i = 0; i < n; i++) out[i] = b[p + i] | b[p + n + i] << 8 | b[p + 2 * n + i] << 16 | b[p + 3 * n + i] << 24;
    at += 4 * n;
    return out;
  };
}

async function loadCalls(id, n, table) {
  const c = {n, table, slowest: 1, fastest: 1e12, probes: id === "data-probes"};
  const next = columnsOf(await gunzip(id), n);
  const due = next();
  c.took = next(); c.line = next(); c.done = next(); c.flags = next(); c.lane = next(); c.process = next(); c.back = next();
  c.from = new Float64Array(n);
  c.kind = new Uint8Array(n);
  const last = new Float64Array(table.clients), bad = [];
  for (let i = 0, time = 0, line = 0; i < n; i++) {
    c.from[i] = time += due[i];
    c.line[i] = line = (line + c.line[i]) >>> 0;
    c.process[i] = last[c.lane[i]] = (last[c.lane[i]] + c.process[i]) >>> 0;
    if ((c.kind[i] = c.flags[i] & 3) !== OK) bad.push(i);
    const t = c.took[i];
    if (t > c.slowest) c.slowest = t;
    if (t && t < c.fastest) c.fastest = t;
  }
  c.bad = Uint32Array.from(bad);
  // Calls that took much longer than most are few: looked at one by one, so that what overlaps a
  // view is found by looking back a short time for the others.
  c.usual = Math.min(c.slowest, 2e6);
  c.long = [];
  for (let i = 0; i < n; i++) if (c.took[i] > c.usual) c.long.push(i);
  c.node = i => c.flags[i] >>> 3 & 255;
  c.read = i => (c.flags[i] & 4) !== 0;
  c.f = i => table.fs[c.flags[i] >>> 11 & 255] ?? "?";
  c.error = i => { const e = c.flags[i] >>> 19 & 255; return e === 0 ? "" : table.errors[e - 1] ?? "see its line"; };
  return c;
}

// first row that is due at t or later
function rowAt(c, t) {
  let a = 0, b = c.n;
  while (a < b) { const m = (a + b) >> 1; if (c.from[m] < t) a = m + 1; else b = m; }
  return a;
}

// first of the ordered indices that is i or higher
function placeOf(list, i) {
  let a = 0, b = list.length;
  while (a < b) { const m = (a + b) >> 1; if (list[m] < i) a = m + 1; else b = m; }
  return a;
}

// eachIn visits the calls that overlap from..to.
function eachIn(c, from, to, visit) {
  const a = rowAt(c, from - c.usual), b = rowAt(c, to);
  for (const i of c.long) if (i < a && c.from[i] + c.took[i] >= from) visit(i);
  for (let i = a; i < b; i++) if (c.from[i] + c.took[i] >= from) visit(i);
}

// scaleOf is the log scale of latencies.
function scaleOf(stores) {
  const some = stores.filter(s => s.n);
  const lo = Math.floor(Math.log10(some.length ? Math.max(1, Math.min(...some.map(s => s.fastest))) : 1000));
  const hi = Math.max(lo + 1, Math.ceil(Math.log10((some.length ? Math.max(...some.map(s => s.slowest)) : 1e6) * 1.01)));
  const k = ROWS / (hi - lo);
  // A call's row, from the logarithm in a table: exact enough for a row of two pixels.
  const fine = new Uint8Array(4096);
  for (let i = 0; i < 4096; i++) fine[i] = Math.max(0, Math.min(ROWS - 1, Math.floor((Math.log10(Math.max(1, i)) - lo) * k)));
  const row = us => us < 4096 ? fine[us] : Math.max(0, Math.min(ROWS - 1, Math.floor((Math.log10(us) - lo) * k)));
  return {lo, hi, row};
}

// pyramid bins a store over the whole run: level 0 is the finest, each next one has half the bins.
// grid: counts by bin, row of latency and kind; lanes: by lane and bin, which kinds were seen.
function pyramid(c, end, scale, laneSets, withGrid) {
  let bins = 1024;
  while (bins < 32768 && bins * 100 < c.n) bins *= 2;
  const level = bins => ({bins, grid: withGrid ? [0, 1, 2].map(() => new Uint16Array(bins * ROWS)) : null,
    lanes: laneSets.map(s => new Uint8Array(bins * s.count))});
  const base = level(bins), k = bins / end;
  for (let i = 0; i < c.n; i++) {
    const x = Math.min(bins - 1, Math.floor(c.from[i] * k)), kind = c.kind[i];
    if (withGrid) base.grid[kind][x * ROWS + scale.row(c.took[i])]++;
    const to = Math.min(bins - 1, Math.floor((c.from[i] + c.took[i]) * k));
    laneSets.forEach((s, n) => {
      const lane = s.of(i);
      if (lane < s.count) for (let b = x; b <= to; b++) base.lanes[n][lane * bins + b] |= 1 << kind;
    });
  }
  const levels = [base];
  while (levels.at(-1).bins > 512) {
    const below = levels.at(-1), up = level(below.bins / 2);
    if (withGrid) up.grid.forEach((g, kind) => { const d = below.grid[kind]; for (let i = 0; i < d.length; i++) if (d[i]) g[Math.floor(i / (2 * ROWS)) * ROWS + i % ROWS] += d[i]; });
    up.lanes.forEach((l, n) => { const d = below.lanes[n]; for (let i = 0; i < d.length; i++) l[i >> 1] |= d[i]; });
    levels.push(up);
  }
  return levels;
}

// levelFor is the coarsest level whose bins are no wider than a column.
function levelFor(levels, end, perColumn) {
  return levels.findLast(l => end / l.bins <= perColumn) ?? levels[0];
}

// loadText reads the lines that the page carries, once somebody asks.
let textOnce;
const loadText = () => textOnce ??= (async () => {
  const files = new Map();
  const lines = new TextDecoder().decode(await gunzip("data-text")).split("\n");
  for (let i = 0; i < lines.length - 1;) {
    const [from, count, ...node] = lines[i++].split(" ");
    const file = node.join(" ") ? "logs/" + node.join(" ") + ".log" : "history.jsonl";
    if (!files.has(file)) files.set(file, {blocks: []});
    files.get(file).blocks.push({from: Number(from), lines: lines.slice(i, i + Number(count))});
    i += Number(count);
  }
  for (const f of files.values()) f.blocks.sort((a, b) => a.from - b.from);
  const find = (file, n) => {
    const b = files.get(file)?.blocks.findLast(b => b.from <= n);
    const s = b?.lines[n - b.from];
    if (s === undefined) return null;
    if (file === "history.jsonl") return {file, n, text: s};
    const cut = s.indexOf(" ");
    return {file, n, at: Number(s.slice(0, cut)), text: s.slice(cut + 1)};
  };
  // Lines of a log between two times, and whether lines are missing there.
  const between = (file, from, to) => {
    const out = [];
    for (const b of files.get(file)?.blocks ?? []) b.lines.forEach((s, i) => {
      const at = parseInt(s, 10);
      if (at >= from && at <= to) out.push(find(file, b.from + i));
    });
    return out;
  };
  return {find, between};
})();

// visible shows what would hide or turn around other text, and cuts what is very long.
function visible(s, most = 6000) {
  s = String(s);
  const more = s.length - most;
  if (more > 0) s = s.slice(0, most);
  s = s.replace(/[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, c => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
  return more > 0 ? s + ` … and ${more} more characters` : s;
}

const clock = us => (us / 1e6).toFixed(6).replace(/(\.\d{3})(\d{3})$/, "$1 $2") + " s";
const short = us => us >= 1e7 ? (us / 1e6).toFixed(1) + " s" : us >= 1e6 ? (us / 1e6).toFixed(3) + " s" : us >= 1000 ? (us / 1000).toFixed(us >= 1e5 ? 0 : 2) + " ms" : Math.round(us) + " µs";
const outcome = ["ok", "failed", "outcome unknown"];
