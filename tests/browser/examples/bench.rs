//! How fast the panel starts and what it takes while it idles, measured on the programs that `./run` builds and printed
//! as the rows of docs/benchmarks.md. `scripts/bench` builds them and calls this on a screen of its own.
//!
//! - `curfew serve`: from starting the process to the whole first page.
//! - The window: from starting the process to WebKit's first contentful paint of the panel.
//! - Idle, hidden in the tray, on Today and on the run's page: processor time and memory (PSS) of the window's processes,
//!   WebKit's included, over a minute in which a run prints its loss five times a second. The run and its supervisor are
//!   not counted.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use curfew_browser_tests::{Desktop, Home, Options, Process, eventually, eventually_some, program};

/// A script that trains until it is told to stop.
const ENDLESS: &str = "import time\nstep = 0\nwhile True:\n    step += 1\n    print(f'step {step} loss={1 / step:.4f}', flush=True)\n    time.sleep(0.2)\n";
const STARTS: usize = 11;
const IDLE: Duration = Duration::from_mins(1);

#[tokio::main]
async fn main() {
    println!("| what | goal | median | least | most |\n|---|---|---|---|---|");
    row("`curfew serve` to its first page", "–", "ms", serve().await);
    row("window to first paint", "400 ms", "ms", paint().await);
    for (name, path) in [("in the tray", "--hidden"), ("Today", "/"), ("the run's page", "")] {
        let idle = idle(path).await;
        row(&format!("idle, {name}: processor"), "0.5 %", "%", vec![idle.percent]);
        row(&format!("idle, {name}: memory (PSS)"), "150 MB", "MB", vec![idle.megabytes]);
        for (process, megabytes) in idle.parts {
            row(&format!("– of it {process}"), "", "MB", vec![megabytes]);
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

struct Idle {
    percent: f64,
    megabytes: f64,
    parts: Vec<(String, f64)>,
}

/// What the window takes while a run trains and nobody touches it.
async fn idle(path: &str) -> Idle {
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
    let path = if path.is_empty() { format!("/runs/{id}") } else { path.to_owned() };
    let hidden = path == "--hidden";
    options.arguments = vec![path];
    // Without WebDriver, as a person starts it.
    let window = desktop.start(&options, "idle.log");
    eventually_some("the window's pages", async || {
        let tree = tree(window.id());
        (hidden || tree.iter().any(|&pid| name(pid).contains("WebKitWebProces"))).then_some(())
    })
    .await;
    // Its start is measured elsewhere.
    tokio::time::sleep(Duration::from_secs(15)).await;
    let before = (Instant::now(), ticks(&tree(window.id())));
    tokio::time::sleep(IDLE).await;
    let pids = tree(window.id());
    let used = (ticks(&pids) - before.1) / 100.0;
    let percent = used / before.0.elapsed().as_secs_f64() * 100.0;
    let parts: Vec<(String, f64)> = pids.iter().map(|&pid| (name(pid), pss_megabytes(pid))).collect();
    Idle { percent, megabytes: parts.iter().map(|(_, m)| m).sum(), parts }
}

/// A process and its descendants. Supervisors are of a session of their own and not among them.
fn tree(root: u32) -> Vec<u32> {
    let out = Command::new("ps").args(["-e", "-o", "pid=,ppid=,sid="]).output().expect("ps is there");
    let all: Vec<[u32; 3]> = String::from_utf8_lossy(&out.stdout)
        .lines()
        .filter_map(|line| {
            let numbers: Vec<u32> = line.split_whitespace().filter_map(|n| n.parse().ok()).collect();
            numbers.try_into().ok()
        })
        .collect();
    let mut pids = vec![root];
    let mut at = 0;
    while at < pids.len() {
        let parent = pids[at];
        pids.extend(all.iter().filter(|p| p[1] == parent).map(|p| p[0]));
        at += 1;
    }
    pids
}

fn name(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

/// Hundredths of a second of processor time, as Linux counts them (USER_HZ is 100).
fn ticks(pids: &[u32]) -> f64 {
    let of = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        Some(fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?)
    };
    pids.iter().filter_map(of).sum()
}

/// Memory that is a process's own plus its share of what it shares, in MB.
fn pss_megabytes(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("Pss:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0) * 1024.0 / 1e6
}
