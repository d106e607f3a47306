//! The scripted provider keeps the contract that it helps to test.

use async_trait::async_trait;
use curfew_contract::scripted::Scripted;
use curfew_contract::suite::{self, Stage};
use curfew_core::endpoint::{EndpointSpec, Invocation, ModelSource, Reply};
use curfew_core::provider::Provider;
use curfew_core::run::{Failure, RunSpec, RunState, RunStatus, StopRules};
use curfew_core::{Clock, Cx, EndpointId, IntentId, MachineRef, RunId, Timestamp};
use jiff::{SignedDuration, tz::TimeZone};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A clock that moves only when asked.
struct Hands(AtomicI64);
impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
    fn zone(&self) -> TimeZone {
        TimeZone::UTC
    }
}

struct OnStage {
    cloud: Scripted,
    other: Scripted,
    clock: Arc<Hands>,
    count: AtomicI64,
}

impl OnStage {
    fn run(&self, entry: &str) -> RunSpec {
        let n = self.count.fetch_add(1, Ordering::Relaxed);
        RunSpec {
            id: RunId::new(format!("run-{n}")).unwrap(),
            name: format!("run {n}"),
            dir: "/scripts".into(),
            entry: entry.into(),
            data: vec![],
            hyper: [].into(),
            machine: MachineRef::local(),
            curfew: self.clock.now() + SignedDuration::from_hours(4),
            stop: StopRules::default(),
            options: std::collections::BTreeMap::new(),
            intent: IntentId::new(format!("intent-{n}")).unwrap(),
            owner: "tester".into(),
            project: None,
        }
    }
}

#[async_trait]
impl Stage for OnStage {
    fn provider(&self) -> &dyn Provider {
        &self.cloud
    }
    fn again(&self) -> &dyn Provider {
        &self.other
    }
    fn cx(&self) -> Cx {
        Cx::new(self.clock.clone())
    }
    fn short_run(&self) -> RunSpec {
        self.run("short.py")
    }
    fn long_run(&self) -> RunSpec {
        self.run("long.py")
    }
    fn failing_run(&self) -> RunSpec {
        self.run("failing.py")
    }
    fn endpoint(&self, trained: Option<(&RunSpec, &RunStatus)>) -> EndpointSpec {
        let (run, status) = trained.unwrap();
        let n = self.count.fetch_add(1, Ordering::Relaxed);
        EndpointSpec {
            id: EndpointId::new(format!("endpoint-{n}")).unwrap(),
            model: ModelSource::Run { run: run.id.clone(), archive: status.model.clone().unwrap() },
            script: None,
            machine: MachineRef::local(),
            mode: curfew_core::Mode::default(),
            curfew: self.clock.now() + SignedDuration::from_hours(4),
            confirmed: vec![],
            intent: IntentId::new(format!("intent-{n}")).unwrap(),
            owner: "tester".into(),
            project: None,
        }
    }
    fn question(&self) -> Invocation {
        Invocation { content_type: "text/csv".into(), accept: "text/csv".into(), body: b"1,2".to_vec() }
    }
    fn is_answer(&self, reply: &Reply) -> bool {
        reply.body == b"1,2"
    }
    async fn wait(&self) {
        let now = self.clock.0.fetch_add(60, Ordering::Relaxed) + 60;
        let now = Timestamp::from_second(now).unwrap();
        for (spec, status) in self.cloud.runs() {
            if status.state.is_over() || spec.entry == "long.py" {
                continue;
            }
            self.cloud.edit_run(&spec.id, |status| {
                status.ended = Some(now);
                if spec.entry == "short.py" {
                    status.state = RunState::Completed;
                    status.model = Some("memory://model".into());
                } else {
                    status.state = RunState::Failed;
                    let (what, next) = ("The script ended with exit code 3".into(), "Read the log.".into());
                    status.failure = Some(Failure { what, next, log_end: vec![] });
                }
            });
        }
    }
}

#[tokio::test]
async fn keeps_the_contract() {
    let cloud = Scripted::new("local");
    let clock = Arc::new(Hands(AtomicI64::new(1_790_000_000)));
    suite::whole(&OnStage { other: cloud.clone(), cloud, clock, count: AtomicI64::new(0) }).await;
}
