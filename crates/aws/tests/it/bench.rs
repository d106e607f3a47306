//! A stand-in of AWS for one test, and what tests do with it.

use curfew_aws::{Aws, Keys, Settings};
use curfew_core::endpoint::{EndpointSpec, ModelSource};
use curfew_core::provider::{Provider, Serving, Training};
use curfew_core::run::{Channel, RunHandle, RunSpec, RunStatus, StopRules};
use curfew_core::{Clock, Cx, EndpointId, IntentId, MachineRef, RunId, Timestamp};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The configuration of a client that sets things up beside the provider.
macro_rules! client {
    ($service:ident, $bench:expr, $region:expr $(, $($more:tt)*)?) => {{
        let keys = $bench.settings.keys.clone().unwrap();
        let keys = $service::config::Credentials::new(keys.id, keys.secret, keys.session, None, "the test");
        $service::Config::builder()
            .behavior_version($service::config::BehaviorVersion::latest())
            .http_client(http())
            .region($service::config::Region::new($region.to_owned()))
            .credentials_provider(keys)
            .endpoint_url($bench.url.clone())
            $($($more)*)?
            .build()
    }};
}

fn http() -> aws_smithy_runtime_api::client::http::SharedHttpClient {
    use aws_smithy_http_client::{Builder, tls};
    Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https()
}

/// The system's clock.
pub(crate) struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
    fn zone(&self) -> TimeZone {
        TimeZone::UTC
    }
}

/// A running stand-in, ended with the test; `checked` says whether its log of bad requests was found empty.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    pub(crate) aws: Aws,
    settings: Settings,
    url: String,
    pub(crate) cx: Cx,
    count: AtomicU32,
}

fn cloud() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cloud")
}

/// The Python of one of the stand-in's environments.
fn python(requirements: &str) -> String {
    let code = format!("from standin.launch import environment; print(environment('{requirements}'))");
    let python = Command::new("python3").args(["-B", "-c", &code]).current_dir(cloud()).output();
    text(&python.expect("python3 is there"))
}

