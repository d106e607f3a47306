//! When a run ends by itself: a metric is no number, the watched metric is flat, it has cost enough. What each rule does
//! with each log is `curfew-series`' and the same in every cloud.

use curfew_core::money::{Currency, HourlyRate, Money};
use curfew_core::run::StopRules;
use curfew_core::say;
use curfew_series::Point;
use curfew_series::rules::{Watch, of_form};
use jiff::SignedDuration;
use rust_decimal::prelude::ToPrimitive as _;

/// The rules of one run, and what they have seen.
pub(crate) struct Rules {
    watch: Watch,
    rate: Option<HourlyRate>,
    hit: Option<String>,
}

fn dollars(money: &Money) -> Option<f64> {
    (money.currency() == Currency::USD).then(|| money.amount().to_f64()).flatten()
}

impl Rules {
    /// `rate`: what an hour costs, where that is known.
    pub(crate) fn new(asked: &StopRules, rate: Option<HourlyRate>) -> Self {
        let spend = asked.spend.as_ref().and_then(dollars);
        let rules = of_form(
            asked.not_a_number,
            asked.flat_epochs,
            asked.metric.as_deref(),
            spend,
            asked.time.map(|t| t.as_secs_f64()),
        );
        Self { watch: Watch::new(rules), rate, hit: None }
    }

    /// Looks at one point.
    pub(crate) fn see(&mut self, point: &Point<'_>) {
        if let Some(stop) = self.watch.see(point) {
            self.hit = Some(say::clean(&stop.why, 200));
        }
    }

    /// Why it should end, after it has worked for `worked`.
    pub(crate) fn hit(&mut self, worked: SignedDuration) -> Option<String> {
        let spent = self.rate.as_ref().and_then(|rate| rate.over(worked).ok()).and_then(|spent| dollars(&spent));
        if let Some(stop) = self.watch.check(worked.as_secs_f64(), spent) {
            self.hit = Some(stop.why);
        }
        self.hit.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::Decimal;

    /// Points as (metric, epoch, value), then why it ends after an hour at $1.
    fn check(rules: &StopRules, points: &[(&str, f64, f64)], expect: Option<&str>) {
        let mut rules = Rules::new(rules, Some(HourlyRate::usd(Decimal::ONE)));
        for &(metric, epoch, value) in points {
            rules.see(&Point { metric, rank: None, step: None, epoch: Some(epoch), time_ms: 0, value });
        }
        assert_eq!(rules.hit(SignedDuration::from_hours(1)).as_deref(), expect, "{points:?}");
        assert_eq!(rules.hit(SignedDuration::from_hours(1)).as_deref(), expect, "{points:?}, asked again");
    }

    #[test]
    fn rules() {
        let none = StopRules::default();
        check(&none, &[("loss", 1.0, f64::NAN), ("loss", 99.0, 1.0)], None);
        let number = StopRules { not_a_number: true, ..none.clone() };
        let seen = [("loss", 1.0, 0.5), ("loss", 2.0, f64::NAN)];
        check(&number, &seen, Some("loss is not a number in epoch 2"));
        // Mixed precision lets gradients overflow for once.
        check(&number, &[("loss", 1.0, 0.5), ("grad_norm", 2.0, f64::INFINITY)], None);
        let named = StopRules { metric: Some("grad_norm".into()), ..number };
        check(&named, &[("grad_norm", 2.0, f64::INFINITY)], Some("grad_norm is infinite in epoch 2"));
        check(&named, &seen, Some("loss is not a number in epoch 2"));
        let flat = StopRules { flat_epochs: Some(2), ..none.clone() };
        let seen = [("acc", 1.0, 0.5), ("loss", 1.0, 0.5), ("loss", 2.0, 0.6), ("loss", 3.0, 0.5)];
        check(&flat, &seen, Some("loss has not become better than 0.5 for 2 epochs"));
        let named = StopRules { metric: Some("acc".into()), ..flat };
        check(&named, &seen, None);
        let spend = |usd| StopRules { spend: Some(Money::usd(usd)), ..none.clone() };
        check(&spend(Decimal::ONE), &[], Some("it has cost $1.00, its limit is $1.00"));
        check(&spend(Decimal::TWO), &[], None);
        let time = |minutes| StopRules { time: Some(SignedDuration::from_mins(minutes)), ..none.clone() };
        check(&time(60), &[], Some("it has run for 3600 s, its limit is 3600 s"));
        check(&time(61), &[], None);
    }
}
