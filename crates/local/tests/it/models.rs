//! Models from elsewhere: what is asked, what is refused.

use crate::bench::Bench;
use crate::endpoints::csv;
use curfew_core::ErrorKind;
use curfew_core::endpoint::{EndpointSpec, EndpointState, ModelSource};
use std::path::{Path, PathBuf};

/// Serves without NumPy: counts the fields of each line.
pub(crate) const SCRIPT: &str = "
import os
def model_fn(model_dir):
    names = [n for n in os.listdir(model_dir) if n.startswith('model')]
    return open(os.path.join(model_dir, names[0]), 'rb').read()
def input_fn(body, content_type):
    if 'boom' in body:
        raise ValueError('boom <b>')
    return body.split(',')
def predict_fn(data, model):
    return len(data)
def output_fn(prediction, accept):
    return str(prediction), 'text/plain'
";

/// A tar.gz made by the system's tar, with these files.
pub(crate) fn archive(bench: &Bench, files: &[(&str, &[u8])]) -> PathBuf {
    let folder = bench.scripts(&[]);
    for (name, content) in files {
        let path = folder.join("m").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let path = folder.join("model.tar.gz");
    let made =
        std::process::Command::new("tar").arg("-czf").arg(&path).arg("-C").arg(folder.join("m")).arg(".").status();
    assert!(made.unwrap().success());
    path
}

fn pickle(bench: &Bench, name: &str, expression: &str) -> PathBuf {
    let path = bench.scripts(&[]).join(name);
    let code = format!(
        "import pickle,sys,os\nclass Evil:\n  def __reduce__(self): return (os.system, ('touch /nowhere',))\nopen(sys.argv[1],'wb').write(pickle.dumps({expression}))"
    );
    assert!(std::process::Command::new("python3").args(["-c", &code]).arg(&path).status().unwrap().success());
    path
}

async fn refused(bench: &Bench, spec: &EndpointSpec, field: &str, says: &str) {
    for error in [
        bench.serving().quote(&bench.cx, spec).await.unwrap_err(),
        bench.serving().deploy(&bench.cx, spec).await.unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidInput, Some(field)), "{error:?}");
        assert!(error.message().contains(says), "{error:?}");
    }
    assert!(!bench.home.endpoints().exists(), "nothing was made");
}

#[tokio::test]
async fn bad_models_are_refused() {
    let bench = Bench::new();
    let from = |path: &Path| bench.endpoint(ModelSource::Archive { path: path.into() });
    let bare = |path: &Path| bench.endpoint(ModelSource::File { path: path.into() });
    let folder = bench.scripts(&[("model.tar.gz", "no archive"), ("model.joblib", "no pickle"), ("empty.pkl", "")]);
    refused(&bench, &from(&folder.join("model.tar.gz")), "model", "is damaged or no model archive").await;
    refused(&bench, &from(&folder.join("missing.tar.gz")), "model", "there is no").await;
    refused(&bench, &from(&folder), "model", "is a folder").await;
    refused(&bench, &bare(&folder.join("empty.pkl")), "model", "is empty").await;
    refused(&bench, &bare(&folder.join("model.joblib")), "model", "not a model that can be served").await;
    let mut spec = from(&archive(&bench, &[("model.txt", b"x")]));
    spec.script = Some(folder.join("inference.py"));
    refused(&bench, &spec, "script", "there is no script").await;
    spec.script = Some(folder.join("model.joblib"));
    refused(&bench, &spec, "script", "is not a Python script").await;
    let remote = ModelSource::Run { run: "r".parse().unwrap(), archive: "s3://b/model.tar.gz".into() };
    refused(&bench, &bench.endpoint(remote), "model", "is not on this computer").await;

    // Made by GNU tar itself, as an attacker would.
    let evil = bench.scripts(&[("x", "")]);
    let made = std::process::Command::new("tar")
        .args(["-czPf", "m.tar.gz", "--transform", "s,x,../../evil,", "x"])
        .current_dir(&evil)
        .status();
    assert!(made.unwrap().success());
    refused(&bench, &from(&evil.join("m.tar.gz")), "model", "“../../evil” leads out of its folder by ..").await;
}

#[tokio::test]
async fn a_foreign_pickle_is_asked_about_first() {
    let bench = Bench::new();
    let folder = bench.scripts(&[("inference.py", SCRIPT)]);
    let codes = async |spec: &EndpointSpec| -> Vec<(String, bool)> {
        let quote = bench.serving().quote(&bench.cx, spec).await.unwrap();
        quote.cautions.into_iter().map(|c| (c.code, c.ask)).collect()
    };
    let mut spec = bench.endpoint(ModelSource::File { path: pickle(&bench, "model.pkl", "[1, 2]") });
    spec.script = Some(folder.join("inference.py"));
    assert!(codes(&spec).await.contains(&("foreign-pickle".into(), true)));
    let error = bench.serving().deploy(&bench.cx, &spec).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.next_step().unwrap().contains("foreign-pickle"), "{error:?}");
    assert!(!bench.home.endpoints().exists());

    let mut evil = bench.endpoint(ModelSource::File { path: pickle(&bench, "model.pkl", "Evil()") });
    evil.confirmed = vec!["foreign-pickle".into()];
    let asked = codes(&evil).await;
    assert!(asked.contains(&("dangerous-model".into(), true)), "{asked:?}");
    assert_eq!(bench.serving().deploy(&bench.cx, &evil).await.unwrap_err().kind(), ErrorKind::Conflict);

    let script_inside = archive(&bench, &[("model.txt", b"x"), ("code/inference.py", SCRIPT.as_bytes())]);
    let asked = codes(&bench.endpoint(ModelSource::Archive { path: script_inside })).await;
    assert!(asked.contains(&("foreign-code".into(), true)), "{asked:?}");
    let old =
        archive(&bench, &[("model.txt", b"x"), ("curfew-model.json", br#"{"python": "3.99.1", "packages": {}}"#)]);
    let asked = codes(&bench.endpoint(ModelSource::Archive { path: old })).await;
    assert!(asked.contains(&("python-version".into(), true)), "{asked:?}");

    spec.confirmed = vec!["foreign-pickle".into()];
    let endpoint = bench.deploy(&spec).await;
    bench.in_service(&endpoint).await;
    let reply = bench.serving().invoke(&bench.cx, &endpoint, &csv("a,b,c")).await.unwrap();
    assert_eq!((reply.body.as_slice(), reply.content_type.as_str()), (b"3".as_slice(), "text/plain"));
}

#[tokio::test]
async fn a_model_that_does_not_load_says_why() {
    let bench = Bench::new();
    let mut spec = bench.endpoint(ModelSource::Archive { path: archive(&bench, &[("model.txt", b"x")]) });
    let script = "def model_fn(d):\n    raise RuntimeError('made with another version')";
    spec.script = Some(bench.scripts(&[("inference.py", script)]).join("inference.py"));
    let endpoint = bench.deploy(&spec).await;
    let status = bench.endpoint_until(&endpoint, "its end", |s| s.state.is_over()).await;
    assert_eq!(status.state, EndpointState::Failed);
    let failure = status.failure.unwrap();
    assert!(failure.what.contains("made with another version"), "{failure:?}");
    assert!(failure.log_end.iter().any(|l| l.contains("Traceback")), "{failure:?}");
    let error = bench.serving().invoke(&bench.cx, &endpoint, &csv("1")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}