fn text(out: &std::process::Output) -> String {
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let up = Command::new(cloud().join("up")).arg(folder.path().join("standin")).args(["--scale", "0.05"]).output();
        let up = up.expect("tests/cloud/up runs");
        assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
        let text = String::from_utf8_lossy(&up.stdout).into_owned();
        let lines = text.lines().filter_map(|l| l.strip_prefix("export ")?.split_once('='));
        let exports: HashMap<&str, &str> = lines.map(|(k, v)| (k, v.trim_matches('\''))).collect();
        let keys = Keys {
            id: exports["AWS_ACCESS_KEY_ID"].into(),
            secret: exports["AWS_SECRET_ACCESS_KEY"].into(),
            session: None,
        };
        let url = exports["AWS_ENDPOINT_URL"].to_owned();
        let settings = Settings {
            keys: Some(keys),
            region: Some("us-east-1".into()),
            endpoint: Some(url.clone()),
            kept: Some(folder.path().join("accounts")),
            ..Settings::default()
        };
        let aws = Aws::connect(settings.clone()).await.unwrap();
        Self { folder, aws, settings, url, cx: Cx::new(Arc::new(Now)), count: AtomicU32::new(0) }
    }
    /// The same account as another process sees it.
    pub(crate) async fn again(&self) -> Aws {
        Aws::connect(self.settings.clone()).await.unwrap()
    }
    /// The same account with other settings.
    pub(crate) async fn with(&self, change: impl FnOnce(&mut Settings)) -> Aws {
        let mut settings = self.settings.clone();
        change(&mut settings);
        Aws::connect(settings).await.unwrap()
    }
    /// The stand-in's IAM, as an admin sees it.
    pub(crate) fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::from_conf(client!(aws_sdk_iam, self, "us-east-1"))
    }
    /// Its S3.
    pub(crate) fn s3(&self, region: &str) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::from_conf(client!(aws_sdk_s3, self, region, .force_path_style(true)))
    }
    pub(crate) fn sts(&self) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::from_conf(client!(aws_sdk_sts, self, "us-east-1"))
    }
    pub(crate) fn sagemaker(&self) -> aws_sdk_sagemaker::Client {
        aws_sdk_sagemaker::Client::from_conf(client!(aws_sdk_sagemaker, self, "us-east-1"))
    }
    pub(crate) fn training(&self) -> &dyn Training {
        self.aws.training().unwrap()
    }
    pub(crate) fn serving(&self) -> &dyn Serving {
        self.aws.serving().unwrap()
    }

    /// A new name.
    pub(crate) fn name(&self) -> String {
        format!("t{}", self.count.fetch_add(1, Ordering::Relaxed))
    }
    /// A script folder with these files.
    pub(crate) fn scripts(&self, files: &[(&str, &str)]) -> PathBuf {
        let dir = self.folder.path().join("code").join(self.name());
        for (name, text) in files {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        dir
    }
    /// A run of one script.
    pub(crate) fn run(&self, script: &str) -> RunSpec {
        self.run_of(self.scripts(&[("train.py", script)]))
    }
    pub(crate) fn run_of(&self, dir: PathBuf) -> RunSpec {
        let name = self.name();
        RunSpec {
            id: RunId::new(format!("run-{name}")).unwrap(),
            name: name.clone(),
            dir,
            entry: "train.py".into(),
            data: Vec::new(),
            hyper: [("epochs".to_owned(), "3".to_owned())].into(),
            machine: machine("aws:ml.m5.xlarge"),
            curfew: self.cx.now() + SignedDuration::from_hours(2),
            stop: StopRules::default(),
            options: std::collections::BTreeMap::new(),
            intent: IntentId::new(format!("i-{name}")).unwrap(),
            owner: "ada@lab".into(),
            project: None,
        }
    }
    /// A channel of data with one file.
    pub(crate) fn data(&self, name: &str, file: &str, text: &str) -> Channel {
        let dir = self.scripts(&[(file, text)]);
        Channel { name: name.into(), source: dir.display().to_string() }
    }
    pub(crate) fn endpoint(&self, model: ModelSource) -> EndpointSpec {
        let name = self.name();
        EndpointSpec {
            id: EndpointId::new(format!("end-{name}")).unwrap(),
            model,
            script: None,
            machine: machine("aws:ml.t2.medium"),
            mode: curfew_core::Mode::default(),
            curfew: self.cx.now() + SignedDuration::from_hours(2),
            confirmed: Vec::new(),
            intent: IntentId::new(format!("i-{name}")).unwrap(),
            owner: "ada@lab".into(),
            project: None,
        }
    }
    pub(crate) async fn until(&self, run: &RunHandle, good: impl Fn(&RunStatus) -> bool) -> RunStatus {
        let begun = Instant::now();
        loop {
            let status = self.training().status(&self.cx, run).await.unwrap();
            if good(&status) {
                return status;
            }
            assert!(!status.state.is_over(), "{status:#?}");
            assert!(begun.elapsed() < Duration::from_mins(5), "{status:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    /// One of the stand-in's controls.
    pub(crate) fn control(&self, path: &str, body: Option<&Value>) -> Value {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--fail-with-body", &format!("{}/_oracle/{path}", self.url)]);
        if let Some(body) = body {
            curl.args(["-d", &body.to_string()]);
        }
        let out = curl.output().expect("curl is there");
        assert!(out.status.success(), "{path}: {}", String::from_utf8_lossy(&out.stdout));
        serde_json::from_slice(&out.stdout).expect("the stand-in answers with JSON")
    }
    pub(crate) fn fault(&self, body: &Value) {
        self.control("fault", Some(body));
    }
    /// A call by Amazon's own client for Python: what a person does beside Curfew.
    pub(crate) fn boto(&self, service: &str, operation: &str, arguments: &Value) -> Value {
        const CODE: &str = "import json, sys, boto3\n\
            service, operation, arguments, url, key, secret = sys.argv[1:]\n\
            client = boto3.client(service, 'us-east-1', endpoint_url=url, aws_access_key_id=key, aws_secret_access_key=secret)\n\
            print(json.dumps(getattr(client, operation)(**json.loads(arguments)), default=str))";
        let keys = self.settings.keys.as_ref().unwrap();
        let mut call = Command::new(python("requirements.txt"));
        call.args(["-c", CODE, service, operation, &arguments.to_string(), &self.url, &keys.id, &keys.secret]);
        serde_json::from_str(&text(&call.output().unwrap())).unwrap()
    }
    /// A script in the environment that training scripts run in.
    #[expect(clippy::unused_self, reason = "the stand-in has made the environment")]
    pub(crate) fn trained(&self, code: &str, arguments: &[&str]) -> String {
        text(&Command::new(python("requirements-run.txt")).args(["-c", code]).args(arguments).output().unwrap())
    }
    /// No request was one that AWS would refuse.
    pub(crate) fn no_bad_request(&self) {
        let bad = self.control("log?bad=1", None);
        assert_eq!(bad, Value::Array(vec![]), "requests that AWS would refuse");
        self.every_call_is_in_the_full_policy();
    }
    /// The table of rights knows each call that was made, and the full policy has its action.
    fn every_call_is_in_the_full_policy(&self) {
        let policies = self.aws.access().unwrap().policies();
        let full = &policies.iter().find(|p| p.level == curfew_core::access::Level::Full).unwrap().text;
        let log = self.control("log", None);
        for call in log.as_array().unwrap() {
            // What the tests do beside the provider carries no such name.
            if !call["agent"].as_str().unwrap_or_default().contains("app/curfew") {
                continue;
            }
            let operation = call["op"].as_str().unwrap();
            let action = curfew_aws::needs(operation).unwrap_or_else(|| panic!("no right for {operation}: {call}"));
            assert!(action.is_empty() || full.contains(&format!("\"{action}\"")), "the full policy lacks {action}");
        }
    }
    /// How many calls the provider made of this name.
    pub(crate) fn calls(&self, operation: &str) -> usize {
        let log = self.control("log", None);
        let ours = |c: &&Value| c["op"] == operation && c["agent"].as_str().unwrap_or_default().contains("app/curfew");
        log.as_array().unwrap().iter().filter(ours).count()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let down = Command::new(cloud().join("down")).arg(self.folder.path().join("standin")).status();
        if !std::thread::panicking() {
            assert!(down.is_ok_and(|s| s.success()), "the stand-in ends with all that it started");
        }
    }
}

pub(crate) fn machine(text: &str) -> MachineRef {
    text.parse().unwrap()
}
