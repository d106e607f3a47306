//! Runs real libraries for a few seconds each and finds in their output what they say of themselves.
//!
//! The scripts are in `libraries/`, with what they need in `requirements.txt` (and in `requirements-torch.txt` for those
//! named `torch_…`). `CURFEW_ML_PYTHON` names a Python that has
//! it; without one the tests stand as ignored. `CURFEW_ML_PYTHON=…/bin/python cargo test -p curfew-series --test libraries
//! -- --ignored` runs them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use curfew_series::store::{Reader, Writer};
use curfew_series::tbevents::EventFolder;
use curfew_series::{Point, Recogniser, export};
use serde::Deserialize;

/// What a script says of one metric, from the library's own history.
#[derive(Deserialize)]
struct Fact {
    metric: String,
    points: usize,
    first: Option<f64>,
    last: Option<f64>,
    last_step: Option<u64>,
    last_epoch: Option<f64>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Seen {
    step: Option<u64>,
    epoch: Option<f64>,
    value: f64,
}

type Found = BTreeMap<String, Vec<Seen>>;

/// What `assets/runners/curfew_recognise.py` finds in a log.
fn in_python(python: &std::ffi::OsStr, log: &[u8]) -> Found {
    const READ: &str = "import json, sys
from curfew_recognise import Recogniser
recogniser, found = Recogniser(), {}
points = [*recogniser.push(sys.stdin.buffer.read()), *recogniser.finish()]
for metric, rank, step, epoch, value in points:
    found.setdefault(metric, []).append({'step': step, 'epoch': epoch, 'value': value})
json.dump(found, sys.stdout)";
    let runners = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/runners");
    let mut child = Command::new(python)
        .args(["-c", READ])
        .env("PYTHONPATH", runners)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(log).unwrap();
    drop(input);
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success());
    serde_json::from_slice(&out.stdout).unwrap()
}

fn check(script: &str) -> BTreeMap<String, usize> {
    let python = std::env::var_os("CURFEW_ML_PYTHON").expect("CURFEW_ML_PYTHON names a Python that has the libraries");
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/libraries");
    let dir = tempfile::tempdir().unwrap();
    let (log, facts) = (dir.path().join("log"), dir.path().join("facts.json"));
    // Output and errors go to one file, as a run's do.
    let out = File::create(&log).unwrap();
    let status = Command::new(&python)
        .arg(scripts.join(script))
        .env("CURFEW_FACTS", &facts)
        .env("PYTHONUNBUFFERED", "1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(dir.path())
        .stderr(out.try_clone().unwrap())
        .stdout(out)
        .status()
        .unwrap();
    let log = fs::read(&log).unwrap();
    let text = String::from_utf8_lossy(&log);
    assert!(status.success(), "{script} failed:\n{text}");
    let mut series: Found = BTreeMap::new();
    let mut recogniser = Recogniser::new(None).unwrap();
    let mut keep = |point: curfew_series::Point<'_>| {
        let seen = Seen { step: point.step, epoch: point.epoch, value: point.value };
        series.entry(point.metric.to_owned()).or_default().push(seen);
    };
    for piece in log.chunks(1_000) {
        recogniser.push(piece, 0, &mut keep);
    }
    recogniser.finish(0, &mut keep);
    assert_eq!(in_python(&python, &log), series, "{script}: the reader of a run's entry point sees the same");
    let facts: Vec<Fact> = serde_json::from_slice(&fs::read(&facts).unwrap()).unwrap();
    assert!(facts.iter().any(|fact| fact.points > 0), "{script} says nothing");
    for fact in facts {
        let Some(seen) = series.get(&fact.metric) else {
            assert_eq!(fact.points, 0, "{script}: no {} among {:?}\n{text}", fact.metric, series.keys());
            continue;
        };
        let what = format!("{script}: {}", fact.metric);
        assert_eq!(seen.len(), fact.points, "{what}: points");
        let (first, last) = (&seen[0], &seen[seen.len() - 1]);
        assert_eq!((Some(first.value), Some(last.value)), (fact.first, fact.last), "{what}: first and last");
        if fact.last_step.is_some() {
            assert_eq!(last.step, fact.last_step, "{what}: last step");
        }
        if fact.last_epoch.is_some() {
            assert_eq!(last.epoch, fact.last_epoch, "{what}: last epoch");
        }
        assert!(seen.windows(2).all(|pair| pair[0].step <= pair[1].step), "{what}: steps go back");
    }
    series.into_iter().map(|(name, points)| (name, points.len())).collect()
}

/// The script's metrics, and no others.
fn check_names(script: &str, expect: &[&str]) {
    let seen = check(script);
    assert_eq!(seen.keys().collect::<Vec<_>>(), expect, "{script}");
}

