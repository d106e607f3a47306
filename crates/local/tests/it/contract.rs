//! The contract that every provider keeps, on this computer.

use crate::bench::{Bench, marked};
use crate::endpoints::csv;
use crate::models::SCRIPT;
use async_trait::async_trait;
use curfew_contract::suite::{self, Stage};
use curfew_core::Cx;
use curfew_core::endpoint::{EndpointSpec, Invocation, ModelSource, Reply};
use curfew_core::provider::Provider;
use curfew_core::run::{RunSpec, RunStatus};
use curfew_local::Local;

struct Here {
    bench: Bench,
    other: Local,
}

#[async_trait]
impl Stage for Here {
    fn provider(&self) -> &dyn Provider {
        &self.bench.local
    }
    fn again(&self) -> &dyn Provider {
        &self.other
    }
    fn cx(&self) -> Cx {
        self.bench.cx.clone()
    }
    fn short_run(&self) -> RunSpec {
        self.bench
            .script("import os\nprint('the contract')\nopen(os.environ['SM_MODEL_DIR'] + '/model.txt', 'w').write('x')")
    }
    fn long_run(&self) -> RunSpec {
        self.bench.script("import time\ntime.sleep(3600)")
    }
    fn failing_run(&self) -> RunSpec {
        self.bench.script("import sys\nsys.exit(3)")
    }
    fn endpoint(&self, trained: Option<(&RunSpec, &RunStatus)>) -> EndpointSpec {
        let (run, status) = trained.unwrap();
        let archive = status.model.clone().unwrap();
        let mut spec = self.bench.endpoint(ModelSource::Run { run: run.id.clone(), archive });
        spec.script = Some(self.bench.scripts(&[("inference.py", SCRIPT)]).join("inference.py"));
        spec
    }
    fn question(&self) -> Invocation {
        csv("1,2,3")
    }
    fn is_answer(&self, reply: &Reply) -> bool {
        reply.body == b"3"
    }
    async fn wait(&self) {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn keeps_the_contract() {
    let bench = Bench::new();
    let other = bench.again();
    let here = Here { bench, other };
    suite::whole(&here).await;
    assert!(marked(&here.bench.home).is_empty());
}
