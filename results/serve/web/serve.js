// Updates the table in place; without scripts, the same works through the address.
"use strict";
(() => {
  const filter = document.getElementById("filter");
  let wait, flight;

  // As one types, the table follows. The page's answer is the same as for the button.
  async function follow() {
    flight?.abort();
    flight = new AbortController();
    const params = new URLSearchParams(new FormData(filter));
    for (const [k, v] of [...params]) if (v === "") params.delete(k);
    const address = "/" + (params.size ? "?" + params : "");
    try {
      const answer = await fetch(address, { signal: flight.signal });
      if (!answer.ok) return void filter.submit();
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.getElementById("results").replaceWith(page.getElementById("results"));
      history.replaceState(null, "", address);
      choose();
    } catch (e) {
      if (e.name !== "AbortError") filter.submit();
    }
  }

  // Two runs can be compared, neither one nor three: a third choice replaces the oldest.
  let chosen = [];
  function choose(event) {
    const form = document.getElementById("results");
    const button = form?.querySelector("[data-compare]");
    if (!button) return;
    const box = event?.target;
    if (box?.checked) chosen.push(box);
    chosen = chosen.filter((b) => b.isConnected && b.checked);
    if (!event) chosen = [...form.querySelectorAll("input[name=run]:checked")];
    while (chosen.length > 2) chosen.shift().checked = false;
    button.disabled = chosen.length !== 2;
  }

  // An exported site has no server: the rows in the page are hidden and shown.
  const search = document.getElementById("search");
  const rows = [...document.querySelectorAll("#results tbody tr")];
  const words = (row) => (row.textContent + " " + [...row.querySelectorAll("[title]")].map((e) => e.title).join(" ")).toLowerCase();
  search?.addEventListener("input", () => {
    const wanted = search.value.toLowerCase().split(/\s+/);
    for (const row of rows) row.hidden = !wanted.every((w) => words(row).includes(w));
  });

  if (filter) {
    filter.addEventListener("input", () => { clearTimeout(wait); wait = setTimeout(follow, 150); });
    filter.addEventListener("submit", (e) => { e.preventDefault(); clearTimeout(wait); follow(); });
    document.addEventListener("change", (e) => { if (e.target.name === "run" && e.target.type === "checkbox") choose(e); });
    choose();
  }
})();
