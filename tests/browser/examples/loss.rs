//! How fast a run's curves are on screen, measured in Chromium on the panel that `./run` builds and printed as the rows of
//! docs/benchmarks.md: `scripts/bench-loss` builds it and calls this, with the parts to measure
//! (latency compare list) as arguments; all of them where there is none.
//!
//! - Log line to plot: from the script's `print` to the frame that shows its value, for lines about a second apart and for
//!   ten lines a second.
//! - Compare: a hundred curves of a thousand points in one picture, drawn anew.
//! - A list of a thousand runs: to its whole page, a search in it, the frames while it is scrolled, and one among them
//!   that runs.

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
        window.seen.push(((Date.now() % 1e5) - (loss.raw ?? loss.line).at(-1) + 1e5) % 1e5);
    }
    requestAnimationFrame(look);
};
requestAnimationFrame(look);";

#[tokio::main]
async fn main() {
    println!("| what | goal | median | 95 % | most | of |\n|---|---|---|---|---|---|");
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let wants = |part: &str| asked.is_empty() || asked.iter().any(|a| a == part);
    if wants("latency") {
        latency().await;
    }
    if wants("compare") {
        compare().await;
    }
    if wants("list") {
        list().await;
    }
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

/// Scrolls the page up and down for five seconds; the time of each frame.
const SCROLL: &str = "window.scrolled = null;
const took = [], began = performance.now();
let last = began;
const frame = (now) => {
    took.push(now - last);
    last = now;
    scrollTo(0, Math.abs((now - began) % 2000 - 1000) / 1000 * document.body.scrollHeight);
    if (now - began < 5000) requestAnimationFrame(frame);
    else window.scrolled = took.slice(1);
};
requestAnimationFrame(frame);";

/// How many runs the list has.
const RUNS: usize = 1_000;

async fn list() {
    let home = Home::new();
    let script = folder(&home, "for n in range(50):\n    print(f'epoch {n} loss={1 / (1 + n):.5f}')");
    let one = train(&home, &script, &["--hyper", "lr=0.1", "--wait"]);
    multiply(&home, &one);
    std::fs::write(script.join("train.py"), STAMPS).expect("a script can be written");
    train(&home, &script, &["--name", "at work"]);
    let panel = Served::at(home).await;
    let page: Page = chromium(&panel, Look::light(1400, 900)).await;
    let mut whole = Vec::new();
    for _ in 0..TIMES {
        page.open("/train").await;
        page.until("return document.querySelectorAll('tr[data-run]').length >= 100").await;
        let at = "return performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd";
        whole.push(page.js(at).await.as_f64().expect("a time"));
    }
    row("the list of 1,000 runs, to its page", "–", whole);
    page.js(SCROLL).await;
    page.until("return window.scrolled !== null").await;
    row("a frame while it is scrolled, one run at work", "16.7 ms", numbers(&page.js("return window.scrolled").await));
    page.done().await;
}

/// As many runs as the list is to have, by copies of one: of its folder, and of its row in the store.
fn multiply(home: &Home, one: &str) {
    const COPY: &str = "import pathlib, shutil, sqlite3, sys
home, one, count = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store = sqlite3.connect(home / 'store.db')
[row] = store.execute('SELECT * FROM runs WHERE id = ?', (one,)).fetchall()
for n in range(1, count):
    name = f'{one[:-6]}{n:06}'
    shutil.copytree(home / 'runs' / one, home / 'runs' / name, symlinks=True)
    spec = home / 'runs' / name / 'spec.json'
    spec.write_text(spec.read_text().replace(one, name))
    again = [str(v).replace(one, name) if isinstance(v, str) else v for v in row]
    store.execute('INSERT INTO runs VALUES (' + ','.join('?' * len(row)) + ')', again)
store.commit()";
    let status = std::process::Command::new("python3")
        .args(["-c", COPY, home.path().to_str().expect("a plain path"), one, &RUNS.to_string()])
        .status()
        .expect("python3 runs");
    assert!(status.success());
}
