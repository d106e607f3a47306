//! The store through its public doors.

#![expect(
    clippy::float_cmp,
    clippy::cast_possible_truncation,
    reason = "values must come back exactly; counts are small"
)]

use std::fs;
use std::path::Path;

use curfew_series::export::Format;
use curfew_series::store::{Bucket, MetricId, Reader, Spot, Stored, View, Window, Writer};
use curfew_series::{Axis, Error, Point};
use proptest::prelude::*;

fn point(step: u64, value: f64) -> Point<'static> {
    Point { metric: "loss", rank: None, step: Some(step), epoch: None, time_ms: 1_000 + step.cast_signed(), value }
}

fn all(reader: &Reader, id: MetricId) -> Vec<Stored> {
    reader.points(id, 0..u64::MAX).collect::<Result<_, _>>().unwrap()
}

#[test]
fn what_is_written_is_read_by_another_while_it_grows() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    let mut reader = Reader::open(dir.path()).unwrap();
    assert!(reader.metrics().is_empty());
    for step in 0..100 {
        writer.append(&point(step, 1.0 / (step + 1) as f64)).unwrap();
    }
    writer.flush().unwrap();
    assert!(reader.refresh().unwrap());
    assert!(!reader.refresh().unwrap());
    let metric = reader.metrics().remove(0);
    assert_eq!((metric.count, metric.first, metric.last, metric.last_step), (100, 1.0, 0.01, Some(99)));
    assert_eq!((metric.min, metric.max, metric.best), (0.01, 1.0, Some(0.01)));
    let view = reader.view(metric.id, &Window::whole(Axis::Step, 10)).unwrap();
    assert_eq!(view.buckets.iter().map(|bucket| bucket.count).sum::<u64>(), 100);
    assert!(matches!(Writer::open(dir.path()), Err(Error::Locked { .. })), "one writer at a time");
}

#[test]
fn a_reader_follows_through_every_seal_and_every_new_tail() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    let mut reader = Reader::open(dir.path()).unwrap();
    let mut count = 0_u64;
    for round in 0..60_u64 {
        for _ in 0..round * 37 {
            writer.append(&point(count, count as f64)).unwrap();
            count += 1;
        }
        if round % 7 == 3 {
            drop(writer);
            writer = Writer::open(dir.path()).unwrap();
        }
        writer.flush().unwrap();
        reader.refresh().unwrap();
        let Some(id) = reader.find("loss", None) else { continue };
        assert_eq!(reader.metric(id).unwrap().count, count);
        assert_eq!(reader.metric(id).unwrap().last, (count - 1) as f64);
    }
    let id = reader.find("loss", None).unwrap();
    assert!(
        all(&reader, id)
            .iter()
            .enumerate()
            .all(|(at, point)| point.value == at as f64 && point.step == Some(at as u64))
    );
}

#[test]
fn a_restart_does_not_draw_backwards() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    for step in (0..150).chain(100..200).chain(50..120) {
        writer.append(&point(step, step as f64)).unwrap();
    }
    writer.flush().unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let id = reader.find("loss", None).unwrap();
    assert_eq!(reader.metric(id).unwrap().restarts, 2);
    for width in [10, 1000] {
        let view = reader.view(id, &Window::whole(Axis::Step, width)).unwrap();
        assert!(view.buckets.windows(2).all(|pair| pair[0].x <= pair[1].x));
        assert_eq!(view.buckets.iter().map(|bucket| bucket.count).sum::<u64>(), 50 + 70);
        assert_eq!(view.overridden.iter().map(|bucket| bucket.count).sum::<u64>(), 100 + 100);
        let by_time = reader.view(id, &Window::whole(Axis::Time, width)).unwrap();
        assert_eq!(by_time.buckets.iter().map(|bucket| bucket.count).sum::<u64>(), 320);
    }
    let overridden = all(&reader, id).iter().filter(|point| point.overridden).count();
    assert_eq!(overridden, 200);
    let spots = reader.spots(id, &Window::whole(Axis::Step, 1000)).unwrap();
    assert_eq!(spots.len(), 120, "what was gone over again has no place of its own");
    assert!(spots.windows(2).all(|pair| pair[0].x < pair[1].x));
}

