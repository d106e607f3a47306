// The curves of a run. The server gives any window of the whole series in as many buckets as the picture is wide (min,
// max and mean of what was printed, nothing sampled away), smoothed as figures are; this asks again when it changes.
"use strict";
(() => {
  let stop = () => {};
  document.addEventListener("curfew:page", () => {
    stop();
    const box = document.getElementById("chart");
    stop = box?.dataset.series ? mount(box) : () => {};
  });

  function mount(box) {
    const { Plot, lookOf, swatch, keepFields } = curfewPlot;
    const { say, sayX, before, breath, notes } = curfewScale;
    const pick = (id) => document.getElementById(id);
    const controls = { x: pick("chart-x"), logX: pick("chart-x-scale"), y: pick("chart-y"), smooth: pick("chart-smooth"), calm: pick("chart-calm") };
    const [reset, empty, names, find, panels, more, readout, note, title] = ["chart-reset", "chart-empty", "chart-names", "panels-q", "panels", "panels-more", "chart-readout", "chart-note", "chart-what"].map(pick);
    const usd = Number(box.dataset.usdPerHour) || 0;
    const began = Number(box.dataset.beganMs) || 0;
    const gone = new AbortController();
    const on = (target, name, handler) => target?.addEventListener(name, handler, { signal: gone.signal });
    const shelf = `curfew-chart ${location.pathname}`;
    let zoom = null; // [from, to] on the drawn axis; null follows the whole run
    let sticks = false; // the zoom touches the newest point, and goes with it
    let version = "";
    let wanted = null; // names the user has ticked; null: the usual ones
    let chosen = false; // the user has chosen what is drawn from left to right
    let busy = false;
    let again = false;
    let latest = null;
    let drawnAt = 0;

    // ---- What the user has set outlives a reload ----
    function keep() {
      const set = Object.fromEntries(Object.entries(controls).map(([name, control]) => [name, control.type === "checkbox" ? control.checked : control.value]));
      try { sessionStorage.setItem(shelf, JSON.stringify({ set, zoom, sticks, wanted, chosen })); } catch { /* no storage: nothing outlives */ }
    }
    function recall() {
      try {
        const kept = JSON.parse(sessionStorage.getItem(shelf) ?? "null");
        if (!kept) return;
        for (const [name, value] of Object.entries(kept.set)) {
          const control = controls[name];
          if (control?.type === "checkbox") control.checked = value;
          else if (control && [...control.options].some((option) => option.value === value && !option.disabled)) control.value = value;
        }
        ({ zoom, sticks, wanted, chosen = false } = kept);
      } catch { /* not ours, or of another version */ }
    }

    // ---- Dollars are time times price ----
    const dollars = () => controls.x.value === "usd";
    const offset = () => (latest && began ? Math.max(0, (latest.start_ms - began) / 1000) : 0);
    const toUsd = (seconds) => ((seconds + offset()) / 3600) * usd;
    const fromUsd = (money) => (money / usd) * 3600 - offset();

    function ask(path, width) {
      const url = new URL(path, location.href);
      url.searchParams.set("x", dollars() ? "relative" : controls.x.value);
      url.searchParams.set("width", String(width));
      if (controls.logX.value === "log") url.searchParams.set("log", "1");
      if (controls.smooth.value !== "0") url.searchParams.set("smooth", controls.smooth.value);
      if (controls.calm.checked) url.searchParams.set("calm", "on");
      return url;
    }

    const plot = new Plot(box, {
      on: {
        zoom(from, to, panning) {
          if (!(to > from)) return;
          zoom = [from, to];
          const end = extent()?.[1];
          sticks = end !== undefined && to >= end;
          reset.hidden = false;
          keep();
          // What is at hand is moved at once; the full data of the window follows.
          if (panning) draw();
          load(true);
        },
        reset: whole,
      },
    });

    function wish() {
      const url = ask(box.dataset.series, Math.max(200, Math.round(box.clientWidth)));
      if (zoom) {
        const [from, to] = dollars() ? zoom.map(fromUsd) : zoom;
        url.searchParams.set("from", String(from));
        url.searchParams.set("to", String(to));
      }
      for (const name of wanted ?? []) url.searchParams.append("metric", name);
      if (wanted && wanted.length === 0) url.searchParams.append("metric", "");
      return url;
    }
    function take(fresh) {
      const end = extent()?.[1];
      latest = fresh;
      version = latest.version;
      follow(end);
      // Only epochs were printed: the picture goes by them, until the user wants else.
      const counted = latest.metrics.length > 0 && latest.metrics.every((metric) => metric.numbered);
      if (!chosen && !zoom && controls.x.value === "step" && counted && latest.spots.epoch.some((epoch) => epoch !== null)) {
        controls.x.value = "epoch";
        again = true;
        return;
      }
      draw();
    }

    async function load(force) {
      if (busy) { again = again || force || true; return; }
      busy = true;
      try {
        const url = wish();
        if (!force) url.searchParams.set("after", version);
        const answer = await fetch(url, { cache: "no-store", signal: gone.signal });
        if (answer.status === 200) take(await answer.json());
      } catch {
        // Gone, or the server is: the page's own poll says so.
      } finally {
        busy = false;
        if (again && !gone.signal.aborted) { again = false; load(true); }
      }
    }

    // Ours is the one part of the page that follows the run as fast as it prints: it has a wait of its own, so that a new
    // value costs a picture and not a page. Once the run is over the page's own news are enough.
    const grows = () => !["completed", "failed", "stopped", "lost"].includes(document.getElementById("state")?.dataset.state);
    let watching = false;
    function follows() {
      if (watching || !grows() || gone.signal.aborted) return;
      watching = true;
      watch().finally(() => { watching = false; if (!gone.signal.aborted) load(false); });
    }
    async function watch() {
      while (!gone.signal.aborted && grows()) {
        if (document.visibilityState !== "visible") {
          await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true, signal: gone.signal }));
          continue;
        }
        try {
          const wished = String(wish());
          const url = new URL(wished);
          url.searchParams.set("after", version);
          url.searchParams.set("wait", "on");
          const answer = await fetch(url, { cache: "no-store", signal: gone.signal });
          if (answer.status === 200) {
            const fresh = await answer.json();
            // The user may have asked for something else meanwhile, which comes by itself.
            if (wished === String(wish()) && !busy) {
              take(fresh);
              if (again) { again = false; load(true); }
            }
          } else if (answer.status !== 204) {
            await pause(1000);
          }
        } catch {
          await pause(1000);
        }
        await pause(pace());
      }
    }

    // How fast the newest value moves in the picture, in pixels a millisecond, over the last seconds.
    let mark = null;
    let speed = Infinity;
    function pace() {
      const end = extent()?.[1];
      const now = performance.now();
      if (end !== undefined && plot.plot && now - (mark?.at ?? -Infinity) > 5000) {
        if (mark) speed = (Math.abs(plot.share(end) - plot.share(mark.end)) * box.clientWidth) / (now - mark.at);
        mark = { at: now, end };
      }
      return breath({ focused: document.hasFocus(), age: began ? Date.now() - began : 0, speed });
    }
    const pause = (ms) => new Promise((done) => setTimeout(done, ms));

    // A zoom that touched the newest point goes with it, as wide as it was.
    function follow(end) {
      const now = extent()?.[1];
      if (!zoom || !sticks || end === undefined || now === undefined || now <= end) return;
      const by = now - end;
      zoom = zoom.map((edge) => edge + by);
      again = true;
    }

    function extent() {
      const ends = (latest?.metrics ?? []).map((metric) => metric.extent).filter(Boolean);
      if (ends.length === 0) return undefined;
      const span = [Math.min(...ends.map((e) => e[0])), Math.max(...ends.map((e) => e[1]))];
      return dollars() ? span.map(toUsd) : span;
    }

    function curves(metrics) {
      const at = dollars() ? toUsd : (x) => x;
      return metrics.map((metric, i) => ({
        key: metric.key,
        ...lookOf(i),
        x: dollars() ? metric.x.map(at) : metric.x,
        line: metric.smooth.length ? metric.smooth : metric.mean,
        raw: metric.smooth.length ? metric.mean : undefined,
        min: metric.min, max: metric.max, bad: metric.bad, breaks: metric.breaks, calm: metric.calm,
        over: { ...metric.over, x: metric.over.x.map(at) },
        extent: metric.extent?.map(at),
      }));
    }

    // "step 12,940 · epoch 31 · 20:31:07 · $1.29"
    function head(x) {
      const { x: xs, step, epoch, time } = latest.spots;
      const place = dollars() ? fromUsd(x) : x;
      const left = Math.max(0, before(xs, place));
      const right = Math.min(xs.length - 1, left + 1);
      if (xs.length === 0) return sayX(controls.x.value, x);
      const gap = xs[right] - xs[left];
      const share = gap > 0 ? Math.min(1, Math.max(0, (place - xs[left]) / gap)) : 0;
      const between = (column) => (column[left] === null || column[right] === null ? null : column[left] + (column[right] - column[left]) * share);
      const when = between(time);
      const said = [];
      if (controls.x.value === "relative") said.push(`after ${sayX("relative", place)}`);
      if (between(step) !== null) said.push(`step ${sayX("step", Math.round(between(step)))}`);
      if (between(epoch) !== null) said.push(`epoch ${sayX("epoch", epoch[share < 0.5 ? left : right])}`);
      if (when !== null) said.push(sayX("time", when));
      if (usd && when !== null && began) said.push(sayX("usd", Math.max(0, (when - began) / 3.6e6) * usd));
      return said.join(" · ") || sayX(controls.x.value, x);
    }

    function picture(metrics) {
      return { curves: curves(metrics), axis: controls.x.value, logX: controls.logX.value === "log", logY: controls.y.value === "log", calm: controls.calm.checked, head };
    }

    function draw() {
      chips();
      const metrics = latest.metrics.filter((metric) => metric.x.length > 0 || metric.over.x.length > 0);
      empty.hidden = metrics.length > 0 || Boolean(zoom);
      reset.hidden = !zoom;
      const drawn = picture(metrics);
      plot.draw({ ...drawn, window: zoom });
      // "Loss" where it is the loss, else what was chosen.
      const loss = metrics.length === 0 || metrics.every((metric) => /loss/i.test(metric.key));
      const heading = loss ? "Loss" : metrics.length > 3 ? `${metrics.length} metrics` : metrics.map((metric) => metric.key).join(", ");
      if (title.textContent !== heading) title.textContent = heading;
      const words = notes(drawn.curves, drawn).join(" ");
      if (note.textContent !== words) note.textContent = words;
      note.hidden = words === "";
      figureState();
      drawnAt = performance.now();
    }

    // ---- Which metrics: those drawn, as ticks; the first others beside them ----
    function chips() {
      const drawn = latest.metrics.map((metric) => metric.key);
      const shown = [...new Set([...drawn, ...latest.names])].slice(0, Math.max(8, drawn.length));
      pick("chart-others").hidden = latest.total <= shown.length;
      names.hidden = shown.length < 2;
      const key = shown.join("\n");
      if (names.dataset.key !== key && !names.contains(document.activeElement)) {
        names.dataset.key = key;
        names.querySelectorAll("label").forEach((label) => label.remove());
        for (const name of shown) {
          const label = document.createElement("label");
          label.className = "tick";
          const input = document.createElement("input");
          input.type = "checkbox";
          input.value = name;
          const swatch = document.createElement("i");
          swatch.className = "swatch";
          label.append(input, swatch, name);
          names.append(label);
        }
      }
      for (const input of names.querySelectorAll("input")) {
        const at = drawn.indexOf(input.value);
        if (document.activeElement !== input) input.checked = at >= 0;
        input.nextSibling.hidden = at < 0;
        swatch(input.nextSibling, lookOf(Math.max(0, at)));
      }
      pick("panels-part").hidden = latest.total < 2;
    }
    function choose(keys) { wanted = keys; keep(); load(true); }

    // ---- Small multiples of everything else, under a filter ----
    const small = new Map();
    let shownPanels = 9;
    let panelsBusy = false;
    let panelsVersion = "";
    async function loadPanels() {
      const open = pick("panels-part");
      if (!open.open || panelsBusy || gone.signal.aborted) return;
      panelsBusy = true;
      try {
        const url = ask(box.dataset.panels, 300);
        url.searchParams.set("q", find.value);
        url.searchParams.set("most", String(shownPanels));
        const answer = await fetch(url, { cache: "no-store", signal: gone.signal });
        if (answer.status !== 200) return;
        const found = await answer.json();
        panelsVersion = found.version;
        const keep = new Set();
        for (const panel of found.pictures) {
          keep.add(panel.title);
          let card = small.get(panel.title);
          if (!card) {
            const figure = document.createElement("figure");
            const caption = document.createElement("figcaption");
            const button = document.createElement("button");
            button.type = "button";
            button.className = "btn link small";
            button.textContent = panel.title;
            button.setAttribute("aria-label", `Show ${panel.title} large`);
            const of = document.createElement("div");
            const last = document.createElement("span");
            last.className = "num";
            caption.append(button, last);
            figure.append(caption, of);
            figure.dataset.panel = panel.title;
            card = { figure, of, last, plot: new Plot(of, { height: 130, small: true }), keys: [] };
            button.addEventListener("click", () => { choose(card.keys); zoom = null; pick("chart").scrollIntoView({ block: "center" }); });
            small.set(panel.title, card);
          }
          panels.append(card.figure);
          card.keys = panel.metrics.map((metric) => metric.key);
          card.of.title = card.keys.join(", ");
          // The last values, and for those who do not see the picture what it shows.
          card.last.textContent = panel.metrics.map((metric) => say(metric.last)).slice(0, 2).join(" · ");
          card.last.setAttribute("aria-hidden", "true");
          card.of.setAttribute("role", "img");
          card.of.setAttribute("aria-label", panel.metrics.map((metric) => `${metric.key}: last ${say(metric.last)}, ${metric.best === null ? "" : `best ${say(metric.best)}, `}${metric.trend}`).join("; "));
          card.plot.draw({ ...picture(panel.metrics), window: null, head: undefined });
        }
        for (const [title, card] of small) if (!keep.has(title)) { card.plot.destroy(); card.figure.remove(); small.delete(title); }
        pick("panels-count").textContent = found.total === 0 ? "No metric has that in its name." : `${Math.min(found.pictures.length, found.total)} of ${found.total.toLocaleString("en-US")}`;
        more.hidden = found.pictures.length >= found.total;
      } catch {
        // As above.
      } finally {
        panelsBusy = false;
      }
    }

    // ---- What "Save figure…" and "Compare…" take along ----
    function figureState() {
      const fields = [];
      const put = (name, value) => fields.push([name, value]);
      put("x", dollars() ? "relative" : controls.x.value);
      put("log_x", controls.logX.value === "log" ? "on" : "");
      put("log_y", controls.y.value === "log" ? "on" : "");
      put("smoothing", controls.smooth.value);
      if (dollars()) put("usd", "on");
      if (zoom) { const [from, to] = dollars() ? zoom.map(fromUsd) : zoom; put("from", String(from)); put("to", String(to)); }
      // What the user has kept out of scale stays out of the figure's.
      if (controls.calm.checked && plot.plot) { const [low, high] = plot.spanY(); put("low", String(low)); put("high", String(high)); }
      for (const metric of latest.metrics) put("metric", metric.key.replace(/ \[\d+\]$/, ""));
      keepFields(pick("chart-state"), fields);
    }

    function whole() {
      zoom = null;
      sticks = false;
      reset.hidden = true;
      keep();
      load(true);
    }

    recall();
    reset.hidden = !zoom;
    on(controls.x, "change", () => { chosen = true; if (controls.x.value === "time") controls.logX.value = "linear"; controls.logX.disabled = controls.x.value === "time"; whole(); loadPanels(); });
    on(controls.logX, "change", () => { whole(); loadPanels(); });
    on(controls.y, "change", () => { keep(); latest && draw(); loadPanels(); });
    on(controls.calm, "change", () => { keep(); latest && draw(); load(true); loadPanels(); });
    on(controls.smooth, "change", () => { keep(); load(true); loadPanels(); });
    on(reset, "click", () => { whole(); box.focus(); });
    on(names, "change", () => choose([...names.querySelectorAll("input:checked")].map((input) => input.value)));
    on(pick("panels-part"), "toggle", loadPanels);
    on(pick("chart-others"), "click", () => { pick("panels-part").open = true; find.focus(); });
    let typing = 0;
    on(find, "input", () => { clearTimeout(typing); typing = setTimeout(() => { shownPanels = 9; loadPanels(); }, 120); });
    on(more, "click", () => { shownPanels += 9; loadPanels(); });
    let lastPanels = 0;
    on(document, "curfew:live", () => {
      if (!watching) load(false);
      follows(); // a run that waited for its machine begins to grow
      // Small pictures keep up once a second.
      if (performance.now() - lastPanels > 1000) { lastPanels = performance.now(); loadPanels(); }
    });
    on(matchMedia("(prefers-color-scheme: dark)"), "change", () => { if (latest) draw(); loadPanels(); });
    // By keyboard: arrows move the readout, with Shift the picture; + and − zoom; 0 shows all; Escape ends the readout.
    on(box, "keydown", (event) => {
      if (!plot.plot || event.target !== box) return;
      const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -25, PageDown: 25, Home: -Infinity, End: Infinity }[event.key];
      if (event.shiftKey && (event.key === "ArrowLeft" || event.key === "ArrowRight")) plot.panBy(by * 0.2);
      else if (by !== undefined) readout.textContent = plot.step(by);
      else if (event.key === "+" || event.key === "=") plot.zoomBy(0.5);
      else if (event.key === "-") plot.zoomBy(2);
      else if (event.key === "0") whole();
      else if (event.key === "Escape") plot.away();
      else return;
      event.preventDefault();
    });
    const resize = new ResizeObserver(() => { if (plot.resize()) load(true); for (const card of small.values()) card.plot.resize(); });
    resize.observe(box);
    load(true).then(follows);

    // For tests and for whoever looks closer: what is drawn.
    box.curfew = {
      points: () => latest?.metrics.reduce((n, metric) => n + metric.count, 0) ?? 0,
      zoom: () => zoom,
      metrics: () => latest?.metrics.map((metric) => metric.key) ?? [],
      curves: () => plot.curves ?? [],
      spanX: () => plot.spanX(),
      spanY: () => plot.spanY(),
      pace,
      head: (x) => head(x),
      drawnAt: () => drawnAt,
      panels: () => small.size,
    };
    return () => { gone.abort(); clearTimeout(typing); resize.disconnect(); plot.destroy(); for (const card of small.values()) card.plot.destroy(); small.clear(); };
  }
})();
