// One frame of the timeline: faults as bands behind everything, latency of calls, rates, lanes of
// members and, if asked for, of clients. All on one time axis.

const LEFT = 56, RIGHT = 8, TOP = 32, FOOT = 24, ROLE = 20, PROBE = 5;

// layout says where everything is, in CSS pixels, with calls by members or by clients.
function layout(s, width, lanes = s.lanes) {
  const l = {width, plot: Math.max(1, Math.floor(width - LEFT - RIGHT))};
  const strip = Math.max(14, Math.min(24, 4 * s.clients)); // four pixels a client, where they are few
  let y = TOP;
  const part = (h, gap) => { const r = {y, h, end: y + h}; y += h + gap; return r; };
  l.latency = part(width < 600 ? 170 : 210, 22);
  l.rates = part(64, 12);
  l.members = s.meta.lanes.map(() => {
    const m = {role: part(ROLE, 1)};
    if (lanes === "members") { m.calls = part(strip, 1); if (s.meta.probes) m.probes = part(PROBE, 0); }
    y += lanes === "members" ? 6 : 3;
    return m;
  });
  if (lanes === "clients") {
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
  const ctx = canvas.getContext("2d"), widths = new Map();
  const p = {ctx, color: {}, rgb: {}, dpr: 1, l: layout(s, 800)};
  const {color} = p;
  let l = p.l, glyphs = {};
  const X = p.X = t => LEFT + (t - s.view[0]) / (s.view[1] - s.view[0]) * l.plot;
  const T = p.T = x => s.view[0] + (x - LEFT) / l.plot * (s.view[1] - s.view[0]);
  const Y = p.Y = us => l.latency.end - (Math.log10(Math.max(1, us)) - s.scale.lo) / (s.scale.hi - s.scale.lo) * l.latency.h;
  // The same as factors, for loops over many calls: X = t * kx + x0, Y = y0 - log10(us) * ky.
  p.scales = () => {
    const kx = l.plot / (s.view[1] - s.view[0]), ky = l.latency.h / (s.scale.hi - s.scale.lo);
    return {kx, x0: LEFT - s.view[0] * kx, ky, y0: l.latency.end + s.scale.lo * ky};
  };
  const layers = makeLayers(s, p);

  function theme() { // reading styles is slow: once, not in every frame
    const style = getComputedStyle(document.documentElement), css = name => style.getPropertyValue("--" + name).trim();
    for (const n of ["ok", "bad", "unknown", "ink", "muted", "rule", "card", "link", "shade", "shade-leader"]) color[n] = css(n);
    for (const n of ["leader", "follower", "candidate", "pre-candidate", "paused", "down", "unknown"]) color["state-" + n] = css("state-" + n);
    const packed = hex => parseInt(hex.slice(1, 3), 16) | parseInt(hex.slice(3, 5), 16) << 8 | parseInt(hex.slice(5, 7), 16) << 16;
    KINDS.forEach((k, kind) => { p.rgb[kind] = packed(color[k]); });
    p.rgb.ink = packed(color.ink);
    glyphs = {};
  }

  function size() {
    const dpr = window.devicePixelRatio || 1;
    if (p.dpr !== dpr) { p.dpr = dpr; glyphs = {}; }
    const box = canvas.parentElement, width = box.clientWidth;
    l = p.l = layout(s, width);
    // The canvas is as high as it may have to be, and its box shows a part: other lanes need no other canvas, which takes long.
    const high = Math.max(...["members", "clients"].map(lanes => layout(s, width, lanes).height)), w = Math.round(l.width * dpr), h = Math.round(high * dpr);
    if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; canvas.style.height = high + "px"; }
    if (box.style.height !== l.height + "px") box.style.height = l.height + "px";
    ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
    ctx.clearRect(0, 0, l.width, high);
    ctx.textBaseline = "middle"; ctx.lineWidth = 1; ctx.font = "11px system-ui, sans-serif";
  }

  function draw() {
    size();
    clipped(TOP - 32, l.bottom, faults);
    axes();
    clipped(TOP - 4, l.latency.end + 4, layers.latency);
    clipped(l.rates.y, l.rates.end, layers.rates);
    clipped(TOP, l.bottom, () => { members(); if (l.clients) clients(); marks(); selection(); });
    names();
  }

  function clipped(from, to, paint) {
    ctx.save(); ctx.beginPath(); ctx.rect(LEFT, from, l.plot, to - from); ctx.clip();
    paint();
    ctx.restore();
  }

  function text(words, x, y, fill, align = "left") { ctx.textAlign = align; ctx.fillStyle = fill; ctx.fillText(words, x, y); }

  function wide(words) { // in the present font; measuring is slow
    const key = ctx.font + words;
    let w = widths.get(key);
    if (w === undefined) {
      if (widths.size > 4000) widths.clear();
      widths.set(key, w = ctx.measureText(words).width);
    }
    return w;
  }

  // A cross for what failed, a diamond for what nobody knows: drawn once, as how opaque each pixel of a square is.
  p.glyph = kind => glyphs[kind] ??= (() => {
    const side = Math.round(11 * p.dpr), g = document.createElement("canvas"), c = g.getContext("2d", {willReadFrequently: true});
    g.width = g.height = side;
    c.setTransform(p.dpr, 0, 0, p.dpr, side / 2, side / 2);
    c.globalAlpha = .9; c.lineWidth = 1.2; c.beginPath();
    if (kind === FAILED) { c.moveTo(-3, -3); c.lineTo(3, 3); c.moveTo(-3, 3); c.lineTo(3, -3); }
    else { c.moveTo(-3.5, 0); c.lineTo(0, 3.5); c.lineTo(3.5, 0); c.lineTo(0, -3.5); c.closePath(); }
    c.stroke();
    return {side, mask: c.getImageData(0, 0, side, side).data.filter((_, i) => i % 4 === 3)};
  })();

  function faults() {
    const rows = [-1e9, -1e9];
    for (const f of s.meta.faults) {
      const a = Math.max(X(f.from), LEFT - 5), b = Math.min(X(f.to), l.width + 5);
      if (b < LEFT || a > l.width) continue;
      ctx.fillStyle = f.leader ? color["shade-leader"] : color.shade;
      ctx.fillRect(a, TOP - 4, Math.max(1, b - a), l.bottom - TOP + 4);
      const words = fit(visible(f.label, 200) + (f.landed ? "" : " (not confirmed)"), l.plot - 4), w = wide(words), at = Math.max(LEFT + 2, Math.min(Math.max(a, LEFT) + 2, l.width - RIGHT - w));
      const row = rows.findIndex(end => end <= at);
      if (row < 0) continue;
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
      const half = wide(label) / 2;
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

  function members() {
    s.meta.lanes.forEach((lane, i) => {
      role(lane, l.members[i].role);
    });
    if (s.lanes !== "members") return;
    layers.strips(s.calls, 0, i => l.members[i].calls, s.clients);
    if (s.meta.probes) layers.strips(s.probes, 0, i => l.members[i].probes, 1);
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
        if (words && w > 14 && wide(words) + 8 < w) { text(words, a + w / 2, r.y + r.h / 2 + .5, ink, "center"); break; }
    }
    ctx.strokeStyle = color.bad; ctx.lineWidth = 1.5;
    for (const c of lane.cuts) ctx.strokeRect(X(c[0]), r.y + 1, X(c[1]) - X(c[0]), r.h - 2);
    ctx.lineWidth = 1;
  }

  function clients() {
    const {y, h, gap} = l.clients;
    layers.strips(s.calls, 1, i => ({y: y + i * (h + gap), h}), 1);
  }

  function marks() { // only when zoomed in
    if (s.view[1] - s.view[0] > 12e6) return;
    const ends = [], shown = s.meta.marks.filter(m => m.at >= s.view[0] && m.at <= s.view[1]);
    ctx.strokeStyle = color.ink; ctx.setLineDash([3, 3]);
    for (const m of shown) { const x = Math.round(X(m.at)) + .5; ctx.beginPath(); ctx.moveTo(x, TOP); ctx.lineTo(x, l.bottom); ctx.stroke(); }
    ctx.setLineDash([]);
    for (const m of shown) {
      const w = wide(m.label) + 8, a = Math.max(LEFT, Math.min(X(m.at), l.width - RIGHT - w));
      let row = ends.findIndex(e => e <= a);
      if (row < 0) row = ends.length;
      if (row > 6) continue;
      ends[row] = a + w;
      ctx.fillStyle = color.card; ctx.globalAlpha = .88; ctx.fillRect(a + 2, TOP + 19 + row * 14, w - 4, 13); ctx.globalAlpha = 1; // below the note
      text(m.label, a + 4, TOP + 26 + row * 14, color.ink);
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
    const m = l.members[c.member[i]];
    if (!m) return null;
    const r = c.probes ? m.probes : m.calls;
    if (c.probes || !s.inView(c)) return {x, y: r.y, w, h: r.h};
    const h = Math.max(1.5, r.h / s.clients);
    return {x, y: r.y + c.lane[i] * (r.h - h) / Math.max(1, s.clients - 1), w, h};
  }

  function names() {
    ctx.font = "600 12px system-ui, sans-serif";
    s.meta.lanes.forEach((lane, i) => text(fit(visible(lane.node, 40), LEFT - 10), LEFT - 8, l.members[i].role.y + ROLE / 2, color.ink, "right"));
    ctx.font = "10px system-ui, sans-serif";
    const note = (words, y) => { const w = wide(words); ctx.fillStyle = color.card; ctx.globalAlpha = .8; ctx.fillRect(LEFT + 1, y - 7, w + 8, 14); ctx.globalAlpha = 1; text(words, LEFT + 5, y, color.muted); };
    const bin = short(s.meta.bin);
    note(l.width < 600 ? "latency, when due" : `latency of calls, from when they were due; lines: median and p99 of ${bin}`, l.latency.y + 8);
    if (l.width >= 600) note(`calls answered per second, in bins of ${bin}`, l.rates.y + 8);
    if (l.width < 600) note("answered per second", l.rates.y + 8);
    s.meta.lanes.forEach((lane, i) => { const m = l.members[i]; if (m.calls) text("calls", LEFT - 8, m.calls.y + m.calls.h / 2, color.muted, "right"); });
    if (l.clients) {
      note(`${s.clients} clients`, l.clients.y - 9);
      const every = Math.ceil(11 / (l.clients.h + l.clients.gap));
      for (let i = 0; i < s.clients; i += every) text(`${i}`, LEFT - 8, l.clients.y + i * (l.clients.h + l.clients.gap) + l.clients.h / 2, color.muted, "right");
    }
  }

  function fit(words, w) { while (words.length > 1 && wide(words) > w) words = words.slice(0, -2) + "…"; return words; }

  theme();
  return {draw, theme, X, T, Y, layout: () => l};
}
