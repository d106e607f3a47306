//! When a run ends by itself: a metric is no number, the watched metric is flat, it has cost enough.

use curfew_core::money::{HourlyRate, Money};
use curfew_core::run::StopRules;
use curfew_core::say;
use curfew_series::{Point, names};
use jiff::SignedDuration;

/// The rules of one run, and what they have seen.
pub(crate) struct Rules {
    asked: StopRules,
    rate: Option<HourlyRate>,
    /// The watched metric, once it is known.
    watched: Option<String>,
    /// Its best value and the epoch of that.
    best: Option<(f64, f64)>,
    hit: Option<String>,
}

impl Rules {
    /// `rate`: what an hour costs, where that is known.
    pub(crate) fn new(asked: StopRules, rate: Option<HourlyRate>) -> Self {
        let watched = asked.metric.clone();
        Self { asked, rate, watched, best: None, hit: None }
    }

    /// Looks at one point.
    pub(crate) fn see(&mut self, point: &Point<'_>) {
        if self.hit.is_some() {
            return;
        }
        if self.asked.not_a_number && !point.value.is_finite() {
            let what = if point.value.is_nan() { "not a number" } else { "infinite" };
            self.hit = Some(format!("{} is {what}", say::clean(point.metric, 80)));
            return;
        }
        // All processes of a distributed run print about the same; the first stands for them.
        if let (Some(most), Some(epoch), None | Some(0)) = (self.asked.flat_epochs, point.epoch, point.rank) {
            self.watch(point, epoch, f64::from(most));
        }
    }

    fn watch(&mut self, point: &Point<'_>, epoch: f64, most: f64) {
        if self.watched.is_none() && names::family(point.metric).0.contains("loss") {
            self.watched = Some(point.metric.to_owned());
        }
        if self.watched.as_deref() != Some(point.metric) || !point.value.is_finite() {
            return;
        }
        let higher = names::higher_is_better(point.metric).unwrap_or(false);
        match &mut self.best {
            Some((best, since)) => {
                let better = if higher { point.value > *best } else { point.value < *best };
                if better {
                    (*best, *since) = (point.value, epoch);
                } else if epoch < *since {
                    // Started again from a checkpoint: what is behind does not count against it.
                    *since = epoch;
                } else if epoch - *since >= most {
                    let name = say::clean(point.metric, 80);
                    self.hit = Some(format!("{name} has not improved for {most} epochs"));
                }
            }
            None => self.best = Some((point.value, epoch)),
        }
    }

    /// Why it should end, after it has worked for `worked`.
    pub(crate) fn hit(&mut self, worked: SignedDuration) -> Option<String> {
        if self.hit.is_none()
            && let (Some(most), Some(rate)) = (&self.asked.spend, &self.rate)
            && let Ok(spent) = rate.over(worked)
            && spent.compare(most).is_some_and(std::cmp::Ordering::is_ge)
        {
            self.hit = Some(format!("it has cost {}", shown(most)));
        }
        self.hit.clone()
    }
}

fn shown(money: &Money) -> String {
    money.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::Decimal;

    /// Points as (metric, epoch, value), then why it ends.
    fn check(rules: &StopRules, points: &[(&str, f64, f64)], expect: Option<&str>) {
        let mut rules = Rules::new(rules.clone(), Some(HourlyRate::usd(Decimal::ONE)));
        for &(metric, epoch, value) in points {
            rules.see(&Point { metric, rank: None, step: None, epoch: Some(epoch), time_ms: 0, value });
        }
        assert_eq!(rules.hit(SignedDuration::from_hours(1)).as_deref(), expect, "{points:?}");
    }

    #[test]
    fn rules() {
        let none = StopRules::default();
        check(&none, &[("loss", 1.0, f64::NAN), ("loss", 99.0, 1.0)], None);
        let number = StopRules { not_a_number: true, ..none.clone() };
        check(&number, &[("loss", 1.0, 0.5), ("loss", 2.0, f64::NAN)], Some("loss is not a number"));
        check(&number, &[("loss", 1.0, f64::INFINITY)], Some("loss is infinite"));
        check(&number, &[("loss", 1.0, 1e300)], None);
        let flat = StopRules { flat_epochs: Some(2), ..none.clone() };
        check(
            &flat,
            &[("loss", 1.0, 0.5), ("loss", 2.0, 0.6), ("loss", 3.0, 0.5)],
            Some("loss has not improved for 2 epochs"),
        );
        check(&flat, &[("loss", 1.0, 0.5), ("loss", 2.0, 0.6), ("loss", 3.0, 0.4), ("loss", 4.0, 0.4)], None);
        check(&flat, &[("acc", 1.0, 0.5), ("acc", 9.0, 0.5)], None);
        check(&flat, &[("loss", 9.0, 0.5), ("loss", 1.0, 0.6), ("loss", 2.0, 0.6)], None);
        let named = StopRules { metric: Some("acc".into()), ..flat };
        check(
            &named,
            &[("acc", 1.0, 0.5), ("acc", 2.0, 0.4), ("acc", 3.0, 0.5)],
            Some("acc has not improved for 2 epochs"),
        );
        check(&named, &[("acc", 1.0, 0.5), ("acc", 2.0, 0.6), ("acc", 3.0, 0.7)], None);
        let spend = |usd| StopRules { spend: Some(Money::usd(usd)), ..none.clone() };
        check(&spend(Decimal::ONE), &[], Some("it has cost $1.00"));
        check(&spend(Decimal::TWO), &[], None);
    }
}
