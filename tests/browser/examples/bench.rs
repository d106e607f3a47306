//! How fast the panel starts and what it takes while it idles, measured on the programs that `./run` builds and printed
//! as the rows of docs/benchmarks.md. `scripts/bench` builds them and calls this on a screen of its own.
//!
//! - `curfew serve`: from starting the process to the whole first page.
//! - The window: from starting the process to WebKit's first contentful paint of the panel.
//! - Idle, in the tray, on Today and on the run's page: processor time and memory (PSS) of the window's processes,
//!   WebKit's included, over a minute in which a run prints its loss five times a second. The run and its supervisor are
//!   not counted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use curfew_browser_tests::{Desktop, Home, Options, Process, close_window, eventually, program};

/// A script that trains until it is told to stop.
const ENDLESS: &str = "import time\nstep = 0\nwhile True:\n    step += 1\n    print(f'step {step} loss={1 / step:.4f}', flush=True)\n    time.sleep(0.2)\n";
const STARTS: usize = 11;
const IDLE: Duration = Duration::from_mins(1);
/// When a run is no longer young to its page (ui/static/chart.js), and some more.
const LATER: Duration = Duration::from_secs(150);

#[tokio::main]
async fn main() {
    println!("| what | goal | median | least | most |\n|---|---|---|---|---|");
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let wants = |part: &str| asked.is_empty() || asked.iter().any(|a| a == part);
    if wants("serve") {
        row("`curfew serve` to its first page", "–", "ms", serve().await);
    }
    if wants("paint") {
        row("window to first paint", "400 ms", "ms", paint().await);
    }
    let places = [
        ("tray", "in the tray since its start", At::Start),
        ("closed", "in the tray, its window closed", At::Closed),
        ("today", "Today", At::Today),
        ("run", "the page of a young run", At::Run),
        ("later", "the page of a run that is minutes old", At::Later),
    ];
    for (_, name, at) in places.into_iter().filter(|(part, ..)| wants(part)) {
        let Idle { parts } = idle(at).await;
        row(&format!("idle, {name}: processor"), "0.5 %", "%", vec![parts.iter().map(|part| part.percent).sum()]);
        for part in &parts {
            row(&format!("– of it {}", part.name), "", "%", vec![part.percent]);
        }
        row(
            &format!("idle, {name}: memory (PSS)"),
            "150 MB",
            "MB",
            vec![parts.iter().map(|part| part.megabytes).sum()],
        );
        for part in &parts {
            row(&format!("– of it {}", part.name), "", "MB", vec![part.megabytes]);
        }
    }
}

fn row(what: &str, goal: &str, unit: &str, mut values: Vec<f64>) {
    values.sort_by(f64::total_cmp);
    let digits = usize::from(unit == "%") * 2;
    let say = |v: f64| format!("{v:.digits$} {unit}");
    let middle = values[values.len() / 2];
    println!("| {what} | {goal} | {} | {} | {} |", say(middle), say(values[0]), say(values[values.len() - 1]));
}

