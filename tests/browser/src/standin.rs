//! The stand-in of AWS for one test.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A running stand-in; it ends with the test.
#[derive(Debug)]
pub struct StandIn {
    folder: tempfile::TempDir,
    /// What a program that is to use it finds in its environment.
    pub exports: Vec<(String, String)>,
}

fn cloud() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../cloud")
}

impl StandIn {
    /// Starts one. The first time its Python packages are installed.
    ///
    /// # Panics
    /// If it does not start.
    pub fn up() -> Self {
        let folder = tempfile::Builder::new().prefix("curfew-standin-").tempdir().expect("a folder can be made");
        let up = Command::new(cloud().join("up")).arg(folder.path()).args(["--scale", "0.05"]).output();
        let up = up.expect("tests/cloud/up can be started");
        assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
        let text = String::from_utf8_lossy(&up.stdout).into_owned();
        let line = |line: &str| {
            let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
            Some((name.to_owned(), value.trim_matches('\'').to_owned()))
        };
        Self { folder, exports: text.lines().filter_map(line).collect() }
    }

    fn asked(&self, path: &str, body: Option<&str>) -> String {
        let url = self.exports.iter().find(|(name, _)| name == "AWS_ENDPOINT_URL").map(|(_, url)| url);
        let url = format!("{}/_oracle/{path}", url.expect("it says where it is"));
        let more = body.iter().flat_map(|b| ["-d", b]);
        let out = Command::new("curl").args(["-sS", "--fail-with-body", &url]).args(more).output();
        let out = out.expect("curl is there");
        let text = String::from_utf8_lossy(&out.stdout).trim().to_owned();
        assert!(out.status.success(), "{path}: {text}");
        text
    }

    /// One of its controls.
    ///
    /// # Panics
    /// If it refuses.
    pub fn control(&self, path: &str, body: &serde_json::Value) {
        self.asked(path, Some(&body.to_string()));
    }

    /// The next call of this name is refused with this code, status and sentence.
    pub fn fault(&self, operation: &str, code: &str, status: u16, message: &str) {
        let rule = serde_json::json!({ "op": operation, "code": code, "status": status, "message": message });
        self.control("fault", &rule);
    }

    /// How many calls of this name it has had.
    ///
    /// # Panics
    /// If it does not answer.
    pub fn calls(&self, operation: &str) -> usize {
        let log: serde_json::Value = serde_json::from_str(&self.asked("log", None)).expect("it answers with JSON");
        log.as_array().map_or(0, |all| all.iter().filter(|call| call["op"] == operation).count())
    }

    /// No request was one that AWS would refuse.
    ///
    /// # Panics
    /// If one was.
    pub fn no_bad_request(&self) {
        assert_eq!(self.asked("log?bad=1", None), "[]", "requests that AWS would refuse");
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let down = Command::new(cloud().join("down")).arg(self.folder.path()).status();
        if !std::thread::panicking() {
            assert!(down.is_ok_and(|status| status.success()), "the stand-in ends with all that it started");
        }
    }
}
