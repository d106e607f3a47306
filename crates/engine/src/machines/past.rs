//! What the user's own past runs say of what is else assumed: how long a machine takes to start.

use crate::Engine;
use crate::store::RunRow;
use curfew_catalog::Assumptions;
use curfew_core::Result;
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// So many of the newest runs count: what a cloud was like last year says little.
const NEWEST: usize = 20;
/// Longer than this is no start but a wait for something else.
const LONGEST: SignedDuration = SignedDuration::from_hours(6);

impl Engine {
    /// What is assumed, with what past runs measured in its place.
    pub(super) async fn assumptions(&self) -> Result<Assumptions> {
        Ok(with_starts(Assumptions::default(), &self.store.runs().await?))
    }
}

/// The time from being taken to the script's begin, the median of each service's newest runs. What of it is billed no run
/// tells, and stays as assumed, at most the whole of it.
fn with_starts(mut assume: Assumptions, runs: &[RunRow]) -> Assumptions {
    let mut waits: BTreeMap<&str, Vec<(jiff::Timestamp, i64)>> = BTreeMap::new();
    for run in runs {
        let Some(status) = &run.status else { continue };
        let (Some(service), Some(started)) = (run.spec.machine.service.as_deref(), status.started) else { continue };
        let wait = started.duration_since(status.created);
        if (SignedDuration::ZERO..LONGEST).contains(&wait) {
            let ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
            waits.entry(service).or_default().push((status.created, ms));
        }
    }
    for (service, known) in &mut assume.start_up {
        let Some(found) = waits.get_mut(service.as_str()) else { continue };
        found.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let mut newest: Vec<i64> = found.iter().take(NEWEST).map(|(_, ms)| *ms).collect();
        newest.sort_unstable();
        let whole = newest[newest.len() / 2];
        known.billed_ms = known.billed_ms.min(whole);
        known.waiting_ms = whole - known.billed_ms;
        known.measured = true;
    }
    assume
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Stage;

    #[tokio::test]
    async fn the_newest_runs_of_a_service_tell_how_long_it_takes_to_start() {
        let stage = Stage::new();
        let engine = stage.process(true);
        let (spec, _) = engine.plan_run(&engine.cx(), &stage.request()).await.unwrap();
        let run = |machine: &str, hour: i64, wait: Option<i64>| {
            let mut spec = spec.clone();
            spec.machine = machine.parse().unwrap();
            let created = jiff::Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour);
            let mut status = crate::runs::not_begun(created);
            status.started = wait.map(|s| created + SignedDuration::from_secs(s));
            let (cloud, account) = (spec.machine.cloud.clone(), curfew_core::AccountId("1".into()));
            RunRow { cloud, account, native: None, spec, status: Some(status), lab: None }
        };
        let check = |runs: &[RunRow], expect: (i64, i64, bool)| {
            let assume = with_starts(Assumptions::default(), runs);
            let found = assume.start_up.iter().find(|(service, _)| service == "sagemaker").unwrap().1;
            assert_eq!((found.waiting_ms / 1000, found.billed_ms / 1000, found.measured), expect);
        };
        let ml = "aws:sagemaker:us-east-1:ml.m5.xlarge";
        check(&[], (180, 60, false));
        check(&[run(ml, 1, None), run("local", 1, Some(1))], (180, 60, false));
        check(&[run(ml, 1, Some(300)), run(ml, 2, Some(200)), run(ml, 3, Some(900))], (240, 60, true));
        check(&[run(ml, 1, Some(20))], (0, 20, true));
        // Years of slow runs, then twenty quick ones; and one that waited a day for its quota.
        let mut many: Vec<RunRow> = (0..30).map(|n| run(ml, n, Some(3_000))).collect();
        many.extend((100..120).map(|n| run(ml, n, Some(160))));
        many.push(run(ml, 200, Some(86_400)));
        check(&many, (100, 60, true));
    }
}
