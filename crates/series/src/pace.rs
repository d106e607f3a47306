//! How fast a run goes, and when it will be done.

use serde::{Deserialize, Serialize};

use crate::Progress;

/// How many moments are remembered; when there are more, every other one goes.
const MOMENTS: u16 = 512;
/// The recent pace is that of so many stretches of equal length.
const STRETCHES: usize = 12;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Steps over the whole run.
    Steps,
    /// Epochs.
    Epochs,
}

/// When a run will be done, from its recent pace. Times in seconds from the last progress seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// What is counted.
    pub unit: Unit,
    /// How many there will be in all.
    pub total: f64,
    /// How many are done.
    pub done: f64,
    /// How many a second, of late.
    pub per_second: f64,
    /// How long it will take from here.
    pub seconds: f64,
    /// No sooner than this, likely: two standard errors of the recent pace.
    pub soonest: f64,
    /// No later than this, likely; absent where the pace is too uneven to tell.
    pub latest: Option<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Moment {
    time_ms: i64,
    done: f64,
}

/// Watches a run's progress.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    moments: Vec<Moment>,
    /// Progress that is too close to the moment before to be remembered on its own.
    latest: Option<Moment>,
    spacing_ms: i64,
    counted: Option<(Unit, f64)>,
}

impl Pace {
    /// Takes the progress seen at `time_ms` (milliseconds since 1970, UTC).
    pub fn see(&mut self, time_ms: i64, progress: &Progress) {
        let (counted, done) = match progress {
            Progress { step: Some(step), steps_total: Some(total), .. } if *total > 0 => {
                ((Unit::Steps, *total as f64), *step as f64)
            }
            Progress { epoch: Some(epoch), epochs_total: Some(total), .. } if *total > 0 => {
                ((Unit::Epochs, *total as f64), *epoch)
            }
            _ => return,
        };
        let back = self.latest.is_some_and(|latest| done < latest.done || time_ms < latest.time_ms);
        // Steps that turn out to be counted, a restart, a clock set back: what was seen before says nothing.
        if back || self.counted.is_some_and(|before| before != counted) {
            *self = Pace::default();
        }
        self.counted = Some(counted);
        let moment = Moment { time_ms, done };
        self.latest = Some(moment);
        if self.moments.last().is_none_or(|last| time_ms - last.time_ms > self.spacing_ms && done > last.done) {
            self.moments.push(moment);
        }
        if self.moments.len() > usize::from(MOMENTS) {
            let mut at = 0;
            self.moments.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            let span = time_ms - self.moments.first().map_or(time_ms, |first| first.time_ms);
            self.spacing_ms = span / i64::from(MOMENTS);
        }
    }

    /// When the run will be done; `None` until it has come some way and its log has told how far it goes.
    pub fn forecast(&self) -> Option<Forecast> {
        let (unit, total) = self.counted?;
        let (first, latest) = (self.moments.first()?, self.latest?);
        // The first half of a run may have been slower (compiling, filling caches); the later half tells the pace.
        let start = first.time_ms + (latest.time_ms - first.time_ms) / 2;
        let length = (latest.time_ms - start) as f64 / STRETCHES as f64;
        if length <= 0.0 {
            return None;
        }
        let at = |stretch: usize| self.done_at(start as f64 + length * stretch as f64);
        let paces: Vec<f64> =
            (0..STRETCHES).map(|stretch| (at(stretch + 1) - at(stretch)) / (length / 1_000.0)).collect();
        let per_second = paces.iter().sum::<f64>() / STRETCHES as f64;
        if per_second <= 0.0 {
            return None;
        }
        let variance = paces.iter().map(|pace| (pace - per_second).powi(2)).sum::<f64>() / (STRETCHES - 1) as f64;
        let error = 2.0 * (variance / STRETCHES as f64).sqrt();
        let left = (total - latest.done).max(0.0);
        Some(Forecast {
            unit,
            total,
            done: latest.done,
            per_second,
            seconds: left / per_second,
            soonest: left / (per_second + error),
            latest: (per_second > error).then(|| left / (per_second - error)),
        })
    }

    /// How much was done at a time between two moments.
    fn done_at(&self, time_ms: f64) -> f64 {
        let after = self.moments.partition_point(|moment| (moment.time_ms as f64) <= time_ms);
        let last = self.latest.or(self.moments.last().copied());
        let (Some(before), Some(next)) =
            (after.checked_sub(1).and_then(|at| self.moments.get(at)), self.moments.get(after).copied().or(last))
        else {
            return self.moments.first().map_or(0.0, |first| first.done);
        };
        let span = next.time_ms - before.time_ms;
        if span <= 0 {
            return next.done;
        }
        let share = ((time_ms - before.time_ms as f64) / span as f64).clamp(0.0, 1.0);
        before.done + (next.done - before.done) * share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(step: u64, total: u64) -> Progress {
        Progress { step: Some(step), steps_total: Some(total), ..Progress::default() }
    }

    /// Runs `count` steps of `total`, each of which takes what `length` says in milliseconds.
    fn check(count: u64, total: u64, length: impl Fn(u64) -> i64) -> Option<Forecast> {
        let mut pace = Pace::default();
        let mut time = 1_000;
        for step in 0..count {
            pace.see(time, &steps(step, total));
            time += length(step);
        }
        pace.forecast()
    }

    fn near(seen: f64, expect: f64) {
        assert!((seen - expect).abs() <= expect.abs() * 0.02 + 1e-9, "{seen}, not {expect}");
    }

    #[test]
    fn an_even_pace_has_a_narrow_band() {
        let seen = check(101, 1_000, |_| 500).unwrap();
        near(seen.per_second, 2.0);
        near(seen.seconds, 450.0);
        near(seen.soonest, 450.0);
        near(seen.latest.unwrap(), 450.0);
    }

    #[test]
    fn an_uneven_pace_has_a_wide_one_around_the_truth() {
        let seen = check(10_000, 20_000, |step| if (step / 300) % 2 == 0 { 50 } else { 150 }).unwrap();
        near(seen.per_second, 10.0);
        assert!(seen.soonest < seen.seconds * 0.95 && seen.latest.unwrap() > seen.seconds * 1.05, "{seen:?}");
    }

    #[test]
    fn a_slow_start_is_forgotten() {
        near(check(2_000, 4_000, |step| if step == 0 { 60_000 } else { 100 }).unwrap().per_second, 10.0);
    }

    #[test]
    fn epochs_do_where_steps_are_not_counted() {
        let mut pace = Pace::default();
        for minute in 0..=4_i32 {
            let progress = Progress { epoch: Some(minute.into()), epochs_total: Some(10), ..Progress::default() };
            pace.see(i64::from(minute) * 60_000, &progress);
        }
        let seen = pace.forecast().unwrap();
        assert_eq!(seen.unit, Unit::Epochs);
        near(seen.seconds, 360.0);
    }

    #[test]
    fn nothing_is_said_of_what_is_not_known() {
        assert_eq!(check(1, 100, |_| 10), None);
        let mut pace = Pace::default();
        pace.see(0, &Progress { step: Some(3), ..Progress::default() });
        pace.see(10, &Progress { step: Some(4), ..Progress::default() });
        assert_eq!(pace.forecast(), None);
        // A run that went back to a checkpoint starts its pace anew.
        pace.see(20, &steps(50, 100));
        pace.see(30, &steps(60, 100));
        pace.see(40, &steps(20, 100));
        assert_eq!(pace.forecast(), None);
    }
}
