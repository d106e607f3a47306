//! How fast a run goes, and when it will be done.

use serde::{Deserialize, Serialize};

use crate::Progress;

/// How many moments are remembered; when there are more, every other one goes.
const MOMENTS: u16 = 512;
/// The recent pace is that of so many stretches, of as many moments each.
const STRETCHES: usize = 12;
/// Fewer stretches do not tell how uneven a pace is: where they happen to be alike, the truth is often elsewhere.
const LEAST: usize = 4;
/// 97.5 of 100 draws from Student's t lie below this, by the degrees of freedom from [`LEAST`] less one on: how much
/// further off the truth may lie where only a few stretches tell how uneven the pace is.
const STUDENT: [f64; STRETCHES - LEAST + 1] = [3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20];
/// Neighbouring stretches that are alike say less than as many that are not; more alike than this is not reckoned with.
const MOST_ALIKE: f64 = 0.8;

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
    /// No sooner than this, in nineteen of twenty cases if what comes is like what was.
    pub soonest: f64,
    /// No later than this, likewise; absent where the pace is too uneven, or too little of it was seen, to tell.
    pub latest: Option<f64>,
    /// The longest that the run has gone of late without getting on. Who has waited longer knows that it is late.
    #[serde(default)]
    pub longest_wait: Option<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Moment {
    time_ms: i64,
    done: f64,
}

/// Some progress and how many seconds it took.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    done: f64,
    took: f64,
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
        if self.latest.is_some_and(|latest| done <= latest.done) {
            return;
        }
        let moment = Moment { time_ms, done };
        self.latest = Some(moment);
        match self.moments.last_mut() {
            Some(last) if time_ms - last.time_ms <= self.spacing_ms => {
                // What comes in one piece, or hardly later, is one moment, which lies where all of it was there.
                if time_ms == last.time_ms {
                    last.done = done;
                }
            }
            _ => self.moments.push(moment),
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
        let (moments, latest) = (self.recent(), self.latest?);
        let stretches = stretches(&moments);
        let done: f64 = stretches.iter().map(|stretch| stretch.done).sum();
        let took: f64 = stretches.iter().map(|stretch| stretch.took).sum();
        if done <= 0.0 || took <= 0.0 {
            return None;
        }
        let each = took / done;
        let left = (total - latest.done).max(0.0);
        let seconds = left * each;
        let longest = moments.windows(2).map(|pair| seconds_between(pair[0], pair[1])).fold(0.0, f64::max);
        // Whether what is counted is told where it begins or where it ends is not known: what is counted from 0 may be one
        // further, what is counted from 1 one less far.
        let from_zero = self.moments.first().is_some_and(|first| first.done < 1.0);
        let (sooner, later) = if from_zero { (each, 0.0) } else { (0.0, each) };
        let most = seconds + later;
        // Progress is seen in leaps, so what is said of this moment may be one of them off.
        let off = spread(&stretches, most / each).map(|spread| spread.hypot(longest.min(seconds)));
        // Never below zero: as far off on the other side, it would take this part of the time.
        let soonest = off.map_or(0.0, |off| if seconds > 0.0 { seconds * seconds / (seconds + off) } else { 0.0 });
        Some(Forecast {
            unit,
            total,
            done: latest.done,
            per_second: done / took,
            seconds,
            soonest: (soonest - sooner).max(0.0),
            latest: off.filter(|off| *off <= most).map(|off| most + off),
            longest_wait: Some(longest),
        })
    }

    /// The moments that tell the pace of late: those of the later half, since the first half of a run may have been slower
    /// (compiling, filling caches); as many at least as a band takes.
    fn recent(&self) -> Vec<Moment> {
        let (Some(first), Some(latest)) = (self.moments.first(), self.latest) else { return Vec::new() };
        let mut moments = self.moments.clone();
        if moments.last().is_some_and(|last| last.time_ms < latest.time_ms) {
            moments.push(latest);
        }
        let half = first.time_ms + (latest.time_ms - first.time_ms) / 2;
        let from = moments.partition_point(|moment| moment.time_ms < half).min(moments.len().saturating_sub(LEAST + 1));
        moments.split_off(from)
    }
}

fn seconds_between(before: Moment, after: Moment) -> f64 {
    (after.time_ms - before.time_ms) as f64 / 1_000.0
}

/// The moments' stretches, each between as many of them.
fn stretches(moments: &[Moment]) -> Vec<Stretch> {
    let between = moments.len().saturating_sub(1);
    let count = between.min(STRETCHES);
    (0..count)
        .map(|at| {
            let (from, to) = (moments[between * at / count], moments[between * (at + 1) / count]);
            Stretch { done: to.done - from.done, took: seconds_between(from, to) }
        })
        .collect()
}

