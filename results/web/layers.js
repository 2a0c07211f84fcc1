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

  // Latency: points, or where there are too many a grid whose cells count them.
  function latency() {
    const [t0, t1] = s.view, a = rowAt(s.calls, t0), b = rowAt(s.calls, t1), pa = rowAt(s.probes, t0), pb = rowAt(s.probes, t1);
    if (pb - pa <= POINTS) points(s.probes, pa, pb, pb - pa < 400 ? 1.5 : .8, pb - pa < 400 ? .7 : .4, [OK, FAILED, UNKNOWN]); // faint, under the calls
    if (b - a > POINTS) grid(a, b); else points(s.calls, a, b, b - a < 200 ? 2.5 : b - a < 1500 ? 1.8 : 1.2, Math.min(1, Math.max(.45, 2500 / Math.max(1, b - a))), [OK]);
    quantiles();
    trouble(a, b);
  }

  function points(c, a, b, r, alpha, which) {
    const {from, log, kind} = c, {kx, x0, ky, y0} = p.scales();
    ctx.globalAlpha = alpha;
    for (const k of which) {
      ctx.fillStyle = p.color[KINDS[k]];
      for (let i = a; i < b; i++) if (kind[i] === k) ctx.fillRect(from[i] * kx + x0 - r, y0 - log[i] * ky - r, 2 * r, 2 * r);
    }
    ctx.globalAlpha = 1;
  }

  // Trouble is drawn one by one as long as there is room, also over a grid: crosses and diamonds.
  function trouble(a, b) {
    const {bad, kind, from, log} = s.calls, first = placeOf(bad, a), last = placeOf(bad, b);
    if (last - first > TROUBLE) return; // the grid has them
    const {kx, x0, ky, y0} = p.scales(), dpr = p.dpr;
    for (const k of [UNKNOWN, FAILED]) {
      const glyph = p.glyph(k), w = glyph.width / dpr, half = w / 2;
      for (let j = first; j < last; j++) {
        const i = bad[j];
        if (kind[i] === k) ctx.drawImage(glyph, Math.round((from[i] * kx + x0 - half) * dpr) / dpr, Math.round((y0 - log[i] * ky - half) * dpr) / dpr, w, w);
      }
    }
  }

  let cells = null;
  function count(a, b, cols) { // calls by kind, column and row
    const c = s.calls, {kx, x0} = p.scales();
    if (cells?.[0].length !== cols * ROWS) cells = [0, 1, 2].map(() => new Uint32Array(cols * ROWS)); else cells.forEach(g => g.fill(0));
    const base = c.levels?.[0];
    if (!base || s.end / base.bins > (s.view[1] - s.view[0]) / cols) {
      for (let i = a; i < b; i++) {
        const x = Math.floor(c.from[i] * kx + x0 - LEFT);
        if (x >= 0 && x < cols) cells[c.kind[i]][x * ROWS + c.row[i]]++;
      }
      return cells;
    }
    const level = levelFor(c.levels, s.end, (s.view[1] - s.view[0]) / cols), k = level.bins / s.end, trouble = placeOf(c.bad, b) > placeOf(c.bad, a);
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
  function quantiles() {
    const {p50, p99} = s.bins, {l, dpr} = p, h = Math.round(l.latency.h * dpr), cols = l.plot, px = sheet("quantiles").clear(cols, h);
    const row = us => Math.round((l.latency.end - p.Y(us)) * -dpr + h), faint = p.rgb.ink | 115 << 24, full = p.rgb.ink | 217 << 24, thick = Math.max(1, Math.round(dpr));
    const bar = (x, from, to, c) => { for (let y = Math.max(0, from); y < Math.min(h, to); y++) px[y * cols + x] = c; };
    eachColumn((x, from, to) => {
      let lo = Infinity, hi = 0, top = 0;
      for (let b = from; b < to; b++) if (p50[b]) { lo = Math.min(lo, p50[b]); hi = Math.max(hi, p50[b]); top = Math.max(top, p99[b]); }
      if (!hi) return;
      const y = row(top), high = row(hi), low = row(lo);
      bar(x, y, y + thick, faint);
      bar(x, high, Math.max(low, high + Math.ceil(1.5 * dpr)), full);
    });
    ctx.drawImage(sheet("quantiles").done(), LEFT, l.latency.y, cols, l.latency.h);
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
  // and else by column, trouble over what went well. rectOf(lane) is where a lane is; rows cut it.
  function strips(c, set, rectOf, rows) {
    const {of, count} = s.laneSets(c)[set], rects = Array.from({length: count}, (_, i) => rectOf(i)), list = s.inView(c), {kx, x0} = p.scales();
    if (list) {
      for (const kind of [OK, UNKNOWN, FAILED]) {
        ctx.fillStyle = p.color[KINDS[kind]]; ctx.globalAlpha = kind === OK ? .75 : .95;
        for (const i of list) {
          const r = c.kind[i] === kind ? rects[of[i]] : null;
          if (!r) continue;
          const h = Math.max(1.5, r.h / rows), step = rows > 1 ? (r.h - h) / (rows - 1) : 0, a = Math.max(c.from[i] * kx + x0, LEFT - 2), b = (c.from[i] + c.took[i]) * kx + x0;
          ctx.fillRect(a, r.y + (rows > 1 ? c.lane[i] * step : 0), Math.max(b - a - .5, 1), h);
        }
      }
      ctx.globalAlpha = 1;
      return;
    }
    const name = `${c.probes} ${set}`, cols = p.l.plot, px = sheet(name).clear(cols, count), seen = columnsSeen(c, set, cols);
    const shade = [0, ink(OK, .55), ink(FAILED, .95), ink(FAILED, .95), ink(UNKNOWN, .95), ink(UNKNOWN, .95), ink(FAILED, .95), ink(FAILED, .95)]; // by the bits of the kinds
    for (let i = 0; i < seen.length; i++) px[i] = shade[seen[i]];
    const image = sheet(name).done();
    ctx.imageSmoothingEnabled = false;
    rects.forEach((r, lane) => { if (r) ctx.drawImage(image, 0, lane, cols, 1, LEFT, r.y, cols, r.h); });
  }

  function columnsSeen(c, set, cols) { // by lane and column: which kinds of calls were under way
    const {count, of} = s.laneSets(c)[set], seen = new Uint8Array(count * cols), base = c.levels?.[0], {kx, x0} = p.scales();
    if (base && s.end / base.bins <= (s.view[1] - s.view[0]) / cols) {
      const level = levelFor(c.levels, s.end, (s.view[1] - s.view[0]) / cols), k = level.bins / s.end, lanes = level.lanes[set];
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
