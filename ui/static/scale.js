// What stands on the axes of a picture and beside it: numbers and places in words, marks, and how often a picture is drawn.
// Nothing here touches the page.
"use strict";
(() => {
  function say(value) {
    if (value === null || value === undefined || Number.isNaN(value)) return "–";
    const abs = Math.abs(value);
    if (abs !== 0 && (abs < 0.001 || abs >= 1e7)) return value.toExponential(3).replace(/\.?0+e/, "e").replace("e+", "e").replaceAll("-", "−");
    return value.toLocaleString("en-US", { maximumSignificantDigits: 4 }).replace("-", "−");
  }

  const two = (n) => String(n).padStart(2, "0");
  // A duration with so many digits behind the point of its seconds.
  function sayTime(seconds, digits = 0) {
    const sign = seconds < 0 ? "−" : "";
    const s = Number(Math.abs(seconds).toFixed(digits));
    if (s < 60) return `${sign}${s.toFixed(digits)} s`;
    const whole = Math.floor(s);
    if (s < 3600) return `${sign}${Math.floor(whole / 60)} m ${digits ? (s % 60).toFixed(digits).padStart(3 + digits, "0") : two(whole % 60)} s`;
    const left = digits || whole % 60 ? ` ${digits ? (s % 60).toFixed(digits).padStart(3 + digits, "0") : two(whole % 60)} s` : "";
    return `${sign}${Math.floor(whole / 3600)} h ${two(Math.floor(whole / 60) % 60)} m${s < 36_000 ? left : ""}`;
  }

  // A place on an axis, to be read alone.
  function sayX(axis, x) {
    if (x === null || x === undefined || !Number.isFinite(x)) return "–";
    if (axis === "time") return new Date(x).toLocaleTimeString("en-GB");
    if (axis === "usd") return `$${x.toFixed(Math.abs(x) < 0.1 ? 4 : 2)}`;
    if (axis === "relative") return sayTime(x, x < 10 && x !== Math.round(x) ? 1 : 0);
    return x.toLocaleString("en-US", { maximumFractionDigits: axis === "epoch" ? 2 : 0 });
  }

  // ---- Marks ----
  const decades = (from, to) => Array.from({ length: to - from + 1 }, (_, n) => [1, 2, 5].map((k) => Number(`${k}e${from + n}`))).flat();
  // Steps are whole numbers, and so are the marks between them; of time, people count in 15, 30 and 60.
  const STEPS = decades(0, 15);
  const NUMBERS = decades(-9, 15);
  const SECONDS = [...decades(-3, -1), 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, ...[1, 2, 5, 10, 20, 50, 100].map((d) => d * 86_400)];
  const MS = SECONDS.map((s) => s * 1000);
  const incrementsOf = (axis) => ({ step: STEPS, relative: SECONDS, time: MS })[axis] ?? NUMBERS;

  // Marks say as much as tells each from its neighbour.
  function marksOf(axis, xs) {
    const gap = xs.length > 1 ? Math.abs(xs[1] - xs[0]) : 0;
    const digits = (unit) => (gap > 0 && gap < unit ? Math.min(6, Math.ceil(-Math.log10(gap / unit) - 1e-9)) : 0);
    if (axis === "relative") {
      const behind = digits(1);
      return xs.map((x) => (gap >= 3600 && x % 3600 === 0 ? `${(x / 3600).toLocaleString("en-US")} h` : gap >= 60 && x < 3600 ? `${Math.round(x / 60)} m` : gap >= 60 ? sayTime(x).replace(/ \d\d s$/, "") : sayTime(x, behind)));
    }
    if (axis === "time") {
      const behind = digits(1000);
      const day = (x) => new Date(x).toLocaleDateString("en-GB", { day: "numeric", month: "short" });
      const clock = (x) => {
        const at = new Date(x);
        if (gap >= 60_000) return `${two(at.getHours())}:${two(at.getMinutes())}`;
        const s = at.getSeconds() + at.getMilliseconds() / 1000;
        return `${two(at.getHours())}:${two(at.getMinutes())}:${behind ? s.toFixed(Math.min(3, behind)).padStart(3 + Math.min(3, behind), "0") : two(at.getSeconds())}`;
      };
      // The day is said where it changes.
      return xs.map((x, i) => (gap >= 86_400_000 ? day(x) : i > 0 && day(x) !== day(xs[i - 1]) ? `${day(x)} ${clock(x)}` : clock(x)));
    }
    if (axis === "usd") return xs.map((x) => `$${x.toFixed(Math.max(2, digits(1)))}`);
    return xs.map((x) => (Math.abs(x) >= 1e7 ? say(x) : sayX(axis, x)));
  }

  // Marks of a logarithmic axis: 1, 2, 5 of each decade, fewer where decades are many.
  function logMarks(min, max) {
    const span = Math.log10(max / min);
    const of = span > 4 ? [1] : span > 1.5 ? [1, 3] : [1, 2, 3, 5, 7];
    const every = span > 12 ? Math.ceil(span / 8) : 1;
    const marks = [];
    for (let n = Math.floor(Math.log10(min)); n <= Math.ceil(Math.log10(max)); n += every) {
      for (const k of of) {
        const at = Number(`${k}e${n}`);
        if (at >= min && at <= max) marks.push(at);
      }
    }
    if (marks.length > 2) return marks;
    // Within less than a decade a log scale is all but even: round numbers as on an even one.
    const rough = (max - min) / 5;
    const step = [1, 2, 5, 10].map((k) => k * 10 ** Math.floor(Math.log10(rough))).find((k) => k >= rough);
    const first = Math.ceil(min / step - 1e-9);
    return Array.from({ length: Math.max(0, Math.floor(max / step + 1e-9) - first + 1) }, (_, n) => Number(((first + n) * step).toPrecision(12))).filter((at) => at > 0);
  }

  // ---- Places in sorted columns ----
  // The last place in sorted `xs` that is not right of `x`; -1 where all are.
  function before(xs, x) {
    let low = 0;
    let high = xs.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (xs[mid] <= x) low = mid + 1; else high = mid;
    }
    return low - 1;
  }
  function nearest(xs, x) {
    const left = before(xs, x);
    if (left < 0) return 0;
    return left + 1 < xs.length && xs[left + 1] - x < x - xs[left] ? left + 1 : left;
  }

  // ---- Pace: ms between two pictures of a run that prints without end ----
  const YOUNG = 120_000;
  const BREATH = { young: 150, least: 500, most: 2000, aside: 1000 };
  // A young run is followed as fast as it can be seen; later, when its newest value has moved the curve by a pixel, yet not
  // more often or more seldom than so. In a window that nobody uses, once a second. `speed` is in pixels a ms, NaN unknown.
  function breath({ focused, age, speed }) {
    if (!focused) return BREATH.aside;
    if (age < YOUNG) return BREATH.young;
    return Number.isNaN(speed) ? BREATH.least : Math.min(BREATH.most, Math.max(BREATH.least, 1 / speed));
  }

  // ---- What a picture does not show by itself, in a sentence each ----
  function notes(curves, { axis, logX, logY, calm }) {
    const names = (of) => (of.length > 3 ? `${of.slice(0, 3).map((c) => c.key).join(", ")} and ${of.length - 3} more` : of.map((c) => c.key).join(", "));
    const said = [];
    const least = (c) => (c.min?.length ? c.min : c.raw ?? c.line);
    const most = (c) => (c.max?.length ? c.max : c.raw ?? c.line);
    if (logY) {
      const low = curves.filter((c) => least(c).some((v) => v !== null && v <= 0));
      const none = low.filter((c) => !most(c).some((v) => v !== null && v > 0));
      const some = low.filter((c) => !none.includes(c));
      if (some.length) said.push(`Not drawn on a log scale: what is zero or below in ${names(some)}.`);
      if (none.length) said.push(`${names(none)}: nothing above zero, so nothing on a log scale.`);
    }
    if (logX && curves.some((c) => (c.extent?.[0] ?? c.x[0]) <= 0)) said.push(`A log scale begins above zero: the first ${axis === "step" ? "step" : "point"} is not drawn.`);
    const bad = curves.filter((c) => c.bad?.length);
    if (bad.length) said.push(`× not a number or infinite: ${names(bad)}${bad.length === 1 ? `, first at ${placed(axis, bad[0].x[bad[0].bad[0][0]])}` : ""}.`);
    const turns = [...new Set(curves.flatMap((c) => (c.breaks ?? []).map((at) => placed(axis, c.x[at]))))];
    if (turns.length) said.push(`Went back to a checkpoint at ${turns.slice(0, 3).join(", ")}${turns.length > 3 ? ` and ${turns.length - 3} more times` : ""}; what it did again is dashed.`);
    // Few values far from the rest make all else flat.
    const ends = curves.map((c) => c.calm).filter(Boolean);
    if (ends.length && !logY) {
      const [low, high] = [Math.min(...ends.map(([l]) => l)), Math.max(...ends.map(([, h]) => h))];
      let [first, last, out, all] = [low, high, 0, 0];
      for (const c of curves) {
        const [below, above] = [least(c), most(c)];
        for (let i = 0; i < below.length; i++) {
          if (below[i] === null) continue;
          all += 1;
          if (below[i] < low || above[i] > high) out += 1;
          if (below[i] < first) first = below[i];
          if (above[i] > last) last = above[i];
        }
      }
      const far = [...(first < low ? [say(first)] : []), ...(last > high ? [say(last)] : [])].join(" and ");
      if (calm && out > 0) said.push(`▲▼ out of scale: as far as ${far}.`);
      else if (out > 0 && all >= 8 && out <= Math.max(1, all / 20) && last - first > 4 * (high - low)) said.push(`Few values, as far as ${far}, flatten the rest: tick “outliers out of scale”.`);
    }
    return said;
  }
  const placed = (axis, x) => (axis === "step" || axis === "epoch" ? `${axis} ${sayX(axis, x)}` : sayX(axis, x));

  window.curfewScale = { say, sayX, marksOf, incrementsOf, logMarks, before, nearest, breath, notes };
})();
