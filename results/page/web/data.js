// What the page knows of its data beside the columns (columns.js): words, lines, and where they are.

const FEW = 2500;           // up to so many calls in view are bars in their lanes
const POINTS = 8000;        // up to so many are points in the latency
const TROUBLE = 3000;       // up to so many that did not end ok are marked one by one
const SCAN = 60000;         // up to so many are looked at to find those in view

const element = id => document.getElementById(id);

function emptyStore() {
  const none = new Uint32Array(0);
  return {n: 0, from: none, took: none, row: none, kind: none, member: none, op: none, why: none, lane: none, line: none, done: none, process: none, back: none, bad: none, long: none, usual: 1, slowest: 1, grids: null, lanes: null};
}

// addWords lets a store say what its rows are called.
function addWords(c, table, probes) {
  c.probes = probes;
  c.f = i => table.fs[c.op[i]] ?? "?";
  c.error = i => { const e = c.why[i]; return e ? table.errors[e - 1] ?? "see its line" : ""; };
  return c;
}

// unpackerAside starts a worker and returns what asks it for everything that takes long; starting takes
// a while, in which the page is read on. Where none may start, the page does the work. ask() makes the
// worker's own copy of what it is asked.
function unpackerAside() {
  let worker = null, url = "";
  const end = () => { worker?.terminate(); URL.revokeObjectURL(url); worker = null; };
  try {
    url = URL.createObjectURL(new Blob([element("code-columns").textContent, "onmessage = async e => { const all = await unpackAll(e.data); postMessage(all, buffersOf(all)); };"], {type: "text/javascript"}));
    worker = new Worker(url);
    worker.onerror = e => { e.preventDefault(); end(); };
  } catch { end(); }
  return ask => new Promise((resolve, reject) => {
    const here = () => { end(); unpackAll(ask()).then(resolve, reject); };
    if (!worker) return here();
    worker.onmessage = e => { end(); resolve(e.data); };
    worker.onerror = e => { e.preventDefault(); here(); };
    const asked = ask();
    worker.postMessage(asked, buffersOf(asked));
  });
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

// levelFor is the coarsest level whose bins are no wider than a column.
function levelFor(levels, end, perColumn) {
  return levels.findLast(l => end / l.bins <= perColumn) ?? levels[0];
}

// loadText reads the lines that the page carries, once somebody asks.
let textOnce;
const loadText = () => textOnce ??= (async () => {
  if (document.readyState === "loading") await new Promise(done => document.addEventListener("DOMContentLoaded", done, {once: true})); // the lines come last
  const files = new Map();
  const lines = new TextDecoder().decode(await unpacked(bytesOf(element("data-text").textContent))).split("\n");
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
const KINDS = ["ok", "bad", "unknown"]; // colours, by outcome
const outcome = ["ok", "failed", "outcome unknown"];
