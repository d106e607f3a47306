//! When a run will be done and what it will have cost, by its pace.

use curfew_core::run::{RunState, RunStatus};
use curfew_core::{Money, Timestamp};
use curfew_series::Standing;
use curfew_series::pace::Unit;
use jiff::SignedDuration;
use serde::Serialize;

/// When a run will be done, by its pace of late.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finish {
    /// "epochs" or "steps".
    pub unit: &'static str,
    /// How many are done.
    pub done: f64,
    /// How many there will be.
    pub total: f64,
    /// How many a second, of late.
    pub per_second: f64,
    /// When.
    pub at: Timestamp,
    /// Hardly sooner than this.
    pub soonest: Timestamp,
    /// Hardly later than this; absent where the pace is too uneven to tell.
    pub latest: Option<Timestamp>,
}

/// What a run will have cost when it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CostToFinish {
    /// In all, from its start to its end.
    pub whole: Money,
    /// Give or take.
    pub band: Option<Money>,
}

/// Longer forecasts say nothing.
const FARTHEST: SignedDuration = SignedDuration::from_hours(24 * 366);

impl Finish {
    /// Of a run that is under way; `None` while its log has not told how far it goes and how fast.
    pub(crate) fn of(standing: &Standing, status: &RunStatus) -> Option<Self> {
        let forecast = standing.forecast.filter(|_| status.state == RunState::Running)?;
        let seen = Timestamp::from_millisecond(standing.seen_ms).ok()?;
        let after = |seconds: f64| {
            let left = SignedDuration::try_from_secs_f64(seconds).ok().filter(|left| *left <= FARTHEST)?;
            seen.checked_add(left).ok()
        };
        Some(Self {
            unit: match forecast.unit {
                Unit::Steps => "steps",
                Unit::Epochs => "epochs",
            },
            done: forecast.done,
            total: forecast.total,
            per_second: forecast.per_second,
            at: after(forecast.seconds)?,
            soonest: after(forecast.soonest)?,
            latest: forecast.latest.and_then(after),
        })
    }

    /// What it will have cost by then; `None` where what it costs is not known or not billed.
    pub fn cost(&self, status: &RunStatus, now: Timestamp) -> Option<CostToFinish> {
        let (so_far, rate) = (status.so_far.amount()?, status.rate.amount()?);
        let left = self.at.duration_since(now).max(SignedDuration::ZERO);
        let whole = so_far.plus(rate.over(left).ok()?).ok()?;
        // Less than a cent either way is no band.
        let band = self.latest.and_then(|latest| rate.over(latest.duration_since(self.soonest) / 2).ok());
        let band = band.filter(|band| band.amount() >= rust_decimal::Decimal::new(1, 2));
        Some(CostToFinish { whole, band })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_core::{Cost, HourlyRate};
    use curfew_series::Progress;
    use curfew_series::pace::Forecast;
    use rust_decimal::Decimal;

    fn status(state: RunState) -> RunStatus {
        let basis = || Cost::Estimated {
            amount: Money::usd(Decimal::new(188, 2)),
            basis: "list price".into(),
            as_of: Timestamp::UNIX_EPOCH,
        };
        let mut status = crate::runs::not_begun(Timestamp::UNIX_EPOCH);
        status.state = state;
        status.so_far = basis();
        status.rate = basis().map(|money| Ok(HourlyRate(money)));
        status
    }

    #[test]
    fn the_band_goes_with_the_cost() {
        let forecast = Forecast {
            unit: Unit::Epochs,
            total: 60.0,
            done: 31.0,
            per_second: 0.01,
            seconds: 3_600.0,
            soonest: 3_000.0,
            latest: Some(4_440.0),
        };
        let standing =
            Standing { progress: Progress::default(), forecast: Some(forecast), seen_ms: 60_000, log_from: 0 };
        assert_eq!(Finish::of(&standing, &status(RunState::Completed)), None);
        let running = status(RunState::Running);
        let finish = Finish::of(&standing, &running).unwrap();
        assert_eq!(finish.at.as_second(), 3_660);
        let now = Timestamp::from_second(60).unwrap();
        let cost = finish.cost(&running, now).unwrap();
        assert_eq!((cost.whole.to_string(), cost.band.unwrap().to_string()), ("$3.76".into(), "$0.38".into()));
        let late = finish.cost(&running, Timestamp::from_second(9_999).unwrap()).unwrap();
        assert_eq!(late.whole.to_string(), "$1.88", "what is late costs at least what it has cost");
        let mut unknown = running;
        unknown.rate = Cost::Unknown { why: "no price".into() };
        assert_eq!(finish.cost(&unknown, now), None);
    }
}