/// Of a long run every 512th point is told; close by, each one.
#[test]
fn a_place_tells_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    for step in 0..100_000_u64 {
        let time_ms = 1_000_000 + i64::try_from(step).unwrap() * 20;
        let epoch = Some((step / 1_000) as f64);
        writer.append(&Point { metric: "loss", rank: None, step: Some(step), epoch, time_ms, value: 1.0 }).unwrap();
    }
    writer.flush().unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let id = reader.find("loss", None).unwrap();
    let right = |spot: &Spot| {
        let step = spot.step.unwrap();
        spot.x.total_cmp(&(step as f64)).is_eq()
            && spot.time_ms == 1_000_000 + i64::try_from(step).unwrap() * 20
            && spot.epoch == Some((step / 1_000) as f64)
    };
    let whole = reader.spots(id, &Window::whole(Axis::Step, 1_000)).unwrap();
    assert!(whole.len() > 190 && whole.len() <= 2_001 && whole.iter().all(right), "{}", whole.len());
    assert!(whole.windows(2).all(|pair| pair[1].x - pair[0].x <= 512.0));
    let window = Window { range: Some((50_000.0, 50_099.0)), ..Window::whole(Axis::Step, 1_000) };
    let near = reader.spots(id, &window).unwrap();
    assert!(near.len() == 100 && near.iter().all(right));
}

#[test]
fn a_file_cut_anywhere_opens_with_every_whole_record() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    // One chunk, then a tail of several records.
    for step in 0..4120 {
        writer.append(&point(step, step as f64 / 8.0)).unwrap();
        if step > 4110 {
            writer.flush().unwrap();
        }
    }
    drop(writer);
    let tail = fs::read(dir.path().join("series.tail")).unwrap();
    let chunks = fs::read(dir.path().join("series.chunks")).unwrap();
    let mut before = 0;
    for cut in 0..=tail.len() {
        let count = reopen(&chunks, &tail[..cut]);
        assert!(count >= before, "a longer tail never holds less");
        before = count;
    }
    assert_eq!(before, 4120);
    for cut in (0..chunks.len()).filter(|cut| cut % 97 == 0 || *cut < 200 || *cut + 200 > chunks.len()) {
        reopen(&chunks[..cut], &tail);
    }
    for cut in (0..tail.len()).step_by(13) {
        let mut damaged = tail.clone();
        damaged[cut] ^= 0x40;
        reopen(&chunks, &damaged);
    }
    for cut in (20..chunks.len()).step_by(29) {
        let mut damaged = chunks.clone();
        damaged[cut] ^= 0x40;
        reopen(&damaged, &tail);
    }
}

/// Opens a store of these bytes for reading and for writing, appends, and counts what was there before.
fn reopen(chunks: &[u8], tail: &[u8]) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("series.chunks"), chunks).unwrap();
    fs::write(dir.path().join("series.tail"), tail).unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    writer.append(&point(1_000_000, 7.0)).unwrap();
    writer.append(&Point { metric: "other", ..point(1, 3.0) }).unwrap();
    drop(writer);
    let reader = Reader::open(dir.path()).unwrap();
    let id = reader.find("loss", None).unwrap();
    let points = all(&reader, id);
    let (last, rest) = points.split_last().unwrap();
    assert_eq!((last.step, last.value), (Some(1_000_000), 7.0));
    assert!(rest.iter().all(|point| point.step.is_some_and(|step| point.value == step as f64 / 8.0)));
    assert_eq!(all(&reader, reader.find("other", None).unwrap()).len(), 1);
    rest.len() as u64
}

#[test]
fn a_damaged_chunk_is_an_error_and_the_rest_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    for step in 0..20_000 {
        writer.append(&point(step, (step as f64).sqrt())).unwrap();
    }
    drop(writer);
    let path = dir.path().join("series.chunks");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let id = reader.find("loss", None).unwrap();
    let seen: Vec<_> = reader.points(id, 0..u64::MAX).collect();
    assert_eq!(seen.iter().filter(|point| matches!(point, Err(Error::Corrupt { .. }))).count(), 1);
    assert_eq!(seen.iter().filter(|point| point.is_ok()).count(), 20_000 - 4096);
}

