// The picker: the list follows each key, its rows are read as they are scrolled to. Rows come from the server as HTML,
// escaped; here they are only put in their places.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const CHUNK = 50; // rows read at once, as the server counts them
  const KEEP = 4; // chunks kept above and below what is seen
  const form = () => $("need");
  const picked = new Set(); // keys to put side by side; they outlive the list they were chosen from
  let asking = null; // the question under way
  let timing = false; // a script is being timed on this computer
  let rows = null; // the table: { total, chunks, shown: Map(chunk → tbody), reading: Map(chunk → AbortController), above, below }

  const question = () => {
    const params = new URLSearchParams();
    for (const [name, value] of new FormData(form())) if (value !== "") params.append(name, value);
    return params;
  };

  // ---- The answer follows each key ----
  async function follow() {
    asking?.abort();
    const mine = (asking = new AbortController());
    const params = question();
    const words = $("words");
    const address = `/machines?${params}`;
    params.set("at", words.selectionEnd ?? words.value.length);
    try {
      const answer = await fetch(`/machines/found?${params}`, { signal: mine.signal, cache: "no-store", headers: { "HX-Request": "true" } });
      const text = await answer.text();
      if (mine.signal.aborted || !form()) return;
      if (!answer.ok) {
        $("notices").innerHTML = text;
        return;
      }
      take(new DOMParser().parseFromString(text, "text/html").getElementById("found"));
      history.replaceState(history.state, "", address);
      $("page").dataset.liveFrom = address;
    } catch (error) {
      if (!mine.signal.aborted) $("lost").hidden = false;
    }
  }

  function take(fresh) {
    if (!fresh) return;
    $("notices").replaceChildren();
    $("lost").hidden = true;
    const focus = document.activeElement?.id;
    const stays = { callbacks: { beforeAttributeUpdated: (name) => name !== "open" } };
    for (const id of ["found-wrong", "found-head", "facets"]) {
      const now = fresh.querySelector(`#${id}`);
      Idiomorph.morph($(id), now, { morphStyle: "outerHTML", ...stays });
    }
    $("found-ways").replaceWith(fresh.querySelector("#found-ways"));
    $("found-table").replaceWith(fresh.querySelector("#found-table"));
    htmx.process($("found-table"));
    const note = fresh.querySelector("#footnote");
    if (note && $("footnote")) $("footnote").textContent = note.textContent;
    if (focus && document.activeElement === document.body) $(focus)?.focus();
    faults();
    ways();
    table();
    chosen();
    picture();
  }

  function faults() {
    for (const says of document.querySelectorAll("#found-wrong [data-wrong-of]")) {
      const field = $(says.dataset.wrongOf);
      const place = $(`${says.dataset.wrongOf}-wrong`);
      if (!field || !place) continue;
      if (place.textContent !== says.textContent) place.textContent = says.textContent;
      if (says.textContent) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
    }
  }

  // ---- Rows as they are scrolled to: one body a chunk, tall empty ones above and below ----
  let height = 0; // of a row, which all share (panel.css)
  function table() {
    if (rows) for (const reading of rows.reading.values()) reading.abort();
    rows = null;
    const box = $("rows");
    if (!box) return;
    const body = box.querySelector("tbody");
    height ||= body.rows[0].getBoundingClientRect().height;
    const all = box.querySelector("table");
    const total = Number(all.getAttribute("aria-rowcount")) - 1;
    rows = { reading: new Map(), total, chunks: Math.ceil(total / CHUNK), shown: new Map([[0, body]]), above: space(), below: space() };
    body.dataset.read = "1";
    all.append(rows.below);
    body.before(rows.above);
    spaces();
    ticks(body);
    box.addEventListener("scroll", later, { passive: true });
  }

  function space() {
    const body = document.createElement("tbody");
    const row = document.createElement("tr");
    const cell = document.createElement("td");
    row.setAttribute("aria-hidden", "true");
    cell.colSpan = 8;
    cell.className = "space";
    row.append(cell);
    body.append(row);
    return body;
  }
  const tall = (body, count) => {
    body.hidden = count <= 0;
    body.querySelector("td").style.height = `${count * height}px`;
  };
  const count = (n) => Math.min(CHUNK, rows.total - n * CHUNK);
  function spaces() {
    const shown = [...rows.shown.keys()];
    tall(rows.above, Math.min(...shown) * CHUNK);
    tall(rows.below, rows.total - (Math.max(...shown) * CHUNK + count(Math.max(...shown))));
  }

  let waiting = false;
  function later() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      look();
    });
  }

  function look() {
    const box = $("rows");
    if (!box || !rows) return;
    const place = (top) => Math.min(rows.chunks - 1, Math.max(0, Math.floor(top / (height * CHUNK))));
    const from = Math.max(0, place(box.scrollTop) - 1);
    const to = Math.min(rows.chunks - 1, place(box.scrollTop + box.clientHeight) + 1);
    for (const [n, reading] of rows.reading) {
      if (n < from || n > to) {
        reading.abort();
        rows.reading.delete(n);
      }
    }
    // What is kept is one stretch: what is far away goes, and so does all of it where one has jumped.
    const kept = [...rows.shown.keys()];
    const jumped = Math.max(...kept) < from - 1 || Math.min(...kept) > to + 1;
    let changed = false;
    for (const [n, body] of rows.shown) {
      if (jumped || n < from - KEEP || n > to + KEEP) {
        body.remove();
        rows.shown.delete(n);
        changed = true;
      }
    }
    const first = jumped ? from : Math.min(from, ...rows.shown.keys());
    const last = jumped ? to : Math.max(to, ...rows.shown.keys());
    for (let n = first; n <= last; n += 1) {
      if (rows.shown.has(n)) continue;
      const body = space();
      tall(body, count(n));
      const next = [...rows.shown.keys()].filter((m) => m > n).sort((a, b) => a - b)[0];
      (next === undefined ? rows.below : rows.shown.get(next)).before(body);
      rows.shown.set(n, body);
      changed = true;
    }
    if (changed) spaces();
    for (let n = from; n <= to; n += 1) read(rows.shown.get(n), n);
  }

  async function read(chunk, n) {
    if (chunk.dataset.read || rows.reading.has(n)) return;
    const mine = new AbortController();
    const of = rows;
    of.reading.set(n, mine);
    const params = question();
    params.set("from", n * CHUNK);
    try {
      const answer = await fetch(`/machines/rows?${params}`, { signal: mine.signal, cache: "no-store", headers: { "HX-Request": "true" } });
      const text = await answer.text();
      if (mine.signal.aborted || of !== rows || !answer.ok) return;
      // A table's rows are only read within a table.
      const parsed = new DOMParser().parseFromString(`<table><tbody>${text}</tbody></table>`, "text/html");
      chunk.replaceChildren(...parsed.querySelectorAll("tr"));
      chunk.dataset.read = "1";
      ticks(chunk);
    } catch {
      // It is read again when it is scrolled to again.
    } finally {
      if (of.reading.get(n) === mine) of.reading.delete(n);
    }
  }

  // ---- Side by side ----
  const ticks = (within) => {
    for (const box of within.querySelectorAll("[data-pick]")) box.checked = picked.has(box.value);
  };
  function chosen() {
    const go = $("compare-go");
    if (!go) return;
    go.disabled = picked.size < 2 || picked.size > 5;
    $("compare-n").textContent = picked.size ? ` ${picked.size}` : "";
    go.title = picked.size > 5 ? "Five at most" : picked.size < 2 ? "Choose two to five in the list" : "";
  }

  // ---- The picture follows when the keys rest ----
  let drawing = null;
  let rest = 0;
  function picture() {
    drawing?.abort();
    clearTimeout(rest);
    if ($("picture")) rest = setTimeout(draw, 200);
  }
  async function draw() {
    const mine = (drawing = new AbortController());
    try {
      const answer = await fetch(`/machines/picture?${question()}`, { signal: mine.signal, cache: "no-store", headers: { "HX-Request": "true" } });
      const text = await answer.text();
      if (mine.signal.aborted || !$("picture") || !answer.ok) return;
      $("picture").replaceChildren(...new DOMParser().parseFromString(text, "text/html").body.childNodes);
    } catch {
      // The list says it, if the panel is gone.
    }
  }

  // ---- Ways to go on with the word that is being typed ----
  function ways() {
    const list = $("ways");
    const words = $("words");
    list.replaceChildren($("found-ways").content.cloneNode(true));
    show(document.activeElement === words && list.childElementCount > 0 && typing);
  }
  let typing = false;
  function show(open) {
    $("ways").hidden = !open;
    $("words").setAttribute("aria-expanded", String(open));
    if (!open) {
      $("words").removeAttribute("aria-activedescendant");
      for (const way of $("ways").children) way.setAttribute("aria-selected", "false");
    }
  }
  function move(by) {
    const all = [...$("ways").children];
    const at = all.findIndex((way) => way.getAttribute("aria-selected") === "true");
    const to = all[(at + by + all.length + (at < 0 && by < 0 ? 1 : 0)) % all.length];
    for (const way of all) way.setAttribute("aria-selected", String(way === to));
    to.scrollIntoView({ block: "nearest" });
    $("words").setAttribute("aria-activedescendant", to.id);
  }
  function put(way) {
    const words = $("words");
    const all = [...words.value];
    const from = Number(way.dataset.from);
    const before = all.slice(0, from).join("");
    const after = all.slice(Number(way.dataset.to)).join("");
    words.value = `${before}${way.dataset.text}${after.startsWith(" ") ? "" : " "}${after}`;
    const at = before.length + way.dataset.text.length + 1;
    words.setSelectionRange(at, at);
    typing = false;
    show(false);
    follow();
  }

  // ---- Hands ----
  document.addEventListener("input", (event) => {
    if (!form() || event.target.form !== form() || event.target.matches("[type=checkbox], [type=radio], select")) return;
    typing = event.target.id === "words";
    follow();
  });
  document.addEventListener("change", (event) => {
    if (!form()) return;
    if (event.target.matches("[data-pick]")) {
      if (event.target.checked) picked.add(event.target.value);
      else picked.delete(event.target.value);
      chosen();
    } else if (event.target.id === "hour_usd" && !event.target.hasAttribute("aria-invalid")) {
      // Kept for the next time; what is no amount is told at the field, and not kept.
      fetch("/machines/hour", { method: "POST", body: new URLSearchParams({ hour_usd: event.target.value }) }).catch(() => {});
    } else if (event.target.form === form() && event.target.matches("[type=checkbox], [type=radio], select")) {
      follow();
    }
  });
  document.addEventListener("submit", (event) => {
    if (event.target === form()) {
      event.preventDefault();
      follow();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "words" || event.isComposing) return;
    const open = !$("ways").hidden;
    if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      move(event.key === "ArrowDown" ? 1 : -1);
      event.preventDefault();
    } else if (open && (event.key === "Enter" || event.key === "Tab")) {
      const way = $("ways").querySelector("[aria-selected=true]");
      if (way) {
        put(way);
        event.preventDefault();
      } else show(false);
    } else if (event.key === "Escape" && open) {
      show(false);
      event.preventDefault();
    }
  });
  document.addEventListener("focusout", (event) => {
    if (event.target.id === "words" && form()) show(false);
  });
  // Before the field loses its focus, and the list with it.
  document.addEventListener("mousedown", (event) => {
    const way = event.target.closest?.("#ways [role=option]");
    if (way) {
      event.preventDefault();
      put(way);
    }
  });
  document.addEventListener("click", (event) => {
    if (!form()) return;
    const by = (name) => event.target.closest?.(`[data-${name}]`)?.dataset[name];
    const dialog = (path, params) => htmx.ajax("GET", `${path}?${params}`, { target: "#dialog", source: event.target.closest("button") ?? "#found" });
    const params = question();
    if (by("sort")) {
      const same = $("sort").value === by("sort");
      // Up, down, and back to the best first.
      if (same && $("down").value) [$("sort").value, $("down").value] = ["", ""];
      else [$("sort").value, $("down").value] = [by("sort"), same ? "1" : ""];
      follow();
    } else if (by("show")) {
      params.set("key", by("show"));
      dialog("/machines/show", params);
    } else if (by("ask")) {
      params.set("key", by("ask"));
      dialog("/machines/ask", params);
    } else if (event.target.closest?.("#compare-go")) {
      for (const key of picked) params.append("pick", key);
      dialog("/machines/compare", params);
    }
    // One facet is open at a time, and none when one clicks elsewhere.
    for (const facet of document.querySelectorAll("details.facet[open]")) if (!facet.contains(event.target)) facet.open = false;
  });

  function mount() {
    picked.clear();
    asking?.abort();
    if (!form()) {
      rows = null;
      return;
    }
    timing = "timing" in $("job-says").dataset;
    table();
    chosen();
    picture();
  }
  document.addEventListener("curfew:page", mount);
  // A trial has ended, prices were refreshed, the policy was changed: the answer may be another.
  document.addEventListener("curfew:live", () => {
    if (!form()) return;
    // A trial that is over is a job to choose.
    if (timing && !("timing" in $("job-says").dataset)) location.reload();
    else if (!$("dialog").open && !timing) follow();
  });
})();
