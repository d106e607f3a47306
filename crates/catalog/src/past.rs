//! What the user's own past spot runs showed: what managed spot saved, and how often a machine was taken away. Of the same
//! machine type where there is something, else of its family; of others it is not borrowed.

use crate::amount::Rate;
use crate::plan::Assumptions;
use crate::spec::Spec;
use rust_decimal::Decimal;
use serde::Serialize;

/// What past spot runs on a machine type, or on a family of them, showed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpotSeen {
    /// `aws`.
    pub cloud: String,
    /// The machine type (`ml.g5.xlarge`), or the family (`ml.g5`).
    pub name: String,
    /// What managed spot saved; `None`: no run has told.
    pub saving: Option<Saving>,
    /// How often machines were taken away; `None`: too little was trained to say.
    pub interruptions: Option<Interruptions>,
}

/// What managed spot saved, as a fraction of on demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Saving {
    /// The median, 0 to 1.
    pub fraction: Decimal,
    /// Of so many runs.
    pub runs: usize,
}

/// How often machines were taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Interruptions {
    /// So often.
    pub seen: u32,
    /// While so long was trained, in milliseconds.
    pub trained_ms: i64,
    /// In so many runs.
    pub runs: usize,
}

impl Interruptions {
    /// An hour.
    pub fn per_hour(&self) -> f64 {
        f64::from(self.seen) * 3_600_000.0 / self.trained_ms.max(1) as f64
    }
}

/// What one of them says of a machine type, and on what it was seen.
pub(crate) type Known<'a, T> = (T, &'a SpotSeen);

impl SpotSeen {
    /// "on ml.g5.xlarge", "on ml.g5 machines".
    pub(crate) fn on(&self, spec: &Spec) -> String {
        if *self.name == *spec.machine { format!("on {}", self.name) } else { format!("on {} machines", self.name) }
    }
}

impl Assumptions {
    fn seen<T>(&self, spec: &Spec, of: impl Fn(&SpotSeen) -> Option<T>) -> Option<Known<'_, T>> {
        let named = |name: &str| {
            let mut seen = self.spot.iter().filter(|s| *s.cloud == *spec.cloud && s.name == name);
            seen.find_map(|s| Some((of(s)?, s)))
        };
        named(&spec.machine).or_else(|| named(spec.family()))
    }
    /// What managed spot saves on a machine type.
    pub(crate) fn saving_on(&self, spec: &Spec) -> Option<Known<'_, Saving>> {
        self.seen(spec, |s| s.saving)
    }
    /// How often a spot machine of a type is taken away, as seen.
    pub(crate) fn interruptions_on(&self, spec: &Spec) -> Option<Known<'_, Interruptions>> {
        self.seen(spec, |s| s.interruptions)
    }
    /// How often it is taken away an hour: as seen, else as assumed.
    pub(crate) fn interruptions_an_hour(&self, spec: &Spec) -> f64 {
        self.interruptions_on(spec).map_or(self.interruptions_per_hour, |(i, _)| i.per_hour())
    }
}

impl Saving {
    /// What of the price is still paid, with six decimals.
    pub(crate) fn kept(self) -> Decimal {
        (Decimal::ONE - self.fraction).clamp(Decimal::ZERO, Decimal::ONE).round_dp(6)
    }
    /// A ceiling with what was saved taken off, exactly.
    pub(crate) fn off(self, ceiling: Rate) -> Option<Rate> {
        let kept = self.kept();
        ceiling.usd().times(kept.mantissa(), 10_i128.pow(kept.scale())).and_then(Rate::from_usd)
    }
}
