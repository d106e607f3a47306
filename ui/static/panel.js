// What every page does by itself: it stays true by one long poll, shows dialogs, and keeps what is typed.
// Nothing here makes HTML out of data: pages come from the server, escaped.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const page = () => $("page");

  // The token has done its work (a cookie is set); it does not belong in the address bar or a screenshot.
  if (new URLSearchParams(location.search).has("token")) {
    const url = new URL(location.href);
    url.searchParams.delete("token");
    history.replaceState(history.state, "", url);
  }

  Idiomorph.defaults.ignoreActiveValue = true;

  // ---- Live: one long poll a page. The answer is the page itself; its [data-live] parts replace ours by id. ----
  // ms between two answers at least: a page of words need not change twice a second. A chart follows its run by itself.
  const GAP = 1000;
  const ASIDE = 3000; // the same, in a window that somebody may see, but does not use
  const WAIT = [500, 1000, 2000, 5000]; // after failures
  let poll = null;

  const keepsState = {
    ignoreActiveValue: true,
    callbacks: {
      // What the user set stays as it is: text, ticks, choices.
      beforeNodeMorphed: (old, now) => !(old instanceof Element && now instanceof Element && old.matches("input, select, textarea") && old.id === now.id && old.type !== "hidden"),
      // Opened details, and rows that a filter hides, are the user's too.
      beforeAttributeUpdated: (name, node) => !((name === "open" && node.matches("details, dialog")) || (name === "hidden" && node.matches("[data-row]"))),
    },
  };

  function take(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const freshPage = fresh.getElementById("page");
    if (!freshPage) return false;
    for (const old of document.querySelectorAll("[data-live][id]")) {
      const now = fresh.getElementById(old.id);
      // A part inside a live part comes with it.
      if (!now || old.parentElement?.closest("[data-live]")) continue;
      // Most parts are as they were: nothing is touched, so nothing is drawn.
      if (old.isEqualNode(now)) continue;
      Idiomorph.morph(old, now, { morphStyle: "outerHTML", ...keepsState });
      const there = $(old.id);
      if (there) htmx.process(there);
    }
    if (document.title !== fresh.title) document.title = fresh.title;
    page().dataset.cursor = freshPage.dataset.cursor;
    filterAll();
    document.dispatchEvent(new CustomEvent("curfew:live"));
    return true;
  }

  const until = (ms, signal) =>
    new Promise((done) => {
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", () => { clearTimeout(timer); done(); }, { once: true });
    });
  const shown = () =>
    document.visibilityState === "visible" ? Promise.resolve() : new Promise((done) => document.addEventListener("visibilitychange", () => done(shown()), { once: true }));

  async function live() {
    poll?.abort();
    const mine = (poll = new AbortController());
    const signal = mine.signal;
    let failures = 0;
    while (!signal.aborted && page()?.dataset.liveFrom) {
      await shown();
      // A table may know better than the page where it is read from: with its filter and order.
      const from = document.querySelector("#page [data-live-from]")?.dataset.liveFrom ?? page().dataset.liveFrom;
      const url = new URL(from, location.href);
      url.searchParams.set("after", page().dataset.cursor);
      try {
        const answer = await fetch(url, { signal, cache: "no-store", headers: { "Curfew-Live": "1" } });
        if (signal.aborted) return;
        if (answer.status === 200) {
          const text = await answer.text();
          // The user may have filtered meanwhile: that answer is newer than ours.
          const still = document.querySelector("#page [data-live-from]")?.dataset.liveFrom ?? page().dataset.liveFrom;
          if (signal.aborted || still !== from) continue;
          if (!take(text)) throw new Error("not a page");
        } else if (answer.status !== 204) {
          throw new Error(`status ${answer.status}`);
        }
        failures = 0;
        $("lost").hidden = true;
        await until(document.hasFocus() ? GAP : ASIDE, signal);
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        // One failure is a hiccup; two in a row are worth a word.
        if (failures > 1) $("lost").hidden = false;
        await until(WAIT[Math.min(failures, WAIT.length) - 1], signal);
      }
    }
  }

  // ---- Forms are sent by htmx alone. One that it has not taken up yet would be sent by the browser itself: the page would
  // load again and what was pressed would be lost in silence. So settling takes no time (base.html), and should a press
  // still come first, htmx takes the form up and is given the press. ----
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || !event.target.matches("[hx-post], [hx-get]")) return;
    event.preventDefault();
    htmx.process(event.target);
    htmx.trigger(event.target, "submit");
  });

  // ---- Dialog: its content comes from the server, it is shown when it has come. ----
  let opener = null;
  document.addEventListener("htmx:afterSwap", (event) => {
    const dialog = $("dialog");
    if (event.detail.target !== dialog || dialog.childElementCount === 0) return;
    if (!dialog.open) {
      opener = event.detail.requestConfig?.elt ?? document.activeElement;
      dialog.showModal();
    }
    (dialog.querySelector("[aria-invalid=true]") ?? dialog.querySelector("[autofocus]"))?.focus();
  });
  // "close" does not bubble, so it is caught on its way down.
  document.addEventListener("close", (event) => {
    if (event.target.id !== "dialog") return;
    event.target.replaceChildren();
    // A live answer may have put another element of the same id in the opener's place.
    (opener?.isConnected ? opener : opener?.id ? $(opener.id) : null)?.focus();
    opener = null;
  }, true);
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-closes]")) $("dialog").close();
    if (event.target.id !== "dialog") return;
    // Beside the dialog, and not on its own margin.
    const { left, right, top, bottom } = event.target.getBoundingClientRect();
    if (event.clientX < left || event.clientX > right || event.clientY < top || event.clientY > bottom) event.target.close();
  });

  // ---- Copy: the text of a field. Where the clipboard is closed to pages, the text is selected for the user's own copy. ----
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copies]");
    const source = button && $(button.dataset.copies);
    if (!source) return;
    let copied = true;
    try {
      await navigator.clipboard.writeText(source.value);
    } catch {
      source.focus();
      source.select();
      copied = document.execCommand("copy");
      if (copied) button.focus();
    }
    $("said").textContent = copied ? "Copied." : "Not copied; the text is selected.";
    button.dataset.copied = copied ? "Copied" : "Selected";
  });

  // ---- Going on: a POST answers with HX-Location, and htmx puts the next page in place of the body. ----
  let mounted = null;
  function mount() {
    if (mounted === page()) return;
    const first = mounted === null;
    mounted = page();
    opener = null;
    drafts.clear();
    if (!first) {
      scrollTo(0, 0);
      $("main").focus({ preventScroll: true });
    }
    filterAll();
    document.dispatchEvent(new CustomEvent("curfew:page"));
    live();
  }
  document.addEventListener("htmx:afterSettle", mount);

  // ---- Forms ----
  document.addEventListener("htmx:afterSwap", () => {
    const wrong = document.querySelector("form [aria-invalid=true]");
    if (wrong && !$("dialog").open && !document.activeElement?.closest("form [aria-invalid=true]")) wrong.focus();
    filterAll();
  });
  document.addEventListener("click", (event) => {
    const adds = event.target.closest?.("[data-adds-row]");
    if (adds) {
      const kind = adds.dataset.addsRow;
      const row = $(`${kind}-row`).content.cloneNode(true);
      const first = row.querySelector("input");
      document.querySelector(`[data-rows="${kind}"]`).append(row);
      first.focus();
    }
    const removes = event.target.closest?.("[data-removes-row]");
    if (removes) {
      const rows = removes.closest("[data-rows]");
      const form = removes.closest("form");
      const add = document.querySelector(`[data-adds-row="${rows.dataset.rows}"]`);
      removes.closest(".pair").remove();
      add?.focus();
      form?.dispatchEvent(new Event("change", { bubbles: true }));
    }
  });
  document.addEventListener("change", (event) => {
    // A choice that shows one field and hides another.
    const chooser = event.target.closest?.("[data-shows]");
    if (!chooser) return;
    for (const part of chooser.closest("form").querySelectorAll("[data-shown-for]")) {
      part.hidden = !part.dataset.shownFor.split(" ").includes(event.target.value);
    }
  });
  // A path that the host has picked.
  document.addEventListener("htmx:afterRequest", (event) => {
    const field = event.detail.elt?.dataset?.picks;
    if (!field || event.detail.xhr?.status !== 200) return;
    const input = $(field);
    input.value = event.detail.xhr.responseText;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
    input.focus();
  });
  document.addEventListener("htmx:sendError", () => ($("lost").hidden = false));

  // ---- Drafts: forms and fields that hold what was typed or chosen and is not sent. The desktop ends the page of a closed
  // window only where there are none. By id, since an answer puts a form of the same id in its place, with what was typed
  // in it. [data-view] is a way of looking at the page, and no draft. ----
  const drafts = new Set();
  // A form's own property of this name may be one of its fields.
  const idOf = (element) => element?.getAttribute?.("id");
  const draftOf = (field) => idOf(field.form) || idOf(field);
  function drafted(event) {
    const field = event.target;
    if (field.matches?.("input, select, textarea") && !field.closest("[data-view]") && draftOf(field)) drafts.add(draftOf(field));
  }
  document.addEventListener("input", drafted);
  document.addEventListener("change", drafted);
  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt, xhr, requestConfig } = event.detail;
    if (requestConfig?.verb !== "post" || !xhr || xhr.status >= 400) return;
    drafts.delete(idOf(elt));
    drafts.delete(idOf(elt.form));
  });
  window.curfewDrafts = () => [...drafts].some((id) => $(id));

  // ---- Filters over rows that are all there, and the count of what is chosen ----
  function filterAll() {
    const wanted = new Map();
    for (const control of document.querySelectorAll("[data-filters]")) {
      const rows = control.dataset.filters;
      const value = control.value.trim().toLowerCase();
      wanted.set(rows, [...(wanted.get(rows) ?? []), [control.dataset.filtersBy, value]]);
    }
    for (const [id, tests] of wanted) {
      for (const row of $(id)?.querySelectorAll("[data-row]") ?? []) {
        row.hidden = !tests.every(([by, value]) => value === "" || (by ? row.dataset[by] === value : row.textContent.toLowerCase().includes(value)));
      }
    }
    const told = document.querySelector("[data-counts]");
    if (!told) return;
    told.dataset.says ??= told.textContent;
    const n = document.querySelectorAll(`input[name="${told.dataset.counts}"]:checked`).length;
    const words = n === 0 ? told.dataset.says : `${n} chosen. Nothing is removed before you have seen the plan.`;
    if (told.textContent !== words) told.textContent = words;
  }
  document.addEventListener("input", filterAll);
  document.addEventListener("change", filterAll);

  mount();
})();
