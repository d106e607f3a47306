//! The store through its public doors.

use curfew_series::store::{Reader, Window, Writer};
use curfew_series::{Axis, Point};

fn point(step: u64, value: f64) -> Point<'static> {
    Point { metric: "loss", rank: None, step: Some(step), epoch: None, time_ms: 1_000 + step.cast_signed(), value }
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
    let view = reader.view(metric.id, &Window::whole(Axis::Step, 10)).unwrap();
    assert_eq!(view.buckets.iter().map(|bucket| bucket.count).sum::<u64>(), 100);
    assert!(Writer::open(dir.path()).is_err(), "one writer at a time");
}
