//! What is left behind appears with evidence, and goes by its own steps.

use crate::bench::Bench;
use crate::endpoints::csv;
use crate::models::{SCRIPT, archive};
use curfew_core::ErrorKind;
use curfew_core::endpoint::ModelSource;
use curfew_core::provider::{Kind, Provider};
use curfew_core::resource::{Evidence, Resource};
use curfew_core::run::RunState;

fn kind<'a>(bench: &'a Bench, id: &str) -> &'a dyn Kind {
    bench.local.kinds().iter().find(|k| k.sheet().id == id).unwrap().as_ref()
}

async fn all(bench: &Bench, id: &str) -> Vec<Resource> {
    let found = kind(bench, id).list(&bench.cx, &bench.local.regions()[0]).await;
    assert!(found.is_whole(), "{:?}", found.gaps);
    found.items
}

/// Removes it by its steps, twice, and sees that it is gone.
async fn remove(bench: &Bench, resource: &Resource) {
    let (kind, region, id) = (kind(bench, &resource.key.kind), &resource.key.region, &resource.key.id);
    for _ in 0..2 {
        for step in &resource.steps {
            kind.remove(&bench.cx, region, id, step).await.unwrap();
        }
    }
    assert!(kind.read(&bench.cx, region, id).await.unwrap().is_none());
}

