// The curves of a run. The server gives any window of the whole series in as many buckets as the picture is wide
// (min, max and mean of what was printed, nothing sampled away); this draws it, and asks again when it changes.
"use strict";
(() => {
  let stop = () => {};
  document.addEventListener("curfew:page", () => {
    stop();
    const box = document.getElementById("chart");
    stop = box ? mount(box) : () => {};
  });

  const COLOURS = ["--blue", "--amber", "--green", "--violet", "--teal", "--pink", "--red", "--spend"];
  // Steps are whole numbers, and so are the marks between them.
  const WHOLE = Array.from({ length: 16 }, (_, n) => [1, 2, 5].map((k) => k * 10 ** n)).flat();
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function say(value) {
    if (value === null || value === undefined || Number.isNaN(value)) return "–";
    const abs = Math.abs(value);
    if (abs !== 0 && (abs < 0.001 || abs >= 1e6)) return value.toExponential(3).replace("-", "−");
    return value.toLocaleString("en-US", { maximumSignificantDigits: 4 });
  }
  function sayX(axis, x) {
    if (x === null || x === undefined) return "–";
    if (axis === "time") return new Date(x).toLocaleTimeString("en-GB");
    if (axis === "relative") {
      const s = Math.round(x);
      return s < 60 ? `${s} s` : s < 3600 ? `${Math.floor(s / 60)} m ${String(s % 60).padStart(2, "0")} s` : `${Math.floor(s / 3600)} h ${String(Math.floor(s / 60) % 60).padStart(2, "0")} m`;
    }
    return x.toLocaleString("en-US", { maximumFractionDigits: axis === "epoch" ? 2 : 0 });
  }

  // Exponential moving average that weights by distance on the axis, so that uneven points smooth evenly. It starts at
  // the first value: a constant stays that constant.
  function smooth(xs, ys, weight) {
    if (weight === 0) return ys;
    let last = null;
    let lastX = null;
    const gaps = [];
    for (let i = 1; i < xs.length; i++) if (xs[i] > xs[i - 1]) gaps.push(xs[i] - xs[i - 1]);
    gaps.sort((a, b) => a - b);
    const usual = gaps[Math.floor(gaps.length / 2)] || 1;
    return ys.map((y, i) => {
      if (y === null || y === undefined || !Number.isFinite(y)) return y;
      if (last === null) { last = y; } else {
        const keep = weight ** Math.max((xs[i] - lastX) / usual, 1e-6);
        last = last * keep + y * (1 - keep);
      }
      lastX = xs[i];
      return last;
    });
  }

  function mount(box) {
    const pick = (id) => document.getElementById(id);
    const axis = pick("chart-x");
    const scale = pick("chart-y");
    const smoothing = pick("chart-smooth");
    const reset = pick("chart-reset");
    const empty = pick("chart-empty");
    const names = pick("chart-names");
    const gone = new AbortController();
    const on = (target, name, handler) => target.addEventListener(name, handler, { signal: gone.signal });
    let plot = null;
    let drawn = "";
    let zoom = null; // [from, to]; null follows the whole run
    let version = "";
    let wanted = null; // names the user has ticked; null: the usual ones
    let busy = false;
    let again = false;
    let latest = null;

    async function load(force) {
      if (busy) { again = again || force || true; return; }
      busy = true;
      try {
        const url = new URL(box.dataset.series, location.href);
        url.searchParams.set("x", axis.value);
        url.searchParams.set("width", String(Math.max(200, Math.round(box.clientWidth))));
        if (zoom) { url.searchParams.set("from", String(zoom[0])); url.searchParams.set("to", String(zoom[1])); }
        for (const name of wanted ?? []) url.searchParams.append("metric", name);
        if (wanted && wanted.length === 0) url.searchParams.append("metric", "");
        if (!force) url.searchParams.set("after", version);
        const answer = await fetch(url, { cache: "no-store", signal: gone.signal });
        if (answer.status === 200) {
          latest = await answer.json();
          version = latest.version;
          draw();
        }
      } catch {
        // Gone, or the server is: the page's own poll says so.
      } finally {
        busy = false;
        if (again && !gone.signal.aborted) { again = false; load(true); }
      }
    }

    function chips() {
      if (!names || latest.names.length < 2) { if (names) names.hidden = true; return; }
      names.hidden = false;
      const chosen = new Set(latest.metrics.map((m) => m.key));
      const key = latest.names.join("\n");
      if (names.dataset.key !== key) {
        names.dataset.key = key;
        names.querySelectorAll("label").forEach((label) => label.remove());
        for (const name of latest.names.slice(0, 40)) {
          const label = document.createElement("label");
          label.className = "tick";
          const input = document.createElement("input");
          input.type = "checkbox";
          input.value = name;
          label.append(input, name);
          names.append(label);
        }
      }
      for (const input of names.querySelectorAll("input")) if (document.activeElement !== input) input.checked = chosen.has(input.value);
    }

    function draw() {
      chips();
      const metrics = latest.metrics.filter((m) => m.x.length > 0);
      empty.hidden = metrics.length > 0;
      if (metrics.length === 0) { plot?.destroy(); plot = null; drawn = ""; return; }
      const weight = Number(smoothing.value);
      // For each metric: the line, and behind it the band of what was printed (or the raw line, when smoothed).
      const tables = [];
      const series = [{ label: axis.selectedOptions[0].textContent.replace("by ", ""), value: (_, x) => sayX(axis.value, x) }];
      const bands = [];
      metrics.forEach((metric, i) => {
        const colour = css(COLOURS[i % COLOURS.length]);
        const cut = (ys) => ys.map((y) => (y !== null && scale.value === "log" && y <= 0 ? null : y));
        const mean = cut(metric.mean);
        const line = weight > 0 ? smooth(metric.x, mean, weight) : mean;
        tables.push([metric.x, line, cut(metric.min), cut(metric.max), mean]);
        const at = series.length;
        const label = metric.key;
        series.push({ label, stroke: colour, width: 2, points: { show: metric.x.length < 60, size: 5, fill: colour }, spanGaps: false,
          value: (u, v, s, at) => at === null || at === undefined ? say(newest(label)) : weight > 0 ? `${say(u.data[s + 3][at])} (smooth ${say(v)})` : say(v) });
        const faint = { show: true, stroke: "transparent", width: 0, points: { show: false }, label: `${label} min`, legend: false };
        series.push({ ...faint, label: `${label} least` }, { ...faint, label: `${label} most` });
        // The raw line stands behind a smoothed one.
        series.push({ ...faint, label: `${label} raw`, stroke: weight > 0 ? colour + "55" : "transparent", width: weight > 0 ? 1 : 0 });
        if (!metric.exact) bands.push({ series: [at + 2, at + 1], fill: colour + "30" });
      });
      const data = uPlot.join(tables);
      const shape = JSON.stringify([metrics.map((m) => [m.key, m.exact]), axis.value, scale.value, weight, css("--ink")]);
      if (plot && drawn === shape) {
        const focus = plot.cursor.idx;
        plot.setData(data, false);
        range();
        if (focus !== null && focus !== undefined) plot.setCursor({ left: plot.cursor.left, top: plot.cursor.top });
        else plot.setLegend({ idx: null });
        return;
      }
      plot?.destroy();
      drawn = shape;
      const ink = css("--faint");
      const grid = { stroke: css("--line"), width: 1 };
      const axes = [
        { stroke: ink, grid, ticks: grid, font: "12px Inter, sans-serif", values: (_, xs) => xs.map((x) => sayX(axis.value, x)), space: 90, ...(axis.value === "step" ? { incrs: WHOLE } : {}) },
        { stroke: ink, grid, ticks: grid, font: "12px Inter, sans-serif", size: 62, values: (_, ys) => ys.map((y) => (y === null ? "" : say(y))) },
      ];
      plot = new uPlot({
        width: box.clientWidth, height: 310, series, bands, axes,
        legend: { live: true },
        cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
        scales: { x: { time: false, range: () => span() }, y: { distr: scale.value === "log" ? 3 : 1, range: (_, low, high) => reach(low, high) } },
        hooks: {
          setSelect: [(u) => {
            if (u.select.width < 4) return;
            zoom = [u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x")];
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            reset.hidden = false;
            load(true);
          }],
        },
      }, data, box);
      // The rows of bands say nothing a reader needs.
      plot.root.querySelectorAll(".u-legend .u-series").forEach((row, i) => { if (i > 0 && (i - 1) % 4 !== 0) row.hidden = true; });
      const area = plot.root.querySelector(".u-over");
      area.addEventListener("dblclick", whole);
      plot.root.querySelector("canvas").setAttribute("aria-hidden", "true");
    }

    // The plot outlives the answer that it was made from, so the newest value is looked up.
    const newest = (key) => latest.metrics.find((m) => m.key === key)?.last;

    // The window drawn: the zoom, or the whole run.
    function span() {
      if (zoom) return zoom;
      const ends = latest.metrics.map((m) => m.extent).filter(Boolean);
      const low = Math.min(...ends.map((e) => e[0]));
      const high = Math.max(...ends.map((e) => e[1]));
      return high > low ? [low, high] : [low - 0.5, high + 0.5];
    }
    function reach(low, high) {
      if (low === null || high === null || low === undefined || high === undefined) return scale.value === "log" ? [0.1, 1] : [0, 1];
      if (scale.value === "log") return [low / 1.2, high * 1.2];
      const pad = high > low ? (high - low) * 0.06 : Math.abs(high) * 0.1 || 1;
      return [low - pad, high + pad];
    }
    function range() {
      const [min, max] = span();
      plot.setScale("x", { min, max });
    }
    function whole() {
      zoom = null;
      reset.hidden = true;
      load(true);
    }

    on(axis, "change", whole);
    on(scale, "change", () => latest && draw());
    on(smoothing, "change", () => latest && draw());
    on(reset, "click", () => { whole(); box.focus(); });
    if (names) on(names, "change", () => { wanted = [...names.querySelectorAll("input:checked")].map((input) => input.value); load(true); });
    on(document, "curfew:live", () => load(false));
    on(matchMedia("(prefers-color-scheme: dark)"), "change", () => latest && draw());
    // The readout by keyboard: arrows move it, Escape ends it.
    on(box, "keydown", (event) => {
      if (!plot) return;
      const n = plot.data[0].length;
      const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -Math.ceil(n / 10), PageDown: Math.ceil(n / 10) }[event.key];
      let at = plot.cursor.idx ?? (by > 0 ? -1 : n);
      if (event.key === "Home") at = 0; else if (event.key === "End") at = n - 1; else if (by) at += by; else if (event.key === "Escape") { plot.setCursor({ left: -10, top: -10 }); return; } else return;
      event.preventDefault();
      at = Math.min(n - 1, Math.max(0, at));
      plot.setCursor({ left: plot.valToPos(plot.data[0][at], "x"), top: 20 });
    });
    const resize = new ResizeObserver(() => { if (plot && Math.abs(plot.width - box.clientWidth) > 1) { plot.setSize({ width: box.clientWidth, height: 310 }); load(true); } });
    resize.observe(box);
    load(true);

    // For tests and for whoever looks closer: what is drawn.
    box.curfew = { points: () => latest?.metrics.reduce((n, m) => n + m.count, 0) ?? 0, zoom: () => zoom, metrics: () => latest?.metrics.map((m) => m.key) ?? [] };
    return () => { gone.abort(); resize.disconnect(); plot?.destroy(); plot = null; };
  }
})();