#[test]
#[ignore = "needs CURFEW_ML_PYTHON"]
fn sklearn_mlp() {
    check_names("sklearn_mlp.py", &["Validation score", "loss"]);
}

#[test]
#[ignore = "needs CURFEW_ML_PYTHON"]
fn sklearn_sgd() {
    check_names("sklearn_sgd.py", &["Avg. loss", "Bias", "Norm", "Objective"]);
}

#[test]
#[ignore = "needs CURFEW_ML_PYTHON"]
fn sklearn_boosting() {
    check_names("sklearn_boosting.py", &["OOB Improve", "Train Loss"]);
}

#[test]
#[ignore = "needs CURFEW_ML_PYTHON"]
fn xgboost() {
    check_names("xgboost_train.py", &["eval-auc", "eval-logloss", "train-auc", "train-logloss"]);
}

#[test]
#[ignore = "needs CURFEW_ML_PYTHON"]
fn lightgbm() {
    let names = ["training's auc", "training's binary_logloss", "valid_0's auc", "valid_0's binary_logloss"];
    check_names("lightgbm_train.py", &names);
}

#[test]
#[ignore = "needs CURFEW_ML_PYTHON"]
fn catboost() {
    check_names("catboost_train.py", &["learn", "test"]);
}

/// How often Keras draws its bar depends on the machine's speed; what it validates, and when an epoch ends, does not.
#[test]
#[ignore = "needs CURFEW_ML_PYTHON"]
fn keras() {
    let names = ["accuracy", "evaluate accuracy", "evaluate loss", "loss", "val_accuracy", "val_loss"];
    let seen = check("keras_fit.py");
    assert_eq!(seen.keys().collect::<Vec<_>>(), names);
    assert!(seen["loss"] >= 4, "{seen:?}");
}

#[test]
#[ignore = "needs CURFEW_ML_PYTHON"]
fn tqdm() {
    check_names("tqdm_postfix.py", &["acc", "loss"]);
}

#[test]
#[ignore = "needs CURFEW_ML_PYTHON with PyTorch"]
fn torch_lightning() {
    check_names("lightning_fit.py", &["train_loss", "val_loss"]);
}

#[test]
#[ignore = "needs CURFEW_ML_PYTHON with PyTorch"]
fn torch_transformers() {
    check_names("transformers_trainer.py", &["eval_loss", "grad_norm", "learning_rate", "loss", "train_loss"]);
}

#[test]
#[ignore = "needs CURFEW_ML_PYTHON with PyTorch"]
fn torch_fastai() {
    check_names("fastai_fit.py", &["accuracy", "train_loss", "valid_loss"]);
}

/// What we export, TensorBoard reads; what TensorBoard writes, we read.
#[test]
#[ignore = "needs CURFEW_ML_PYTHON"]
fn tensorboard() {
    let python = std::env::var_os("CURFEW_ML_PYTHON").expect("CURFEW_ML_PYTHON names a Python that has the libraries");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/libraries/tensorboard_events.py");
    let dir = tempfile::tempdir().unwrap();
    let (series, ours, theirs) = (dir.path().join("series"), dir.path().join("ours"), dir.path().join("theirs"));
    for folder in [&series, &ours, &theirs] {
        fs::create_dir(folder).unwrap();
    }
    let mut writer = Writer::open(&series).unwrap();
    for step in 0..1_000_u32 {
        let (step, value) = (Some(step.into()), f64::from(step) / 8.0);
        writer.append(&Point { metric: "val/loss", rank: None, step, epoch: None, time_ms: 1_000, value }).unwrap();
    }
    drop(writer);
    let mut out = File::create(ours.join("events.out.tfevents.0.run")).unwrap();
    export::tensorboard(&Reader::open(&series).unwrap(), &[], &mut out).unwrap();
    let said = Command::new(python).arg(script).args([&ours, &theirs]).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let seen: BTreeMap<String, (u64, u64, f64, u64, f64)> = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(seen, [("val/loss".to_owned(), (1_000, 0, 0.0, 999, 124.875))].into());

    let mut found: Found = BTreeMap::new();
    let mut keep = |point: Point<'_>| {
        let seen = Seen { step: point.step, epoch: point.epoch, value: point.value };
        found.entry(point.metric.to_owned()).or_default().push(seen);
    };
    EventFolder::new(&theirs).read(&mut keep).unwrap();
    let last = |name: &str| found[name].last().map(|seen| (seen.step, seen.value));
    assert_eq!((found.len(), found["loss"].len()), (2, 5));
    assert_eq!(last("epoch_accuracy"), Some((Some(4), 1.0)));
    assert_eq!(last("loss").map(|(step, value)| (step, (value * 1e6).round())), Some((Some(4), 200_000.0)));
}

