//! Bad input: a clear error at the right field, and nothing started.

use crate::bench::{Bench, channel};
use curfew_core::run::RunSpec;
use curfew_core::{ErrorKind, Notice, Timestamp};
use jiff::SignedDuration;
use std::path::Path;

async fn check(bench: &Bench, change: impl FnOnce(&mut RunSpec), field: &str, says: &str) {
    let mut spec = bench.script("print('never')");
    change(&mut spec);
    for error in [
        bench.training().quote(&bench.cx, &spec).await.unwrap_err(),
        bench.training().launch(&bench.cx, &spec).await.unwrap_err(),
    ] {
        let notice = Notice::from(&error);
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidInput, Some(field)), "{error:?}");
        assert!(notice.happened.contains(says), "{notice:?}");
        assert_eq!(notice.bill, "Nothing was started, so nothing new costs money.");
    }
}

#[tokio::test]
async fn bad_input_is_told_at_its_field() {
    let bench = Bench::new();
    let b = &bench;
    check(b, |s| s.dir = "/nowhere/at/all".into(), "dir", "There is no folder /nowhere/at/all").await;
    check(b, |s| s.dir = s.dir.join("train.py"), "dir", "is a file; give the folder it is in").await;
    check(b, |s| s.dir = "scripts".into(), "dir", "absolute path").await;
    check(b, |s| s.entry = "other.py".into(), "entry", "There is no other.py").await;
    check(b, |s| s.entry = "../train.py".into(), "entry", "is not a script in the folder").await;
    check(b, |s| s.entry = "/etc/passwd".into(), "entry", "is not a script in the folder").await;
    check(b, |s| s.entry = "notes.txt".into(), "entry", "neither a Python").await;
    check(b, |s| s.entry = "<b>\u{1b}[31m.py".into(), "entry", "<b>\\u{1b}[31m.py").await;
    check(b, |s| s.curfew = Timestamp::now() - SignedDuration::from_secs(1), "curfew", "is in the past").await;
    check(b, |s| s.hyper = [("a b".into(), "1".into())].into(), "hyper", "cannot be the name").await;
    check(b, |s| s.hyper = [(String::new(), "1".into())].into(), "hyper", "cannot be the name").await;
    check(b, |s| s.hyper = [("x".into(), "a\0b".into())].into(), "hyper", "a character that no argument can").await;
    check(b, |s| s.hyper = [("sagemaker_x".into(), "1".into())].into(), "hyper", "SageMaker's own").await;
    check(b, |s| s.data = vec![channel("training", Path::new("/nowhere"))], "data", "There is no /nowhere").await;
    check(b, |s| s.data = vec![channel("a/b", &s.dir)], "data", "cannot be a channel's name").await;
    check(b, |s| s.data = vec![channel("a", &s.dir), channel("A", &s.dir)], "data", "given twice").await;
    check(b, |s| s.data = vec![channel("a", Path::new("s3://x/y"))], "data", "is not on this computer").await;
    check(b, |s| s.machine = "aws:ml.m5.xlarge".parse().unwrap(), "machine", "cannot be aws").await;
    let toml = |s: &RunSpec, text: &str| std::fs::write(s.dir.join("curfew.toml"), text).unwrap();
    check(b, |s| toml(s, "[metrics]\ndefine = 3"), "dir", "Curfew.toml is wrong").await;
    check(b, |s| toml(s, "[metrics]\ndefine = [{name='a', regex='('}]"), "dir", "Curfew.toml is wrong").await;
    assert!(!bench.home.runs().exists(), "nothing was made");
}

#[tokio::test]
async fn a_script_folder_full_of_data_is_refused_with_the_way_out() {
    let settings = curfew_local::Settings { largest_code: 1000, ..crate::bench::settings() };
    let bench = Bench::with(crate::bench::launcher(), settings);
    let mut spec = bench.script("");
    let data = spec.dir.join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("big"), vec![0; 5000]).unwrap();
    let error = bench.training().quote(&bench.cx, &spec).await.unwrap_err();
    assert_eq!(error.field(), Some("dir"));
    assert!(error.next_step().unwrap().contains("--data"), "{error:?}");
    spec.data = vec![channel("training", &data)];
    bench.training().quote(&bench.cx, &spec).await.unwrap();
}
