//! A trial: some steps of a script on this computer, timed and extended to the whole run.
//!
//! It is a run like any other, with a supervisor and a curfew, that is ended once enough steps were seen; what it left is
//! removed again, and only what was found is kept. One that fails stays to be read.

use super::jobs::TrialRecord;
use crate::input::FieldErrors;
use crate::{Engine, LaunchRequest, RunView};
use curfew_catalog::trial::{NoPrediction, StepSeen, predict};
use curfew_core::curfew::CurfewSpec;
use curfew_core::run::RunState;
use curfew_core::{Cx, Error, ErrorKind, Notice, Result, RunId, Timestamp};
use curfew_series::Progress;
use curfew_series::store::Reader;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often is looked.
const LOOK: Duration = Duration::from_millis(150);
/// So many steps tell a pace.
const STEPS: usize = 12;
/// A pace is believed after so long, …
const LONG_ENOUGH: f64 = 20_000.0;
/// … or after a third of the run, if that took so long.
const A_THIRD: f64 = 800.0;
/// After so long three steps have to do.
const PATIENCE: SignedDuration = SignedDuration::from_mins(3);
/// A script that prints no step for so long cannot be timed.
const SILENCE: SignedDuration = SignedDuration::from_mins(15);
/// How many trials are kept.
const KEPT: usize = 200;

/// What to time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrialRequest {
    /// The run as a launcher describes it; machine, curfew and stop rules do not count.
    pub launch: LaunchRequest,
    /// How many steps (or epochs) the whole run has, where the log does not tell.
    pub total: Option<String>,
}

/// How a trial stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialNow {
    /// The script folder.
    pub dir: PathBuf,
    /// "installing requirements", "epoch 12 of 60".
    pub says: String,
    /// Why it failed; it is over then.
    pub failed: Option<Notice>,
}

/// What was seen of a run's steps.
#[derive(Debug, Default, PartialEq)]
struct Timed {
    /// `steps` or `epochs`.
    unit: &'static str,
    seen: Vec<StepSeen>,
    total: Option<f64>,
}

impl Timed {
    fn is_enough(&self, running: SignedDuration) -> bool {
        let (Some(first), Some(last)) = (self.seen.first(), self.seen.last()) else { return false };
        let took = last.at_ms - first.at_ms;
        let third = self.total.is_some_and(|t| last.step >= t / 3.0) && took >= A_THIRD;
        (self.seen.len() >= STEPS && (took >= LONG_ENOUGH || third)) || (running > PATIENCE && self.seen.len() >= 3)
    }
    fn says(&self) -> String {
        let (Some(last), one) = (self.seen.last(), self.unit.trim_end_matches('s')) else {
            return "waiting for the first step".into();
        };
        let total = self.total.map_or_else(String::new, |t| format!(" of {t}"));
        format!("{one} {}{total}", last.step.floor())
    }
}

impl Engine {
    /// Times a script here. `tell` is told how it stands; errors name the field at fault, as for a launch.
    pub async fn trial(
        &self,
        cx: &Cx,
        request: &TrialRequest,
        tell: &(dyn Fn(&TrialNow) + Send + Sync),
    ) -> Result<TrialRecord, FieldErrors> {
        let total = match request.total.as_deref().map(str::trim).filter(|t| !t.is_empty()) {
            None => None,
            Some(text) => Some(text.parse::<u32>().ok().filter(|n| *n > 0).map(f64::from).ok_or_else(|| {
                Error::input("total", format!("“{}” is not a number of steps", curfew_core::say::clean(text, 40)))
            })?),
        };
        let half_an_hour = SignedDuration::from_mins(30);
        let long = matches!(self.policy()?.longest_curfew, CurfewSpec::For(most) if most >= half_an_hour);
        let mut launch = LaunchRequest {
            machine: Some("local".into()),
            curfew: long.then(|| "30m".into()),
            spend: None,
            stop_on_nan: false,
            flat_epochs: None,
            flat_metric: None,
            ..request.launch.clone()
        };
        let (spec, _) = self.plan_run(cx, &launch).await?;
        launch.name = Some(format!("timing {}", spec.name).chars().take(100).collect());
        let (spec, _) = self.plan_run(cx, &launch).await?;
        let now = |says: String| TrialNow { dir: spec.dir.clone(), says, failed: None };
        tell(&now("starting".into()));
        let view = self.launch(cx, &spec).await?;
        let (view, timed, busy) = self.time_steps(cx, &view.spec.id, total, &|says| tell(&now(says))).await?;
        let machines = self.machines(cx).await?;
        let record = record(&view, &timed, busy, &machines, cx.now())?;
        let mut trials = self.trials().await?;
        trials.retain(|t| {
            !(t.dir == record.dir && t.entry == record.entry && t.hyper == record.hyper && t.data == record.data)
        });
        trials.push(record.clone());
        let more = trials.len().saturating_sub(KEPT);
        trials.drain(..more);
        self.store.put_fact("trials", &trials).await?;
        // What it found is kept; its files would only be litter.
        let key = self.run_key(&view.spec.id).await;
        if let Ok(key) = key
            && let Err(e) = self.remove(cx, &key).await
        {
            tracing::warn!(run = %view.spec.id, error = ?e, "what the trial left could not be removed");
        }
        Ok(record)
    }