#[test]
fn a_damaged_record_is_said_and_nothing_is_thrown_away() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    for step in 0..2_000_000 {
        writer.append(&point(step, (step as f64).sqrt())).unwrap();
        if step % 1_000 == 0 {
            writer.flush().unwrap();
        }
    }
    drop(writer);
    let path = dir.path().join("series.chunks");
    let whole = fs::read(&path).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    assert!(reader.damage().is_none());
    let id = reader.find("loss", None).unwrap();
    // The record of the name, then that of the first chunk: its head is hit.
    let mut bytes = whole.clone();
    bytes[100] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let error = reader.damage().unwrap().to_string();
    assert!(error.contains("a record is damaged, and what comes after it is not shown"), "{error}");
    assert!(reader.metric(id).is_none_or(|metric| metric.count < 2_000_000));
    for format in [Format::Csv, Format::Json, Format::Parquet, Format::TensorBoard] {
        assert!(matches!(format.write(&reader, &[], &mut Vec::new()), Err(Error::Corrupt { .. })), "not half of it");
    }
    // Whoever goes on writing goes on, and keeps what there was.
    let mut writer = Writer::open(dir.path()).unwrap();
    writer.append(&point(7, 1.0)).unwrap();
    drop(writer);
    let reader = Reader::open(dir.path()).unwrap();
    assert!(reader.damage().is_none());
    assert_eq!(reader.metric(reader.find("loss", None).unwrap()).unwrap().last, 1.0);
    assert!(fs::read(dir.path().join("series.chunks.damaged")).unwrap() == bytes);
    assert!(dir.path().join("series.tail.damaged").is_file());
}

#[test]
fn a_foreign_file_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("series.chunks");
    fs::write(&path, b"these are somebody's notes, not series").unwrap();
    assert!(matches!(Writer::open(dir.path()), Err(Error::Corrupt { .. })));
    assert!(matches!(Reader::open(dir.path()), Err(Error::Corrupt { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"these are somebody's notes, not series");
}

#[test]
fn series_read_again_take_the_place_of_the_old() {
    let dir = tempfile::tempdir().unwrap();
    let mut old = Writer::open(dir.path()).unwrap();
    for step in 0..5_000 {
        old.append(&point(step, 1.0)).unwrap();
    }
    old.flush().unwrap();
    let mut reader = Reader::open(dir.path()).unwrap();
    let mut new = Writer::open(&dir.path().join("again")).unwrap();
    for step in 0..4_500 {
        new.append(&Point { metric: "renamed", ..point(step, 2.0) }).unwrap();
    }
    let mut writer = new.replace(old).unwrap();
    assert!(reader.refresh().unwrap());
    writer.append(&Point { metric: "renamed", ..point(4_500, 3.0) }).unwrap();
    writer.flush().unwrap();
    assert!(reader.refresh().unwrap());
    assert_eq!(reader.find("loss", None), None);
    let metric = reader.metric(reader.find("renamed", None).unwrap()).unwrap();
    assert_eq!((metric.count, metric.last), (4_501, 3.0));
    assert!(!dir.path().join("again").exists());
    assert!(matches!(Writer::open(dir.path()), Err(Error::Locked { .. })));
}

#[test]
fn five_thousand_names_of_four_ranks_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    for step in 0..3_u32 {
        for name in 0..5_000_u32 {
            let metric = &format!("layer{name}/norm");
            writer
                .append(&Point {
                    metric,
                    rank: Some(name % 4),
                    step: Some(step.into()),
                    epoch: None,
                    time_ms: 0,
                    value: name.into(),
                })
                .unwrap();
        }
        writer.flush().unwrap();
    }
    let reader = Reader::open(dir.path()).unwrap();
    let metrics = reader.metrics();
    assert_eq!(metrics.len(), 5_000);
    assert!(metrics.iter().all(|metric| metric.count == 3 && metric.name == format!("layer{}/norm", metric.last)));
}

/// A run as a seed makes it: restarts, gaps, NaN, a clock that jumps, metrics without steps.
struct Maker {
    state: u64,
}

impl Maker {
    fn below(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % end
    }

    fn run(&mut self, count: u64) -> Vec<Point<'static>> {
        let (steps, epochs) = (self.below(4), self.below(3));
        let restarts = self.below(3) == 0;
        let (stride, wild, jumps) = (1 + self.below(50), self.below(5) == 0, self.below(4) == 0);
        let mut step = self.below(100);
        let mut time = 1_700_000_000_000_i64;
        (0..count)
            .map(|at| {
                step += if wild { self.below(1000) } else { stride };
                if restarts && self.below(3000) == 0 {
                    step /= 2;
                }
                time += self.below(200).cast_signed();
                if jumps && self.below(500) == 0 {
                    time -= 3_600_000;
                }
                let noise = self.below(10_000) as f64 / 1e4;
                let value = match self.below(400) {
                    0 => f64::NAN,
                    1 => f64::INFINITY,
                    2 => 1e6 + noise,
                    _ => ((2.0 / (1.0 + at as f64 / 500.0) + noise * 0.1) * 1e4).round() / 1e4,
                };
                Point {
                    metric: "loss",
                    rank: None,
                    step: match steps {
                        0 => None,
                        1 => (self.below(10) > 0).then_some(step),
                        _ => Some(step),
                    },
                    epoch: (epochs > 0).then_some((step / 500) as f64),
                    time_ms: time,
                    value,
                }
            })
            .collect()
    }
}

