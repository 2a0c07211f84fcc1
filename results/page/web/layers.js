// The layers of the timeline that grow with the number of calls. What has a column a pixel is written
// into an image, pixel by pixel: its cost does not grow with what it shows.

// makeSheet is an image to write pixels into and to stretch over a part of the canvas.
function makeSheet() {
  const canvas = document.createElement("canvas"), ctx = canvas.getContext("2d", {willReadFrequently: true});
  let image = null, px = null;
  return {
    clear(w, h) { // pixels as 0xaabbggrr, row by row
      if (image?.width === w && image.height === h) return px.fill(0);
      canvas.width = w; canvas.height = h;
      image = ctx.createImageData(w, h);
      return px = new Uint32Array(image.data.buffer);
    },
    done() { ctx.putImageData(image, 0, 0); return canvas; },
  };
}

// covering says how opaque a pixel is, by how opaque it was, under one more layer that is so opaque.
const covering = alpha => Uint8Array.from({length: 256}, (_, a) => Math.round(a + (255 - a) * alpha));

// stamp puts a square of a colour (0xbbggrr) into a sheet of w columns and h rows.
function stamp(px, w, h, x, y, side, rgb, cover) {
  const x0 = Math.max(0, x), x1 = Math.min(w, x + side), y1 = Math.min(h, y + side);
  for (let r = Math.max(0, y); r < y1; r++) for (let q = r * w + x0, end = r * w + x1; q < end; q++) px[q] = rgb | cover[px[q] >>> 24] << 24;
}

// imprint puts a mask of side by side alphas into a sheet.
function imprint(px, w, h, x, y, side, rgb, mask) {
  for (let r = 0, m = 0; r < side; r++) for (let c = 0; c < side; c++, m++) {
    const a = mask[m], at = x + c, row = y + r;
    if (!a || at < 0 || at >= w || row < 0 || row >= h) continue;
    const q = row * w + at, under = px[q] >>> 24;
    px[q] = rgb | Math.max(a, under) << 24;
  }
}

const decade = us => Math.log10(us || 1); // of a latency