/// How far off `left` times the mean pace may be, in seconds; `None` where too few stretches were seen.
///
/// Both what is to come and what was seen are uneven: the first counts by as many stretches as are to come, the second by
/// their square over as many as were seen.
fn spread(stretches: &[Stretch], left: f64) -> Option<f64> {
    let student = STUDENT.get(stretches.len().checked_sub(LEAST)?)?;
    let count = stretches.len() as f64;
    let done: f64 = stretches.iter().map(|stretch| stretch.done).sum();
    let each = stretches.iter().map(|stretch| stretch.took).sum::<f64>() / done;
    let off: Vec<f64> = stretches.iter().map(|stretch| stretch.took - each * stretch.done).collect();
    let square: f64 = off.iter().map(|off| off * off).sum();
    let alike: f64 = off.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let alike = if square > 0.0 { (alike / square).clamp(0.0, MOST_ALIKE) } else { 0.0 };
    let ahead = left / (done / count);
    let variance = square / (count - 1.0) * (ahead + ahead * ahead / count) * (1.0 + alike) / (1.0 - alike);
    Some(student * variance.sqrt())
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

    /// Numbers below one, the same ones each time.
    struct Noise(u64);

    impl Noise {
        fn next(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        }

        /// Around one, sometimes twice as long.
        fn length(&mut self) -> f64 {
            0.6 + 0.4 * (self.next() + self.next()) + if self.next() < 0.03 { 1.0 } else { 0.0 }
        }
    }

    /// A kind of run: the unit, how many there are, the first one's number, and how long each takes in milliseconds.
    type Kind = (&'static str, Unit, u64, u64, fn(&mut Noise, &mut f64, f64) -> f64);

    const KINDS: [Kind; 9] = [
        ("steps alike", Unit::Steps, 3_000, 0, |noise, _, _| 200.0 * noise.length()),
        ("few steps", Unit::Steps, 30, 0, |noise, _, _| 60_000.0 * noise.length()),
        ("a slow start", Unit::Steps, 3_000, 0, |noise, _, share| {
            noise.length() * if share < 0.05 { 2_000.0 } else { 200.0 }
        }),
        ("evaluation after each fiftieth", Unit::Steps, 3_000, 0, |noise, _, share| {
            noise.length() * if (share * 3_000.0).round() % 60.0 < 0.5 { 5_000.0 } else { 200.0 }
        }),
        ("a shared machine", Unit::Steps, 3_000, 0, |noise, load, _| {
            // Now and then the neighbour starts or stops: twice as slow while it works.
            if noise.next() < 0.01 {
                *load = 1.0 - *load;
            }
            noise.length() * 200.0 * (1.0 + *load)
        }),
        ("a drifting pace", Unit::Steps, 3_000, 0, |noise, load, _| {
            *load = (*load + (noise.next() - 0.5) * 0.02).clamp(-0.5, 0.5);
            noise.length() * 200.0 * (1.0 + *load)
        }),
        ("epochs from one, told at their end", Unit::Epochs, 20, 1, |noise, _, _| 60_000.0 * noise.length()),
        ("epochs from one, told at their begin", Unit::Epochs, 20, 2, |noise, _, _| 60_000.0 * noise.length()),
        ("epochs from zero, told at their end", Unit::Epochs, 20, 0, |noise, _, _| 60_000.0 * noise.length()),
    ];

    const RUNS: u32 = 200;

    /// How often the truth lies within the band, of the forecasts that have one; how many have one; and how wide it is
    /// beside the time that is left, in the median. `every_ms`: how often the log is looked at.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "made-up times and counts are small")]
    fn honesty((_, unit, total, first, length): Kind, share_done: f64, every_ms: i64) -> (f64, f64, f64) {
        let (mut within, mut banded, mut widths) = (0_u32, 0_u32, Vec::new());
        for run in 0..u64::from(RUNS) {
            let (mut noise, mut load, mut time) = (Noise(run * 7 + 1), 0.0, 1_000_000.0);
            let mut ends = Vec::new();
            for at in 0..total {
                time += length(&mut noise, &mut load, at as f64 / total as f64);
                ends.push(time);
            }
            let seen = (total as f64 * share_done) as usize;
            let mut pace = Pace::default();
            let mut told = 0.0;
            for (at, end) in ends[..seen].iter().enumerate() {
                // Told at its begin, an epoch's line stands where the one before ended.
                let number = at as u64 + first;
                let progress = match unit {
                    Unit::Steps => steps(number, total),
                    Unit::Epochs => {
                        Progress { epoch: Some(number as f64), epochs_total: Some(total), ..Progress::default() }
                    }
                };
                told = (*end / every_ms as f64).ceil() * every_ms as f64;
                pace.see(told as i64, &progress);
            }
            let truth = (ends[ends.len() - 1] - told) / 1_000.0;
            let Some(forecast) = pace.forecast() else { continue };
            let Some(latest) = forecast.latest else { continue };
            banded += 1;
            within += u32::from(forecast.soonest <= truth && truth <= latest);
            widths.push((latest - forecast.soonest) / truth);
        }
        widths.sort_unstable_by(f64::total_cmp);
        let width = widths.get(widths.len() / 2).copied().unwrap_or(f64::NAN);
        (f64::from(within) / f64::from(banded), f64::from(banded) / f64::from(RUNS), width)
    }

    /// What comes like what was, lies within nineteen times of twenty; a pace that changes for good cannot be foreseen.
    #[test]
    fn the_truth_lies_within_the_band() {
        for (at, kind) in KINDS.into_iter().enumerate() {
            for share_done in [0.1, 0.25, 0.5, 0.8, 0.95] {
                for every_ms in [200, 5_000] {
                    let (within, banded, width) = honesty(kind, share_done, every_ms);
                    let what = format!(
                        "{:<38} {:>2.0} % done, looked at each {every_ms:>4} ms: within {:>3.0} % of the {:>3.0} % with a band, {:>3.0} % wide",
                        kind.0,
                        share_done * 100.0,
                        within * 100.0,
                        banded * 100.0,
                        width * 100.0
                    );
                    println!("{what}");
                    // Those that go on as they went; then those that change their pace.
                    let least = match at {
                        4 if share_done >= 0.5 => 0.8,
                        4 | 5 => 0.2,
                        _ => 0.85,
                    };
                    assert!(banded < 0.5 || within >= least, "{what}");
                    assert!(banded > 0.9 || !(0.5..0.9).contains(&share_done), "{what}");
                }
            }
        }
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