struct Placed {
    x: f64,
    value: f64,
    aside: bool,
}

/// Every point where a view must draw it, worked out point by point.
fn placed(points: &[Stored], axis: Axis, start: i64) -> Vec<Placed> {
    let numbered = match axis {
        Axis::Step => points.iter().all(|point| point.step.is_none()),
        Axis::Epoch => points.iter().all(|point| point.epoch.is_none()),
        _ => false,
    };
    let (mut step, mut epoch, mut time, mut attempt) = (0, 0.0_f64, i64::MIN, 0);
    let mut starts: Vec<f64> = Vec::new();
    let mut places = Vec::new();
    for (at, point) in points.iter().enumerate() {
        if point.attempt != attempt {
            (step, epoch, attempt) = (0, 0.0, point.attempt);
        }
        step = step.max(point.step.unwrap_or(0));
        epoch = epoch.max(point.epoch.unwrap_or(0.0));
        time = time.max(point.time_ms);
        let x = match axis {
            _ if numbered => at as f64,
            Axis::Step => step as f64,
            Axis::Epoch => epoch,
            Axis::Time => time as f64,
            Axis::Relative => (time - start) as f64 / 1000.0,
        };
        if starts.len() <= attempt as usize {
            starts.push(x);
        }
        places.push((x, attempt as usize, point.value));
    }
    let by_attempt = !numbered && matches!(axis, Axis::Step | Axis::Epoch);
    places
        .into_iter()
        .map(|(x, attempt, value)| {
            let limit = starts[attempt + 1..].iter().copied().fold(f64::INFINITY, f64::min);
            Placed { x, value, aside: by_attempt && x >= limit }
        })
        .collect()
}

