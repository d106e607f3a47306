//! What becomes of what a script prints.

use crate::bench::{Bench, channel, until};
use curfew_core::RunId;
use curfew_core::run::RunState;
use curfew_series::definitions::Metric;
use curfew_series::store::{Reader, Writer};
use curfew_series::{Definitions, Point, Standing, export, keep};

/// How many points of each metric there are.
fn counts(bench: &Bench, id: &RunId) -> Vec<(String, u64)> {
    let reader = Reader::open(&bench.home.series(id)).unwrap();
    reader.metrics().into_iter().map(|metric| (metric.name, metric.count)).collect()
}

/// A script that prints faster than anybody reads is neither held up nor sampled.
#[tokio::test]
async fn forty_megabytes_at_once_are_kept_whole() {
    let bench = Bench::new();
    let spec = bench.script(
        "import os\nlines = [b'epoch %d/800 step %d loss=%.6f padding padding padding padding\\n' % (n // 1000, n, 1 / (n + 1)) for n in range(600_000)]\nos.write(1, b'')\nout = open(1, 'wb', closefd=False)\nout.write(b''.join(lines))\nout.flush()",
    );
    let run = bench.launch(&spec).await;
    assert_eq!(bench.ended(&run).await.state, RunState::Completed);
    assert_eq!(counts(&bench, &spec.id), [("loss".to_owned(), 600_000)]);
    let reader = Reader::open(&bench.home.series(&spec.id)).unwrap();
    let loss = &reader.metrics()[0];
    assert_eq!((loss.last_step, loss.first.to_bits(), loss.restarts), (Some(599_999), 1.0_f64.to_bits(), 0));
    let standing = Standing::read(&bench.home.series(&spec.id)).unwrap();
    assert_eq!((standing.progress.epoch, standing.progress.epochs_total), (Some(599.0), Some(800)));
}

#[tokio::test]
async fn five_thousand_names_stop_nothing() {
    let bench = Bench::new();
    let spec = bench.script(
        "for step in range(4):\n    print(f'step {step} loss={1 / (step + 1)} ' + ' '.join(f'layer{n}/norm={n + step}.5' for n in range(5000)))",
    );
    let run = bench.launch(&spec).await;
    assert_eq!(bench.ended(&run).await.state, RunState::Completed);
    let counts = counts(&bench, &spec.id);
    assert!(counts.len() == 5_001 && counts.iter().all(|(_, count)| *count == 4), "{}", counts.len());
}

#[tokio::test]
async fn event_files_in_the_output_folder_are_read() {
    let bench = Bench::new();
    let made = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(&made.path().join("series")).unwrap();
    for step in 0..50_u32 {
        let (step, value) = (Some(step.into()), f64::from(step) / 2.0);
        writer.append(&Point { metric: "loss", rank: None, step, epoch: None, time_ms: 1_000, value }).unwrap();
    }
    drop(writer);
    let events = made.path().join("events.out.tfevents.1.host");
    let mut out = std::fs::File::create(&events).unwrap();
    export::tensorboard(&Reader::open(&made.path().join("series")).unwrap(), &[], &mut out).unwrap();
    drop(out);
    let script = "import glob, os, shutil
(source,) = glob.glob(os.environ['SM_CHANNEL_TRAINING'] + '/events*')
for folder in (os.environ['SM_OUTPUT_DATA_DIR'] + '/train', 'runs/today'):
    os.makedirs(folder)
    shutil.copy(source, folder)
print('step 3 loss=0.25')";
    let mut spec = bench.script(script);
    spec.data = vec![channel("training", &events)];
    let run = bench.launch(&spec).await;
    assert_eq!(bench.ended(&run).await.state, RunState::Completed, "{}", bench.log(&run).await);
    let counts = counts(&bench, &spec.id);
    let names: Vec<_> = counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(names, [("loss", 1), ("tb/data/train/loss", 50), ("tb/today/loss", 50)]);
}

#[tokio::test]
async fn metrics_are_defined_while_the_run_goes_on() {
    let bench = Bench::new();
    let gate = bench.home.root().join("gate");
    let spec = bench.script(&format!(
        "import os, time\nprint('epoch 1 loss=0.5 down to 7', flush=True)\nwhile not os.path.exists({gate:?}): time.sleep(0.01)\nprint('epoch 2 loss=0.4 down to 6')"
    ));
    let run = bench.launch(&spec).await;
    bench.printed(&run, "down to 7").await;
    let definitions = Definitions {
        define: vec![Metric { name: "fall".into(), regex: "down to ([0-9]+)".into() }],
        recognise: Some(true),
        hide: vec!["loss".into()],
        ..Definitions::default()
    };
    keep::ask_again(&bench.home.series(&spec.id), &definitions).unwrap();
    until("the supervisor has read the log again", || counts(&bench, &spec.id) == [("fall".to_owned(), 1)]).await;
    std::fs::write(&gate, "").unwrap();
    assert_eq!(bench.ended(&run).await.state, RunState::Completed);
    assert_eq!(counts(&bench, &spec.id), [("fall".to_owned(), 2)]);
}
