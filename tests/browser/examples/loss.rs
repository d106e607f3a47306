//! How fast a run's curves are on screen, measured in Chromium on the panel that `./run` builds and printed as the rows of
//! docs/benchmarks.md: `scripts/bench-loss` builds it and calls this.
//!
//! - Log line to plot: from the script's `print` to the frame that shows its value, for lines about a second apart and for
//!   ten lines a second.
//! - Compare: a hundred curves of a thousand points in one picture, drawn anew; a click in a list of runs.

use curfew_browser_tests::{Home, Look, Page, Served, chromium};
use serde_json::Value;
use std::path::Path;

/// Prints the milliseconds of its clock as a loss: the page's clock is the same.
const STAMPS: &str = r"
import random, sys, time
for pause, lines in ((1.0, 60), (0.1, 300)):
    for n in range(lines):
        time.sleep(pause * random.uniform(0.7, 1.3))
        print(f'loss={time.time() * 1000 % 1e5:.2f}', flush=True)
    print(f'done_loss={pause}', flush=True)
time.sleep(5)
";

/// In every frame: is there a value that was not there in the frame before? Then it is in this one.
const WATCH: &str = "const chart = document.getElementById('chart').curfew;
window.seen = [];
let count = chart.points();
const look = () => {
    if (chart.points() > count) {
        count = chart.points();
        const loss = chart.curves().find((curve) => curve.key === 'loss');
        window.seen.push(((Date.now() % 1e5) - loss.line.at(-1) + 1e5) % 1e5);
    }
    requestAnimationFrame(look);
};
requestAnimationFrame(look);";

#[tokio::main]
async fn main() {
    println!("| what | goal | median | 95 % | most | of |\n|---|---|---|---|---|---|");
    latency().await;
    compare().await;
}

fn row(what: &str, goal: &str, mut ms: Vec<f64>) {
    ms.sort_by(f64::total_cmp);
    let at = |share: usize| ms[(ms.len() - 1) * share / 100];
    println!("| {what} | {goal} | {:.0} ms | {:.0} ms | {:.0} ms | {} |", at(50), at(95), at(100), ms.len());
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("numbers").iter().filter_map(Value::as_f64).collect()
}

fn train(home: &Home, folder: &Path, more: &[&str]) -> String {
    let mut arguments = vec!["--json", "train", folder.to_str().expect("a plain path")];
    arguments.extend(more);
    let out = home.curfew(&arguments);
    let said = [&out.stdout[..], &out.stderr].map(String::from_utf8_lossy).concat();
    assert!(out.status.success(), "{said}");
    let last: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    last["id"].as_str().expect("an id").to_owned()
}

fn folder(home: &Home, script: &str) -> std::path::PathBuf {
    let folder = home.path().join("script");
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    std::fs::write(folder.join("train.py"), script).expect("a script can be written");
    folder
}

async fn latency() {
    let panel = Served::start().await;
    let script = folder(&panel.home, STAMPS);
    let run = train(&panel.home, &script, &[]);
    let page = chromium(&panel, Look::light(1400, 900)).await;
    page.patience(std::time::Duration::from_mins(5));
    page.open(&format!("/runs/{run}")).await;
    page.until("return document.getElementById('chart').curfew.points() > 0").await;
    page.js(WATCH).await;
    page.until("return document.querySelector('[data-metric=done_loss]') !== null").await;
    let slow = numbers(&page.js("const seen = window.seen; window.seen = []; return seen").await);
    row("log line to plot, a line a second", "150 ms", slow);
    page.until("return document.getElementById('state').dataset.state === 'completed'").await;
    row("log line to plot, ten lines a second", "150 ms", numbers(&page.js("return window.seen").await));
    page.done().await;
}

/// So many times is a picture drawn and a box ticked.
const TIMES: usize = 30;

async fn compare() {
    let home = Home::new();
    let script = folder(
        &home,
        "import random\nfor n in range(5000):\n    print(f'step {n} loss={1 / (1 + n / 500) + random.random() / 20:.5f}')",
    );
    let mut runs = Vec::new();
    for n in 0..100 {
        runs.push(train(&home, &script, &["--hyper", &format!("lr={}", 10_f64.powi(-(n % 5))), "--wait"]));
    }
    let panel = Served::at(home).await;
    let page: Page = chromium(&panel, Look::light(1400, 900)).await;
    let query = runs.iter().map(|run| format!("run={run}")).collect::<Vec<_>>().join("&");
    page.open(&format!("/compare?{query}")).await;
    page.until("return document.getElementById('compare-chart').curfew.curves().length === 100").await;
    let script = format!(
        "return (async () => {{ const box = document.getElementById('compare-chart').curfew; const out = [];
            for (let n = 0; n < {TIMES}; n++) out.push(await box.redraw()); return out; }})()"
    );
    row("100 curves in one picture, drawn anew", "16 ms", numbers(&page.js(&script).await));
    let script = format!("const out = []; const box = document.getElementById('compare-chart').curfew;
        for (let n = 0; n < {TIMES}; n++) {{ const from = performance.now(); await box.load(); out.push(performance.now() - from); }} return out;");
    row(
        "100 runs asked for, read and drawn",
        "–",
        numbers(&page.js(&format!("return (async () => {{ {script} }})()")).await),
    );
    page.done().await;
}
