//! A trial on this computer: some steps of a run, timed, extended to all of them.

use crate::work::{Band, Seen, Trial};
use serde::Serialize;

/// A step seen in the metrics of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StepSeen {
    /// Its number, as the run counts them (steps or epochs).
    pub step: f64,
    /// Milliseconds since the run was started.
    pub at_ms: f64,
}

/// Why a trial predicts nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize)]
pub enum NoPrediction {
    /// Too few steps.
    #[error("fewer than two steps were seen; let the trial run longer")]
    TooFew,
    /// The steps do not go forward.
    #[error("the step numbers do not grow with time")]
    NotGrowing,
    /// The total is not known.
    #[error("how many steps the whole run has is not known; say it, or print it in the log")]
    NoTotal,
}

/// What a trial predicts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Prediction {
    /// The whole run on this computer, its start included.
    pub whole: Band,
    /// Milliseconds a step, after the first ones.
    pub ms_per_step: f64,
    /// Milliseconds before the first step.
    pub before_ms: f64,
    /// How many steps were timed.
    pub steps: usize,
}

/// Extends timed steps to a run of `total` steps. The first steps warm up caches and compilers, so the pace is taken
/// from the rest; the band is what blocks of steps differ by, and never less than 5 %.
pub fn predict(seen: &[StepSeen], total: Option<f64>) -> Result<Prediction, NoPrediction> {
    let (Some(first), Some(last)) = (seen.first(), seen.last()) else { return Err(NoPrediction::TooFew) };
    if seen.len() < 2 {
        return Err(NoPrediction::TooFew);
    }
    let forward = seen.windows(2).all(|w| w[1].step >= w[0].step && w[1].at_ms >= w[0].at_ms);
    if !forward || last.step <= first.step || !last.at_ms.is_finite() || last.at_ms <= first.at_ms {
        return Err(NoPrediction::NotGrowing);
    }
    let total = total.filter(|t| t.is_finite() && *t > 0.0).ok_or(NoPrediction::NoTotal)?;
    // A tenth of what was seen counts as warm-up, where that leaves enough.
    let warm = if seen.len() >= 10 { seen.len() / 10 } else { 0 };
    let steady = &seen[warm..];
    let from = if last.step > steady[0].step { steady[0] } else { *first };
    let ms_per_step = (last.at_ms - from.at_ms) / (last.step - from.step);
    let left = (total - last.step).max(0.0);
    let (fast, slow) = paces(steady, ms_per_step);
    let at = |pace: f64| last.at_ms + left * pace;
    let whole = |ms: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a float to integer cast saturates, which is what is wanted"
        )]
        let ms = ms.round() as i64;
        ms
    };
    Ok(Prediction {
        whole: Band { ms: whole(at(ms_per_step)), low_ms: whole(at(fast)), high_ms: whole(at(slow)) },
        ms_per_step,
        before_ms: first.at_ms,
        steps: seen.len(),
    })
}

/// The fastest and the slowest of up to five blocks of steps, and at least 5 % to either side.
fn paces(steady: &[StepSeen], mean: f64) -> (f64, f64) {
    let blocks = (steady.len() - 1).clamp(1, 5);
    let (mut fast, mut slow) = (mean * 0.95, mean * 1.05);
    for block in 0..blocks {
        let at = |n: usize| steady[n * (steady.len() - 1) / blocks];
        let (a, b) = (at(block), at(block + 1));
        if b.step > a.step {
            let pace = (b.at_ms - a.at_ms) / (b.step - a.step);
            (fast, slow) = (fast.min(pace), slow.max(pace));
        }
    }
    (fast, slow)
}

impl Prediction {
    /// As the picker takes it.
    pub fn trial(self, on: Seen) -> Trial {
        Trial { on, whole: self.whole }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(seen: &[(f64, f64)], total: Option<f64>, expect: &str) {
        let seen: Vec<StepSeen> = seen.iter().map(|&(step, at_ms)| StepSeen { step, at_ms }).collect();
        let got = predict(&seen, total).map_or_else(
            |e| e.to_string(),
            |p| format!("{} ({} to {}), {} a step", p.whole.ms, p.whole.low_ms, p.whole.high_ms, p.ms_per_step),
        );
        assert_eq!(got, expect);
    }

    #[test]
    fn extends_what_was_seen() {
        let steady: Vec<(f64, f64)> = (1..=20).map(|i| (f64::from(i), 1000.0 + 50.0 * f64::from(i))).collect();
        check(&steady, Some(200.0), "11000 (10550 to 11450), 50 a step");
        // The first step compiles for two seconds: it is paid once and does not slow down the rest.
        let mut warm = steady.clone();
        for (i, s) in warm.iter_mut().enumerate() {
            s.1 += if i == 0 { 0.0 } else { 2000.0 };
        }
        check(&warm, Some(200.0), "13000 (12550 to 13450), 50 a step");
        check(&[(1.0, 10.0), (2.0, 20.0)], Some(2.0), "20 (20 to 20), 10 a step");
        check(
            &[(1.0, 10.0), (2.0, 20.0)],
            None,
            "how many steps the whole run has is not known; say it, or print it in the log",
        );
        check(&[(1.0, 10.0)], Some(9.0), "fewer than two steps were seen; let the trial run longer");
        check(&[(2.0, 10.0), (1.0, 20.0)], Some(9.0), "the step numbers do not grow with time");
    }
}