#[tokio::test]
async fn runs_with_results_and_checkpoints() {
    let bench = Bench::new();
    let text = "import os
open(os.environ['SM_MODEL_DIR'] + '/model', 'wb').write(bytes(100_000))
os.makedirs(os.environ['SM_OUTPUT_DATA_DIR'] + '/checkpoint-5')
open(os.environ['SM_OUTPUT_DATA_DIR'] + '/checkpoint-5/weights', 'wb').write(os.urandom(300_000))";
    let run = bench.launch(&bench.script(text)).await;
    bench.ended(&run).await;
    let [found] = all(&bench, "run").await.try_into().unwrap();
    assert_eq!((found.state.as_str(), found.owner.as_deref(), found.is_active()), ("completed", Some("tester"), false));
    assert!(found.evidence.iter().any(|e| matches!(e, Evidence::HoldsResults { .. })));
    assert!((100_000..300_000).contains(&found.bytes.unwrap()), "without its checkpoints: {found:?}");
    let [checkpoints] = all(&bench, "checkpoints").await.try_into().unwrap();
    assert!(checkpoints.bytes.unwrap() >= 300_000);
    assert!(checkpoints.evidence.iter().all(|e| matches!(e, Evidence::LastUsed { .. })), "the model is safe");
    remove(&bench, &checkpoints).await;
    let again = all(&bench, "run").await;
    assert_eq!(again[0].key, found.key);
    remove(&bench, &again[0]).await;
    assert!(bench.training().list(&bench.cx).await.unwrap().items.is_empty());
    assert_eq!(bench.training().status(&bench.cx, &run).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_run_at_work_is_ended_first() {
    let bench = Bench::new();
    let run = bench.launch(&bench.script("import time\nprint('ready')\ntime.sleep(600)")).await;
    bench.printed(&run, "ready").await;
    let [found] = all(&bench, "run").await.try_into().unwrap();
    assert!(found.is_active() && found.curfew.is_some());
    let delete = found.steps.last().unwrap();
    let error = kind(&bench, "run").remove(&bench.cx, &found.key.region, &found.key.id, delete).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(bench.status(&run).await.state, RunState::Running);
    remove(&bench, &found).await;
}

#[tokio::test]
async fn an_endpoint_tells_whether_anybody_asks_it() {
    let bench = Bench::new();
    let mut spec = bench.endpoint(ModelSource::Archive { path: archive(&bench, &[("model.txt", b"x")]) });
    spec.script = Some(bench.scripts(&[("inference.py", SCRIPT)]).join("inference.py"));
    let handle = bench.deploy(&spec).await;
    bench.in_service(&handle).await;
    let [idle] = all(&bench, "endpoint").await.try_into().unwrap();
    assert!(matches!(idle.evidence.as_slice(), [Evidence::NeverUsed { .. }]), "{idle:?}");
    bench.serving().invoke(&bench.cx, &handle, &csv("1,2")).await.unwrap();
    let [used] = all(&bench, "endpoint").await.try_into().unwrap();
    assert!(matches!(used.evidence.as_slice(), [Evidence::LastUsed { .. }]), "{used:?}");
    assert_ne!(idle.fingerprint, used.fingerprint, "it has come into use since");
    remove(&bench, &used).await;
}

#[tokio::test]
async fn a_virtual_environment_in_use_stays() {
    let bench = Bench::new();
    // A package of one module, built here: nothing is fetched.
    let package = bench.scripts(&[("curfew_test_only.py", "VALUE = 41")]);
    let wheel = package.join("curfew_test_only-1-py3-none-any.whl");
    let code = "import zipfile,sys
z = zipfile.ZipFile(sys.argv[1], 'w'); d = 'curfew_test_only-1.dist-info/'
z.write(sys.argv[2], 'curfew_test_only.py')
z.writestr(d + 'METADATA', 'Metadata-Version: 2.1\\nName: curfew-test-only\\nVersion: 1\\n')
z.writestr(d + 'WHEEL', 'Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
z.writestr(d + 'RECORD', '')";
    let built = std::process::Command::new("python3")
        .args(["-c", code])
        .arg(&wheel)
        .arg(package.join("curfew_test_only.py"))
        .status();
    assert!(built.unwrap().success());
    let requirements = format!("--no-index\n--find-links {}\ncurfew-test-only\n", package.display());
    let text =
        "import curfew_test_only, sys, time\nprint('value', curfew_test_only.VALUE, sys.prefix)\ntime.sleep(600)";
    let dir = bench.scripts(&[("train.py", text), ("requirements.txt", &requirements)]);
    let spec = bench.spec(&dir);
    let quote = bench.training().quote(&bench.cx, &spec).await.unwrap();
    assert_eq!(quote.cautions.iter().map(|c| c.code.as_str()).collect::<Vec<_>>(), ["installs-requirements"]);
    let run = bench.launch(&spec).await;
    bench.printed(&run, "value 41").await;
    let [venv] = all(&bench, "venv").await.try_into().unwrap();
    assert!(venv.evidence.iter().any(|e| matches!(e, Evidence::NeededBy { .. })), "{venv:?}");
    let error =
        kind(&bench, "venv").remove(&bench.cx, &venv.key.region, &venv.key.id, &venv.steps[0]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);

    bench.training().stop(&bench.cx, &run, "done").await.unwrap();
    bench.ended(&run).await;
    let [venv] = all(&bench, "venv").await.try_into().unwrap();
    assert!(!venv.evidence.iter().any(|e| matches!(e, Evidence::NeededBy { .. })));
    assert!(venv.evidence.iter().any(|e| matches!(e, Evidence::Rebuildable { .. })));
    assert!(venv.bytes.unwrap() > 1 << 20 && venv.created.is_some());
    remove(&bench, &venv).await;
}

#[tokio::test]
async fn what_a_kill_left_half_made_is_found() {
    let bench = Bench::new();
    let runs = bench.home.runs();
    // Pid 1 is at work for ever; the other is above what Linux hands out.
    for name in [".new-a.4194999.0", ".gone-b-4194999", ".new-c.1.0"] {
        std::fs::create_dir_all(runs.join(name)).unwrap();
        std::fs::write(runs.join(name).join("x"), "x").unwrap();
    }
    let found = all(&bench, "leftover").await;
    let states: Vec<_> = found.iter().map(|r| (r.key.id.as_str(), r.is_active())).collect();
    assert_eq!(states, [("runs/.gone-b-4194999", false), ("runs/.new-a.4194999.0", false), ("runs/.new-c.1.0", true)]);
    remove(&bench, &found[0]).await;
    remove(&bench, &found[1]).await;
    assert!(bench.training().list(&bench.cx).await.unwrap().items.is_empty());

    let region = &bench.local.regions()[0];
    for (id, strange) in [("leftover", "runs/../../x"), ("run", "../x"), ("venv", ".."), ("process", "run:../x")] {
        assert!(kind(&bench, id).read(&bench.cx, region, strange).await.unwrap().is_none(), "{strange}");
        let step = curfew_core::resource::RemovalStep {
            verb: "delete".into(),
            says: String::new(),
            reversible: false,
            artefacts: None,
        };
        let _ = kind(&bench, id).remove(&bench.cx, region, strange, &step).await;
    }
    assert!(runs.join(".new-c.1.0/x").exists());
}

#[tokio::test]
async fn a_folder_that_cannot_be_read_is_a_gap() {
    let bench = Bench::new();
    let run = bench.launch(&bench.script("")).await;
    bench.ended(&run).await;
    let spec = std::path::Path::new(&run.native).join("spec.json");
    std::fs::write(&spec, "{ half").unwrap();
    let listed = bench.training().list(&bench.cx).await.unwrap();
    assert!(listed.items.is_empty());
    assert_eq!(
        listed.gaps.iter().map(|g| (g.what.as_str(), g.kind)).collect::<Vec<_>>(),
        [(format!("the run {}", run.id).as_str(), ErrorKind::Corrupt)]
    );
    let swept = kind(&bench, "run").list(&bench.cx, &bench.local.regions()[0]).await;
    assert_eq!((swept.items.len(), swept.gaps.len()), (0, 1));
}
