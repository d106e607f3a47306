//! When a run will be done and what it will have cost, by its pace.

use curfew_core::run::{RunState, RunStatus};
use curfew_core::{Money, Timestamp, say};
use curfew_series::Standing;
use curfew_series::pace::Unit;
use jiff::{SignedDuration, Zoned};
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
    /// When it last got on, where that is longer ago than it takes as a rule: then [`Finish::at`] moves away with the clock.
    pub stuck_since: Option<Timestamp>,
    /// Its curfew ends it before.
    pub curfew_first: bool,
}

/// What a run will have cost when it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CostToFinish {
    /// In all, from its start to its end.
    pub whole: Money,
    /// Give or take.
    pub band: Option<Money>,
}

/// A band narrower than this is not told: the minute is what is shown.
const NARROW: SignedDuration = SignedDuration::from_mins(2);
/// Who waits for less than this waits for the reader of a log, not for the run.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);
/// Longer forecasts say nothing.
const FARTHEST: SignedDuration = SignedDuration::from_hours(24 * 366);

impl Finish {
    /// Of a run that is under way; `None` while its log has not told how far it goes and how fast.
    pub(crate) fn of(standing: &Standing, status: &RunStatus, now: Timestamp) -> Option<Self> {
        let forecast = standing.forecast.filter(|_| status.state == RunState::Running)?;
        let seen = Timestamp::from_millisecond(standing.seen_ms).ok()?;
        let after = |seconds: f64| {
            let left = SignedDuration::try_from_secs_f64(seconds).ok().filter(|left| *left <= FARTHEST)?;
            seen.checked_add(left).ok()
        };
        let waited = now.duration_since(seen);
        let usual = forecast.longest_wait.and_then(|wait| SignedDuration::try_from_secs_f64(wait).ok());
        // Twice as long as ever of late: what it waited beyond the usual comes on top, and nobody knows what else.
        let beyond = usual.filter(|usual| waited > PATIENCE.max(*usual * 2)).map(|usual| waited - usual);
        let at = after(forecast.seconds)?.checked_add(beyond.unwrap_or_default()).ok()?.max(now);
        Some(Self {
            unit: match forecast.unit {
                Unit::Steps => "steps",
                Unit::Epochs => "epochs",
            },
            done: forecast.done,
            total: forecast.total,
            per_second: forecast.per_second,
            at,
            soonest: after(forecast.soonest)?.max(now),
            latest: forecast.latest.and_then(after).filter(|_| beyond.is_none()).map(|latest| latest.max(now)),
            stuck_since: beyond.map(|_| seen),
            curfew_first: status.curfew.as_ref().is_some_and(|curfew| curfew.at < at),
        })
    }

    /// From when to when it will be done, where that is known and worth telling.
    pub fn band(&self) -> Option<(Timestamp, Timestamp)> {
        self.latest.map(|latest| (self.soonest, latest)).filter(|(from, to)| to.duration_since(*from) >= NARROW)
    }

    /// How sure that is, in words: `20:45 to 21:10`, `its pace is uneven`, `no progress since 20:12`; and whether its
    /// curfew comes first.
    pub fn says(&self, now: &Zoned) -> Vec<String> {
        let mut says = Vec::new();
        match (self.stuck_since, self.latest) {
            (Some(since), _) => says.push(format!("no progress since {}", say::when(since, now))),
            (None, None) => says.push("its pace is uneven".to_owned()),
            (None, Some(_)) => {
                let band = self.band();
                says.extend(band.map(|(from, to)| format!("{} to {}", say::when(from, now), say::when(to, now))));
            }
        }
        if self.curfew_first {
            says.push("its curfew comes first".to_owned());
        }
        says
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
            longest_wait: Some(100.0),
        };
        let standing =
            Standing { progress: Progress::default(), forecast: Some(forecast), seen_ms: 60_000, log_from: 0 };
        let now = Timestamp::from_second(60).unwrap();
        assert_eq!(Finish::of(&standing, &status(RunState::Completed), now), None);
        let running = status(RunState::Running);
        let finish = Finish::of(&standing, &running, now).unwrap();
        assert_eq!((finish.at.as_second(), finish.stuck_since), (3_660, None));
        let cost = finish.cost(&running, now).unwrap();
        assert_eq!((cost.whole.to_string(), cost.band.unwrap().to_string()), ("$3.76".into(), "$0.38".into()));
        let late = finish.cost(&running, Timestamp::from_second(9_999).unwrap()).unwrap();
        assert_eq!(late.whole.to_string(), "$1.88", "what is late costs at least what it has cost");
        let mut unknown = running;
        unknown.rate = Cost::Unknown { why: "no price".into() };
        assert_eq!(finish.cost(&unknown, now), None);
    }

    /// Whatever the clock says, it is not done before now; and who has waited long says so.
    #[test]
    fn a_run_that_hangs_is_not_nearly_done() {
        let forecast = Forecast {
            unit: Unit::Steps,
            total: 100.0,
            done: 98.0,
            per_second: 0.1,
            seconds: 20.0,
            soonest: 15.0,
            latest: Some(400.0),
            longest_wait: Some(10.0),
        };
        let standing = Standing { progress: Progress::default(), forecast: Some(forecast), seen_ms: 0, log_from: 0 };
        let mut running = status(RunState::Running);
        let check = |now: i64, running: &RunStatus| {
            let now = Timestamp::from_second(now).unwrap();
            let finish = Finish::of(&standing, running, now).unwrap();
            let says = finish.says(&now.to_zoned(jiff::tz::TimeZone::UTC)).join(", ");
            (finish.at.as_second(), finish.latest.map(Timestamp::as_second), says)
        };
        assert_eq!(check(0, &running), (20, Some(400), "00:00 to 00:06".into()));
        assert_eq!(check(25, &running), (25, Some(400), "00:00 to 00:06".into()));
        assert_eq!(check(600, &running), (610, None, "no progress since 00:00".into()));
        let enforcer = curfew_core::curfew::Enforcer::Supervisor;
        running.curfew = Some(curfew_core::curfew::Curfew { at: Timestamp::from_second(605).unwrap(), enforcer });
        assert_eq!(check(600, &running).2, "no progress since 00:00, its curfew comes first");
        assert_eq!(check(0, &running).2, "00:00 to 00:06");
    }
}
