//! How fast the picker is on screen, measured in Chromium on the panel that `./run` builds and printed as the rows of
//! docs/benchmarks.md: `scripts/bench-machines` builds it and calls this.

use curfew_browser_tests::{Look, Page, Served, chromium};
use serde_json::{Value, json};

/// Types a need, and takes the time from each key to the list that answers it.
const KEYS: &str = "window.keys = null;
const words = document.getElementById('words');
const text = '1 gpu 12 gib spot in europe under $5 an hour';
const table = () => document.getElementById('found-table');
(async () => {
    const took = [];
    for (let n = 1; n <= text.length; n += 1) {
        const before = table();
        const began = performance.now();
        words.value = text.slice(0, n);
        words.dispatchEvent(new Event('input', { bubbles: true }));
        while (table() === before) await new Promise((done) => setTimeout(done, 1));
        took.push(performance.now() - began);
    }
    window.keys = took;
})();";

/// Scrolls by so many pixels a frame for five seconds: the time of each frame, and those that showed an empty place.
const SCROLL: &str = "window.scrolled = null;
const [step] = arguments, box = document.getElementById('rows'), took = [], began = performance.now();
box.scrollTop = 0;
let last = began, blank = 0;
const frame = (now) => {
    took.push(now - last);
    last = now;
    const { left, top } = box.getBoundingClientRect();
    if (!document.elementFromPoint(left + 300, top + 200)?.closest('tr[data-key]')) blank += 1;
    box.scrollTop += step;
    if (now - began < 5000) requestAnimationFrame(frame);
    else window.scrolled = { took: took.slice(1), blank };
};
requestAnimationFrame(frame);";

#[tokio::main]
async fn main() {
    let panel = Served::start().await;
    let page = chromium(&panel, Look::light(1400, 900)).await;
    page.open("/machines?hours=2&hour_usd=50").await;
    page.until("return !!document.querySelector('#picture svg')").await;
    println!("| what | goal | median | 95 % | most | of |\n|---|---|---|---|---|---|");
    page.js(KEYS).await;
    row("key to list", "–", &taken(&page, "keys").await);
    page.open("/machines?hours=2&hour_usd=50").await;
    for (step, what) in [(20, "a frame while scrolling, 20 rows a second"), (120, "the same, 120 rows a second")] {
        page.until("return !!document.querySelector('#rows tr[data-key]')").await;
        page.js_with(SCROLL, vec![json!(step)]).await;
        let frames = taken(&page, "scrolled").await;
        row(what, "16.7 ms", &frames["took"]);
        println!("  (of these, frames with a row not yet there: {})", frames["blank"]);
    }
    page.done().await;
}

async fn taken(page: &Page, name: &str) -> Value {
    page.until(&format!("return window.{name} !== null")).await;
    page.js(&format!("return window.{name}")).await
}

fn row(what: &str, goal: &str, ms: &Value) {
    let mut ms: Vec<f64> = ms.as_array().expect("numbers").iter().filter_map(Value::as_f64).collect();
    ms.sort_by(f64::total_cmp);
    let at = |share: usize| ms[(ms.len() - 1) * share / 100];
    println!("| {what} | {goal} | {:.1} ms | {:.1} ms | {:.1} ms | {} |", at(50), at(95), at(100), ms.len());
}
