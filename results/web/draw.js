// One frame of the timeline: faults as bands behind everything, latency of calls, rates, lanes of
// members and, if asked for, of clients. All on one time axis.

const LEFT = 56, RIGHT = 8, TOP = 32, FOOT = 24, ROLE = 20, STRIP = 14, PROBE = 5;

// layout says where everything is, in CSS pixels.
function layout(s, width) {
  const l = {width, plot: Math.max(1, Math.floor(width - LEFT - RIGHT))};
  let y = TOP;
  const part = (h, gap) => { const r = {y, h, end: y + h}; y += h + gap; return r; };
  l.latency = part(width < 600 ? 170 : 210, 22);
  l.rates = part(64, 12);
  l.members = s.meta.lanes.map(() => {
    const m = {role: part(ROLE, 1)};
    if (s.lanes === "members") { m.calls = part(STRIP, 1); if (s.probes.n) m.probes = part(PROBE, 0); }
    y += s.lanes === "members" ? 6 : 3;
    return m;
  });
  if (s.lanes === "clients") {
    y += 16;
    const h = Math.max(3, Math.min(14, Math.floor(260 / s.clients)));
    l.clients = {y, h, gap: h > 5 ? 2 : 1, end: y + s.clients * (h + (h > 5 ? 2 : 1))};
    y = l.clients.end + 4;
  }
  l.bottom = y;
  l.height = y + FOOT;
  return l;
}

