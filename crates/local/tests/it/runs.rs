//! Runs that end as they should.

use crate::bench::{Bench, channel, marked, until};
use curfew_core::run::RunState;
use curfew_series::store::Reader;

#[tokio::test]
async fn a_script_runs_and_its_loss_is_kept() {
    let bench = Bench::new();
    let mut spec = bench.script(
        r#"
import argparse, json, os, sys
p = argparse.ArgumentParser()
p.add_argument("--epochs", type=int)
p.add_argument("-n", type=float)
o = p.parse_args()
assert os.getcwd() == os.path.dirname(os.path.abspath(__file__)) != "SOURCE"
print(open(os.path.join(os.environ["SM_CHANNEL_TRAINING"], "a.txt")).read())
print(open(os.path.join(os.environ["SM_CHANNEL_ONE"], "b.txt")).read())
for e in range(o.epochs):
    print("epoch %d loss=%.2f" % (e + 1, 1 / (e + 1)))
os.makedirs(os.environ["SM_MODEL_DIR"], exist_ok=True)
open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w").write(json.dumps(sys.argv[1:]))
open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "kept.txt"), "w").write(os.environ["SM_HPS"])
"#,
    );
    let data = bench.scripts(&[("a.txt", "from a folder"), ("b.txt", "from a file")]);
    spec.data = vec![channel("training", &data), channel("one", &data.join("b.txt"))];
    spec.hyper = [("epochs".into(), "12".into()), ("n".into(), "1e-3".into())].into();
    let quote = bench.training().quote(&bench.cx, &spec).await.unwrap();
    assert_eq!(quote.rate.word(), "not billed");
    assert!(!bench.home.root().join("runs").exists(), "a quote changes nothing");

    let run = bench.launch(&spec).await;
    let status = bench.ended(&run).await;
    assert_eq!(status.state, RunState::Completed, "{status:#?}");
    assert_eq!(status.exit_code, Some(0));
    assert!(status.started.unwrap() >= status.created && status.ended.unwrap() >= status.started.unwrap());
    let log = bench.log(&run).await;
    assert!(log.contains("from a folder") && log.contains("from a file"), "{log}");

    let points = Reader::open(&bench.home.series(&spec.id)).unwrap();
    let metrics = points.metrics();
    let loss = metrics.iter().find(|m| m.name == "loss").unwrap();
    assert_eq!((loss.count, loss.first, loss.last_epoch), (12, 1.0, Some(12.0)));

    let folder = bench.home.run(&spec.id);
    assert_eq!(std::fs::read_to_string(folder.join("output/data/kept.txt")).unwrap(), r#"{"epochs":12,"n":0.001}"#);
    assert_eq!(
        std::fs::read_to_string(folder.join("model/model.txt")).unwrap(),
        r#"["--epochs", "12", "-n", "0.001"]"#
    );
    let packed = std::process::Command::new("tar").arg("-tzf").arg(status.model.unwrap()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&packed.stdout), "curfew-model.json\nmodel.txt\n");
    assert!(folder.join("output/success").exists());
    until("nothing to be left", || marked(&bench.home).is_empty()).await;
}

#[tokio::test]
async fn stopping_is_asking_first() {
    let bench = Bench::new();
    let spec = bench.script(
        r#"
import os, signal, sys, time
def bye(*_):
    open(os.path.join(os.environ["SM_MODEL_DIR"], "saved.txt"), "w").write("kept")
    print("saving", flush=True)
    sys.exit(3)
signal.signal(signal.SIGTERM, bye)
print("ready")
while True:
    time.sleep(60)
"#,
    );
    let run = bench.launch(&spec).await;
    bench.printed(&run, "ready").await;
    bench.training().stop(&bench.cx, &run, "you stopped it").await.unwrap();
    bench.training().stop(&bench.cx, &run, "again").await.unwrap();
    let status = bench.ended(&run).await;
    assert_eq!((status.state, status.ended_by.as_deref()), (RunState::Stopped, Some("you stopped it")));
    assert!(bench.log(&run).await.contains("saving"));
    assert!(status.model.is_some(), "what it saved is packed");
    bench.training().stop(&bench.cx, &run, "once more").await.unwrap();
    assert_eq!(bench.status(&run).await.ended_by.as_deref(), Some("you stopped it"));
}