/// Names that some format could take for its own, and numbers that hardly fit one.
fn hard(writer: &mut Writer) -> Vec<(&'static str, Option<u32>, Vec<Point<'static>>)> {
    let names = [
        ("", None),
        ("=HYPERLINK(\"http://example.com\")", None),
        ("+1", Some(0)),
        ("a \"b\", c", None),
        ("loss", None),
        ("loss", Some(3)),
        ("over\ntwo\r\nlines", None),
        ("val/top-5 ∞ Genauigkeit 精度 😀", Some(12)),
        ("NaN", None),
        ("{\"a\": [1]}", None),
    ];
    let values = [
        0.0,
        -0.0,
        1.0,
        0.1,
        -2.5e-7,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        f64::EPSILON,
        1.0 / 3.0,
        9_007_199_254_740_993.0,
        1e16,
        123_456_789.123_456_78,
        1e-5,
        9.99e-6,
        3.4e38,
        1e39,
    ];
    let steps = [0, 1, 2, 5, 5, 3, 4, 1 << 53, (1 << 53) + 1, u64::MAX - 1, 7];
    let mut all: Vec<_> = names.iter().map(|(name, rank)| (*name, *rank, Vec::new())).collect();
    for at in 0..9_000_usize {
        for (nth, (name, rank, points)) in all.iter_mut().enumerate() {
            // Metrics with and without steps and epochs, some of a few points and two of several chunks.
            if at > 300 && nth != 4 && nth != 7 {
                continue;
            }
            let step = match nth {
                4 | 7 => Some(at as u64 / 2),
                _ if nth % 3 == 0 => None,
                _ => (at % 7 != 6).then(|| steps[at % steps.len()]),
            };
            let (decimal, odd) = (((at * 7_919) % 10_000) as f64 / 1e4, values[(at + nth) % values.len()]);
            let time_ms = 1_763_666_000_123 + i64::try_from(at % 90).unwrap() * 37
                - if at == 200 { 9_000_000_000_000 } else { 0 };
            let epoch = (nth % 2 == 0).then(|| values[at % 5] + at as f64 / 469.0);
            let value = if nth == 4 { decimal } else { odd };
            let point = Point { metric: name, rank: *rank, step, epoch, time_ms, value };
            writer.append(&point).unwrap();
            points.push(point);
        }
    }
    all.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
    all
}

/// Every point of every export comes back in readers that are not ours: Python's csv and json, pandas, pyarrow, TensorBoard.
#[test]
#[ignore = "needs CURFEW_ML_PYTHON"]
fn exports() {
    let python = std::env::var_os("CURFEW_ML_PYTHON").expect("CURFEW_ML_PYTHON names a Python that has the libraries");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/libraries/exports.py");
    let dir = tempfile::tempdir().unwrap();
    let (series, tb) = (dir.path().join("series"), dir.path().join("tb"));
    fs::create_dir(&tb).unwrap();
    let mut writer = Writer::open(&series).unwrap();
    let all = hard(&mut writer);
    writer.flush().unwrap();
    let points = |points: &[Point<'_>]| -> Vec<_> {
        let bits =
            |point: &Point<'_>| (point.step, point.epoch.map(f64::to_bits), point.time_ms, point.value.to_bits());
        points.iter().map(bits).collect()
    };
    let truth: Vec<_> = all.iter().map(|(name, rank, of)| (name, rank, points(of))).collect();
    fs::write(dir.path().join("truth.json"), serde_json::to_vec(&truth).unwrap()).unwrap();
    // While it is being written: what was flushed is there, whole, and what is not is not.
    let reader = Reader::open(&series).unwrap();
    writer.append(&Point { metric: "later", ..all[0].2[0] }).unwrap();
    for format in [export::Format::Csv, export::Format::Json, export::Format::Parquet] {
        let path = dir.path().join(format!("series.{}", format.extension()));
        fs::write(&path, "what was there before").unwrap();
        format.save(&reader, &[], &path).unwrap();
    }
    export::Format::TensorBoard.save(&reader, &[], &tb.join("events.out.tfevents.0.run")).unwrap();
    let said = Command::new(python).arg(script).arg(dir.path()).env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let count: usize = all.iter().map(|(_, _, points)| points.len()).sum();
    let expect: Vec<String> =
        ["csv", "pandas", "json", "parquet", "tensorboard"].iter().map(|reader| format!("{reader} {count}")).collect();
    assert_eq!(String::from_utf8_lossy(&said.stdout).lines().collect::<Vec<_>>(), expect);
}
