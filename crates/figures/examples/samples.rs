//! Draws figures of made-up runs and proofs of made-up sessions into a folder, to look at:
//! `cargo run -p curfew-figures --example samples -- FOLDER`.

use curfew_core::lab::{CleanState, LabReport, LabSession, Started};
use curfew_core::money::Total;
use curfew_core::plan::PlanItem;
use curfew_core::resource::{RemovalStep, ResourceKey};
use curfew_core::run::{RunSpec, StopRules};
use curfew_core::verdict::Verdict;
use curfew_core::{AccountId, Cost, ErrorKind, Gap, HourlyRate, Money, Timestamp};
use curfew_figures::{Axis, DOUBLE_COLUMN_MM, FigureOptions, Format, run_figure_bytes};
use curfew_series::Point;
use curfew_series::store::Writer;
use std::path::{Path, PathBuf};

/// A small generator, so that every look shows the same picture.
struct Noise(u64);
impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / f64::from(1u32 << 24) - 0.5
    }
}

struct Run {
    writer: Writer,
    time_ms: i64,
}

impl Run {
    fn new(dir: &Path) -> Self {
        Self { writer: Writer::open(dir).expect("a new series"), time_ms: 1_795_282_200_000 }
    }
    fn put(&mut self, metric: &str, step: Option<u64>, epoch: Option<f64>, value: f64) {
        self.time_ms += 40;
        let point = Point { metric, rank: None, step, epoch, time_ms: self.time_ms, value };
        self.writer.append(&point).expect("room on disk");
    }
}

fn spec(id: &str, name: &str) -> RunSpec {
    RunSpec {
        id: id.parse().expect("an id"),
        name: name.into(),
        dir: PathBuf::from(env!("CARGO_MANIFEST_DIR")),
        entry: "train.py".into(),
        data: Vec::new(),
        hyper: std::collections::BTreeMap::new(),
        machine: "local".parse().expect("a machine"),
        curfew: curfew_core::Timestamp::UNIX_EPOCH,
        stop: StopRules::default(),
        options: std::collections::BTreeMap::new(),
        intent: "i".parse().expect("an id"),
        owner: "ada".into(),
        project: None,
    }
}

fn main() {
    let out = PathBuf::from(std::env::args().nth(1).expect("a folder to draw into"));
    std::fs::create_dir_all(&out).expect("the folder");
    let room = tempfile::tempdir().expect("a temporary folder");
    let draw = |dir: &Path, file: &str, spec: &RunSpec, options: &FigureOptions| {
        for format in [Format::Svg, Format::Png, Format::Pdf] {
            let bytes = run_figure_bytes(&[(dir, spec)], format, options).expect(file);
            std::fs::write(out.join(format!("{file}.{}", format.extension())), bytes).expect("room on disk");
        }
    };

    let iris = room.path().join("iris");
    let mut noise = Noise(7);
    let mut run = Run::new(&iris);
    for epoch in 1..=30u32 {
        let fall = (-f64::from(epoch) / 9.0).exp();
        run.put("loss", None, Some(epoch.into()), 0.12 + fall + noise.next() * 0.02);
        run.put("val_loss", None, Some(epoch.into()), 0.21 + 0.95 * fall + noise.next() * 0.05);
        run.put("accuracy", None, Some(epoch.into()), 0.97 - 0.6 * fall + noise.next() * 0.02);
        run.put("val_accuracy", None, Some(epoch.into()), 0.94 - 0.6 * fall + noise.next() * 0.04);
    }
    run.writer.flush().expect("room on disk");
    draw(&iris, "iris", &spec("iris-7f3a", "Iris"), &FigureOptions::default());

    let big = room.path().join("big");
    let mut run = Run::new(&big);
    for step in 0..200_000u64 {
        let fall = 9.0 * (1.0 + step as f64 / 300.0).powf(-0.45);
        let spike = if step == 61_234 { 3.0 } else { 0.0 };
        let value = if step == 100_000 { f64::NAN } else { fall + noise.next() * fall.sqrt() * 0.4 + spike };
        run.put("train/loss", Some(step), None, value);
        if step % 5000 == 4999 {
            run.put("val/loss", Some(step), None, fall * 1.05 + 0.1 + noise.next() * 0.04);
            run.put("lr", Some(step), None, 3e-4 * (1.0 - step as f64 / 200_000.0));
            run.put("grad_norm", Some(step), None, 0.7 + noise.next() * 0.5);
            run.put("eval_accuracy", Some(step), None, 0.8 - fall / 12.0);
        }
    }
    run.writer.flush().expect("room on disk");
    let named = spec("llm-small-0c1d", "Small language model, <b>second</b> & last try");
    draw(&big, "big", &named, &FigureOptions::default());
    draw(
        &big,
        "big-smooth-log",
        &named,
        &FigureOptions { smoothing: 0.9, log_y: true, log_x: true, ..FigureOptions::default() },
    );
    let all = ["train/loss", "val/loss", "lr", "grad_norm", "eval_accuracy"].map(String::from).to_vec();
    let wide = FigureOptions { width_mm: DOUBLE_COLUMN_MM, metrics: all, smoothing: 0.6, ..FigureOptions::default() };
    draw(&big, "panels", &named, &wide);
    let time = FigureOptions {
        axis: Some(Axis::Time),
        zone: jiff::tz::TimeZone::get("Europe/Berlin").expect("a zone"),
        values: Some((0.0, 4.0)),
        ..FigureOptions::default()
    };
    draw(&big, "time", &named, &time);

    let again = room.path().join("again");
    let mut run = Run::new(&again);
    for step in (0..800u64).chain(600..1200) {
        let fall = 2.0 * (-(step as f64) / 400.0).exp();
        run.put("loss", Some(step), None, 0.3 + fall + noise.next() * 0.1);
    }
    for rank in 0..9u32 {
        for step in 0..60u64 {
            let value = 1.0 + f64::from(rank) * 0.3 + noise.next() * 0.1;
            run.time_ms += 10;
            let point = Point {
                metric: "ranked",
                rank: Some(rank),
                step: Some(step * 20),
                epoch: None,
                time_ms: run.time_ms,
                value,
            };
            run.writer.append(&point).expect("room on disk");
        }
    }
    run.writer.flush().expect("room on disk");
    draw(
        &again,
        "restart",
        &spec("again-1", "again-1"),
        &FigureOptions { axis: Some(Axis::Step), ..FigureOptions::default() },
    );
    draw(
        &again,
        "ranks",
        &spec("again-1", "again-1"),
        &FigureOptions { metrics: vec!["ranked".into()], ..FigureOptions::default() },
    );

    let zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("a zone");
    for (file, left, gaps, started) in [("clean", 0, 0, 3), ("unsure", 0, 2, 3), ("left", 3, 1, 60)] {
        let bytes = curfew_figures::proof_pdf(&report(left, gaps, started), &zone).expect(file);
        std::fs::write(out.join(format!("proof-{file}.pdf")), bytes).expect("room on disk");
    }
}

