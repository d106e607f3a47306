//! What the user's own past runs say of what is else assumed or not known: how long a machine takes to start, what managed
//! spot saves, how often a spot machine is taken away.

use crate::Engine;
use crate::store::RunRow;
use curfew_catalog::spec::family;
use curfew_catalog::{Assumptions, Interruptions, Saving, SpotSeen};
use curfew_core::Result;
use curfew_core::run::SpotUse;
use jiff::SignedDuration;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// So many of the newest runs count: what a cloud was like last year says little.
const NEWEST: usize = 20;
/// Longer than this is no start but a wait for something else.
const LONGEST: SignedDuration = SignedDuration::from_hours(6);

impl Engine {
    /// What is assumed, with what past runs measured in its place.
    pub(super) async fn assumptions(&self) -> Result<Assumptions> {
        let runs = self.store.runs().await?;
        Ok(with_spot(with_starts(Assumptions::default(), &runs), &runs))
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

/// Less training than this says nothing of how often machines are taken away.
const ENOUGH: SignedDuration = SignedDuration::from_hours(1);

/// What managed spot saved, and how often its machines were taken away, by machine type and by family: each of the newest
/// runs that tell.
fn with_spot(mut assume: Assumptions, runs: &[RunRow]) -> Assumptions {
    let mut seen: BTreeMap<(&str, &str), Vec<(jiff::Timestamp, SpotUse)>> = BTreeMap::new();
    for run in runs {
        let spot = run.status.as_ref().and_then(|s| Some((s.created, s.spot.filter(|u| u.trained_s > 0)?)));
        let (Some(spot), Some(machine)) = (spot, run.spec.machine.machine.as_deref()) else { continue };
        for name in [machine, family(machine)] {
            seen.entry((run.cloud.as_str(), name)).or_default().push(spot);
        }
    }
    for ((cloud, name), mut uses) in seen {
        uses.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let newest: Vec<SpotUse> = uses.into_iter().take(NEWEST).map(|(_, spot)| spot).collect();
        let saved = |u: &SpotUse| Decimal::ONE - Decimal::from(u.billed_s) / Decimal::from(u.trained_s);
        let saving = median(newest.iter().map(|u| saved(u).clamp(Decimal::ZERO, Decimal::ONE)).collect());
        let trained: u64 = newest.iter().map(|u| u.trained_s).sum();
        let taken: u32 = newest.iter().map(|u| u.interruptions).sum();
        // Where none was taken away, so much must have been trained that the assumed rate would have shown one.
        let hours = trained as f64 / 3600.0;
        let enough =
            hours >= ENOUGH.as_secs_f64() / 3600.0 && (taken > 0 || hours * assume.interruptions_per_hour >= 1.0);
        let trained_ms = i64::try_from(trained.saturating_mul(1000)).unwrap_or(i64::MAX);
        assume.spot.push(SpotSeen {
            cloud: cloud.to_owned(),
            name: name.to_owned(),
            saving: saving.map(|fraction| Saving { fraction, runs: newest.len() }),
            interruptions: enough.then_some(Interruptions { seen: taken, trained_ms, runs: newest.len() }),
        });
    }
    assume
}

/// The middle one; between the two in the middle where there are two.
fn median(mut all: Vec<Decimal>) -> Option<Decimal> {
    all.sort_unstable();
    let middle = all.len() / 2;
    let upper = *all.get(middle)?;
    let even = all.len().is_multiple_of(2);
    Some(if even { (upper + all[middle - 1]) / Decimal::TWO } else { upper })
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

    #[tokio::test]
    async fn past_spot_runs_tell_what_spot_saves_and_how_often_it_is_taken_away() {
        let stage = Stage::new();
        let engine = stage.process(true);
        let (spec, _) = engine.plan_run(&engine.cx(), &stage.request()).await.unwrap();
        let run = |machine: &str, hour: i64, used: Option<(u64, u64, u32)>| {
            let mut spec = spec.clone();
            spec.machine = format!("aws:sagemaker:us-east-1:{machine}:spot").parse().unwrap();
            let mut status = crate::runs::not_begun(jiff::Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour));
            status.spot =
                used.map(|(trained_s, billed_s, interruptions)| SpotUse { trained_s, billed_s, interruptions });
            let (cloud, account) = (spec.machine.cloud.clone(), curfew_core::AccountId("1".into()));
            RunRow { cloud, account, native: None, spec, status: Some(status), lab: None }
        };
        let check = |runs: &[RunRow], name: &str, saving: Option<(&str, usize)>, taken: Option<(u32, i64, usize)>| {
            let assume = with_spot(Assumptions::default(), runs);
            let seen = assume.spot.iter().find(|s| s.name == name);
            let got = seen.and_then(|s| s.saving).map(|s| (s.fraction.round_dp(3).normalize().to_string(), s.runs));
            assert_eq!(got, saving.map(|(f, n)| (f.to_owned(), n)), "{name}");
            let got = seen.and_then(|s| s.interruptions).map(|i| (i.seen, i.trained_ms / 3_600_000, i.runs));
            assert_eq!(got, taken, "{name}");
        };
        check(&[], "ml.m5.xlarge", None, None);
        check(&[run("ml.m5.xlarge", 1, None)], "ml.m5.xlarge", None, None);
        let some = [
            run("ml.m5.xlarge", 1, Some((3_600, 1_800, 0))),
            run("ml.m5.xlarge", 2, Some((3_600, 360, 1))),
            run("ml.m5.xlarge", 3, Some((3_600, 1_440, 0))),
            run("ml.m5.2xlarge", 4, Some((3_600, 3_600, 1))),
            run("ml.g5.xlarge", 5, Some((60, 90, 0))),
        ];
        // 50, 90 and 60 % of the type; 0 % more of the family.
        check(&some, "ml.m5.xlarge", Some(("0.6", 3)), Some((1, 3, 3)));
        check(&some, "ml.m5", Some(("0.55", 4)), Some((2, 4, 4)));
        // Nothing is saved where more was billed than trained; a minute says nothing of interruptions, nor do 19 h.
        check(&some, "ml.g5.xlarge", Some(("0", 1)), None);
        check(&[run("ml.m5.xlarge", 1, Some((19 * 3600, 1, 0)))], "ml.m5.xlarge", Some(("1", 1)), None);
        check(&[run("ml.m5.xlarge", 1, Some((20 * 3600, 1, 0)))], "ml.m5.xlarge", Some(("1", 1)), Some((0, 20, 1)));
        // Only the newest count.
        let mut many: Vec<RunRow> = (0..30).map(|n| run("ml.m5.xlarge", n, Some((3_600, 3_600, 9)))).collect();
        many.extend((100..120).map(|n| run("ml.m5.xlarge", n, Some((3_600, 900, 0)))));
        check(&many, "ml.m5.xlarge", Some(("0.75", 20)), Some((0, 20, 20)));
    }

    #[tokio::test]
    async fn the_picker_reckons_with_what_past_runs_saved_and_says_so() {
        let stage = Stage::new();
        let engine = stage.process(true);
        let cx = engine.cx();
        let request = crate::machines::MachinesRequest { hours: "1".into(), ..Default::default() };
        let key = "aws:sagemaker:us-east-1:ml.m5.xlarge:training:spot";
        let seen = async || {
            let asked = engine.ask_machines(&cx, &request).await.unwrap();
            let explained = asked.explain(&asked.machines.find(key).unwrap());
            let parts = &explained.terms[0].parts;
            let basis =
                |label| parts.iter().find(|p| p.label == label).and_then(|p| p.basis.clone()).unwrap_or_default();
            (explained.row.charge, basis("machine"), basis("interruption"))
        };
        let (charge, _, _) = seen().await;
        let curfew_catalog::Charge::AtMost(ceiling) = charge else { panic!("{charge:?}") };
        let (mut spec, _) = engine.plan_run(&cx, &stage.request()).await.unwrap();
        spec.machine = "aws:sagemaker:us-east-1:ml.m5.xlarge:spot".parse().unwrap();
        let mut status = crate::runs::not_begun(cx.now());
        status.state = curfew_core::run::RunState::Completed;
        status.spot = Some(SpotUse { trained_s: 10_000, billed_s: 3_700, interruptions: 2 });
        let (cloud, account) = (spec.machine.cloud.clone(), curfew_core::AccountId("1".into()));
        let row = RunRow { cloud, account, native: None, spec, status: Some(status), lab: None };
        engine.store.put_run(&row).await.unwrap();
        let (charge, machine, interruption) = seen().await;
        let curfew_catalog::Charge::Estimated(rate) = charge else { panic!("{charge:?}") };
        assert_eq!(rate.pico() * 100, ceiling.pico() * 37);
        assert_eq!(machine, "on demand less the 63 % that your 1 past run on ml.m5.xlarge saved");
        assert_eq!(
            interruption,
            "0.72 interruptions an hour (2 in the 2 h 46 m that your 1 past run on ml.m5.xlarge trained), no checkpoints: an \
             interruption starts over"
        );
    }
}
