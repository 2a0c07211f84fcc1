"use strict";
// The columns that the page carries (pack.go, bins.go), unpacked and binned. This part runs in a worker,
// so that the page answers meanwhile, and on the page itself where it may not start one.
// Times are microseconds since the start of the run.

const OK = 0, FAILED = 1, UNKNOWN = 2;
const ROWS = 96;    // rows of latency in a grid, from the fastest decade to the slowest
const EACH = 20000; // a store with so few calls is never binned

// unpacked is the content of gzip in base64.
async function unpacked(base64) {
  let packed;
  if (Uint8Array.fromBase64) packed = Uint8Array.fromBase64(base64);
  else {
    const text = atob(base64);
    packed = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  }
  return new Uint8Array(await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
}

// columnsOf reads columns of n rows: a byte with a bit for each plane of bytes that follows.
function columnsOf(b, n) {
  let at = 0;
  return () => {
    const out = new Uint32Array(n), mask = b[at++];
    for (let plane = 0; plane < 4; plane++) if (mask >> plane & 1) {
      for (let i = 0, p = at; i < n; i++, p++) out[i] |= b[p] << 8 * plane;
      at += n;
    }
    return out;
  };
}

// unpackCalls makes a store of calls: a typed array a column.
async function unpackCalls({data, n, clients}) {
  const next = columnsOf(await unpacked(data), n);
  const due = next(), c = {n, took: next(), line: next(), done: next(), flags: next(), lane: next(), process: next(), back: next(), slowest: 1};
  c.from = new Float64Array(n);
  c.log = new Float32Array(n); // of the latency, to base 10
  c.kind = new Uint8Array(n);
  c.member = new Uint8Array(n);
  const last = new Float64Array(clients), bad = [];
  for (let i = 0, time = 0, line = 0; i < n; i++) {
    c.from[i] = time += due[i];
    c.line[i] = line = (line + c.line[i]) >>> 0;
    c.process[i] = last[c.lane[i]] = (last[c.lane[i]] + c.process[i]) >>> 0;
    c.member[i] = c.flags[i] >>> 3 & 255;
    if ((c.kind[i] = c.flags[i] & 3) !== OK) bad.push(i);
    const t = c.took[i];
    c.log[i] = Math.log10(t || 1);
    if (t > c.slowest) c.slowest = t;
  }
  c.bad = Uint32Array.from(bad);
  // Calls that took much longer than most are few: looked at one by one, so that what overlaps a
  // view is found by looking back a short time for the others.
  c.usual = Math.min(c.slowest, 2e6);
  const long = [];
  for (let i = 0; i < n; i++) if (c.took[i] > c.usual) long.push(i);
  c.long = Uint32Array.from(long);
  return c;
}

// addRows gives each call its row in grids. lo and hi: the scale of latencies, in decades of µs.
function addRows(c, {lo, hi}) {
  c.row = new Uint8Array(c.n);
  for (let i = 0; i < c.n; i++) c.row[i] = Math.max(0, Math.min(ROWS - 1, Math.floor((c.log[i] - lo) / (hi - lo) * ROWS)));
}

// pyramid bins a store over the whole run: level 0 is the finest, each next one has half the bins.
// grid: counts by kind, bin and row of latency; lanes: by lane and bin, which kinds were seen.
function pyramid(c, end, laneSets, withGrid) {
  let bins = 1024;
  while (bins < 32768 && bins * 32 < c.n) bins *= 2;
  const level = bins => ({bins, grid: withGrid ? [0, 1, 2].map(() => new Uint16Array(bins * ROWS)) : null, lanes: laneSets.map(s => new Uint8Array(bins * s.count))});
  const base = level(bins), k = bins / end, {kind: kinds, row, from, took} = c;
  for (let i = 0; i < c.n; i++) {
    const x = Math.min(bins - 1, Math.floor(from[i] * k));
    if (withGrid) base.grid[kinds[i]][x * ROWS + row[i]]++;
  }
  laneSets.forEach(({of, count}, n) => {
    const seen = base.lanes[n];
    for (let i = 0; i < c.n; i++) {
      const lane = of[i], to = Math.min(bins - 1, Math.floor((from[i] + took[i]) * k));
      if (lane < count) for (let b = Math.min(bins - 1, Math.floor(from[i] * k)); b <= to; b++) seen[lane * bins + b] |= 1 << kinds[i];
    }
  });
  const levels = [base];
  while (levels.at(-1).bins > 512) {
    const below = levels.at(-1), up = level(below.bins / 2);
    if (withGrid) up.grid.forEach((g, kind) => {
      const d = below.grid[kind];
      for (let b = 0, p = 0; b < below.bins; b++) for (let r = 0, q = (b >> 1) * ROWS; r < ROWS; r++, p++, q++) g[q] += d[p];
    });
    up.lanes.forEach((l, n) => { const d = below.lanes[n]; for (let i = 0; i < d.length; i++) l[i >> 1] |= d[i]; });
    levels.push(up);
  }
  return levels;
}

// unpackAll does everything that takes long. ask: {calls, probes: {data, n, clients}, scale, members, end}.
async function unpackAll(ask) {
  const calls = await unpackCalls(ask.calls), probes = await unpackCalls(ask.probes);
  addRows(calls, ask.scale);
  addRows(probes, ask.scale);
  const byMember = c => ({count: ask.members, of: c.member}), byClient = c => ({count: ask.calls.clients, of: c.lane});
  calls.levels = calls.n > EACH ? pyramid(calls, ask.end, [byMember(calls), byClient(calls)], true) : null;
  probes.levels = probes.n > EACH ? pyramid(probes, ask.end, [byMember(probes)], false) : null;
  return {calls, probes};
}

// buffersOf are the buffers of all typed arrays in a value, to be handed over and not copied.
function buffersOf(v, out = []) {
  if (ArrayBuffer.isView(v)) out.push(v.buffer);
  else if (v && typeof v === "object") Object.values(v).forEach(x => buffersOf(x, out));
  return out;
}
