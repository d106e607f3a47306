// A log that grows: follows its end, is searched in the page, holds the last LINES lines.
// Bytes come as they were written; what is no text is shown as �, control codes are taken out.
"use strict";
(() => {
  const LINES = 5000;
  let stop = () => {};
  document.addEventListener("curfew:page", () => {
    stop();
    const box = document.getElementById("log");
    stop = box ? mount(box) : () => {};
  });

function mount(box) {
  const search = document.getElementById("log-q");
  const only = document.getElementById("log-only");
  const follow = document.getElementById("log-follow");
  const found = document.getElementById("log-found");
  const decoder = new TextDecoder("utf-8");
  const lines = [];
  let from = "";
  let partial = "";
  let partialNode = null;
  let cut = 0;
  let busy = false;
  let ended = false;

  // Colours, cursor movements, titles; and what is left of control characters but tabs.
  const CODES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;
  const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;
  function clean(line) {
    let text = line.replace(CODES, "");
    // A progress bar draws over itself: what stands at the end is the line.
    const back = text.replace(/\r+$/, "").lastIndexOf("\r");
    if (back >= 0) text = text.slice(back + 1);
    // \x08, since \b is a word's edge here. Each turn takes one character with the backspace behind it.
    while (/[^\x08]\x08/.test(text)) text = text.replace(/[^\x08]\x08/g, "");
    return text.replace(CONTROL, "");
  }

  function draw(node, text, words) {
    node.replaceChildren();
    let at = 0;
    let hit = false;
    if (words) {
      const lower = text.toLowerCase();
      for (let i = lower.indexOf(words); i >= 0; i = lower.indexOf(words, at)) {
        node.append(text.slice(at, i));
        const mark = document.createElement("mark");
        mark.textContent = text.slice(i, i + words.length);
        node.append(mark);
        at = i + words.length;
        hit = true;
      }
    }
    node.append(text.slice(at));
    node.hidden = Boolean(words) && only.checked && !hit;
    return hit;
  }

  const words = () => search.value.trim().toLowerCase();
  let hits = 0;
  const tell = () => { found.textContent = words() ? (hits === 1 ? "1 line" : `${hits} lines`) : ""; };

  function add(text) {
    const node = document.createElement("div");
    const hit = draw(node, text, words());
    if (hit) hits += 1;
    lines.push({ text, node, hit });
    return node;
  }

  function push(bytes, last) {
    partial += decoder.decode(bytes, { stream: !last });
    const parts = partial.split("\n");
    partial = parts.pop();
    const fresh = document.createDocumentFragment();
    for (const part of parts) fresh.append(add(clean(part)));
    partialNode?.remove();
    partialNode = null;
    box.append(fresh);
    const rest = clean(partial);
    if (rest) {
      partialNode = document.createElement("div");
      draw(partialNode, rest, words());
      box.append(partialNode);
    }
    // A line without an end must not grow for ever.
    if (partial.length > 100000) partial = partial.slice(-100000);
    if (lines.length > LINES) {
      const gone = lines.splice(0, lines.length - LINES);
      cut += gone.length;
      for (const line of gone) { if (line.hit) hits -= 1; line.node.remove(); }
      let note = box.querySelector(".cut");
      if (!note) {
        note = document.createElement("div");
        note.className = "cut";
        box.prepend(note);
      }
      note.textContent = `${cut.toLocaleString("en-US")} earlier lines are in the log file, not shown here`;
    }
    tell();
    if (follow.checked) box.scrollTop = box.scrollHeight;
  }

  async function read() {
    if (busy || ended) return;
    busy = true;
    try {
      for (let more = true; more; ) {
        const url = new URL(box.dataset.log, location.href);
        url.searchParams.set("from", from);
        const answer = await fetch(url, { cache: "no-store" });
        if (!answer.ok) break;
        const bytes = new Uint8Array(await answer.arrayBuffer());
        const next = answer.headers.get("curfew-next") ?? from;
        const end = answer.headers.get("curfew-end") === "1";
        const skipped = Number(answer.headers.get("curfew-skipped") ?? 0);
        if (skipped > 0 && from === "") {
          const note = document.createElement("div");
          note.className = "cut";
          note.textContent = `the first ${skipped.toLocaleString("en-US")} bytes are in the log file, not shown here`;
          box.prepend(note);
        }
        push(bytes, end && bytes.length === 0);
        more = bytes.length > 0 && next !== from;
        from = next;
        ended = end && bytes.length === 0;
      }
    } catch {
      // The page's own poll says when the server is gone.
    } finally {
      busy = false;
    }
  }

  function again() {
    const w = words();
    hits = 0;
    for (const line of lines) {
      line.hit = draw(line.node, line.text, w);
      if (line.hit) hits += 1;
    }
    if (partialNode) draw(partialNode, clean(partial), w);
    tell();
    if (follow.checked) box.scrollTop = box.scrollHeight;
  }
  let soon = 0;
  search.addEventListener("input", () => { clearTimeout(soon); soon = setTimeout(again, 120); });
  only.addEventListener("change", again);
  follow.addEventListener("change", () => { if (follow.checked) box.scrollTop = box.scrollHeight; });
  box.addEventListener("wheel", () => { if (box.scrollTop + box.clientHeight < box.scrollHeight - 40) follow.checked = false; }, { passive: true });
  box.addEventListener("keydown", (event) => { if (["PageUp", "ArrowUp", "Home"].includes(event.key)) follow.checked = false; });
  document.addEventListener("curfew:live", read);
  read();
  return () => {
    ended = true;
    document.removeEventListener("curfew:live", read);
  };
}
})();
