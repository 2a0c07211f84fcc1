"use strict";
// The columns that the page carries (pack.go, bins.go), unpacked and binned. This part runs in a worker,
// so that the page answers meanwhile, and on the page itself where it may not start one. A page of a
// million calls is opened in the time of this part, and touching memory costs most of it: columns are
// as narrow as they can be, those of a byte stay where they were unpacked, and what few calls need (a
// logarithm) is computed when they are drawn.
// Times are microseconds since the start of the run.

const OK = 0, FAILED = 1, UNKNOWN = 2;
const ROWS = 96;    // rows of latency in a grid, from the fastest decade to the slowest
const EACH = 20000; // a store with so few calls is never binned

// bytesOf is what base64 stands for.
function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const text = atob(base64), out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out;
}

// unpacked is the content of gzip, whose last four bytes say how long it is.
async function unpacked(packed) {
  const out = new Uint8Array(new DataView(packed.buffer, packed.byteOffset).getUint32(packed.length - 4, true));
  const stream = new DecompressionStream("gzip"), to = stream.writable.getWriter(), from = stream.readable.getReader();
  const written = to.write(packed).then(() => to.close());
  for (let at = 0;;) {
    const {done, value} = await from.read();
    if (done) break;
    out.set(value, at);
    at += value.length;
  }
  await written;
  return out;
}

// columnsOf reads columns of n rows: a byte with a bit for each plane of bytes that follows. Each is an
// array of numbers of one, two or four bytes.
function columnsOf(b, n) {
  let at = 0;
  return () => {
    const mask = b[at++];
    if (mask === 1) return b.subarray(at, at += n);
    const out = new (mask === 0 ? Uint8Array : mask < 4 ? Uint16Array : Uint32Array)(n);
    for (let plane = 0; plane < 4; plane++) if (mask >> plane & 1) {
      for (let i = 0, p = at, up = 8 * plane; i < n; i++, p++) out[i] |= b[p] << up;
      at += n;
    }
    return out;
  };
}

// sums adds up differences, modulo 2^32, as they were taken.
function sums(differences) {
  const out = new Uint32Array(differences.length);
  for (let i = 0, sum = 0; i < out.length; i++) out[i] = sum = sum + differences[i] >>> 0;
  return out;
}

// moments adds up differences to times; a run of more than an hour needs wider numbers.
function moments(differences, end) {
  if (end < 2 ** 31) return sums(differences);
  const out = new Float64Array(differences.length);
  for (let i = 0, sum = 0; i < out.length; i++) out[i] = sum += differences[i];
  return out;
}

// unpackCalls makes a store of calls: a typed array a column. end: that of the run.
async function unpackCalls({packed, n, clients}, end) {
  const next = columnsOf(await unpacked(packed), n);
  const c = {n, from: moments(next(), end), took: next(), kind: next(), member: next(), op: next(), why: next(), lane: next(), line: sums(next()), done: next(), process: new Uint32Array(next()), back: next(), slowest: 1};
  const {took, kind, lane, process} = c, last = new Uint32Array(clients), bad = [], long = [];
  for (let i = 0; i < n; i++) if (took[i] > c.slowest) c.slowest = took[i];
  // Calls that took much longer than most are few: looked at one by one, so that what overlaps a
  // view is found by looking back a short time for the others.
  c.usual = Math.min(c.slowest, 2e6);
  for (let i = 0; i < n; i++) {
    process[i] = last[lane[i]] += process[i];
    if (kind[i] !== OK) bad.push(i);
    if (took[i] > c.usual) long.push(i);
  }
  c.bad = Uint32Array.from(bad);
  c.long = Uint32Array.from(long);
  return c;
}

// rowsOf says in which row of a grid a latency is, within a thousandth of it. scale: {lo, hi} in decades of µs.
function rowsOf({lo, hi}) {
  const table = new Uint8Array(32 * 1024); // by the place of the highest bit, and the ten bits below it
  for (let i = 0; i < table.length; i++) {
    const log = Math.log10(2 ** (i >> 10) * (1 + (i & 1023) / 1024));
    table[i] = Math.max(0, Math.min(ROWS - 1, Math.floor((log - lo) / (hi - lo) * ROWS)));
  }
  return us => {
    const up = Math.clz32(us | 1);
    return table[31 - up << 10 | us << up >>> 21 & 1023];
  };
}

