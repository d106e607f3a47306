//! The promises of docs/benchmarks.md: `cargo bench -p curfew-series`.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "made-up data within small ranges"
)]

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use curfew_series::store::{MetricId, Reader, Window, Writer};
use curfew_series::{Axis, Point, Recogniser};

/// The time this thread has had on a core, which other work on the machine does not stretch.
struct Cpu(Duration);

impl Cpu {
    fn now() -> Cpu {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Cpu(Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32))
    }

    fn elapsed(&self) -> Duration {
        Cpu::now().0.saturating_sub(self.0)
    }
}

/// A number below one, the same ones each time.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A loss as runs show it: falling, noisy.
    fn loss(&mut self, step: u64) -> f64 {
        let bell = self.next() + self.next() + self.next() - 1.5;
        2.2 / (1.0 + step as f64 / 20_000.0).powf(0.4) + 0.04 * bell
    }
}

fn row(what: &str, goal: &str, seen: &str) {
    println!("{what:<68} {goal:>12} {seen:>16}");
}

fn main() {
    println!("{:<68} {:>12} {:>16}", "", "goal", "seen");
    ingest();
    reading_other_logs();
    let dir = tempfile::tempdir().expect("a temporary folder");
    size(dir.path());
    cold(dir.path());
    views(dir.path());
}

/// A log of `lines` lines; each has the points that the name says.
fn log(kind: &str, lines: u64) -> String {
    let mut noise = Noise(1);
    let mut text = String::new();
    for at in 0..lines {
        let loss = noise.loss(at);
        let (accuracy, epoch) = (noise.next(), at / 1_000);
        let _ = match kind {
            "pairs" => writeln!(text, "epoch {epoch} step {at} loss={loss:.4} acc={accuracy:.4} lr=0.0006"),
            "timestamps" => {
                writeln!(
                    text,
                    "2026-11-20 19:12:03,123 INFO train: epoch {epoch} step {at} loss={loss:.4} acc={accuracy:.4}"
                )
            }
            "json" => {
                writeln!(text, "{{\"step\": {at}, \"epoch\": {epoch}, \"loss\": {loss}, \"accuracy\": {accuracy}}}")
            }
            "xgboost" => {
                writeln!(text, "[{at}]\ttrain-logloss:{loss:.5}\ttrain-auc:{accuracy:.5}\teval-logloss:{loss:.5}")
            }
            "tqdm" => write!(
                text,
                "\rEpoch {epoch}:  45%|████▌     | {}/1000 [00:01<00:02, 312.20it/s, loss={loss:.4}, acc={accuracy:.4}]",
                at % 1_000
            ),
            "keras" => write!(
                text,
                "\r\x1b[1m {}/1000\x1b[0m \x1b[32m━━━━━━━━━━\x1b[0m\x1b[37m━━━━━━━━━━\x1b[0m \x1b[1m9s\x1b[0m 8ms/step - accuracy: {accuracy:.4} - loss: {loss:.4}",
                at % 1_000
            ),
            _ => writeln!(
                text,
                "Downloading shard {at} of the corpus from the mirror in Frankfurt, please be patient ({epoch} done)"
            ),
        };
    }
    text
}

fn best(mut run: impl FnMut() -> Duration) -> Duration {
    (0..5).map(|_| run()).min().expect("five runs")
}

fn ingest() {
    let text = log("pairs", 1_000_000);
    let mut points = 0_u64;
    let seen = best(|| {
        points = 0;
        let mut recogniser = Recogniser::new(None).expect("no definitions");
        let start = Cpu::now();
        for piece in text.as_bytes().chunks(1 << 16) {
            recogniser.push(piece, 1, &mut |point| {
                black_box(point.value);
                points += 1;
            });
        }
        start.elapsed()
    });
    row("recognise, points a second (epoch, step, three metrics a line)", "", &rate(points, seen));
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut round = 0;
    let seen = best(|| {
        round += 1;
        let mut writer = Writer::open(&dir.path().join(round.to_string())).expect("a writer");
        let mut recogniser = Recogniser::new(None).expect("no definitions");
        let start = Cpu::now();
        for (at, piece) in text.as_bytes().chunks(1 << 16).enumerate() {
            recogniser.push(piece, 5 * at as i64, &mut |point| writer.append(&point).expect("room"));
            writer.flush().expect("room");
        }
        start.elapsed()
    });
    row("recognise and ingest, points a second, flushed every 64 KiB", "2 M", &rate(points, seen));
}

