// The panel shows one call, or one line of a file.

function make(tag, props = {}, ...children) {
  const e = Object.assign(document.createElement(tag), props);
  e.append(...children.filter(c => c !== null && c !== undefined && c !== ""));
  return e;
}

function makePanel(s) {
  const panel = element("panel"), title = element("panel-title"), body = element("panel-body"), {meta} = s;
  let before = null, around = 100000, turn = 0; // who had the focus; µs of logs around a call; the latest request
  const member = n => visible(meta.lanes[n]?.node ?? "?", 60);

  function open(words, focus) {
    if (panel.hidden) before = document.activeElement;
    title.textContent = words;
    panel.hidden = false; panel.scrollTop = 0;
    document.body.classList.add("panel-open");
    if (focus) panel.focus({preventScroll: true});
  }

  function close() {
    if (panel.hidden) return;
    turn++;
    panel.hidden = true;
    document.body.classList.remove("panel-open");
    s.select(null);
    if (panel.contains(document.activeElement) || document.activeElement === document.body) before?.focus?.({preventScroll: true});
  }

  // attemptsOf are all attempts of the call that row i is one of.
  function attemptsOf(c, i) {
    let first = i;
    while (c.back[first]) first -= c.back[first];
    const out = [first];
    for (let j = first + 1, last = first; j < c.n && out.length < 200; j++) if (c.back[j] && j - c.back[j] === last) { out.push(j); last = j; }
    return out;
  }

  const overlapping = (list, from, to) => list.filter(x => x.from <= to && from < x.to);

  function facts(c, i) {
    const from = c.from[i], to = from + c.took[i];
    const leaders = overlapping(meta.leaders, from, to).sort((a, b) => a.from - b.from || a.term - b.term);
    const led = leaders.length ? leaders.map(x => `${visible(x.node, 60)} in term ${x.term}` + (x.from > from ? `, from ${clock(x.from)}` : "") + (x.to < to ? `, until ${clock(x.to)}` : "")).join("; ") : "none that the logs show";
    const roles = overlapping(meta.lanes[c.member[i]]?.segments ?? [], from, to).map(g => g.state + (g.term ? ` in term ${g.term}` : "")).join(", then ");
    const faults = overlapping(meta.faults, from, to).map(f => visible(f.label, 200) + (f.landed ? "" : " (not confirmed)")).join("; ");
    const rows = [["Outcome", outcome[c.kind[i]] + (c.error(i) ? ": " + visible(c.error(i), 600) : "")],
      ["Due", clock(from)], [c.done[i] ? "Took" : "Unanswered for", short(c.took[i])], ["Leader", led], [`${member(c.member[i])} was`, roles || "unknown"], ["Faults", faults || "none active"]];
    return make("table", {className: "facts"}, make("tbody", {}, ...rows.map(([k, v]) => make("tr", {}, make("th", {scope: "row"}, k), make("td", {className: k === "Outcome" ? KINDS[c.kind[i]] + "-ink" : ""}, v)))));
  }

  const linkTo = (file, n, words) => {
    const a = make("a", {className: "ref", href: file, textContent: words ?? `${file}:${n}`});
    a.dataset.ref = `${file}:${n}`;
    return a;
  };

  function attempts(c, i) {
    const all = attemptsOf(c, i);
    const rows = all.map((j, k) => {
      const b = make("button", {textContent: `${k + 1}`, title: "show this attempt", disabled: j === i, onclick: () => call(c, j, true)});
      const lines = [linkTo("history.jsonl", c.line[j], String(c.line[j])), c.done[j] ? linkTo("history.jsonl", c.line[j] + c.done[j], String(c.line[j] + c.done[j])) : " no answer"];
      const why = c.error(j) && make("div", {className: "muted small", textContent: visible(c.error(j), 300)});
      return make("tr", {className: j === i ? "here" : ""}, make("td", {}, b), make("td", {title: `process ${c.process[j]}`}, member(c.member[j])), make("td", {className: "n"}, clock(c.from[j])), make("td", {className: "n"}, short(c.took[j])),
        make("td", {}, make("span", {className: KINDS[c.kind[j]] + "-ink"}, outcome[c.kind[j]]), ...lines, why));
    });
    return [make("h3", {textContent: all.length > 1 ? `${all.length} attempts of one call` : "One attempt"}),
      make("div", {className: "scroll"}, make("table", {className: "attempts"}, make("thead", {}, make("tr", {}, ...["#", "member", "due", "took", "outcome, lines"].map((w, k) => make("th", {className: k === 2 || k === 3 ? "n" : ""}, w)))), make("tbody", {}, ...rows)))];
  }

  const openAt = (file, lines) => make("p", {className: "muted small"}, `This page has only a part of ${file}. Open `, make("a", {href: file, textContent: file}), ` at line ${lines.join(" and ")}: `, make("code", {textContent: `sed -n '${lines.map(n => n + "p").join(";")}' ${file}`}));

  function linesOf(text, c, i) {
    const numbers = [c.line[i], ...(c.done[i] ? [c.line[i] + c.done[i]] : [])], out = [], left = [];
    for (const n of numbers) {
      const l = text.find("history.jsonl", n);
      if (l) out.push(make("div", {className: "line"}, linkTo("history.jsonl", n, String(n)), make("code", {textContent: visible(l.text)}))); else left.push(n);
    }
    return [make("h3", {textContent: "Lines of history.jsonl"}), ...out, left.length ? openAt("history.jsonl", left) : null];
  }

  // words of a log line: zap writes JSON; its message comes first, the rest after it.
  function words(text) {
    try {
      const j = JSON.parse(text);
      if (typeof j?.msg !== "string") throw 0;
      const rest = Object.entries(j).filter(([k]) => !["msg", "ts", "level", "caller", "logger"].includes(k)).map(([k, v]) => `${k}=${typeof v === "string" ? v : JSON.stringify(v)}`).join(" ");
      return [make("span", {className: "lv", textContent: j.level ? visible(j.level, 8) + " " : ""}), make("span", {textContent: visible(j.msg)}), make("span", {className: "muted", textContent: rest ? "  " + visible(rest) : ""})];
    } catch { return [make("span", {textContent: visible(text)})]; }
  }

  function logs(text, c, i) {
    const from = c.from[i], to = from + c.took[i], rows = [], most = 300;
    for (const f of meta.text) if (f.file !== "history.jsonl") {
      const node = f.file.slice(5, -4);
      for (const l of text.between(f.file, from - around, to + around)) rows.push({at: l.at, node, l});
    }
    const silent = !rows.length;
    rows.push({at: from, here: "the call was due"});
    if (c.done[i]) rows.push({at: to, here: `it ended: ${outcome[c.kind[i]]}`});
    rows.sort((a, b) => a.at - b.at);
    const shown = rows.slice(0, most).map(r => make("div", {className: r.here ? "line here" : "line"}, make("span", {className: "when"}, (r.at < from ? "−" : "+") + short(Math.abs(r.at - from))),
      ...(r.here ? [make("b", {textContent: r.here})] : [linkTo(r.l.file, r.l.n, `${visible(r.node, 30)}:${r.l.n}`), make("code", {}, ...words(r.l.text))])));
    const choose = make("select", {ariaLabel: "time range of the log lines", onchange: e => { around = Number(e.target.value); call(c, i); }},
      ...[20000, 100000, 500000, 2000000].map(v => make("option", {value: v, selected: v === around, textContent: "± " + short(v)})));
    const partly = meta.text.filter(f => f.file !== "history.jsonl" && f.have < f.lines);
    return [make("h3", {}, "Log lines of all members around it ", choose), make("div", {className: "lines"}, ...shown),
      silent ? make("p", {className: "muted small", textContent: "No member logged anything then."}) : null,
      rows.length > most ? make("p", {className: "muted small", textContent: `and ${rows.length - most} more` }) : null,
      partly.length ? make("p", {className: "muted small", textContent: "There may be more: this page has " + partly.map(f => `${f.have} of ${f.lines} lines of ${f.file}`).join(", ") + "." }) : null];
  }

  async function call(c, i, focus) {
    const mine = ++turn;
    s.select(c, i);
    open(`${c.probes ? "Probe: " : ""}${visible(c.f(i), 60)} on ${member(c.member[i])}` + (c.probes ? "" : `, client ${c.lane[i]}`), focus);
    const go = (by, words) => make("button", {textContent: words, disabled: i + by < 0 || i + by >= c.n, onclick: () => { s.reveal(c, i + by); call(c, i + by, true); }});
    const bar = make("div", {className: "bar"}, go(-1, "‹ before"), go(1, "next ›"), make("button", {textContent: "zoom to it", onclick: () => s.reveal(c, i, true)}));
    const head = make("div", {}, bar, facts(c, i), ...(c.probes ? [] : attempts(c, i)));
    const side = make("div", {}, make("p", {className: "muted", textContent: "Reading lines …"}));
    body.replaceChildren(make("div", {className: "two"}, head, side));
    const text = await loadText();
    if (mine !== turn) return;
    head.append(...linesOf(text, c, i).filter(Boolean));
    side.replaceChildren(...logs(text, c, i).filter(Boolean));
  }

  // callAt finds the call that a line of the history is of.
  function callAt(n) {
    for (const c of [s.calls, s.probes]) for (let i = 0; i < c.n; i++) if (c.line[i] === n || c.done[i] && c.line[i] + c.done[i] === n) return {c, i};
    return null;
  }

  const CONTEXT = 6; // lines above and below; excerpt.go keeps as many

  async function line(ref, focus) {
    const mine = ++turn, cut = ref.lastIndexOf(":"), file = ref.slice(0, cut), n = Number(ref.slice(cut + 1));
    open(`${visible(file, 100)}, line ${n}`, focus);
    body.replaceChildren(make("p", {className: "muted", textContent: "Reading lines …"}));
    const text = await loadText();
    if (mine !== turn) return;
    const rows = [];
    for (let k = Math.max(1, n - CONTEXT); k <= n + CONTEXT; k++) {
      const l = text.find(file, k);
      if (l) rows.push(make("div", {className: k === n ? "line here" : "line"}, linkTo(file, k, String(k)), l.at === undefined ? "" : make("span", {className: "when"}, clock(l.at)), make("code", {}, ...(l.at === undefined ? [visible(l.text)] : words(l.text)))));
    }
    const found = file === "history.jsonl" ? callAt(n) : null;
    body.replaceChildren(make("div", {className: "bar"},
      make("a", {href: file, textContent: `open ${file}`}), make("span", {className: "muted", textContent: `and go to line ${n}`}),
      found ? make("button", {textContent: "show the call in the timeline", onclick: () => { s.reveal(found.c, found.i, true); s.canvas.scrollIntoView({block: "nearest"}); call(found.c, found.i, true); }}) : ""),
      text.find(file, n) ? make("div", {className: "lines"}, ...rows) : openAt(file, [n]));
  }

  document.addEventListener("click", e => { // every reference on the page shows its line here
    const a = e.target.closest?.("a[data-ref]");
    if (!a || e.ctrlKey || e.metaKey || e.shiftKey || e.button || !/:\d+$/.test(a.dataset.ref)) return;
    e.preventDefault();
    line(a.dataset.ref, true);
  });
  document.addEventListener("keydown", e => { if (e.key === "Escape" && !panel.hidden) { close(); e.preventDefault(); } });
  element("panel-close").addEventListener("click", close);
  return {call, line, close, isOpen: () => !panel.hidden};
}
