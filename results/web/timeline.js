"use strict";
// The interactive timeline: every call as a point over the members' lanes. Times are microseconds.
(async () => {
  const canvas = document.getElementById("timeline");
  if (!canvas || !canvas.getContext || typeof DecompressionStream === "undefined") return;
  const meta = JSON.parse(canvas.dataset.meta);
  let slowest = 1, fastest = 1e12;
  async function unpack(data, n) { // columns of differences: they compress well
    const c = {n, from: new Float64Array(n), took: new Float64Array(n), flags: new Uint8Array(n), lines: new Uint32Array(n)};
    if (!n) return c;
    const packed = Uint8Array.from(atob(data), c => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const raw = new DataView(await new Response(stream).arrayBuffer());
    for (let i = 0, time = 0, row = 0; i < n; i++) {
      c.from[i] = time += raw.getUint32(4 * i, true);
      c.took[i] = raw.getUint32(4 * (n + i), true);
      c.lines[i] = row = (row + raw.getUint32(4 * (2 * n + i), true)) >>> 0;
      c.flags[i] = raw.getUint8(12 * n + i);
      slowest = Math.max(slowest, c.took[i]);
      fastest = Math.min(fastest, Math.max(1, c.took[i]));
    }
    return c;
  }
  const probes = await unpack(canvas.dataset.probes, meta.probes);
  const calls = await unpack(canvas.dataset.calls, meta.calls);
  const {n, from, took, flags, lines} = calls;
  const box = canvas.parentElement, tip = document.getElementById("tip"), ctx = canvas.getContext("2d");
  box.hidden = false;
  document.getElementById("timeline-static").open = false;
  const end = Math.max(meta.end, 1000);
  let view = [0, end], width = 0, height = 0, pending = false, cursor = null;
  const left = 52, right = 8, top = 30, laneH = 24, gap = 4, foot = 26;
  const lanesTop = () => height - foot - meta.lanes.length * (laneH + gap);
  const lo = Math.floor(Math.log10(n + probes.n ? fastest : 1000)), hi = Math.ceil(Math.log10((n + probes.n ? slowest : 1e6) * 1.01));
  const X = t => left + (t - view[0]) / (view[1] - view[0]) * (width - left - right);
  const T = x => view[0] + (x - left) / (width - left - right) * (view[1] - view[0]);
  const Y = us => { const b = lanesTop() - 10; return b - (Math.log10(Math.max(1, us)) - lo) / (hi - lo) * (b - top); };
  const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const at = (t, list = calls) => { // first call that is due at t or later
    let a = 0, b = list.n;
    while (a < b) { const m = (a + b) >> 1; if (list.from[m] < t) a = m + 1; else b = m; }
    return a;
  };
  const probesShown = () => at(view[1], probes) - at(view[0], probes) < 6000; // as points
  const clock = us => (us / 1e6).toFixed(6).replace(/(\.\d{3})(\d{3})$/, "$1 $2") + " s";
  const short = us => us >= 1e6 ? (us / 1e6).toFixed(3) + " s" : us >= 1000 ? (us / 1000).toFixed(us >= 1e5 ? 0 : 2) + " ms" : Math.round(us) + " µs";

  function ticks() {
    const rough = (view[1] - view[0]) / Math.max(2, Math.floor((width - left) / 64));
    const p = Math.pow(10, Math.floor(Math.log10(rough)));
    const step = [1, 2, 5, 10].map(m => m * p).find(s => s >= rough);
    const digits = Math.max(0, Math.min(6, Math.ceil(6 - Math.log10(step) - 1e-9)));
    const out = [];
    for (let t = Math.ceil(view[0] / step) * step; t <= view[1]; t += step) out.push([t, (t / 1e6).toFixed(digits)]);
    return out;
  }

  function draw() {
    pending = false;
    const dpr = window.devicePixelRatio || 1;
    width = box.clientWidth; height = 260 + meta.lanes.length * (laneH + gap);
    if (canvas.width !== Math.round(width * dpr) || canvas.height !== Math.round(height * dpr)) {
      canvas.width = Math.round(width * dpr); canvas.height = Math.round(height * dpr);
      canvas.style.height = height + "px";
    }
    ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
    ctx.clearRect(0, 0, width, height);
    ctx.font = "11px system-ui, sans-serif"; ctx.textBaseline = "middle";
    const ink = css("--ink"), muted = css("--muted"), rule = css("--rule");
    ctx.save(); ctx.beginPath(); ctx.rect(left, 0, width - left - right, height - foot); ctx.clip();
    let taken = [-1e9, -1e9];
    for (const f of meta.faults) {
      const a = Math.max(X(f.from), left - 5), b = Math.min(X(f.to), width + 5);
      if (b < left || a > width) continue;
      ctx.fillStyle = f.leader ? css("--shade-leader") : css("--shade");
      ctx.fillRect(a, top - 4, Math.max(1, b - a), height - foot - top + 4);
      const w = ctx.measureText(f.label).width, row = taken[0] <= a ? 0 : taken[1] <= a ? 1 : -1;
      if (row >= 0 && (b - a > 12 || meta.faults.length < 40)) {
        ctx.fillStyle = f.leader ? css("--bad") : muted;
        ctx.fillText(f.label, Math.max(a, left) + 2, 7 + 12 * row);
        taken[row] = Math.max(a, left) + w + 8;
      }
    }
    ctx.restore();
    ctx.textAlign = "right"; ctx.strokeStyle = rule; ctx.fillStyle = muted; ctx.lineWidth = 1;
    for (let e = lo; e <= hi; e++) {
      const y = Math.round(Y(Math.pow(10, e))) + .5;
      ctx.beginPath(); ctx.moveTo(left, y); ctx.lineTo(width - right, y); ctx.stroke();
      ctx.fillText(e >= 6 ? Math.pow(10, e - 6) + " s" : e >= 3 ? Math.pow(10, e - 3) + " ms" : Math.pow(10, e) + " µs", left - 6, y);
    }
    ctx.textAlign = "center";
    for (const [t, label] of ticks()) {
      const x = Math.round(X(t)) + .5;
      ctx.beginPath(); ctx.moveTo(x, top); ctx.lineTo(x, height - foot); ctx.stroke();
      if (x > left + 12 && x < width - 22) ctx.fillText(label, x, height - 14);
    }
    ctx.save(); ctx.beginPath(); ctx.rect(left, 0, width - left - right, height - foot); ctx.clip();
    if (probesShown()) probePoints();
    points(); lanes(ink); probeStrips();
    for (const m of view[1] - view[0] > 12e6 ? [] : meta.marks) {
      const x = X(m.at);
      if (x < left || x > width) continue;
      ctx.strokeStyle = ink; ctx.setLineDash([3, 3]);
      ctx.beginPath(); ctx.moveTo(x, top); ctx.lineTo(x, height - foot); ctx.stroke(); ctx.setLineDash([]);
    }
    markLabels(ink);
    ctx.restore();
    ctx.fillStyle = ink; ctx.textAlign = "right"; ctx.font = "600 12px system-ui, sans-serif";
    meta.lanes.forEach((l, i) => ctx.fillText(l.node, left - 8, lanesTop() + i * (laneH + gap) + laneH / 2));
    ctx.textAlign = "left";
  }

  function markLabels(ink) { // only where there is room, when zoomed in
    if (view[1] - view[0] > 12e6) return;
    const ends = [];
    for (const m of meta.marks) {
      const x = X(m.at);
      if (x < left || x > width) continue;
      const w = ctx.measureText(m.label).width + 8;
      const a = Math.min(x, width - right - w);
      let row = ends.findIndex(e => e <= a);
      if (row < 0) row = ends.length;
      if (row > 5) continue;
      ends[row] = a + w;
      ctx.fillStyle = css("--card"); ctx.globalAlpha = .85; ctx.fillRect(a + 2, top + 4 + row * 14, w - 4, 13); ctx.globalAlpha = 1;
      ctx.fillStyle = ink; ctx.textAlign = "left"; ctx.fillText(m.label, a + 4, top + 11 + row * 14);
    }
  }

  function points() {
    const a = at(view[0]), b = at(view[1]);
    const stride = Math.max(1, Math.ceil((b - a) / 60000)); // of calls that ended well; trouble is always drawn
    const r = b - a < 3000 ? 1.8 : 1.1;
    ctx.globalAlpha = Math.min(1, Math.max(.35, 4000 / Math.max(1, b - a)));
    ctx.fillStyle = css("--ok");
    for (let i = a; i < b; i += stride) if ((flags[i] & 3) === 0) ctx.fillRect(X(from[i]) - r, Y(took[i]) - r, 2 * r, 2 * r);
    ctx.globalAlpha = .9; ctx.lineWidth = 1.2;
    for (const kind of [2, 1]) {
      ctx.strokeStyle = css(kind === 1 ? "--bad" : "--unknown"); ctx.beginPath();
      for (let i = a; i < b; i++) {
        if ((flags[i] & 3) !== kind) continue;
        const x = X(from[i]), y = Y(took[i]);
        if (kind === 1) { ctx.moveTo(x - 3, y - 3); ctx.lineTo(x + 3, y + 3); ctx.moveTo(x - 3, y + 3); ctx.lineTo(x + 3, y - 3); }
        else { ctx.moveTo(x - 3.5, y); ctx.lineTo(x, y + 3.5); ctx.lineTo(x + 3.5, y); ctx.lineTo(x, y - 3.5); ctx.closePath(); }
      }
      ctx.stroke();
    }
    ctx.globalAlpha = 1;
  }

  function probePoints() { // faint, under the calls
    const a = at(view[0], probes), b = at(view[1], probes);
    ctx.globalAlpha = .3;
    for (const kind of [0, 2, 1]) {
      ctx.fillStyle = css(["--ok", "--bad", "--unknown"][kind]);
      for (let i = a; i < b; i++) if ((probes.flags[i] & 3) === kind) ctx.fillRect(X(probes.from[i]) - .8, Y(probes.took[i]) - .8, 1.6, 1.6);
    }
    ctx.globalAlpha = 1;
  }

  function probeStrips() { // a column is bad when any probe of that member that was due in it failed
    if (!probes.n) return;
    const cols = Math.max(1, Math.ceil(width - left - right)), seen = meta.lanes.map(() => new Uint8Array(cols + 1));
    for (let i = at(view[0], probes), b = at(view[1], probes); i < b; i++) {
      const lane = seen[(probes.flags[i] >> 3) & 7], x = Math.floor(X(probes.from[i]) - left);
      if (lane && x >= 0 && x <= cols) lane[x] |= (probes.flags[i] & 3) === 0 ? 1 : 2;
    }
    seen.forEach((lane, i) => {
      const y = lanesTop() + i * (laneH + gap) + laneH - 4;
      for (let x = 0; x <= cols; x++) if (lane[x]) {
        ctx.fillStyle = css(lane[x] & 2 ? "--bad" : "--ok");
        let w = 1;
        while (x + w <= cols && (lane[x + w] & 2) === (lane[x] & 2) && lane[x + w]) w++;
        ctx.fillRect(left + x, y, w, 4);
        x += w - 1;
      }
    });
  }

  function lanes(ink) {
    meta.lanes.forEach((l, i) => {
      const y = lanesTop() + i * (laneH + gap);
      for (const s of l.segments) {
        const a = Math.max(X(s.from), left), b = Math.min(X(s.to), width - right);
        if (b < left || a > width) continue;
        const w = Math.max(b - a, 1);
        ctx.fillStyle = css("--state-" + s.state);
        ctx.fillRect(a, y, w, laneH);
        const words = s.term ? s.state + " · term " + s.term : s.state;
        ctx.fillStyle = ["leader", "down", "paused"].includes(s.state) ? "#fff" : s.state.includes("candidate") ? "#222" : ink;
        ctx.textAlign = "center";
        for (const label of [words, s.state === "leader" || s.state === "follower" ? String(s.term || "") : s.state]) {
          if (label && ctx.measureText(label).width + 8 < w) { ctx.fillText(label, a + w / 2, y + laneH / 2 + .5); break; }
        }
      }
      ctx.strokeStyle = css("--bad"); ctx.lineWidth = 1.5;
      for (const c of l.cuts) ctx.strokeRect(X(c[0]), y + 1, X(c[1]) - X(c[0]), laneH - 2);
    });
  }

  const redraw = () => { if (!pending) { pending = true; requestAnimationFrame(draw); } };
  const show = (a, b) => {
    const span = Math.min(Math.max(b - a, 200), end * 1.02);
    a = Math.min(Math.max(a, -end * .01), end * 1.01 - span);
    view = [a, a + span]; tip.hidden = true; redraw();
  };
  const zoom = (k, x) => { const t = T(x ?? (left + width) / 2); show(t - (t - view[0]) * k, t + (view[1] - t) * k); };

  function hover(x, y) {
    const t = T(x);
    let words = "", best = 64;
    const reach = Math.abs(T(x + 8) - t);
    const near = (list, what) => {
      for (let i = at(t - reach, list), b = at(t + reach, list); i < b; i++) {
        const d = (X(list.from[i]) - x) ** 2 + (Y(list.took[i]) - y) ** 2;
        if (d >= best) continue;
        best = d;
        const f = list.flags[i];
        words = `${what}${f & 4 ? "read" : "write"} on ${meta.lanes[(f >> 3) & 7]?.node ?? "?"}: ${["ok", "failed", "outcome unknown"][f & 3]}\ndue ${clock(list.from[i])}, took ${short(list.took[i])}\nhistory.jsonl:${list.lines[i]}`;
      }
    };
    near(calls, "");
    if (!words && probesShown()) near(probes, "probe: ");
    const lane = meta.lanes[Math.floor((y - lanesTop()) / (laneH + gap))];
    if (!words && y >= lanesTop() && lane) {
      const s = lane.segments.find(s => s.from <= t && t < s.to);
      if (s) words = `${lane.node}: ${s.state}${s.term ? ", term " + s.term : ""}\n${clock(s.from)} to ${clock(s.to)} (${short(s.to - s.from)})${s.ref ? "\n" + s.ref : ""}`;
    }
    if (!words) words = meta.faults.filter(f => f.from <= t && t < f.to).map(f => `${f.label}: ${clock(f.from)} to ${clock(f.to)}\n${f.ref}`).join("\n");
    tip.hidden = !words; tip.textContent = words;
    tip.style.left = Math.max(0, Math.min(x + 12, width - tip.offsetWidth - 4)) + "px";
    tip.style.top = Math.max(0, Math.min(y + 14, height - tip.offsetHeight)) + "px";
  }

  const pointers = new Map();
  const where = e => { const r = canvas.getBoundingClientRect(); return [e.clientX - r.left, e.clientY - r.top]; };
  canvas.addEventListener("pointerdown", e => { canvas.setPointerCapture(e.pointerId); pointers.set(e.pointerId, where(e)); canvas.focus({preventScroll: true}); });
  canvas.addEventListener("pointermove", e => {
    const p = where(e), old = pointers.get(e.pointerId);
    if (!old) { hover(...p); return; }
    if (pointers.size === 1) { const d = T(old[0]) - T(p[0]); show(view[0] + d, view[1] + d); }
    else {
      const other = [...pointers].find(([id]) => id !== e.pointerId)[1];
      const k = Math.abs(old[0] - other[0]) / Math.max(8, Math.abs(p[0] - other[0]));
      zoom(Math.min(4, Math.max(.25, k)), other[0]);
    }
    pointers.set(e.pointerId, p);
  });
  for (const type of ["pointerup", "pointercancel"]) canvas.addEventListener(type, e => {
    const old = pointers.get(e.pointerId);
    pointers.delete(e.pointerId);
    if (old && type === "pointerup") hover(...where(e)); // a tap asks what is there
  });
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("dblclick", e => zoom(.25, where(e)[0]));
  canvas.addEventListener("wheel", e => {
    if (!e.ctrlKey && !e.metaKey && document.activeElement !== canvas) return; // the page scrolls
    e.preventDefault(); zoom(Math.exp(Math.max(-60, Math.min(60, e.deltaY)) * .006), where(e)[0]);
  }, {passive: false});
  canvas.addEventListener("keydown", e => {
    const span = view[1] - view[0];
    const act = {ArrowLeft: () => show(view[0] - span / 5, view[1] - span / 5), ArrowRight: () => show(view[0] + span / 5, view[1] + span / 5),
      "+": () => zoom(.5), "=": () => zoom(.5), "-": () => zoom(2), "0": () => show(0, end)}[e.key];
    if (act) { act(); e.preventDefault(); }
  });
  document.querySelectorAll("[data-show]").forEach(b => b.addEventListener("click", () => {
    const [a, z] = b.dataset.show.split(",").map(Number);
    show(a, z); box.scrollIntoView({block: "nearest"});
  }));
  document.querySelectorAll("[data-zoom]").forEach(b => b.addEventListener("click", () => zoom(Number(b.dataset.zoom))));
  new ResizeObserver(redraw).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  draw();
})();
