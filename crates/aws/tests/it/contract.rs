//! The contract that every provider keeps.

use crate::bench::Bench;
use async_trait::async_trait;
use curfew_aws::Aws;
use curfew_contract::suite::{self, Stage};
use curfew_core::Cx;
use curfew_core::endpoint::{EndpointSpec, Invocation, ModelSource, Reply};
use curfew_core::provider::Provider;
use curfew_core::run::{RunSpec, RunStatus};

/// A model that adds numbers up.
pub(crate) const ADDER: &str = "\
def model_fn(model_dir):
    return open(model_dir + '/model.txt').read()
def input_fn(body, content_type):
    return [float(x) for x in (body.decode() if isinstance(body, bytes) else body).split(',')]
def predict_fn(data, model):
    return sum(data)
def output_fn(prediction, accept):
    return '%g' % prediction, 'text/csv'
";

struct There {
    bench: Bench,
    other: Aws,
}

#[async_trait]
impl Stage for There {
    fn provider(&self) -> &dyn Provider {
        &self.bench.aws
    }
    fn again(&self) -> &dyn Provider {
        &self.other
    }
    fn cx(&self) -> Cx {
        self.bench.cx.clone()
    }
    fn short_run(&self) -> RunSpec {
        self.bench
            .run("import os\nprint('the contract')\nopen(os.environ['SM_MODEL_DIR'] + '/model.txt', 'w').write('x')")
    }
    fn long_run(&self) -> RunSpec {
        self.bench.run("import time\ntime.sleep(3600)")
    }
    fn failing_run(&self) -> RunSpec {
        self.bench.run("import sys\nsys.exit(3)")
    }
    fn endpoint(&self, trained: Option<(&RunSpec, &RunStatus)>) -> EndpointSpec {
        let (run, status) = trained.unwrap();
        let archive = status.model.clone().unwrap();
        let mut spec = self.bench.endpoint(ModelSource::Run { run: run.id.clone(), archive });
        spec.script = Some(self.bench.scripts(&[("inference.py", ADDER)]).join("inference.py"));
        spec
    }
    fn question(&self) -> Invocation {
        Invocation { content_type: "text/csv".into(), accept: "text/csv".into(), body: b"1,2".to_vec() }
    }
    fn is_answer(&self, reply: &Reply) -> bool {
        reply.body == b"3"
    }
    async fn wait(&self) {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract() {
    let bench = Bench::new().await;
    let other = bench.again().await;
    let there = There { bench, other };
    suite::whole(&there).await;
    there.bench.no_bad_request();
}
