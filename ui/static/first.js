// Runs before uPlot, which builds number formats for navigator.language as it loads and fails where that is no
// language tag: WebKitGTK says "C" under LANG=C.UTF-8.
"use strict";
try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, "language", { value: "en-US", configurable: true });
}