fn check_list(buckets: &[Bucket], points: &[&Placed], what: &str) {
    let mut at = 0;
    for bucket in buckets {
        let inside = &points[at..at + bucket.count as usize];
        at += inside.len();
        let finite: Vec<f64> = inside.iter().map(|point| point.value).filter(|value| value.is_finite()).collect();
        let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
        assert!(same(bucket.min, finite.iter().copied().fold(f64::NAN, f64::min)), "{what} min {bucket:?}");
        assert!(same(bucket.max, finite.iter().copied().fold(f64::NAN, f64::max)), "{what} max {bucket:?}");
        assert_eq!(bucket.last.to_bits(), inside.last().unwrap().value.to_bits(), "{what} last");
        assert_eq!(bucket.x.to_bits(), inside[0].x.to_bits(), "{what} x");
        assert_eq!(bucket.nan as usize, inside.iter().filter(|point| point.value.is_nan()).count());
        assert_eq!(bucket.infinite as usize, inside.iter().filter(|point| point.value.is_infinite()).count());
        if !finite.is_empty() {
            let mean = finite.iter().sum::<f64>() / finite.len() as f64;
            assert!((bucket.mean - mean).abs() <= mean.abs() * 1e-5 + 1e-9, "{what} mean {bucket:?} {mean}");
            assert!(bucket.min <= bucket.mean && bucket.mean <= bucket.max, "{what} mean {bucket:?}");
        }
    }
    assert_eq!(at, points.len(), "{what}: every point is in one bucket");
}

fn check_view(view: &View, places: &[Placed], window: &Window) {
    let (from, to) = window.range.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
    let inside: Vec<&Placed> = places.iter().filter(|point| point.x >= from && point.x <= to).collect();
    let (aside, drawn): (Vec<&Placed>, Vec<&Placed>) = inside.iter().partition(|point| point.aside);
    let what = format!("{window:?}");
    check_list(&view.buckets, &drawn, &what);
    check_list(&view.overridden, &aside, &what);
    assert!(view.buckets.windows(2).all(|pair| pair[0].x <= pair[1].x), "{what} draws backwards");
    assert_eq!(view.exact, inside.len() <= window.width, "{what} holds {}", inside.len());
    let attempts = view.buckets.last().map_or(0, |bucket| bucket.attempt as usize);
    assert!(view.buckets.len() <= window.width + attempts, "{what}: {} buckets", view.buckets.len());
}

fn write(dir: &Path, maker: &mut Maker, points: &[Point<'_>]) {
    let mut writer = Writer::open(dir).unwrap();
    for point in points {
        writer.append(point).unwrap();
        if maker.below(2_000) == 0 {
            writer.flush().unwrap();
        }
        if maker.below(10_000) == 0 {
            drop(writer);
            writer = Writer::open(dir).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_view_is_the_data_and_nothing_else(seed in any::<u64>(), count in 1_u64..20_000, width in 1_usize..1_500) {
        let mut maker = Maker { state: seed };
        let points = maker.run(count);
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &mut maker, &points);
        let reader = Reader::open(dir.path()).unwrap();
        let id = reader.find("loss", None).unwrap();
        let stored = all(&reader, id);
        prop_assert_eq!(stored.len(), points.len());
        for (stored, point) in stored.iter().zip(&points) {
            prop_assert_eq!((stored.step, stored.epoch, stored.time_ms), (point.step, point.epoch, point.time_ms));
            prop_assert_eq!(stored.value.to_bits(), point.value.to_bits());
        }
        let metric = reader.metric(id).unwrap();
        let finite = || points.iter().map(|point| point.value).filter(|value| value.is_finite());
        prop_assert_eq!(metric.min.to_bits(), finite().fold(f64::NAN, f64::min).to_bits());
        prop_assert_eq!(metric.max.to_bits(), finite().fold(f64::NAN, f64::max).to_bits());
        for axis in [Axis::Step, Axis::Epoch, Axis::Time, Axis::Relative] {
            let places = placed(&stored, axis, reader.start_ms().unwrap());
            let whole = Window::whole(axis, width);
            let view = reader.view(id, &whole).unwrap();
            check_view(&view, &places, &whole);
            let (low, high) = view.extent.unwrap();
            let log = Window { log_x: true, ..whole };
            check_view(&reader.view(id, &log).unwrap(), &places, &log);
            for _ in 0..4 {
                let a = low + (high - low) * maker.below(1_000) as f64 / 1e3;
                let b = low + (high - low) * maker.below(1_000) as f64 / 1e3;
                let window = Window { range: Some((a.min(b), a.max(b))), ..whole };
                check_view(&reader.view(id, &window).unwrap(), &places, &window);
            }
        }
    }
}
