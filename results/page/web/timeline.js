// The timeline's state, and what moves it: mouse, touch, keys and buttons.

// The page calls carriedAll where its calls have been read, which stand after this code.
let carriedAll;
const carried = new Promise(done => { carriedAll = done; });

{ // On paper nobody can open what is closed.
  let closed = [];
  addEventListener("beforeprint", () => { closed = [...document.querySelectorAll("details:not([open])")]; closed.forEach(d => { d.open = true; }); });
  addEventListener("afterprint", () => { closed.forEach(d => { d.open = false; }); closed = []; });
}

(async () => {
  const canvas = element("timeline");
  if (!canvas?.getContext || typeof DecompressionStream === "undefined") { // the figure is there
    addEventListener("DOMContentLoaded", () => { element("timeline-static").open = true; });
    return;
  }
  const unpack = unpackerAside(), meta = JSON.parse(element("data-meta").textContent);
  const next = columnsOf(await unpacked(bytesOf(element("data-bins").textContent)), meta.bins);
  const bins = {ok: next(), failed: next(), unknown: next(), p50: next(), p99: next(), max: next()};
  const end = Math.max(meta.end, 1000), box = canvas.parentElement, tip = element("tip");
  const s = {meta, bins, end, view: [0, end], scale: meta.scale, lanes: "members", clients: meta.table.clients, selected: null, range: null, loading: true};
  const sets = new Map();
  const take = ({calls, probes}) => {
    s.calls = addWords(calls, meta.table, false);
    s.probes = addWords(probes, meta.probesTable, true);
    const byMember = c => ({count: meta.lanes.length, of: c.member});
    sets.set(s.calls, [byMember(s.calls), {count: s.clients, of: s.calls.lane}]).set(s.probes, [byMember(s.probes)]);
  };
  s.laneSets = c => sets.get(c);
  let top = 1; // without the final reads: they would be the only ones to be seen
  for (let b = 0, end = Math.min(meta.bins, Math.max(1, Math.floor(meta.load / meta.bin))); b < end; b++) top = Math.max(top, (bins.ok[b] + bins.failed[b] + bins.unknown[b]) * 1e6 / meta.bin);
  const p10 = 10 ** Math.floor(Math.log10(top));
  s.rateTop = [1, 2, 3, 4, 5, 6, 8, 10].map(m => m * p10).find(v => v >= top);

  // inView are the calls in view where they are few, else null. A frame asks for them more than once.
  let frame = new Map();
  s.inView = c => {
    if (!frame.has(c)) {
      let out = null;
      if (rowAt(c, s.view[1]) - rowAt(c, s.view[0]) <= FEW && rowAt(c, s.view[1]) - rowAt(c, s.view[0] - c.usual) <= SCAN) {
        out = [];
        eachIn(c, s.view[0], s.view[1], i => out.push(i));
        if (out.length > FEW) out = null;
      }
      frame.set(c, out);
    }
    return frame.get(c);
  };

  take({calls: emptyStore(), probes: emptyStore()});
  box.hidden = false;
  const paint = painter(s, canvas);
  let pending = false;
  const draw = () => { pending = false; frame = new Map(); const t = performance.now(); paint.draw(); canvas.dataset.draw = (performance.now() - t).toFixed(2); canvas.dataset.view = s.view.join(" "); };
  // The first frame of each kind is slow: its code is not compiled yet, nor its memory had. So some of each
  // are drawn that nobody sees, before they are asked for, unless somebody moves the picture meanwhile.
  const rehearse = async () => {
    const {view, lanes} = s;
    for (const other of ["members", "clients"]) {
      for (let span = end / 2; span > 500; span /= 64) {
        if (s.view !== view || s.lanes !== lanes) return;
        Object.assign(s, {view: [(end - span) / 2, (end + span) / 2], lanes: other});
        draw();
        Object.assign(s, {view, lanes});
        draw();
        await new Promise(done => setTimeout(done));
      }
    }
  };
  const redraw = () => { if (!pending) { pending = true; requestAnimationFrame(draw); } };
  const show = (a, b) => {
    const span = Math.min(Math.max(b - a, 200), end * 1.02);
    a = Math.min(Math.max(a, -end * .01), end * 1.01 - span);
    s.view = [a, a + span]; tip.hidden = true; redraw();
  };
  const zoom = (k, x) => { const t = paint.T(x ?? LEFT + paint.layout().plot / 2); show(t - (t - s.view[0]) * k, t + (s.view[1] - t) * k); };
  const select = (store, i) => { s.selected = store ? {store, i} : null; redraw(); };
  const reveal = (store, i, close) => { // bring a call into view, and near if asked for
    const t = store.from[i], span = close ? Math.max(4 * store.took[i], 20000) : s.view[1] - s.view[0];
    if (close || t < s.view[0] || t > s.view[1]) show(t - span / 3, t + span * 2 / 3);
    select(store, i);
  };
  Object.assign(s, {select, reveal, canvas});
  const panel = makePanel(s);

  // hit finds the call at a place: the nearest point, or the bar of a lane.
  function hit(x, y, far) {
    const l = paint.layout(), t = paint.T(x), reach = Math.abs(paint.T(x + far) - t);
    let best = far * far, found = null;
    const near = c => {
      for (let i = rowAt(c, t - reach), b = rowAt(c, t + reach); i < b; i++) {
        const d = (paint.X(c.from[i]) - x) ** 2 + (paint.Y(c.took[i]) - y) ** 2;
        if (d < best) { best = d; found = {store: c, i}; }
      }
    };
    if (y < l.latency.end + 8) {
      near(s.calls);
      if (!found && rowAt(s.probes, s.view[1]) - rowAt(s.probes, s.view[0]) <= POINTS) near(s.probes);
      return found;
    }
    const bar = (c, lane, set, row) => {
      let away = Math.max(3, far / 2);
      eachIn(c, paint.T(x - far), paint.T(x + far), i => {
        if (s.laneSets(c)[set].of[i] !== lane) return;
        const a = paint.X(c.from[i]), b = paint.X(c.from[i] + c.took[i]);
        const d = Math.max(a - x, x - b, 0) + (row ? Math.abs(row(i) - y) : 0) * .5;
        if (d < away || d === away && c.kind[i] !== OK) { away = d; found = {store: c, i}; }
      });
    };
    if (l.clients && y >= l.clients.y) bar(s.calls, Math.floor((y - l.clients.y) / (l.clients.h + l.clients.gap)), 1);
    l.members.forEach((m, n) => {
      if (m.calls && y >= m.calls.y && y <= m.calls.end) bar(s.calls, n, 0, s.inView(s.calls) ? i => m.calls.y + (s.calls.lane[i] + .5) * m.calls.h / s.clients : null);
      if (m.probes && y >= m.probes.y && y <= m.probes.end + 3) bar(s.probes, n, 0);
    });
    return found;
  }

  const nameOf = (c, i) => `${c.probes ? "probe: " : ""}${visible(c.f(i), 40)} on ${visible(meta.lanes[c.member[i]]?.node ?? "?", 40)}: ${outcome[c.kind[i]]}`;

  function hover(x, y) {
    const l = paint.layout(), t = paint.T(x), found = hit(x, y, 8);
    let words = "";
    if (found) {
      const {store: c, i} = found;
      words = `${nameOf(c, i)}\ndue ${clock(c.from[i])}, took ${short(c.took[i])}${c.probes ? "" : `\nclient ${c.lane[i]}`}\nclick for more`;
    }
    const n = l.members.findIndex(m => y >= m.role.y && y <= m.role.end), lane = meta.lanes[n];
    if (lane) {
      const g = lane.segments.find(g => g.from <= t && t < g.to);
      if (g) words = `${visible(lane.node, 40)}: ${g.state}${g.term ? ", term " + g.term : ""}\n${clock(g.from)} to ${clock(g.to)} (${short(g.to - g.from)})${g.ref ? "\n" + g.ref + ": click to read it" : ""}`;
    }
    const b = Math.floor(t / meta.bin);
    if (y >= l.rates.y && y <= l.rates.end && b >= 0 && b < meta.bins)
      words = `${clock(b * meta.bin)} + ${short(meta.bin)}\nanswered: ${bins.ok[b]} ok, ${bins.failed[b]} failed, ${bins.unknown[b]} unknown\n` + (bins.p50[b] ? `ok and due then: median ${short(bins.p50[b])}, p99 ${short(bins.p99[b])}, longest ${short(bins.max[b])}` : "no call that was due then succeeded");
    if (!words && y > 0) words = meta.faults.filter(f => f.from <= t && t < f.to).map(f => `${f.label}: ${clock(f.from)} to ${clock(f.to)}${f.landed ? "" : " (not confirmed)"}\n${f.ref}`).join("\n");
    canvas.style.cursor = found || lane ? "pointer" : "crosshair";
    tip.hidden = !words; tip.textContent = words;
    tip.style.left = Math.max(0, Math.min(x + 12, l.width - tip.offsetWidth - 4)) + "px";
    tip.style.top = (y + 14 + tip.offsetHeight > l.height ? Math.max(0, y - 14 - tip.offsetHeight) : y + 14) + "px";
  }

  function click(x, y, far) {
    tip.hidden = true;
    const found = hit(x, y, far);
    if (found) { panel.call(found.store, found.i); return; }
    const l = paint.layout(), t = paint.T(x), lane = meta.lanes[l.members.findIndex(m => y >= m.role.y && y <= m.role.end)];
    const ref = lane?.segments.find(g => g.from <= t && t < g.to)?.ref ?? meta.faults.find(f => y < TOP && f.from <= t && t < f.to)?.ref;
    if (ref) panel.line(ref); else { panel.close(); if (far > 10) hover(x, y); }
  }

  const pointers = new Map();
  let moved = 0;
  const where = e => { const r = canvas.getBoundingClientRect(); return [e.clientX - r.left, e.clientY - r.top]; };
  canvas.addEventListener("pointerdown", e => {
    if (e.button) return;
    canvas.setPointerCapture(e.pointerId); canvas.focus({preventScroll: true});
    pointers.set(e.pointerId, where(e)); moved = 0;
    if (e.shiftKey) s.range = [where(e)[0], where(e)[0]];
  });
  canvas.addEventListener("pointermove", e => {
    const p = where(e), old = pointers.get(e.pointerId);
    if (!old) { if (e.pointerType !== "touch") hover(...p); return; }
    moved += Math.abs(p[0] - old[0]) + Math.abs(p[1] - old[1]);
    if (s.range) { s.range[1] = p[0]; redraw(); }
    else if (pointers.size === 1) { if (moved > 3) { const d = paint.T(old[0]) - paint.T(p[0]); show(s.view[0] + d, s.view[1] + d); } }
    else {
      const other = [...pointers].find(([id]) => id !== e.pointerId)[1];
      zoom(Math.min(4, Math.max(.25, Math.abs(old[0] - other[0]) / Math.max(8, Math.abs(p[0] - other[0])))), other[0]);
    }
    pointers.set(e.pointerId, p);
  });
  for (const type of ["pointerup", "pointercancel"]) canvas.addEventListener(type, e => {
    if (!pointers.delete(e.pointerId) || pointers.size) return;
    if (s.range) {
      const [a, b] = s.range.map(paint.T).sort((x, y) => x - y);
      s.range = null;
      if (moved > 6) show(a, b); else redraw();
    } else if (type === "pointerup" && moved <= 6) click(...where(e), e.pointerType === "touch" ? 18 : 8);
  });
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("wheel", e => {
    if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) { // sideways
      e.preventDefault(); const d = (s.view[1] - s.view[0]) * Math.max(-.5, Math.min(.5, (e.deltaX || e.deltaY) / paint.layout().plot)); show(s.view[0] + d, s.view[1] + d); return;
    }
    if (!e.ctrlKey && !e.metaKey && document.activeElement !== canvas) return; // the page scrolls
    e.preventDefault(); zoom(Math.exp(Math.max(-60, Math.min(60, e.deltaY)) * .006), where(e)[0]);
  }, {passive: false});

  // Keys: the same without a pointer. Enter opens the selected call, or the one nearest to the middle.
  const step = by => {
    const c = s.selected?.store ?? s.calls;
    if (!c.n) return;
    const i = s.selected ? s.selected.i + by : rowAt(c, (s.view[0] + s.view[1]) / 2);
    reveal(c, Math.max(0, Math.min(c.n - 1, i)));
    if (panel.isOpen()) panel.call(c, s.selected.i);
  };
  const trouble = by => { // the next call that did not end ok
    const c = s.calls, from = s.selected?.store === c ? s.selected.i : rowAt(c, s.view[0]);
    const k = by > 0 ? placeOf(c.bad, from + (s.selected ? 1 : 0)) : placeOf(c.bad, from) - 1;
    if (k < 0 || k >= c.bad.length) return;
    reveal(c, c.bad[k]);
    if (panel.isOpen()) panel.call(c, c.bad[k]);
  };
  canvas.addEventListener("keydown", e => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const span = s.view[1] - s.view[0];
    const act = {
      ArrowLeft: () => show(s.view[0] - span / 5, s.view[1] - span / 5), ArrowRight: () => show(s.view[0] + span / 5, s.view[1] + span / 5),
      "+": () => zoom(.5), "=": () => zoom(.5), "-": () => zoom(2), "0": () => show(0, end), Home: () => show(0, span), End: () => show(end - span, end),
      ",": () => step(-1), ".": () => step(1), n: () => trouble(1), p: () => trouble(-1),
      Enter: () => { if (!s.selected) step(0); if (s.selected) panel.call(s.selected.store, s.selected.i, true); },
    }[e.key];
    if (act) { act(); e.preventDefault(); }
  });
  document.querySelectorAll("[data-show]").forEach(b => b.addEventListener("click", () => {
    const [a, z] = b.dataset.show.split(",").map(Number);
    show(a, z); box.scrollIntoView({block: "nearest"});
  }));
  document.querySelectorAll("[data-zoom]").forEach(b => b.addEventListener("click", () => zoom(Number(b.dataset.zoom))));
  document.querySelectorAll("[data-lanes]").forEach(b => b.addEventListener("click", () => {
    s.lanes = b.dataset.lanes;
    document.querySelectorAll("[data-lanes]").forEach(o => o.setAttribute("aria-pressed", String(o === b)));
    redraw();
  }));
  new ResizeObserver(redraw).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { paint.theme(); redraw(); });
  draw();
  canvas.dataset.drawn = performance.now().toFixed(0);
  await carried;
  const packed = (id, n, table) => ({packed: bytesOf(element(id).textContent), n, clients: table.clients});
  take(await unpack(() => ({calls: packed("data-calls", meta.calls, meta.table), probes: packed("data-probes", meta.probes, meta.probesTable), scale: meta.scale, members: meta.lanes.length, end})));
  s.loading = false;
  draw();
  await rehearse();
  canvas.dataset.ready = performance.now().toFixed(0);
})();