fn report(left: usize, gaps: usize, started: usize) -> LabReport {
    let at: Timestamp = "2026-11-21T17:30:05Z".parse().expect("a time");
    let dollars = |cents| HourlyRate::usd(rust_decimal::Decimal::new(cents, 2));
    let gap = |n: usize| {
        Gap {
        cloud: "aws".parse().expect("a cloud"),
        account: AccountId("123456789012".into()),
        region: Some("eu-central-1".parse().expect("a region")),
        what: format!("SageMaker endpoints, page {n}"),
        reason: "You are not allowed to list endpoints here (sagemaker:ListEndpoints), so that nobody knows whether one is running".into(),
        kind: ErrorKind::PermissionDenied,
    }
    };
    let item = |n: usize| PlanItem {
        key: ResourceKey {
            cloud: "aws".parse().expect("a cloud"),
            account: AccountId("123456789012".into()),
            region: "us-east-1".parse().expect("a region"),
            kind: "endpoint".into(),
            id: format!("arn:aws:sagemaker:us-east-1:123456789012:endpoint/iris-{n}"),
        },
        name: format!("iris-{n} <script>alert(1)</script>\u{1b}[31m"),
        kind_title: "endpoint".into(),
        verdict: Verdict::Forgotten,
        why: vec!["No request for 9 days".into()],
        rate: if n == 1 {
            Cost::Unknown { why: "no price list for this machine".into() }
        } else {
            Cost::Estimated { amount: dollars(23), as_of: at, basis: "list price us-east-1".into() }
        },
        bytes: None,
        steps: vec![
            RemovalStep {
                verb: "delete".into(),
                says: "Delete the endpoint".into(),
                reversible: false,
                artefacts: None,
            },
            RemovalStep {
                verb: "delete".into(),
                says: "Delete its configuration".into(),
                reversible: false,
                artefacts: None,
            },
        ],
        stays: vec![],
        fingerprint: "f".into(),
        was_active: true,
        read: None,
    };
    let thing = |n: usize| Started {
        what: if n.is_multiple_of(2) { "training run" } else { "endpoint" }.into(),
        id: format!("iris-{n:04x}"),
        name: if n == 2 {
            "a-very-long-name-without-a-single-space-that-goes-on-and-on-and-on-so-that-it-must-be-broken".into()
        } else {
            "Iris".into()
        },
        place: if n % 3 == 2 { "AWS · us-east-1" } else { "This computer" }.into(),
        at,
        state: if n.is_multiple_of(2) { "completed" } else { "removed" }.into(),
        so_far: if n % 3 == 2 {
            Cost::Estimated {
                amount: Money::usd(rust_decimal::Decimal::new(12, 2)),
                as_of: at,
                basis: "list price us-east-1".into(),
            }
        } else {
            Cost::NotBilled { note: "electricity not counted".into() }
        },
    };
    let gaps: Vec<Gap> = (1..=gaps).map(gap).collect();
    let left: Vec<PlanItem> = (1..=left).map(item).collect();
    let started: Vec<Started> = (1..=started).map(thing).collect();
    LabReport {
        session: LabSession {
            id: "iris-lab-2f".parse().expect("an id"),
            name: "Iris & friends, group 3".into(),
            started: at - jiff::SignedDuration::from_mins(48),
            ended: (left.is_empty() && gaps.is_empty()).then_some(at),
        },
        checked: at,
        by: "ada@lab-pc-07".into(),
        state: CleanState::of(left.len(), &gaps),
        still: Total::of_rates(left.iter().map(|item| &item.rate)),
        spent: Total::of(started.iter().map(|thing| &thing.so_far)),
        started,
        left,
        gaps,
        read: vec![
            "This computer: training runs, endpoints, virtual environments, run folders".into(),
            "AWS 123456789012, us-east-1: SageMaker training jobs, endpoints, notebooks; EC2 machines, volumes".into(),
        ],
    }
}