// layers draws calls for a painter: p has its context, colours, scales and layout.
function makeLayers(s, p) {
  const {ctx} = p, sheets = {};
  const sheet = name => sheets[name] ??= makeSheet();
  const ink = (kind, alpha) => p.rgb[kind] | Math.round(alpha * 255) << 24;

  // eachColumn visits the columns with the bins that begin in them, at least one.
  function eachColumn(visit) {
    const {l, T} = p, bin = s.meta.bin;
    for (let x = 0; x < l.plot; x++) {
      const from = Math.floor(T(LEFT + x) / bin), to = Math.max(from + 1, Math.floor(T(LEFT + x + 1) / bin));
      if (to > 0 && from < s.meta.bins) visit(x, Math.max(0, from), Math.min(to, s.meta.bins));
    }
  }

  // Latency: points, or where there are too many a grid whose cells count them. All but the grid is in
  // one sheet of the screen's own pixels, which ends EDGE above and below the plot.
  const EDGE = 4;
  function latency() {
    const [t0, t1] = s.view, a = rowAt(s.calls, t0), b = rowAt(s.calls, t1), pa = rowAt(s.probes, t0), pb = rowAt(s.probes, t1);
    const {l, dpr} = p, w = Math.round(l.plot * dpr), h = Math.round((l.latency.h + 2 * EDGE) * dpr), px = sheet("latency").clear(w, h);
    const {kx, x0, ky, y0} = p.scales(), to = {px, w, h, kx: kx * dpr, x0: (x0 - LEFT) * dpr, ky: ky * dpr, y0: (y0 - l.latency.y + EDGE) * dpr};
    if (pb - pa <= POINTS) points(to, s.probes, pa, pb, pb - pa < 400 ? 1.5 : .8, pb - pa < 400 ? .7 : .4, [OK, FAILED, UNKNOWN]); // faint, under the calls
    if (b - a > POINTS) grid(a, b); else points(to, s.calls, a, b, b - a < 200 ? 2.5 : b - a < 1500 ? 1.8 : 1.2, Math.min(1, Math.max(.45, 2500 / Math.max(1, b - a))), [OK]);
    quantiles(to);
    trouble(to, a, b);
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(sheet("latency").done(), LEFT, l.latency.y - EDGE, l.plot, l.latency.h + 2 * EDGE);
  }

  function points({px, w, h, kx, x0, ky, y0}, c, a, b, r, alpha, which) {
    const {from, took, kind} = c, side = Math.max(1, Math.round(2 * r * p.dpr)), half = side / 2, cover = covering(alpha);
    for (const k of which) {
      const rgb = p.rgb[k];
      for (let i = a; i < b; i++) if (kind[i] === k) stamp(px, w, h, Math.round(from[i] * kx + x0 - half), Math.round(y0 - decade(took[i]) * ky - half), side, rgb, cover);
    }
  }

  // Trouble is drawn one by one as long as there is room, also over a grid: crosses and diamonds.
  function trouble({px, w, h, kx, x0, ky, y0}, a, b) {
    const {bad, kind, from, took} = s.calls, first = placeOf(bad, a), last = placeOf(bad, b);
    if (last - first > TROUBLE) return; // the grid has them
    for (const k of [UNKNOWN, FAILED]) {
      const {side, mask} = p.glyph(k), half = side / 2;
      for (let j = first; j < last; j++) {
        const i = bad[j];
        if (kind[i] === k) imprint(px, w, h, Math.round(from[i] * kx + x0 - half), Math.round(y0 - decade(took[i]) * ky - half), side, p.rgb[k], mask);
      }
    }
  }

  let cells = null;
  function count(a, b, cols) { // calls by kind, column and row
    const {grids, bad, kind, from, row} = s.calls, {kx, x0} = p.scales(), perColumn = (s.view[1] - s.view[0]) / cols;
    if (cells?.[0].length !== cols * ROWS) cells = [0, 1, 2].map(() => new Uint32Array(cols * ROWS)); else cells.forEach(g => g.fill(0));
    if (!grids || s.end / grids[0].bins > perColumn) {
      for (let i = a, left = x0 - LEFT; i < b; i++) {
        const x = Math.floor(from[i] * kx + left);
        if (x >= 0 && x < cols) cells[kind[i]][x * ROWS + row[i]]++;
      }
      return cells;
    }
    const level = levelFor(grids, s.end, perColumn), k = level.bins / s.end, trouble = placeOf(bad, b) > placeOf(bad, a);
    for (let x = 0; x < cols; x++) {
      const from = Math.max(0, Math.floor(p.T(LEFT + x) * k)), to = Math.min(level.bins, Math.max(from + 1, Math.floor(p.T(LEFT + x + 1) * k)));
      for (let bin = from; bin < to; bin++) for (let kind = 0; kind < (trouble ? 3 : 1); kind++) {
        const g = level.grid[kind], out = cells[kind];
        for (let r = 0, from = bin * ROWS, q = x * ROWS; r < ROWS; r++) out[q + r] += g[from + r];
      }
    }
    return cells;
  }

  function grid(a, b) {
    const {l} = p, cols = l.plot, [ok, failed, unknown] = count(a, b, cols);
    const each = placeOf(s.calls.bad, b) - placeOf(s.calls.bad, a) <= TROUBLE; // trouble is drawn one by one
    let most = 1;
    for (let i = 0; i < ok.length; i++) if (ok[i] > most) most = ok[i];
    const px = sheet("grid").clear(cols, ROWS), log = Math.log(most + 1), shades = new Uint32Array(256);
    const shade = n => ink(OK, (70 + 185 * Math.log(n + 1) / log) / 255);
    for (let n = 1; n < 256; n++) shades[n] = shade(Math.min(n, most));
    for (let x = 0, at = 0; x < cols; x++) for (let q = (ROWS - 1) * cols + x, r = 0; r < ROWS; r++, at++, q -= cols) {
      const n = ok[at];
      if (!each && failed[at]) px[q] = ink(FAILED, .9);
      else if (!each && unknown[at]) px[q] = ink(UNKNOWN, .9);
      else if (n) px[q] = n < 256 ? shades[n] : shade(n);
    }
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(sheet("grid").done(), LEFT, l.latency.y, cols, l.latency.h);
  }

  // The median and p99 of each bin; where many bins share a column, the median from its lowest to
  // its highest and the highest p99.
  function quantiles({px, w, h, ky, y0}) {
    const {p50, p99} = s.bins, {dpr} = p, row = us => Math.round(y0 - Math.log10(Math.max(1, us)) * ky), thick = Math.max(1, Math.round(dpr));
    const faint = p.rgb.ink | 115 << 24, full = p.rgb.ink | 217 << 24;
    const bar = (x, from, to, c) => {
      for (let q = Math.round(x * dpr), end = Math.min(w, Math.round((x + 1) * dpr)); q < end; q++) for (let y = Math.max(0, from); y < Math.min(h, to); y++) px[y * w + q] = c;
    };
    eachColumn((x, from, to) => {
      let lo = Infinity, hi = 0, top = 0;
      for (let b = from; b < to; b++) if (p50[b]) { lo = Math.min(lo, p50[b]); hi = Math.max(hi, p50[b]); top = Math.max(top, p99[b]); }
      if (!hi) return;
      const y = row(top), high = row(hi), low = row(lo);
      bar(x, y, y + thick, faint);
      bar(x, high, Math.max(low, high + Math.ceil(1.5 * dpr)), full);
    });
  }

  // Calls answered per second: solid up to the lowest bin of a column, light up to the highest, so
  // that one bad bin is seen among many.
  function rates() {
    const {ok, failed, unknown} = s.bins, {l, dpr} = p, h = Math.round(l.rates.h * dpr), cols = l.plot, px = sheet("rates").clear(cols, h);
    const k = h * 1e6 / s.meta.bin / s.rateTop, solid = ink(OK, .85), light = ink(OK, .35), bad = ink(FAILED, .95), open = ink(UNKNOWN, .95);
    eachColumn((x, from, to) => {
      let lo = Infinity, hi = 0, f = 0, u = 0;
      for (let b = from; b < to; b++) { lo = Math.min(lo, ok[b]); hi = Math.max(hi, ok[b]); f = Math.max(f, failed[b]); u = Math.max(u, unknown[b]); }
      let at = 0; // what did not end ok has a pixel at least
      const bar = (n, c, least) => { const up = Math.min(h, Math.max(Math.round(n * k), n && least ? at + least : 0)); for (; at < up; at++) px[(h - 1 - at) * cols + x] = c; };
      bar(lo, solid, 0); bar(hi, light, lo ? 0 : 1); bar(f && hi + f, bad, 1); bar(u && hi + f + u, open, 1);
    });
    ctx.drawImage(sheet("rates").done(), LEFT, l.rates.y, cols, l.rates.h);
  }

  // strips draw the calls of lanes from when they were due to their end: as bars where they are few,
  // and else by column, trouble over what went well. rectOf(lane) is where a lane is, all as high as the
  // first; rows cut it.
  function strips(c, set, rectOf, rows) {
    const {of, count} = s.laneSets(c)[set], rects = Array.from({length: count}, (_, i) => rectOf(i)), list = s.inView(c);
    if (!count) return;
    const name = `${c.probes} ${set}`, w = list ? Math.round(p.l.plot * p.dpr) : p.l.plot, h = list ? Math.max(1, Math.round(rects[0].h * p.dpr)) : 1, px = sheet(name).clear(w, h * count);
    if (list) bars(px, w, h, c, of, count, list, rows);
    else {
      const seen = columnsSeen(c, set, w, name), shade = [0, ink(OK, .55), ink(FAILED, .95), ink(FAILED, .95), ink(UNKNOWN, .95), ink(UNKNOWN, .95), ink(FAILED, .95), ink(FAILED, .95)]; // by the bits of the kinds
      for (let i = 0; i < seen.length; i++) px[i] = shade[seen[i]];
    }
    const image = sheet(name).done();
    ctx.imageSmoothingEnabled = false;
    rects.forEach((r, lane) => ctx.drawImage(image, 0, lane * h, w, h, LEFT, r.y, p.l.plot, r.h));
  }

  function bars(px, w, h, c, of, count, list, rows) { // lanes of h pixels, one below the other
    const {kx, x0} = p.scales(), {dpr} = p, high = Math.max(1, Math.min(h, Math.round(Math.max(1.5 * dpr, h / rows)))), step = rows > 1 ? (h - high) / (rows - 1) : 0;
    for (const kind of [OK, UNKNOWN, FAILED]) {
      const shade = ink(kind, kind === OK ? .75 : .95);
      for (const i of list) {
        if (c.kind[i] !== kind || of[i] >= count) continue;
        const a = Math.round((c.from[i] * kx + x0 - LEFT) * dpr), end = Math.round(((c.from[i] + c.took[i]) * kx + x0 - LEFT) * dpr), b = end - a > 2 ? end - 1 : Math.max(end, a + 1); // a gap to the next one
        const from = Math.max(0, a), to = Math.min(w, b), top = of[i] * h + (rows > 1 ? Math.round(c.lane[i] * step) : 0);
        for (let y = top; y < top + high; y++) for (let q = y * w + from, stop = y * w + to; q < stop; q++) px[q] = shade;
      }
    }
  }

  const seenBy = {}; // by store and set of lanes, to be filled again in every frame
  function columnsSeen(c, set, cols, name) { // by lane and column: which kinds of calls were under way
    const {count, of} = s.laneSets(c)[set], {kx, x0} = p.scales(), perColumn = (s.view[1] - s.view[0]) / cols;
    const seen = seenBy[name]?.length === count * cols ? seenBy[name].fill(0) : seenBy[name] = new Uint8Array(count * cols);
    if (c.lanes && s.end / c.lanes[0].bins <= perColumn) {
      const level = levelFor(c.lanes, s.end, perColumn), k = level.bins / s.end, lanes = level.lanes[set];
      for (let x = 0; x < cols; x++) {
        const from = Math.max(0, Math.floor(p.T(LEFT + x) * k)), to = Math.min(level.bins, Math.max(from + 1, Math.floor(p.T(LEFT + x + 1) * k)));
        for (let b = from; b < to; b++) for (let lane = 0; lane < count; lane++) seen[lane * cols + x] |= lanes[lane * level.bins + b];
      }
      return seen;
    }
    const {from, took, kind} = c;
    eachIn(c, s.view[0], s.view[1], i => {
      const lane = of[i];
      if (lane >= count) return;
      const a = Math.max(0, Math.floor(from[i] * kx + x0 - LEFT)), b = Math.min(cols - 1, Math.floor((from[i] + took[i]) * kx + x0 - LEFT));
      for (let x = a, bit = 1 << kind[i]; x <= b; x++) seen[lane * cols + x] |= bit;
    });
    return seen;
  }

  return {latency, rates, strips};
}