function painter(s, canvas) {
  const ctx = canvas.getContext("2d"), sheet = document.createElement("canvas"), sheetCtx = sheet.getContext("2d", {willReadFrequently: true});
  let color = {}, rgb = {}, l = layout(s, 800);
  const X = t => LEFT + (t - s.view[0]) / (s.view[1] - s.view[0]) * l.plot;
  const T = x => s.view[0] + (x - LEFT) / l.plot * (s.view[1] - s.view[0]);
  const Y = us => l.latency.end - (Math.log10(Math.max(1, us)) - s.scale.lo) / (s.scale.hi - s.scale.lo) * l.latency.h;
  const kinds = ["ok", "bad", "unknown"];

  function theme() { // reading styles is slow: once, not in every frame
    const style = getComputedStyle(document.documentElement), css = name => style.getPropertyValue("--" + name).trim();
    for (const n of ["ok", "bad", "unknown", "ink", "muted", "rule", "card", "link", "shade", "shade-leader"]) color[n] = css(n);
    for (const n of ["leader", "follower", "candidate", "pre-candidate", "paused", "down", "unknown"]) color["state-" + n] = css("state-" + n);
    rgb = Object.fromEntries(kinds.map(k => [k, [1, 3, 5].map(i => parseInt(color[k].slice(i, i + 2), 16))]));
  }

  function size() {
    const dpr = window.devicePixelRatio || 1;
    l = layout(s, canvas.parentElement.clientWidth);
    const w = Math.round(l.width * dpr), h = Math.round(l.height * dpr);
    if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; canvas.style.height = l.height + "px"; }
    ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
    ctx.clearRect(0, 0, l.width, l.height);
    ctx.textBaseline = "middle"; ctx.lineWidth = 1; ctx.font = "11px system-ui, sans-serif";
  }

  function draw() {
    size();
    clipped(TOP - 32, l.bottom, faults);
    axes();
    clipped(TOP - 4, l.latency.end + 4, latency);
    clipped(l.rates.y, l.rates.end, rates);
    clipped(TOP, l.bottom, () => { members(); if (l.clients) clients(); marks(); selection(); });
    names();
  }

  function clipped(from, to, paint) {
    ctx.save(); ctx.beginPath(); ctx.rect(LEFT, from, l.plot, to - from); ctx.clip();
    paint();
    ctx.restore();
  }

  function text(words, x, y, fill, align = "left") { ctx.textAlign = align; ctx.fillStyle = fill; ctx.fillText(words, x, y); }

  function faults() {
    const rows = [-1e9, -1e9];
    for (const f of s.meta.faults) {
      const a = Math.max(X(f.from), LEFT - 5), b = Math.min(X(f.to), l.width + 5);
      if (b < LEFT || a > l.width) continue;
      ctx.fillStyle = f.leader ? color["shade-leader"] : color.shade;
      ctx.fillRect(a, TOP - 4, Math.max(1, b - a), l.bottom - TOP + 4);
      const words = f.label + (f.landed ? "" : " (did not land)"), at = Math.max(a, LEFT) + 2, w = ctx.measureText(words).width;
      const row = rows.findIndex(end => end <= at);
      if (row < 0 || at + w > l.width && rows[row] > 0) continue;
      text(words, at, 8 + 13 * row, f.leader ? color.bad : color.muted);
      rows[row] = at + w + 8;
    }
  }

  function axes() {
    ctx.strokeStyle = color.rule;
    const across = y => { ctx.beginPath(); ctx.moveTo(LEFT, y); ctx.lineTo(l.width - RIGHT, y); ctx.stroke(); };
    for (let e = s.scale.lo; e <= s.scale.hi; e++) {
      const y = Math.round(Y(10 ** e)) + .5;
      across(y);
      text(e >= 6 ? 10 ** (e - 6) + " s" : e >= 3 ? 10 ** (e - 3) + " ms" : 10 ** e + " µs", LEFT - 6, y, color.muted, "right");
    }
    for (const v of [0, s.rateTop]) {
      const y = Math.round(v ? l.rates.y : l.rates.end) + .5;
      across(y);
      text(v >= 10000 ? v / 1000 + "k/s" : v + "/s", LEFT - 6, y, color.muted, "right");
    }
    for (const [t, label] of ticks()) {
      const x = Math.round(X(t)) + .5;
      ctx.beginPath(); ctx.moveTo(x, TOP); ctx.lineTo(x, l.bottom); ctx.stroke();
      const half = ctx.measureText(label).width / 2;
      if (x - half > LEFT - 20 && x + half < l.width) text(label, x, l.height - 12, color.muted, "center");
    }
  }

  function ticks() {
    const rough = (s.view[1] - s.view[0]) / Math.max(2, Math.floor(l.plot / 80));
    const p = 10 ** Math.floor(Math.log10(rough));
    const step = Math.max(1, [1, 2, 5, 10].map(m => m * p).find(v => v >= rough));
    const digits = Math.max(0, Math.min(6, Math.ceil(6 - Math.log10(step) - 1e-9)));
    const out = [];
    for (let t = Math.ceil(s.view[0] / step) * step; t <= s.view[1]; t += step) out.push([t, (t / 1e6).toFixed(digits) + (digits > 3 ? "" : " s")]);
    return out;
  }

  // Latency: points, or where there are too many a grid whose cells count them.
  function latency() {
    const a = rowAt(s.calls, s.view[0]), b = rowAt(s.calls, s.view[1]);
    const pa = rowAt(s.probes, s.view[0]), pb = rowAt(s.probes, s.view[1]);
    if (pb - pa <= POINTS) probePoints(pa, pb);
    if (b - a > POINTS) grid(a, b); else okPoints(a, b);
    quantiles();
    trouble(a, b);
  }

  function okPoints(a, b) {
    const r = b - a < 1500 ? 1.8 : 1.2;
    ctx.fillStyle = color.ok; ctx.globalAlpha = Math.min(1, Math.max(.45, 2500 / Math.max(1, b - a)));
    for (let i = a; i < b; i++) if (s.calls.kind[i] === OK) ctx.fillRect(X(s.calls.from[i]) - r, Y(s.calls.took[i]) - r, 2 * r, 2 * r);
    ctx.globalAlpha = 1;
  }

  function probePoints(a, b) { // faint, under the calls
    ctx.globalAlpha = .4;
    kinds.forEach((k, kind) => {
      ctx.fillStyle = color[k];
      for (let i = a; i < b; i++) if (s.probes.kind[i] === kind) ctx.fillRect(X(s.probes.from[i]) - .8, Y(s.probes.took[i]) - .8, 1.6, 1.6);
    });
    ctx.globalAlpha = 1;
  }

  // Trouble is drawn one by one as long as there is room, also over a grid: crosses and diamonds.
  function trouble(a, b) {
    const bad = s.calls.bad, from = placeOf(bad, a), to = placeOf(bad, b);
    if (to - from > 3000) return; // the grid has them
    ctx.globalAlpha = .9; ctx.lineWidth = 1.2;
    for (const kind of [UNKNOWN, FAILED]) {
      ctx.strokeStyle = color[kinds[kind]]; ctx.beginPath();
      for (let k = from; k < to; k++) if (s.calls.kind[bad[k]] === kind) glyph(kind, X(s.calls.from[bad[k]]), Y(s.calls.took[bad[k]]));
      ctx.stroke();
    }
    ctx.globalAlpha = 1; ctx.lineWidth = 1;
  }

  function glyph(kind, x, y) {
    if (kind === FAILED) { ctx.moveTo(x - 3, y - 3); ctx.lineTo(x + 3, y + 3); ctx.moveTo(x - 3, y + 3); ctx.lineTo(x + 3, y - 3); }
    else { ctx.moveTo(x - 3.5, y); ctx.lineTo(x, y + 3.5); ctx.lineTo(x + 3.5, y); ctx.lineTo(x, y - 3.5); ctx.closePath(); }
  }

  function grid(a, b) {
    const cols = l.plot, cells = [0, 1, 2].map(() => new Uint32Array(cols * ROWS)), perColumn = (s.view[1] - s.view[0]) / cols;
    if (b - a <= DIRECT || !s.levels) {
      for (let i = a; i < b; i++) {
        const x = Math.floor(X(s.calls.from[i]) - LEFT);
        if (x >= 0 && x < cols) cells[s.calls.kind[i]][x * ROWS + s.scale.row(s.calls.took[i])]++;
      }
    } else {
      const level = levelFor(s.levels, s.end, perColumn), k = level.bins / s.end;
      for (let x = 0; x < cols; x++) {
        const from = Math.max(0, Math.floor(T(LEFT + x) * k)), to = Math.min(level.bins, Math.max(from + 1, Math.floor(T(LEFT + x + 1) * k)));
        for (let bin = from; bin < to; bin++) for (let kind = 0; kind < 3; kind++) {
          const g = level.grid[kind], out = cells[kind];
          for (let r = 0, p = bin * ROWS, q = x * ROWS; r < ROWS; r++) if (g[p + r]) out[q + r] += g[p + r];
        }
      }
    }
    const each = placeOf(s.calls.bad, b) - placeOf(s.calls.bad, a) <= 3000; // trouble is drawn one by one
    let most = 1;
    for (const v of cells[OK]) if (v > most) most = v;
    sheet.width = cols; sheet.height = ROWS;
    const image = sheetCtx.createImageData(cols, ROWS), px = image.data, log = Math.log(most + 1);
    for (let x = 0; x < cols; x++) for (let r = 0; r < ROWS; r++) {
      const p = x * ROWS + r, kind = !each && cells[FAILED][p] ? FAILED : !each && cells[UNKNOWN][p] ? UNKNOWN : OK, n = cells[kind][p];
      if (!n) continue;
      const q = ((ROWS - 1 - r) * cols + x) * 4, c = rgb[kinds[kind]];
      px[q] = c[0]; px[q + 1] = c[1]; px[q + 2] = c[2]; px[q + 3] = kind === OK ? 70 + 185 * Math.log(n + 1) / log : 230;
    }
    sheetCtx.putImageData(image, 0, 0);
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(sheet, LEFT, l.latency.y, cols, l.latency.h);
  }

  // eachColumn visits the columns with the bins that begin in them, at least one.
  function eachColumn(visit) {
    for (let x = 0; x < l.plot; x++) {
      const from = Math.floor(T(LEFT + x) / s.meta.bin), to = Math.max(from + 1, Math.floor(T(LEFT + x + 1) / s.meta.bin));
      if (to > 0 && from < s.meta.bins) visit(LEFT + x, Math.max(0, from), Math.min(to, s.meta.bins));
    }
  }

  // The median and p99 of each bin; where many bins share a column, the median from its lowest to
  // its highest and the highest p99.
  function quantiles() {
    const {p50, p99} = s.bins;
    eachColumn((x, from, to) => {
      let lo = Infinity, hi = 0, top = 0;
      for (let b = from; b < to; b++) if (p50[b]) { lo = Math.min(lo, p50[b]); hi = Math.max(hi, p50[b]); top = Math.max(top, p99[b]); }
      if (!hi) return;
      ctx.fillStyle = color.ink;
      ctx.globalAlpha = .45; ctx.fillRect(x, Y(top) - .5, 1, 1);
      ctx.globalAlpha = .85; ctx.fillRect(x, Y(hi) - .75, 1, Y(lo) - Y(hi) + 1.5);
    });
    ctx.globalAlpha = 1;
  }

  // Calls answered per second: solid up to the lowest bin of a column, light up to the highest, so
  // that one bad bin is seen among many.
  function rates() {
    const {ok, failed, unknown} = s.bins, h = l.rates.h * 1e6 / s.meta.bin / s.rateTop, foot = l.rates.end;
    const bar = (x, from, to, fill, a) => { if (to > from) { ctx.globalAlpha = a; ctx.fillStyle = fill; ctx.fillRect(x, foot - to, 1, Math.max(to - from, .75)); } };
    eachColumn((x, from, to) => {
      let lo = Infinity, hi = 0, f = 0, u = 0;
      for (let b = from; b < to; b++) { lo = Math.min(lo, ok[b]); hi = Math.max(hi, ok[b]); f = Math.max(f, failed[b]); u = Math.max(u, unknown[b]); }
      bar(x, 0, lo * h, color.ok, .85); bar(x, lo * h, hi * h, color.ok, .35);
      bar(x, hi * h, (hi + f) * h, color.bad, .95); bar(x, (hi + f) * h, (hi + f + u) * h, color.unknown, .95);
    });
    ctx.globalAlpha = 1;
  }

  function members() {
    s.meta.lanes.forEach((lane, i) => {
      const m = l.members[i];
      role(lane, m.role);
      if (m.calls) strip(s.calls, 0, i, m.calls, s.clients, c => s.calls.lane[c]);
      if (m.probes) strip(s.probes, 0, i, m.probes, 1, () => 0);
    });
  }

  function role(lane, r) {
    for (const g of lane.segments) {
      const a = Math.max(X(g.from), LEFT), b = Math.min(X(g.to), l.width - RIGHT);
      if (b < LEFT || a > l.width) continue;
      const w = Math.max(b - a, 1);
      ctx.fillStyle = color["state-" + g.state];
      ctx.fillRect(a, r.y, w, r.h);
      const ink = ["leader", "down", "paused"].includes(g.state) ? "#fff" : g.state.includes("candidate") ? "#222" : color.ink;
      for (const words of [g.term ? `${g.state} · term ${g.term}` : g.state, g.state === "leader" || g.state === "follower" ? String(g.term || "") : g.state])
        if (words && w > 14 && ctx.measureText(words).width + 8 < w) { text(words, a + w / 2, r.y + r.h / 2 + .5, ink, "center"); break; }
    }
    ctx.strokeStyle = color.bad; ctx.lineWidth = 1.5;
    for (const c of lane.cuts) ctx.strokeRect(X(c[0]), r.y + 1, X(c[1]) - X(c[0]), r.h - 2);
    ctx.lineWidth = 1;
  }

  function clients() {
    for (let i = 0; i < s.clients; i++) strip(s.calls, 1, i, {y: l.clients.y + i * (l.clients.h + l.clients.gap), h: l.clients.h}, 1, () => 0);
  }

  // strip draws one lane's calls from when they were due to their end: as bars where they are few,
  // and else by column, trouble over what went well.
  function strip(c, set, lane, r, rows, rowOf) {
    const of = s.laneSets(c)[set].of;
    if (s.few(c)) {
      const h = Math.max(1.5, r.h / rows), step = (r.h - h) / Math.max(1, rows - 1);
      for (const i of s.inView(c)) {
        if (of(i) !== lane) continue;
        const a = Math.max(X(c.from[i]), LEFT - 2), b = X(c.from[i] + c.took[i]);
        ctx.fillStyle = color[kinds[c.kind[i]]]; ctx.globalAlpha = c.kind[i] === OK ? .75 : .95;
        ctx.fillRect(a, r.y + rowOf(i) * step, Math.max(b - a - .5, 1), h);
      }
      ctx.globalAlpha = 1;
      return;
    }
    const seen = s.columns(c, set, l.plot, X, T);
    let x = 0;
    const look = x => { const v = seen[lane * l.plot + x]; return v & 2 ? FAILED : v & 4 ? UNKNOWN : v & 1 ? OK : -1; };
    while (x < l.plot) {
      const k = look(x), from = x;
      while (x < l.plot && look(x) === k) x++;
      if (k < 0) continue;
      ctx.fillStyle = color[kinds[k]]; ctx.globalAlpha = k === OK ? .55 : .95;
      ctx.fillRect(LEFT + from, r.y, x - from, r.h);
    }
    ctx.globalAlpha = 1;
  }

  function marks() { // only when zoomed in
    if (s.view[1] - s.view[0] > 12e6) return;
    const ends = [], shown = s.meta.marks.filter(m => m.at >= s.view[0] && m.at <= s.view[1]);
    ctx.strokeStyle = color.ink; ctx.setLineDash([3, 3]);
    for (const m of shown) { const x = Math.round(X(m.at)) + .5; ctx.beginPath(); ctx.moveTo(x, TOP); ctx.lineTo(x, l.bottom); ctx.stroke(); }
    ctx.setLineDash([]);
    for (const m of shown) {
      const w = ctx.measureText(m.label).width + 8, a = Math.max(LEFT, Math.min(X(m.at), l.width - RIGHT - w));
      let row = ends.findIndex(e => e <= a);
      if (row < 0) row = ends.length;
      if (row > 6) continue;
      ends[row] = a + w;
      ctx.fillStyle = color.card; ctx.globalAlpha = .88; ctx.fillRect(a + 2, TOP + 4 + row * 14, w - 4, 13); ctx.globalAlpha = 1;
      text(m.label, a + 4, TOP + 11 + row * 14, color.ink);
    }
  }

  function selection() {
    if (s.range) { ctx.fillStyle = color.link; ctx.globalAlpha = .18; ctx.fillRect(Math.min(...s.range), TOP, Math.abs(s.range[1] - s.range[0]), l.bottom - TOP); ctx.globalAlpha = 1; }
    if (!s.selected) return;
    const {store: c, i} = s.selected, x = X(c.from[i]), y = Y(c.took[i]);
    ctx.strokeStyle = color.ink; ctx.lineWidth = 1.5;
    ctx.beginPath(); ctx.arc(x, y, 7, 0, 2 * Math.PI); ctx.stroke();
    ctx.globalAlpha = .5; ctx.beginPath(); ctx.moveTo(x, TOP); ctx.lineTo(x, y - 7); ctx.moveTo(x, y + 7); ctx.lineTo(x, l.bottom); ctx.stroke(); ctx.globalAlpha = 1;
    const r = rectOf(c, i);
    if (r) ctx.strokeRect(r.x - 1.5, r.y - 1.5, r.w + 3, r.h + 3);
    ctx.lineWidth = 1;
  }

  // rectOf is where a call's bar is in its lane.
  function rectOf(c, i) {
    const w = Math.max(2, X(c.from[i] + c.took[i]) - X(c.from[i])), x = X(c.from[i]);
    if (l.clients) return c.probes ? null : {x, y: l.clients.y + c.lane[i] * (l.clients.h + l.clients.gap), w, h: l.clients.h};
    const m = l.members[c.node(i)];
    if (!m) return null;
    const r = c.probes ? m.probes : m.calls;
    if (c.probes || !s.few(c)) return {x, y: r.y, w, h: r.h};
    const h = Math.max(1.5, r.h / s.clients);
    return {x, y: r.y + c.lane[i] * (r.h - h) / Math.max(1, s.clients - 1), w, h};
  }

  function names() {
    ctx.font = "600 12px system-ui, sans-serif";
    s.meta.lanes.forEach((lane, i) => text(fit(visible(lane.node, 40), LEFT - 10), LEFT - 8, l.members[i].role.y + ROLE / 2, color.ink, "right"));
    ctx.font = "10px system-ui, sans-serif";
    const note = (words, y) => { const w = ctx.measureText(words).width; ctx.fillStyle = color.card; ctx.globalAlpha = .8; ctx.fillRect(LEFT + 1, y - 7, w + 8, 14); ctx.globalAlpha = 1; text(words, LEFT + 5, y, color.muted); };
    const bin = short(s.meta.bin);
    note(l.width < 600 ? "latency, when due" : `latency of calls, from when they were due; lines: median and p99 of ${bin}`, l.latency.y + 8);
    if (l.width >= 600) note(`calls answered per second, in bins of ${bin}`, l.rates.y + 8);
    if (l.width < 600) note("answered per second", l.rates.y + 8);
    s.meta.lanes.forEach((lane, i) => { const m = l.members[i]; if (m.calls) text("calls", LEFT - 8, m.calls.y + STRIP / 2, color.muted, "right"); });
    if (l.clients) {
      note(`${s.clients} clients`, l.clients.y - 9);
      const every = Math.ceil(11 / (l.clients.h + l.clients.gap));
      for (let i = 0; i < s.clients; i += every) text(`${i}`, LEFT - 8, l.clients.y + i * (l.clients.h + l.clients.gap) + l.clients.h / 2, color.muted, "right");
    }
  }

  function fit(words, w) { while (words.length > 1 && ctx.measureText(words).width > w) words = words.slice(0, -2) + "…"; return words; }

  theme();
  return {draw, theme, X, T, Y, layout: () => l};
}