fn reading_other_logs() {
    for kind in ["timestamps", "json", "xgboost", "tqdm", "keras", "prose"] {
        let text = log(kind, 200_000);
        let mut points = 0_u64;
        let seen = best(|| {
            points = 0;
            let mut recogniser = Recogniser::new(None).expect("no definitions");
            let start = Cpu::now();
            for piece in text.as_bytes().chunks(1 << 16) {
                recogniser.push(piece, 1, &mut |point| {
                    black_box(point.value);
                    points += 1;
                });
            }
            start.elapsed()
        });
        let speed = format!("{:.0} MB/s", text.len() as f64 / seen.as_secs_f64() / 1e6);
        row(&format!("recognise {kind}: {} points a second", rate(points, seen)), "100 MB/s", &speed);
    }
}

fn rate(count: u64, time: Duration) -> String {
    format!("{:.2} M", count as f64 / time.as_secs_f64() / 1e6)
}

fn fill(dir: &Path, count: u64, digits: usize) -> MetricId {
    let mut noise = Noise(7);
    let mut writer = Writer::open(dir).expect("a writer");
    let mut time = 1_763_666_000_000;
    for step in 0..count {
        time += 50 + (noise.next() * 8.0) as i64;
        let loss = noise.loss(step);
        let value = match digits {
            0 => f64::from(loss as f32),
            digits => format!("{loss:.digits$}").parse().expect("a number"),
        };
        let epoch = Some((step as f64 / 1_000.0 * 1e6).round() / 1e6);
        let point = Point { metric: "loss", rank: None, step: Some(step), epoch, time_ms: time, value };
        writer.append(&point).expect("room");
    }
    writer.flush().expect("room");
    drop(writer);
    Reader::open(dir).expect("series").find("loss", None).expect("a loss")
}

fn disk(dir: &Path) -> u64 {
    fs::read_dir(dir)
        .expect("a folder")
        .map(|entry| entry.and_then(|entry| entry.metadata()).map_or(0, |data| data.len()))
        .sum()
}

fn size(dir: &Path) {
    for (digits, what) in [(4, "four decimals"), (6, "six decimals"), (0, "float32, all digits")] {
        let dir = dir.join(format!("size{digits}"));
        fill(&dir, 1_000_000, digits);
        let each = disk(&dir) as f64 / 1e6;
        row(&format!("bytes a point on disk: step, epoch, time, loss with {what}"), "4", &format!("{each:.2}"));
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

fn cold(dir: &Path) {
    let dir = dir.join("size4");
    let seen = best(|| {
        let start = Cpu::now();
        let reader = Reader::open(&dir).expect("series");
        let id = reader.find("loss", None).expect("a loss");
        black_box(reader.metrics());
        black_box(reader.view(id, &Window::whole(Axis::Step, 1_000)).expect("a view"));
        start.elapsed()
    });
    row("1 M points: open, list, view of all, 1,000 wide", "30 ms", &milliseconds(seen));
}

fn views(dir: &Path) {
    let dir = dir.join("ten");
    let id = fill(&dir, 10_000_000, 4);
    let start = Cpu::now();
    let reader = Reader::open(&dir).expect("series");
    row("10 M points: open", "", &milliseconds(start.elapsed()));
    let extent = |axis| reader.view(id, &Window::whole(axis, 1)).expect("a view").extent.expect("points");
    for width in [1_000, 2_000] {
        for axis in [Axis::Step, Axis::Epoch, Axis::Time, Axis::Relative] {
            let (low, high) = extent(axis);
            let (mut slowest, mut slowest_at, mut all) = (Duration::ZERO, 0.0, Vec::new());
            // From all of it to a thousand points, at places spread over the run, each with nothing at hand.
            let mut share = 1.0;
            while share > 1e-4 {
                for place in [0.0, 0.31, 0.62, 1.0] {
                    let from = low + (high - low) * (1.0 - share) * place;
                    let window =
                        Window { range: Some((from, from + (high - low) * share)), ..Window::whole(axis, width) };
                    let once = || {
                        let reader = Reader::open(&dir).expect("series");
                        let start = Cpu::now();
                        black_box(reader.view(id, &window).expect("a view"));
                        start.elapsed()
                    };
                    let time = once().min(once()).min(once());
                    all.push(time);
                    if time > slowest {
                        (slowest, slowest_at) = (time, share);
                    }
                }
                share /= 1.6;
            }
            all.sort_unstable();
            let what = format!("10 M points by {axis:?}, {width} wide, nothing at hand, median of {}", all.len())
                .to_lowercase();
            row(&what, "2 ms", &milliseconds(all[all.len() / 2]));
            row(
                &format!("  slowest (a window of {:.2} % of the run)", slowest_at * 100.0),
                "2 ms",
                &milliseconds(slowest),
            );
        }
    }
    let window = Window { log_x: true, ..Window::whole(Axis::Step, 1_000) };
    let seen = best(|| {
        let start = Cpu::now();
        black_box(reader.view(id, &window).expect("a view"));
        start.elapsed()
    });
    row("10 m points by step, logarithmic, 1000 wide, at hand", "2 ms", &milliseconds(seen));
}