/// Milliseconds from starting `curfew serve` in a fresh home to having read its first page.
async fn serve() -> Vec<f64> {
    let mut all = Vec::new();
    for _ in 0..STARTS {
        let home = Home::new();
        let started = Instant::now();
        let log = home.path().join("serve.log");
        let process = Process::start(home.command(&["serve"]), &log);
        let address = loop {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            if let Some((_, rest)) = said.split_once("http://")
                && let Some((address, _)) = rest.split_once('\n')
            {
                break address.split_whitespace().next().unwrap_or_default().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        let page = get(&address).await;
        all.push(started.elapsed().as_secs_f64() * 1000.0);
        assert!(page.contains("</html>"), "not a page: {page}");
        drop(process);
    }
    all
}

/// One request by hand: a client would count its own start.
async fn get(address: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (host, path) = address.split_once('/').expect("an address has a path");
    let mut socket = tokio::net::TcpStream::connect(host).await.expect("it listens");
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("it reads");
    let mut page = String::new();
    socket.read_to_string(&mut page).await.expect("it answers");
    page
}

/// Milliseconds from starting the window's process to the panel's first contentful paint, as WebKit tells it.
async fn paint() -> Vec<f64> {
    let mut all = Vec::new();
    for _ in 0..STARTS {
        let desktop = Desktop::new().await;
        let (script, began) = timed(desktop.home.path());
        let page = desktop.open(&Options::new(script)).await;
        page.see("Today").await;
        page.until("return performance.getEntriesByName('first-contentful-paint').length > 0").await;
        let at = page
            .js("return performance.timeOrigin + performance.getEntriesByName('first-contentful-paint')[0].startTime")
            .await;
        let started: f64 = std::fs::read_to_string(began).expect("it was written").trim().parse().expect("a number");
        all.push(at.as_f64().expect("a number") - started);
        page.done().await;
    }
    all
}

/// A script that writes the time and becomes the window: WebKitWebDriver starts it, when it likes.
fn timed(room: &Path) -> (PathBuf, PathBuf) {
    use std::os::unix::fs::PermissionsExt as _;
    let (script, began) = (room.join("timed"), room.join("began"));
    let desktop = program("CURFEW_DESKTOP_BIN");
    let text = format!("#!/bin/sh\ndate +%s%3N >'{}'\nexec '{}' \"$@\"\n", began.display(), desktop.display());
    std::fs::write(&script, text).expect("a script can be written");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("and made to run");
    (script, began)
}

/// Where the window is while it idles.
#[derive(Clone, Copy)]
enum At {
    /// In the tray since its start.
    Start,
    /// In the tray, after the run's page was looked at and closed.
    Closed,
    Today,
    Run,
    /// The run's page, once the run is some minutes old.
    Later,
}

struct Idle {
    parts: Vec<Part>,
}

/// What one process takes.
struct Part {
    name: String,
    percent: f64,
    megabytes: f64,
}

/// What the window takes while a run trains and nobody touches it.
async fn idle(at: At) -> Idle {
    let desktop = Desktop::new().await;
    let _tray = desktop.bus.tray(true).await;
    let folder = desktop.home.path().join("endless");
    std::fs::create_dir(&folder).expect("a folder can be made");
    std::fs::write(folder.join("train.py"), ENDLESS).expect("a script can be written");
    let folder = folder.display().to_string();
    let out = desktop.home.curfew(&["train", &folder, "--json"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let id = text.split('"').nth(3).unwrap_or_default().to_owned();
    assert!(!id.is_empty(), "not started: {text} {}", String::from_utf8_lossy(&out.stderr));
    eventually("the run to train", async || {
        String::from_utf8_lossy(&desktop.home.curfew(&["runs", "--json"]).stdout).contains("\"running\"")
    })
    .await;
    let mut options = Options::new(program("CURFEW_DESKTOP_BIN"));
    let first = match at {
        At::Start => "--hidden".to_owned(),
        At::Run | At::Later | At::Closed => format!("/runs/{id}"),
        At::Today => "/".to_owned(),
    };
    options.arguments = vec![first];
    // Without WebDriver, as a person starts it.
    let window = desktop.start(&options, "idle.log");
    let pages = || window.tree().iter().filter(|(_, name)| name.starts_with("WebKitWebProces")).count();
    if !matches!(at, At::Start) {
        eventually("the window's pages", async || pages() > 0).await;
    }
    if matches!(at, At::Closed) {
        let title = format!("{} · Curfew", folder.rsplit('/').next().unwrap_or_default());
        close_window(&title).await;
        eventually("the pages to be put away", async || pages() == 0).await;
    }
    // Its start is measured elsewhere.
    tokio::time::sleep(if matches!(at, At::Later) { LATER } else { Duration::from_secs(15) }).await;
    let before = (Instant::now(), ticks(&window.tree()));
    tokio::time::sleep(IDLE).await;
    let tree = window.tree();
    let elapsed = before.0.elapsed().as_secs_f64();
    let used = |pid: &u32, ticks: f64| ticks - before.1.get(pid).copied().unwrap_or(0.0);
    let parts: Vec<Part> = ticks(&tree)
        .iter()
        .map(|(pid, now)| {
            let name = tree.iter().find(|(of, _)| of == pid).map(|(_, name)| name.clone()).unwrap_or_default();
            Part { name, percent: used(pid, *now) / elapsed, megabytes: pss_megabytes(*pid) }
        })
        .collect();
    Idle { parts }
}

/// Hundredths of a second of processor time by process, as Linux counts them (USER_HZ is 100).
fn ticks(tree: &[(u32, String)]) -> BTreeMap<u32, f64> {
    let of = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        Some((pid, fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?))
    };
    tree.iter().filter_map(|(pid, _)| of(*pid)).collect()
}

/// Memory that is a process's own plus its share of what it shares, in MB.
fn pss_megabytes(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("Pss:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0) * 1024.0 / 1e6
}