    /// Starts a trial that goes on by itself, as a page needs it. What comes of it is told by [`Self::trial_now`].
    pub async fn start_trial(
        self: std::sync::Arc<Self>,
        cx: Cx,
        request: TrialRequest,
    ) -> Result<PathBuf, FieldErrors> {
        let launch = LaunchRequest { machine: Some("local".into()), curfew: None, ..request.launch.clone() };
        let dir = self.plan_run(&cx, &launch).await?.0.dir;
        if self.trial_now().is_some_and(|t| t.failed.is_none()) {
            let says = "another script is being timed; two at once would slow each other down";
            return Err(Error::new(ErrorKind::Conflict, "time the script", says).next("Wait until it is done").into());
        }
        let note = |engine: &Self, now: Option<TrialNow>| {
            *engine.shelf.trial.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = now;
        };
        note(&self, Some(TrialNow { dir: dir.clone(), says: "starting".into(), failed: None }));
        let (engine, of) = (self.clone(), dir.clone());
        tokio::spawn(async move {
            let tell = |now: &TrialNow| note(&engine, Some(now.clone()));
            let timing = engine.trial(&cx, &request, &tell);
            tokio::pin!(timing);
            // Pages wait for a change in the store; how far a trial has come is news each second.
            let told = loop {
                tokio::select! {
                    told = &mut timing => break told,
                    () = tokio::time::sleep(Duration::from_secs(1)) => {
                        let _ = engine.store.put_fact("trial-seen", &cx.now()).await;
                    }
                }
            };
            note(
                &engine,
                told.err().map(|errors| {
                    let failed = Some(Notice::from(&errors.into_first()));
                    TrialNow { dir: of, says: "could not be timed".into(), failed }
                }),
            );
            if let Err(e) = engine.store.put_fact("trial-ended", &cx.now()).await {
                tracing::warn!(error = ?e, "the end of the trial could not be noted");
            }
        });
        Ok(dir)
    }
    /// The trial that goes on in this process, or that failed last.
    pub fn trial_now(&self) -> Option<TrialNow> {
        self.shelf.trial.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Watches a run until enough of its steps were seen, and ends it.
    async fn time_steps(
        &self,
        cx: &Cx,
        id: &RunId,
        total: Option<f64>,
        tell: &(dyn Fn(String) + Send + Sync),
    ) -> Result<(RunView, Timed, Option<f64>)> {
        let (mut told, mut busy) = (String::new(), None);
        loop {
            cx.check("time the script")?;
            let view = self.run(cx, id).await?;
            let timed = self.timed(&view, total).await;
            let says = match (&view.status.detail, view.status.started) {
                (Some(detail), None) => detail.clone(),
                _ => timed.says(),
            };
            if says != told {
                tell(says.clone());
                told = says;
            }
            if view.status.state.is_over() {
                return over(view, timed, busy);
            }
            if let Some(started) = view.status.started {
                let running = cx.now().duration_since(started);
                if let Ok(found) = self.busy(cx, &view).await {
                    busy = found.or(busy);
                }
                if timed.is_enough(running) {
                    self.stop_run(cx, id, "it has been timed").await?;
                    return Ok((self.until_over(cx, id).await?, timed, busy));
                }
                if timed.seen.is_empty() && running > SILENCE {
                    self.stop_run(cx, id, "it printed no step that could be timed").await?;
                    self.until_over(cx, id).await?;
                    return Err(cannot(NoPrediction::TooFew));
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    async fn until_over(&self, cx: &Cx, id: &RunId) -> Result<RunView> {
        loop {
            cx.check("end the trial")?;
            let view = self.run(cx, id).await?;
            if view.status.state.is_over() {
                return Ok(view);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    async fn busy(&self, cx: &Cx, view: &RunView) -> Result<Option<f64>> {
        let row = self.run_row(&view.spec.id).await?;
        let training = self.training_of(&row.cloud, &row.account)?;
        training.part().busy(cx, &crate::runs::handle(&row)).await
    }
    /// The steps of a run so far, from its series and its progress.
    async fn timed(&self, view: &RunView, total: Option<f64>) -> Timed {
        let Some(started) = view.status.started else { return Timed::default() };
        let dir = self.home.series(&view.spec.id);
        let read = tokio::task::spawn_blocking(move || read(&dir, started, total));
        read.await.unwrap_or_default()
    }
}

/// A run that ended before it was asked to: whole, it is the best of measurements.
fn over(view: RunView, mut timed: Timed, busy: Option<f64>) -> Result<(RunView, Timed, Option<f64>)> {
    if view.status.state != RunState::Completed {
        let why = view.status.failure.as_ref().map(|f| f.what.clone());
        let why = why.or_else(|| view.status.ended_by.clone()).unwrap_or_else(|| view.status.state.word().into());
        let log = format!("Read its log: curfew run log {}", view.spec.id);
        let says = format!("the script could not be timed: {}", why.trim_end_matches('.'));
        return Err(Error::new(ErrorKind::Conflict, "time the script", says).next(log).at("dir"));
    }
    if let (Some(from), Some(to)) = (view.status.started, view.status.ended) {
        let at_ms = to.duration_since(from).as_millis() as f64;
        let last = timed.seen.last().map_or(1.0, |s| s.step);
        timed.total = Some(last);
        if timed.seen.len() < 2 {
            let step = |step, at_ms| StepSeen { step, at_ms };
            timed.seen = vec![step(0.0, 0.0), step(1.0, at_ms)];
            (timed.total, timed.unit) = (Some(1.0), "steps");
        } else if let Some(end) = timed.seen.last_mut() {
            end.at_ms = at_ms;
        }
    }
    Ok((view, timed, busy))
}

/// Reads the steps of the metric that has most of them: as steps where the log tells how many there will be, else as
/// epochs.
fn read(dir: &Path, started: Timestamp, total: Option<f64>) -> Timed {
    let Ok(reader) = Reader::open(dir) else { return Timed::default() };
    let progress: Progress = std::fs::read(dir.join("progress.json"))
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default();
    let by_steps = progress.steps_total.is_some() || (progress.epochs_total.is_none() && progress.step.is_some());
    let told = if by_steps { progress.steps_total } else { progress.epochs_total };
    let from = started.as_millisecond();
    let of = |id| {
        let mut seen: Vec<StepSeen> = Vec::new();
        let newest = reader.points(id, 0..u64::MAX).flatten().map(|p| p.attempt).max();
        for p in reader.points(id, 0..u64::MAX).flatten().filter(|p| Some(p.attempt) == newest) {
            let step = if by_steps { p.step.map(|s| s as f64) } else { p.epoch };
            if let Some(step) = step.filter(|s| seen.last().is_none_or(|last| *s > last.step)) {
                seen.push(StepSeen { step, at_ms: (p.time_ms - from).max(0) as f64 });
            }
        }
        seen
    };
    let seen = reader.metrics().into_iter().map(|m| of(m.id)).max_by_key(Vec::len).unwrap_or_default();
    Timed { unit: if by_steps { "steps" } else { "epochs" }, seen, total: told.map(|n| n as f64).or(total) }
}

fn cannot(why: NoPrediction) -> Error {
    let error = Error::input("dir", format!("the script cannot be timed: {why}"));
    match why {
        NoPrediction::NoTotal => error.next("Say it with --total N, or print “epoch 3/60”"),
        NoPrediction::TooFew => error.next("Print a line a step or epoch, such as “epoch 3/60 loss=0.41”"),
        NoPrediction::NotGrowing => error,
    }
}

fn record(
    view: &RunView,
    timed: &Timed,
    busy: Option<f64>,
    machines: &super::Machines,
    now: Timestamp,
) -> Result<TrialRecord> {
    let found = predict(&timed.seen, timed.total).map_err(cannot)?;
    let spec = &view.spec;
    let last = timed.seen.last().map_or(0.0, |s| s.step);
    let ran = match (view.status.started, view.status.ended) {
        (Some(from), Some(to)) => i64::try_from(to.duration_since(from).as_millis()).unwrap_or(i64::MAX),
        _ => 0,
    };
    Ok(TrialRecord {
        dir: spec.dir.clone(),
        entry: spec.entry.clone(),
        hyper: spec.hyper.clone(),
        data: spec.data.iter().map(|c| format!("{}={}", c.name, c.source)).collect(),
        at: now,
        ran_ms: ran,
        unit: timed.unit.to_owned(),
        timed: found.steps,
        reached: last,
        total: timed.total.unwrap_or(last),
        ms_each: found.ms_per_step,
        before_ms: found.before_ms,
        whole_ms: [found.whole.ms, found.whole.low_ms, found.whole.high_ms],
        vcpus: machines.here().map_or(1, |h| h.vcpus),
        busy,
        accelerator: machines.here().and_then(|h| h.accelerator.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed(steps: usize, each_ms: f64, total: Option<f64>) -> Timed {
        let seen = (1..=steps).map(|i| StepSeen { step: i as f64, at_ms: 1000.0 + each_ms * i as f64 }).collect();
        Timed { unit: "epochs", seen, total }
    }

    #[test]
    fn when_enough_was_seen() {
        let check = |t: &Timed, minutes, expect| assert_eq!(t.is_enough(SignedDuration::from_mins(minutes)), expect);
        check(&Timed::default(), 10, false);
        check(&timed(11, 60.0, Some(60.0)), 0, false);
        check(&timed(20, 60.0, Some(60.0)), 0, true);
        check(&timed(20, 60.0, Some(600.0)), 0, false);
        check(&timed(20, 1200.0, None), 0, true);
        check(&timed(3, 50_000.0, Some(60.0)), 2, false);
        check(&timed(3, 50_000.0, Some(60.0)), 4, true);
        assert_eq!(timed(12, 60.0, Some(60.0)).says(), "epoch 12 of 60");
    }

    /// Two whole runs of the Iris lab as they were seen on this project's test machine (2 cores, both busy): when each of
    /// the 60 epochs arrived, in milliseconds since the script began, and when the script ended. The trial of either is
    /// its first third. `scripts/check-trial` does the same live.
    #[test]
    fn the_trial_of_the_iris_lab_predicts_its_own_run_within_a_quarter() {
        const RUNS: [([i32; 60], i64); 2] = [
            (
                [
                    3445, 3512, 3591, 3680, 3764, 3847, 3930, 4020, 4101, 4189, 4262, 4351, 4432, 4519, 4609, 4695,
                    4789, 4883, 4960, 5049, 5129, 5211, 5287, 5381, 5462, 5547, 5635, 5724, 5819, 5901, 5988, 6082,
                    6170, 6263, 6392, 6488, 6529, 6603, 6742, 6790, 6943, 7040, 7116, 7257, 7304, 7451, 7556, 7598,
                    7723, 7768, 7886, 7936, 8034, 8090, 8170, 8261, 8343, 8472, 8520, 8600,
                ],
                9061,
            ),
            (
                [
                    3452, 3551, 3591, 3674, 3801, 3924, 4039, 4121, 4241, 4288, 4409, 4454, 4542, 4665, 4751, 4797,
                    4912, 4957, 5081, 5172, 5260, 5301, 5380, 5513, 5557, 5679, 5721, 5836, 5885, 5955, 6038, 6122,
                    6211, 6335, 6377, 6479, 6600, 6646, 6724, 6821, 6946, 7096, 7221, 7333, 7420, 7492, 7569, 7712,
                    7788, 7891, 7980, 8061, 8148, 8239, 8334, 8423, 8501, 8585, 8668, 8752,
                ],
                9189,
            ),
        ];
        for (epochs, whole) in RUNS {
            let steps = (1..).zip(epochs).map(|(n, ms)| StepSeen { step: f64::from(n), at_ms: f64::from(ms) });
            let mut seen = Timed { unit: "epochs", seen: Vec::new(), total: Some(60.0) };
            for step in steps {
                seen.seen.push(step);
                if seen.is_enough(SignedDuration::from_secs(5)) {
                    break;
                }
            }
            assert_eq!(seen.seen.len(), 20, "a third was enough");
            let found = predict(&seen.seen, seen.total).unwrap().whole.ms;
            let off = (found - whole).abs() as f64 / whole as f64;
            assert!(off < 0.25, "{found} ms predicted, {whole} ms taken");
        }
    }
}
