// Runs beside each other: their curves in one picture, and one line a run from its hyperparameters to its best value.
"use strict";
(() => {
  let stop = () => {};
  document.addEventListener("curfew:page", () => {
    stop();
    stop = document.getElementById("compare-chart") ? mount() : () => {};
  });

  // ---- Which runs, ticked in their list: the button takes them along, those too that a filter hides since ----
  const ticked = new Set();
  function tell() {
    const link = document.getElementById("compare-runs");
    if (!link) return;
    for (const box of document.querySelectorAll("[data-compares]")) box.checked = ticked.has(box.value);
    link.href = ticked.size ? `/compare?${[...ticked].map((id) => `run=${encodeURIComponent(id)}`).join("&")}` : "/compare";
    const says = ticked.size ? `Compare ${ticked.size}…` : "Compare…";
    if (link.textContent !== says) link.textContent = says;
    // At hand wherever in a long list the last tick was.
    link.classList.toggle("floats", ticked.size > 0);
  }
  document.addEventListener("change", (event) => {
    if (!event.target.matches?.("[data-compares]")) return;
    if (event.target.checked) ticked.add(event.target.value); else ticked.delete(event.target.value);
    tell();
  });
  document.addEventListener("htmx:afterSwap", tell);
  document.addEventListener("curfew:live", tell);
  document.addEventListener("curfew:page", () => { ticked.clear(); tell(); });

  const SVG = "http://www.w3.org/2000/svg";
  const svg = (name, attributes, ...inside) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
    made.append(...inside);
    return made;
  };

  function mount() {
    const { Plot, COLOURS, lookOf, swatch, keepFields } = curfewPlot;
    const { say, sayX, notes } = curfewScale;
    const pick = (id) => document.getElementById(id);
    const [box, metric, group, axis, logX, y, smooth, calm, reset, says] = ["chart", "metric", "group", "x", "x-scale", "y", "smooth", "calm", "reset", "says"].map((name) => pick(`compare-${name}`));
    const gone = new AbortController();
    const on = (target, name, handler) => target?.addEventListener(name, handler, { signal: gone.signal });
    let zoom = null;
    let latest = null;
    let turn = 0;
    let drawMs = 0;

    // How the user looks at comparisons outlives a reload.
    const SHELF = "curfew-compare";
    const kept = { x: axis, logX, y, smooth, calm };
    const is = (control) => (control.type === "checkbox" ? "checked" : "value");
    function keep() {
      try { sessionStorage.setItem(SHELF, JSON.stringify(Object.entries(kept).map(([name, control]) => [name, control[is(control)]]))); } catch { /* no storage: nothing outlives */ }
    }
    try {
      for (const [name, value] of JSON.parse(sessionStorage.getItem(SHELF) ?? "[]")) if (kept[name]) kept[name][is(kept[name])] = value;
    } catch { /* not ours, or of another version */ }

    const chosen = () => [...document.querySelectorAll("#choose input[name=run]:checked")].map((input) => input.value);
    const rows = () => [...document.querySelectorAll("#compared-table tbody tr")];
    // Few curves are told apart by their strokes too; of many, only every eighth has the same colour.
    const looks = (i, of) => (of > 12 ? { colour: COLOURS[i % COLOURS.length], dash: Math.floor(i / COLOURS.length) % 2 ? [6, 4] : [] } : lookOf(i));

    const plot = new Plot(box, { height: 360, on: { zoom(from, to, panning) { if (!(to > from)) return; zoom = [from, to]; reset.hidden = false; if (panning && latest) draw(); load(); }, reset: whole } });
    function whole() { zoom = null; reset.hidden = true; load(); }

    // Of several questions on their way, the last one's answer counts.
    async function load() {
      const runs = chosen();
      pick("compare-count").textContent = runs.length === 0 ? "" : `${runs.length} chosen`;
      pick("overlay").hidden = runs.length === 0;
      if (runs.length === 0) { plot.destroy(); return; }
      const mine = ++turn;
      const url = new URL("/compare/series.json", location.href);
      for (const run of runs) url.searchParams.append("run", run);
      url.searchParams.set("x", axis.value);
      url.searchParams.set("width", String(Math.max(200, Math.round(box.clientWidth))));
      if (metric.value) url.searchParams.set("metric", metric.value);
      if (group.value) url.searchParams.set("by", group.value);
      if (logX.value === "log") url.searchParams.set("log", "1");
      if (smooth.value !== "0") url.searchParams.set("smooth", smooth.value);
      if (calm.checked) url.searchParams.set("calm", "on");
      if (zoom) { url.searchParams.set("from", String(zoom[0])); url.searchParams.set("to", String(zoom[1])); }
      try {
        const answer = await fetch(url, { cache: "no-store", signal: gone.signal });
        if (answer.status !== 200 || mine !== turn) return;
        latest = await answer.json();
        offer(metric, latest.metrics.map(([name, n]) => [name, n === runs.length ? name : `${name} (${n} of ${runs.length} runs)`]), latest.metric);
        draw();
        parallel(rows());
      } catch {
        // Gone, or the server is: the page's own poll says so.
      }
    }

    function offer(select, options, value) {
      const key = JSON.stringify(options);
      if (select.dataset.key !== key) {
        select.dataset.key = key;
        select.replaceChildren(...options.map(([name, title]) => new Option(title, name)));
      }
      if (value !== null && value !== undefined) select.value = value;
    }

    function draw() {
      // A run has the colour of its row, whatever is drawn of it.
      const order = new Map(rows().map((row, i) => [row.dataset.compared, i]));
      const many = latest.curves.length > 12;
      const curves = latest.curves.map((one, i) => {
        const at = group.value ? i : order.get(one.id) ?? i;
        return {
          key: one.key, ...looks(at, latest.curves.length), alpha: many ? 0.75 : 1,
          x: one.x, line: one.smooth.length ? one.smooth : one.mean, raw: one.smooth.length && !many ? one.mean : undefined,
          min: many && !group.value ? [] : one.min, max: one.max, bad: one.bad, breaks: one.breaks, over: many ? undefined : one.over, extent: one.extent, calm: one.calm,
        };
      });
      const from = performance.now();
      plot.draw({ curves, axis: axis.value, logX: logX.value === "log", logY: y.value === "log", calm: calm.checked, window: zoom, head: (x) => `${axis.selectedOptions[0].textContent.replace("by ", "")} ${sayX(axis.value, x)}` });
      drawMs = performance.now() - from;
      const fields = [["x", axis.value], ["log_x", logX.value === "log" ? "on" : ""], ["log_y", y.value === "log" ? "on" : ""], ["smoothing", smooth.value], ["by", group.value], ["metric", latest.metric ?? ""]];
      if (zoom) fields.push(["from", String(zoom[0])], ["to", String(zoom[1])]);
      if (calm.checked && plot.plot) { const [low, high] = plot.spanY(); fields.push(["low", String(low)], ["high", String(high)]); }
      keepFields(pick("compare-state"), [...fields, ...chosen().map((run) => ["run", run])]);
      const words = notes(curves, { axis: axis.value, logX: logX.value === "log", logY: y.value === "log", calm: calm.checked }).join(" ");
      pick("compare-note").textContent = words;
      pick("compare-note").hidden = words === "";
      const best = (one) => one.best ?? one.last ?? (one.mean.filter((v) => v !== null).at(-1) ?? null);
      const sorted = [...latest.curves].sort((a, b) => (latest.higher ? best(b) - best(a) : best(a) - best(b)));
      says.textContent = `${latest.metric ?? "No metric"} of ${latest.curves.length} ${group.value ? "groups" : "runs"}. ` + sorted.slice(0, 5).map((one) => `${one.key}: ${group.value ? "ends at" : "best"} ${say(best(one))}`).join("; ");
    }

    // ---- The table's colours, and what can be grouped by ----
    function table() {
      const all = rows();
      all.forEach((row, i) => swatch(row.querySelector(".swatch"), looks(i, all.length)));
      const keys = [...document.querySelectorAll("#compared-table th[data-hyper]")].map((th) => decodeURIComponent(th.dataset.hyper));
      const kept = keys.includes(group.value) ? group.value : "";
      offer(group, [["", "every run"], ...keys.map((key) => [key, `mean by ${key}`])], kept);
      parallel(all);
    }

    // ---- Parallel coordinates: an axis for each hyperparameter that differs, the last for the best value ----
    function parallel(all) {
      const part = pick("parallel-part");
      const heads = [...document.querySelectorAll("#compared-table th")];
      const plain = (text) => (text === undefined ? undefined : decodeURIComponent(text));
      const columns = heads.map((th, at) => ({ at, hyper: plain(th.dataset.hyper), metric: plain(th.dataset.metric) })).filter((column) => column.hyper !== undefined || column.metric !== undefined);
      const metricColumn = columns.find((column) => column.metric !== undefined && column.metric === metric.value) ?? columns.find((column) => column.metric !== undefined);
      const axes = [...columns.filter((column) => column.hyper !== undefined), ...(metricColumn ? [metricColumn] : [])];
      part.hidden = all.length < 2 || axes.length < 2;
      const stage = pick("parallel");
      stage.replaceChildren();
      if (part.hidden) return;
      const [width, height, top, bottom] = [Math.max(320, stage.clientWidth || 900), 280, 34, 22];
      const gap = (width - 140) / (axes.length - 1);
      const scales = axes.map((column) => {
        const cells = all.map((row) => row.cells[column.at]);
        const numbers = cells.map((cell) => (cell.dataset.value === "" ? NaN : Number(cell.dataset.value)));
        const known = numbers.filter(Number.isFinite);
        if (known.length === cells.filter((cell) => cell.textContent !== "–").length && known.length > 0) {
          const [low, high] = [Math.min(...known), Math.max(...known)];
          // Rates and sizes that span decades are read by decades.
          const log = low > 0 && high / low >= 30;
          const share = (v) => (high === low ? 0.5 : log ? Math.log(v / low) / Math.log(high / low) : (v - low) / (high - low));
          return { column, marks: [[0, say(low)], ...(high > low ? [[1, say(high)]] : [])], of: (i) => (Number.isFinite(numbers[i]) ? share(numbers[i]) : null), log };
        }
        const texts = [...new Set(cells.map((cell) => cell.textContent))].sort();
        const share = (text) => (texts.length < 2 ? 0.5 : texts.indexOf(text) / (texts.length - 1));
        return { column, marks: texts.slice(0, 12).map((text) => [share(text), text.slice(0, 18)]), of: (i) => share(cells[i].textContent), log: false };
      });
      const yAt = (share) => top + (1 - share) * (height - top - bottom);
      const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width: "100%", height, "aria-hidden": "true" });
      const result = metricColumn ? scales.at(-1) : null;
      const higher = /highest/.test(heads[metricColumn?.at]?.textContent ?? "");
      const lines = all.map((row, i) => {
        const places = scales.map((scale, n) => [70 + n * gap, scale.of(i)]).filter(([, share]) => share !== null);
        const d = places.map(([x, share], n) => `${n ? "L" : "M"}${x.toFixed(1)} ${yAt(share).toFixed(1)}`).join("");
        const end = result?.of(i);
        const good = end === null || end === undefined ? 0.15 : 0.15 + 0.85 * (higher ? end : 1 - end);
        const path = svg("path", { d, class: "run-line", "stroke-opacity": good.toFixed(2), "data-run": row.dataset.compared }, svg("title", {}, `${row.dataset.name}: ${axes.map((column) => `${column.hyper ?? column.metric} ${row.cells[column.at].textContent.replace("(the best)", "").trim()}`).join(", ")}`));
        return [good, path];
      });
      // The best ones on top.
      lines.sort((a, b) => a[0] - b[0]);
      picture.append(...lines.map(([, path]) => path));
      scales.forEach((scale, n) => {
        const x = 70 + n * gap;
        const title = `${scale.column.hyper ?? `best ${scale.column.metric}`}${scale.log ? " (log)" : ""}`;
        picture.append(svg("line", { x1: x, x2: x, y1: top, y2: height - bottom, class: "axis" }), svg("text", { x, y: 14, "text-anchor": "middle", class: "title" }, title.slice(0, 24)));
        for (const [share, text] of scale.marks) picture.append(svg("text", { x: x + 6, y: yAt(share) + 4, class: "mark" }, text));
      });
      stage.append(picture);
    }

    // Who filters wants to see what is found.
    on(pick("choose-q"), "input", () => { pick("choose-part").open = true; });
    on(pick("choose"), "change", () => { load(); });
    for (const control of [metric, y, smooth, calm]) on(control, "change", () => { keep(); load(); });
    for (const control of [group, axis, logX]) on(control, "change", () => { keep(); whole(); });
    on(reset, "click", () => { whole(); box.focus(); });
    const change = () => pick("choose")?.dispatchEvent(new Event("change", { bubbles: true }));
    on(pick("choose-shown"), "click", () => { for (const row of document.querySelectorAll("#choose-rows [data-row]:not([hidden])")) row.querySelector("input").checked = true; change(); });
    on(pick("choose-none"), "click", () => { for (const input of document.querySelectorAll("#choose input[name=run]")) input.checked = false; change(); });
    // The table has come anew.
    on(document, "htmx:afterSwap", () => { table(); if (latest && chosen().length) load(); });
    on(matchMedia("(prefers-color-scheme: dark)"), "change", () => { table(); if (latest) draw(); });
    on(box, "keydown", (event) => {
      if (!plot.plot || event.target !== box) return;
      const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -25, PageDown: 25, Home: -Infinity, End: Infinity }[event.key];
      if (event.shiftKey && (event.key === "ArrowLeft" || event.key === "ArrowRight")) plot.panBy(by * 0.2);
      else if (by !== undefined) says.textContent = plot.step(by);
      else if (event.key === "+" || event.key === "=") plot.zoomBy(0.5);
      else if (event.key === "-") plot.zoomBy(2);
      else if (event.key === "0") whole();
      else if (event.key === "Escape") plot.away();
      else return;
      event.preventDefault();
    });
    let drawnWidth = 0;
    const resize = new ResizeObserver(() => {
      plot.resize();
      if (Math.abs(drawnWidth - box.clientWidth) > 1) { drawnWidth = box.clientWidth; parallel(rows()); }
    });
    resize.observe(box);
    table();
    load();
    box.curfew = { curves: () => latest?.curves.map((one) => one.key) ?? [], metric: () => latest?.metric, zoom: () => zoom, load, drawMs: () => drawMs, // uPlot draws once the caller has done its work.
      redraw: async () => { const from = performance.now(); plot.plot?.redraw(false); await new Promise(queueMicrotask); return performance.now() - from; } };
    return () => { gone.abort(); resize.disconnect(); plot.destroy(); };
  }
})();