// levelsOf is a pyramid over the whole run: level 0 is the finest, each next one has half the bins.
// make(bins) fills the finest, halve(below) makes the next one.
function levelsOf(bins, make, halve) {
  const levels = [make(bins)];
  while (levels.at(-1).bins > 512) levels.push(halve(levels.at(-1)));
  return levels;
}

// binsFor is how many bins the finest level has, so that one holds few enough calls of n.
function binsFor(n, few) {
  let bins = 1024;
  while (bins < 32768 && bins * few < n) bins *= 2;
  return bins;
}

// gridsOf counts calls by kind, bin and row of latency. Bins are wide, as the counts take much memory:
// what is nearer is counted call by call, some hundreds for each column of the screen.
function gridsOf(c, end) {
  const grid = bins => ({bins, grid: [0, 1, 2].map(() => new Uint16Array(bins * ROWS))});
  return levelsOf(binsFor(c.n, 256), bins => {
    const base = grid(bins), {kind, row, from} = c, k = bins / end;
    for (let i = 0; i < c.n; i++) base.grid[kind[i]][Math.min(bins - 1, Math.floor(from[i] * k)) * ROWS + row[i]]++;
    return base;
  }, below => {
    const up = grid(below.bins / 2);
    up.grid.forEach((g, kind) => {
      const d = below.grid[kind];
      for (let b = 0, p = 0; b < below.bins; b++) for (let r = 0, q = (b >> 1) * ROWS; r < ROWS; r++, p++, q++) g[q] += d[p];
    });
    return up;
  });
}

// lanesOf says by lane and bin which kinds of calls were under way, for each of several sets of lanes.
function lanesOf(c, end, sets) {
  const level = bins => ({bins, lanes: sets.map(s => new Uint8Array(bins * s.count))});
  return levelsOf(binsFor(c.n, 32), bins => {
    const base = level(bins), {kind, from, took} = c, k = bins / end;
    sets.forEach(({of, count}, n) => {
      const seen = base.lanes[n];
      for (let i = 0; i < c.n; i++) {
        if (of[i] >= count) continue;
        const lane = of[i] * bins, a = lane + Math.min(bins - 1, Math.floor(from[i] * k)), b = lane + Math.min(bins - 1, Math.floor((from[i] + took[i]) * k));
        for (let x = a, bit = 1 << kind[i]; x <= b; x++) seen[x] |= bit;
      }
    });
    return base;
  }, below => {
    const up = level(below.bins / 2);
    up.lanes.forEach((l, n) => { const d = below.lanes[n]; for (let i = 0; i < d.length; i++) l[i >> 1] |= d[i]; });
    return up;
  });
}

// unpackAll does everything that takes long. ask: {calls, probes: {packed, n, clients}, scale, members, end}.
async function unpackAll(ask) {
  const calls = await unpackCalls(ask.calls, ask.end), probes = await unpackCalls(ask.probes, ask.end), rowOf = rowsOf(ask.scale);
  calls.row = new Uint8Array(calls.n);
  for (let i = 0; i < calls.n; i++) calls.row[i] = rowOf(calls.took[i]);
  const byMember = c => ({count: ask.members, of: c.member}), byClient = c => ({count: ask.calls.clients, of: c.lane});
  calls.grids = calls.n > EACH ? gridsOf(calls, ask.end) : null;
  calls.lanes = calls.n > EACH ? lanesOf(calls, ask.end, [byMember(calls), byClient(calls)]) : null;
  probes.lanes = probes.n > EACH ? lanesOf(probes, ask.end, [byMember(probes)]) : null;
  return {calls, probes};
}

// buffersOf are the buffers of all typed arrays in a value, to be handed over and not copied.
function buffersOf(v, out = new Set()) {
  if (ArrayBuffer.isView(v)) out.add(v.buffer);
  else if (v && typeof v === "object") Object.values(v).forEach(x => buffersOf(x, out));
  return [...out];
}
