// One picture of curves: axes, crosshair, zoom and pan by uPlot; the curves are drawn here, each from its own places, so
// that a hundred of them need no common table. A value is drawn where it was printed, or not at all.
"use strict";
(() => {
  const COLOURS = ["--blue", "--amber", "--green", "--violet", "--teal", "--pink", "--red", "--spend"];
  // Colour never speaks alone: neighbours differ in their stroke too, in the picture and in its legend.
  const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3]];
  const lookOf = (i) => ({ colour: COLOURS[i % COLOURS.length], dash: DASHES[(i + Math.floor(i / COLOURS.length)) % DASHES.length] });
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const FONT = "12px Inter, sans-serif";
  const { say, sayX, marksOf, incrementsOf, logMarks, before, nearest } = curfewScale;

  // A line's look in a legend, 20 px wide.
  function swatch(node, { colour, dash }) {
    const ink = css(colour);
    let at = 0;
    const parts = dash.map((length, i) => { const from = at; at += length; return `${i % 2 ? "transparent" : ink} ${from}px ${at}px`; });
    node.style.background = parts.length ? `repeating-linear-gradient(90deg, ${parts.join(", ")})` : ink;
  }

  class Plot {
    // `on.zoom(from, to)`, `on.reset()`; `small` pictures have neither, nor a tooltip with more than one line a curve.
    constructor(box, { height = 310, small = false, on = {} } = {}) {
      Object.assign(this, { box, height, small, on, plot: null, shape: "", state: null });
      this.tip = document.createElement("div");
      this.tip.className = "tip num";
      this.tip.hidden = true;
      this.dots = document.createElement("div");
      this.dots.className = "dots";
      this.dots.setAttribute("aria-hidden", "true");
      this.tip.setAttribute("aria-hidden", "true");
    }

    destroy() {
      this.plot?.destroy();
      this.plot = null;
      this.shape = "";
      this.tip.remove();
      this.dots.remove();
    }

    // state: { curves, axis, logX, logY, window: [from, to] | null, calm, head(x) }
    // A curve: { key, colour?, alpha?, dash?, x, line, raw?, min?, max?, bad?, breaks?, over? }
    draw(state) {
      this.state = state;
      this.curves = state.curves.filter((curve) => curve.x.length > 0);
      if (this.curves.length === 0) { this.destroy(); return; }
      const shape = JSON.stringify([state.axis, state.logX, state.logY, css("--ink"), this.box.clientWidth]);
      if (this.plot && this.shape === shape) {
        const { left, top } = this.plot.cursor;
        this.plot.batch(() => {
          const [min, max] = this.spanX();
          this.plot.setScale("x", { min, max });
          const [low, high] = this.spanY();
          this.plot.setScale("y", { min: low, max: high });
        });
        this.plot.redraw(false);
        if (left >= 0) this.plot.setCursor({ left, top });
        return;
      }
      this.destroy();
      this.shape = shape;
      this.make();
    }

    spanX() {
      if (this.state.window) return this.state.window;
      let low = Infinity;
      let high = -Infinity;
      for (const curve of this.curves) {
        const [from, to] = curve.extent ?? [curve.x[0], curve.x[curve.x.length - 1]];
        low = Math.min(low, from);
        high = Math.max(high, to);
      }
      if (this.state.logX) {
        if (low <= 0) low = Math.min(...this.curves.map((curve) => curve.x.find((x) => x > 0) ?? Infinity));
        if (!Number.isFinite(low) || high <= low) return [(high > 0 ? high : 1) / 2, (high > 0 ? high : 1) * 2];
        return [low, high];
      }
      return high > low ? [low, high] : [low - 0.5, high + 0.5];
    }

    spanY() {
      const { logY, calm } = this.state;
      const [from, to] = this.spanX();
      let low = Infinity;
      let high = -Infinity;
      const see = (value) => {
        if (value === null || value === undefined || (logY && value <= 0)) return;
        if (value < low) low = value;
        if (value > high) high = value;
      };
      for (const curve of this.curves) {
        if (calm && curve.calm) {
          see(curve.calm[0]);
          see(curve.calm[1]);
          continue;
        }
        for (const ys of [curve.line, curve.raw, curve.min, curve.max]) {
          if (!ys) continue;
          const end = before(curve.x, to);
          for (let i = Math.max(0, before(curve.x, from)); i <= end; i++) see(ys[i]);
        }
      }
      if (!Number.isFinite(low)) return logY ? [0.1, 1] : [0, 1];
      if (logY) return high > low ? [low / (high / low) ** 0.05, high * (high / low) ** 0.05] : [low / 2, high * 2];
      const pad = high > low ? (high - low) * 0.06 : Math.abs(high) * 0.1 || 1;
      return [low - pad, high + pad];
    }

    make() {
      const { axis, logX, logY } = this.state;
      const ink = css("--faint");
      const grid = { stroke: css("--line"), width: 1 };
      const common = { stroke: ink, grid, ticks: { show: false }, font: FONT };
      const logAxis = { splits: (_, __, min, max) => logMarks(min, max), filter: (_, splits) => splits };
      const self = this;
      this.plot = new uPlot({
        width: Math.max(80, this.box.clientWidth),
        height: this.height,
        padding: [8, 26, 0, 0],
        legend: { show: false },
        series: [{}, { points: { show: false }, stroke: "transparent" }],
        axes: [
          { ...common, size: 34, values: (_, xs) => marksOf(axis, xs), space: this.small ? 70 : 90, ...(logX ? logAxis : { incrs: incrementsOf(axis) }) },
          { ...common, size: this.small ? 48 : 62, values: (_, ys) => ys.map((y) => (y === null ? "" : say(y))), space: this.small ? 26 : 40, ...(logY ? logAxis : {}) },
        ],
        scales: {
          x: { time: false, distr: logX ? 3 : 1, range: () => this.spanX() },
          y: { distr: logY ? 3 : 1, range: () => this.spanY() },
        },
        cursor: {
          x: true, y: false, points: { show: false },
          drag: { x: !this.small, y: false, setScale: false },
          bind: {
            mousedown: (u, target, handler) => (event) => {
              if (!self.small && (event.button === 1 || (event.button === 0 && event.shiftKey))) self.pan(event);
              else if (event.button === 0) handler(event);
              return null;
            },
            dblclick: () => () => { self.on.reset?.(); return null; },
          },
        },
        hooks: {
          draw: [(u) => this.paint(u)],
          setCursor: [(u) => this.read(u)],
          setSelect: [(u) => {
            if (u.select.width < 4) return;
            const ends = [u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x")];
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            this.on.zoom?.(...ends);
          }],
        },
      }, [[0, 1], [null, null]], this.box);
      const over = this.plot.over;
      over.append(this.dots, this.tip);
      this.plot.root.querySelector("canvas").setAttribute("aria-hidden", "true");
      if (!this.small) {
        over.addEventListener("wheel", (event) => {
          if (!event.ctrlKey && !event.shiftKey) return;
          event.preventDefault();
          const turn = event.deltaY || event.deltaX;
          const at = event.offsetX / over.clientWidth;
          if (event.ctrlKey) this.zoomBy(turn > 0 ? 1.25 : 0.8, at);
          else this.panBy(turn > 0 ? 0.1 : -0.1);
        }, { passive: false });
      }
    }

    // ---- Zoom and pan, in shares of the picture ----
    share(x) {
      const [from, to] = this.spanX();
      return this.state.logX ? Math.log(x / from) / Math.log(to / from) : (x - from) / (to - from);
    }
    place(share) {
      const [from, to] = this.spanX();
      return this.state.logX ? from * (to / from) ** share : from + (to - from) * share;
    }
    zoomBy(factor, at = 0.5) { this.on.zoom?.(this.place(at - at * factor), this.place(at + (1 - at) * factor)); }
    panBy(share) { this.on.zoom?.(this.place(share), this.place(1 + share)); }
    pan(event) {
      const start = event.clientX;
      const width = this.plot.over.clientWidth;
      const [from, to] = [this.place(0), this.place(1)];
      const shares = [0, 1];
      const kept = { ...this.state };
      const move = (now) => {
        const by = (start - now.clientX) / width;
        const { logX } = kept;
        const at = (share) => (logX ? from * (to / from) ** share : from + (to - from) * share);
        this.on.zoom?.(at(shares[0] + by), at(shares[1] + by), true);
      };
      const done = () => { removeEventListener("mousemove", move); removeEventListener("mouseup", done); };
      addEventListener("mousemove", move);
      addEventListener("mouseup", done);
    }

    // ---- Painting ----
    paint(u) {
      const { ctx, bbox } = u;
      const { logX, logY } = this.state;
      const [x0, x1] = [u.scales.x.min, u.scales.x.max];
      const [y0, y1] = [u.scales.y.min, u.scales.y.max];
      const dpr = devicePixelRatio || 1;
      const kx = bbox.width / (logX ? Math.log(x1 / x0) : x1 - x0);
      const ky = bbox.height / (logY ? Math.log(y1 / y0) : y1 - y0);
      const px = logX ? (x) => (x > 0 ? bbox.left + Math.log(x / x0) * kx : NaN) : (x) => bbox.left + (x - x0) * kx;
      const py = logY ? (y) => (y > 0 ? bbox.top + bbox.height - Math.log(y / y0) * ky : NaN) : (y) => bbox.top + bbox.height - (y - y0) * ky;
      const yAt = (y) => (y === null || y === undefined ? NaN : py(y));
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top - 2, bbox.width, bbox.height + 4);
      ctx.clip();
      ctx.lineJoin = "round";
      // Only what is in sight, and one place beyond on either side.
      const within = (xs) => [Math.max(0, before(xs, x0)), Math.min(xs.length - 1, before(xs, x1) + 1)];
      const line = (xs, ys, breaks) => {
        const [from, to] = within(xs);
        const cuts = breaks?.length ? new Set(breaks) : null;
        ctx.beginPath();
        let pen = false;
        let alone = null;
        for (let i = from; i <= to; i++) {
          const x = px(xs[i]);
          const y = yAt(ys[i]);
          if (Number.isNaN(x) || Number.isNaN(y)) { if (alone) dot(alone); pen = false; alone = null; continue; }
          if (pen && !cuts?.has(i)) { ctx.lineTo(x, y); alone = null; } else { if (alone) dot(alone); ctx.moveTo(x, y); alone = [x, y]; }
          pen = true;
        }
        if (alone) dot(alone);
        ctx.stroke();
      };
      // A value without neighbours is a point.
      const dot = ([x, y]) => { ctx.moveTo(x + 2 * dpr, y); ctx.arc(x, y, 2 * dpr, 0, 7); ctx.moveTo(x, y); };
      const colours = this.curves.map((curve, i) => css(curve.colour ?? COLOURS[i % COLOURS.length]));
      this.colours = colours;
      // Where a run went back to a checkpoint.
      const turns = new Set(this.small || this.curves.length > 12 ? [] : this.curves.flatMap((curve) => (curve.breaks ?? []).map((at) => curve.x[at])));
      ctx.strokeStyle = css("--edge");
      ctx.lineWidth = dpr;
      ctx.setLineDash([2 * dpr, 4 * dpr]);
      ctx.beginPath();
      for (const x of turns) { ctx.moveTo(px(x), bbox.top); ctx.lineTo(px(x), bbox.top + bbox.height); }
      ctx.stroke();
      ctx.setLineDash([]);
      this.curves.forEach((curve, i) => {
        if (!curve.min?.length) return;
        const [from, to] = within(curve.x);
        ctx.fillStyle = colours[i];
        ctx.globalAlpha = 0.16 * (curve.alpha ?? 1);
        let start = from;
        const flush = (end) => {
          if (end - start >= 2) {
            ctx.beginPath();
            for (let k = start; k < end; k++) ctx.lineTo(px(curve.x[k]), yAt(curve.max[k]));
            for (let k = end - 1; k >= start; k--) ctx.lineTo(px(curve.x[k]), yAt(curve.min[k]));
            ctx.fill();
          }
          start = end;
        };
        const cuts = new Set(curve.breaks ?? []);
        for (let k = from; k <= to; k++) {
          if (cuts.has(k)) flush(k);
          if (Number.isNaN(yAt(curve.min[k])) || Number.isNaN(yAt(curve.max[k])) || Number.isNaN(px(curve.x[k]))) { flush(k); start = k + 1; }
        }
        flush(to + 1);
      });
      this.curves.forEach((curve, i) => {
        ctx.strokeStyle = ctx.fillStyle = colours[i];
        if (curve.over?.x.length) {
          ctx.globalAlpha = 0.45;
          ctx.lineWidth = dpr;
          ctx.setLineDash([4 * dpr, 3 * dpr]);
          line(curve.over.x, curve.over.mean, curve.over.breaks);
          ctx.setLineDash([]);
        }
        if (curve.raw) {
          ctx.globalAlpha = 0.35 * (curve.alpha ?? 1);
          ctx.lineWidth = dpr;
          line(curve.x, curve.raw, curve.breaks);
        }
      });
      this.curves.forEach((curve, i) => {
        ctx.strokeStyle = colours[i];
        ctx.globalAlpha = curve.alpha ?? 1;
        ctx.lineWidth = (this.small || this.curves.length > 20 ? 1.25 : 2) * dpr;
        ctx.setLineDash((curve.dash ?? []).map((n) => n * dpr));
        line(curve.x, curve.line, curve.breaks);
        ctx.setLineDash([]);
        this.marks(ctx, curve, colours[i], px, py, [y0, y1], bbox, dpr);
      });
      ctx.restore();
    }

    // A cross where a value was not finite; an arrow where one lies out of scale.
    marks(ctx, curve, colour, px, py, [y0, y1], bbox, dpr) {
      ctx.lineWidth = 1.5 * dpr;
      const r = 3.5 * dpr;
      ctx.globalAlpha = 1;
      for (const [at] of curve.bad ?? []) {
        const x = px(curve.x[at]);
        const y = bbox.top + bbox.height - 7 * dpr;
        ctx.strokeStyle = css("--red");
        ctx.beginPath();
        ctx.moveTo(x - r, y - r); ctx.lineTo(x + r, y + r); ctx.moveTo(x - r, y + r); ctx.lineTo(x + r, y - r);
        ctx.stroke();
      }
      if (!this.state.calm) return;
      ctx.fillStyle = colour;
      const most = curve.max?.length ? curve.max : curve.raw ?? curve.line;
      const least = curve.min?.length ? curve.min : curve.raw ?? curve.line;
      for (let i = 0; i < curve.x.length; i++) {
        for (const [value, edge, way] of [[most[i], y1, 1], [least[i], y0, -1]]) {
          if (value === null || value === undefined || (this.state.logY && value <= 0) || (way > 0 ? value <= edge : value >= edge)) continue;
          const [x, y] = [px(curve.x[i]), way > 0 ? bbox.top + dpr : bbox.top + bbox.height - dpr];
          ctx.beginPath();
          ctx.moveTo(x, y); ctx.lineTo(x - r, y + way * 1.7 * r); ctx.lineTo(x + r, y + way * 1.7 * r);
          ctx.fill();
        }
      }
    }

    // ---- The readout under the crosshair ----
    // At most so many lines: of more curves, the ones nearest to the pointer.
    readout(x, top = 0) {
      const rows = this.curves.map((curve, i) => {
        const at = nearest(curve.x, x);
        const bad = curve.bad?.find(([where]) => where === at);
        return { curve, i, at, bad, y: curve.line[at] };
      }).filter(({ curve, at }) => Math.abs(this.share(curve.x[at]) - this.share(x)) < 0.25);
      if (rows.length > 8) {
        const away = (row) => (row.y === null || row.y === undefined ? Infinity : Math.abs(this.plot.valToPos(row.y, "y") - top));
        rows.sort((a, b) => away(a) - away(b));
        rows.length = 8;
        rows.sort((a, b) => a.i - b.i);
      }
      return rows.map(({ curve, i, at, bad }) => {
        const raw = curve.raw ? curve.raw[at] : curve.line[at];
        let value = raw === null || raw === undefined ? (bad ? (bad[1] ? "not a number" : "infinite") : "–") : say(raw);
        if (bad && raw !== null && raw !== undefined) value += `, beside ${bad[1] ? "what is not a number" : "what is infinite"}`;
        if (curve.raw && curve.line[at] !== null && say(curve.line[at]) !== say(raw)) value += ` (smooth ${say(curve.line[at])})`;
        if (!this.small && curve.min?.length && curve.min[at] !== null && curve.min[at] !== curve.max[at]) value += `, ${say(curve.min[at])} to ${say(curve.max[at])}`;
        return { key: curve.label ?? curve.key, value, colour: this.colours?.[i], x: curve.x[at], y: curve.line[at] };
      });
    }

    read(u) {
      const { left, top } = u.cursor;
      const away = left === null || left < 0;
      this.tip.hidden = away;
      this.dots.replaceChildren();
      if (away) return;
      const x = u.posToVal(left, "x");
      const rows = this.readout(x, top);
      const head = document.createElement("div");
      head.className = "soft";
      head.textContent = this.state.head?.(x) ?? sayX(this.state.axis, x);
      const lines = rows.map(({ key, value, colour }) => {
        const line = document.createElement("div");
        line.textContent = `${key} ${value}`;
        line.style.color = colour;
        return line;
      });
      this.tip.replaceChildren(head, ...lines);
      for (const row of rows) {
        if (row.y === null || row.y === undefined || (this.state.logY && row.y <= 0)) continue;
        const dot = document.createElement("i");
        dot.style.left = `${u.valToPos(row.x, "x")}px`;
        dot.style.top = `${u.valToPos(row.y, "y")}px`;
        dot.style.background = row.colour;
        this.dots.append(dot);
      }
      const width = u.over.clientWidth;
      const beside = left + 14 + this.tip.offsetWidth > width ? left - 14 - this.tip.offsetWidth : left + 14;
      this.tip.style.left = `${Math.max(0, beside)}px`;
      this.tip.style.top = `${Math.max(0, Math.min(top < 0 ? 8 : top - 10, u.over.clientHeight - this.tip.offsetHeight - 4))}px`;
    }

    // By keyboard: to the next printed place in a direction, or to an end. Returns what stands there, in words.
    step(by) {
      const longest = this.curves.reduce((a, b) => (b.x.length > a.x.length ? b : a));
      const [from, to] = this.spanX();
      const first = Math.max(0, before(longest.x, from));
      const last = before(longest.x, to);
      const here = this.plot.cursor.left >= 0 ? nearest(longest.x, this.plot.posToVal(this.plot.cursor.left, "x")) : by > 0 ? first - 1 : last + 1;
      const at = Math.min(last, Math.max(first, by === Infinity ? last : by === -Infinity ? first : here + by));
      const x = longest.x[at];
      this.plot.setCursor({ left: this.plot.valToPos(x, "x"), top: 20 });
      return [this.state.head?.(x) ?? sayX(this.state.axis, x), ...this.readout(x, 20).map(({ key, value }) => `${key} ${value}`)].join("; ");
    }
    away() { this.plot?.setCursor({ left: -10, top: -10 }); }

    resize() {
      if (!this.plot || Math.abs(this.plot.width - this.box.clientWidth) <= 1) return false;
      this.draw(this.state);
      return true;
    }
  }

  // ---- "Save figure…": how a picture stands, in a hidden form, and what will be written, as it is chosen ----
  const taken = new WeakMap();
  function keepFields(form, fields) {
    const now = JSON.stringify(fields);
    if (taken.get(form) === now && form.childElementCount === fields.length) return;
    taken.set(form, now);
    form.replaceChildren(...fields.map(([name, value]) => Object.assign(document.createElement("input"), { type: "hidden", name, value })));
  }
  document.addEventListener("change", (event) => {
    const form = event.target.closest?.("#figure-form");
    const preview = form?.querySelector("#figure-preview");
    if (!preview) return;
    const wanted = new URLSearchParams(new FormData(form));
    wanted.set("format", "png"); // a drawing inside a page has no fonts
    preview.hidden = false;
    preview.src = `${preview.dataset.draws}?${wanted}`;
  });
  // There may be nothing to draw, of which the button tells why. Errors do not bubble.
  document.addEventListener("error", (event) => { if (event.target.id === "figure-preview") event.target.hidden = true; }, true);

  window.curfewPlot = { Plot, COLOURS, lookOf, swatch, keepFields };
})();
