//! Runs in memory.

use super::{Scripted, check, gone, taken};
use async_trait::async_trait;
use curfew_core::curfew::{Curfew, Enforcer};
use curfew_core::provider::{Quote, Training};
use curfew_core::run::{LogChunk, RunHandle, RunSpec, RunState, RunStatus};
use curfew_core::{Cost, Cx, Error, ErrorKind, Result, Sweep, Timestamp};

/// What every run prints.
const LOG: &[u8] = b"epoch 1 loss=0.5\nthe contract is kept\n";

#[async_trait]
impl Training for Scripted {
    async fn quote(&self, cx: &Cx, spec: &RunSpec) -> Result<Quote> {
        check(cx, spec.curfew)?;
        let (rate, enforcer) = (self.rate(cx.now()), self.enforcer.clone());
        self.around("quote", |_| Ok(Quote { rate, cautions: vec![], enforcer, by_use: Vec::new(), longest: None }))
            .await
    }
    async fn launch(&self, cx: &Cx, spec: &RunSpec) -> Result<RunHandle> {
        check(cx, spec.curfew)?;
        let status = RunStatus {
            state: RunState::Running,
            detail: None,
            progress: None,
            failure: None,
            ended_by: None,
            created: cx.now(),
            started: Some(cx.now()),
            ended: None,
            exit_code: None,
            model: None,
            curfew: Some(Curfew { at: spec.curfew, enforcer: self.enforcer.clone() }),
            rate: self.rate(cx.now()),
            so_far: Cost::Unknown { why: "the script does not add up".into() },
            spot: None,
        };
        if let Some(sent) = self.upload.clone() {
            // Claimed first, as in a bucket: found by its intent, and asked to end, from then on.
            let claimed = RunStatus { state: RunState::Queued, started: None, ..status.clone() };
            self.world().runs.entry(spec.id.clone()).or_insert_with(|| (spec.clone(), claimed));
            if !self.upload(cx, &spec.id, sent).await {
                return Ok(spec.id.clone().into());
            }
        }
        self.around("launch", |world| {
            if world.runs.get(&spec.id).is_some_and(|(there, _)| there.intent != spec.intent) {
                return Err(taken("run"));
            }
            if world.runs.get(&spec.id).is_none_or(|(_, there)| there.state == RunState::Queued) {
                world.launches += 1;
                world.runs.insert(spec.id.clone(), (spec.clone(), status));
            }
            Ok(spec.id.clone().into())
        })
        .await
    }
    async fn find(&self, _cx: &Cx, spec: &RunSpec) -> Result<Option<RunHandle>> {
        self.around("find", |w| {
            Ok(w.runs.values().find(|(s, _)| s.intent == spec.intent).map(|(s, _)| s.id.clone().into()))
        })
        .await
    }
    async fn list(&self, _cx: &Cx) -> Result<Sweep<(RunHandle, RunSpec)>> {
        self.around("list runs", |w| {
            Ok(Sweep::whole(w.runs.values().map(|(s, _)| (s.id.clone().into(), s.clone())).collect()))
        })
        .await
    }
    async fn status(&self, _cx: &Cx, run: &RunHandle) -> Result<RunStatus> {
        self.around("status", |w| w.runs.get(&run.id).map(|(_, s)| s.clone()).ok_or_else(|| gone("run"))).await
    }
    async fn log(&self, _cx: &Cx, run: &RunHandle, from: &str, max: usize) -> Result<LogChunk> {
        let from: usize = from.parse().unwrap_or(0);
        self.around("log", |w| {
            let (_, status) = w.runs.get(&run.id).ok_or_else(|| gone("run"))?;
            let left = LOG.get(from..).unwrap_or_default();
            let bytes = left[..left.len().min(max)].to_vec();
            let at = from + bytes.len();
            Ok(LogChunk { bytes, next: at.to_string(), end: status.state.is_over() && at >= LOG.len() })
        })
        .await
    }
    async fn stop(&self, cx: &Cx, run: &RunHandle, why: &str) -> Result<()> {
        let now = cx.now();
        self.around("stop", |w| {
            let (_, status) = w.runs.get_mut(&run.id).ok_or_else(|| gone("run"))?;
            if !status.state.is_over() {
                status.state = RunState::Stopped;
                status.ended = Some(now);
                status.ended_by = Some(why.to_owned());
            }
            Ok(())
        })
        .await
    }
    async fn set_curfew(&self, _cx: &Cx, run: &RunHandle, at: Timestamp) -> Result<Enforcer> {
        let enforcer = self.enforcer.clone();
        self.around("set curfew", |w| {
            let (_, status) = w.runs.get_mut(&run.id).ok_or_else(|| gone("run"))?;
            if status.state.is_over() {
                return Err(Error::new(ErrorKind::Conflict, "move the curfew", "the run is over"));
            }
            status.curfew = Some(Curfew { at, enforcer: enforcer.clone() });
            Ok(enforcer)
        })
        .await
    }
    fn writes_series(&self) -> bool {
        self.writes_series
    }
}
