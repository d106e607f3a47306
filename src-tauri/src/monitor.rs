//! The monitor of a run: the `curfew` command beside this program, with a window of its own.

use curfew_core::{Error, ErrorKind, Home, Result, RunId, say};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// A window that cannot be opened is known within this; what lives longer is open, or about to be.
const STARTS: Duration = Duration::from_millis(1500);
/// How much of what it said is shown.
const SAID: usize = 300;

/// Where the command is; `None`: this program was put somewhere without it.
pub(crate) fn command() -> Option<PathBuf> {
    let name = format!("curfew{}", std::env::consts::EXE_SUFFIX);
    let beside = std::env::current_exe().ok()?.parent()?.join(name);
    beside.is_file().then_some(beside)
}

/// Opens it. It stays when the panel goes.
pub(crate) async fn open(command: &Path, home: &Home, run: &RunId) -> Result<()> {
    let failed = |why: String| {
        Error::new(ErrorKind::Unsupported, "open the monitor", format!("the run's own window did not open: {why}"))
            .next("This page shows the same; curfew run monitor in a terminal says more")
    };
    let mut child = Command::new(command)
        .args(["run", "monitor", run.as_str()])
        .env("CURFEW_HOME", home.root())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| failed(e.to_string()).caused_by(e))?;
    let said = child.stderr.take();
    let Ok(ended) = tokio::time::timeout(STARTS, child.wait()).await else {
        // Whatever it says later is read, so that it never waits for a reader; and it is waited for, so that it leaves no
        // process behind.
        tokio::spawn(async move {
            if let Some(mut said) = said {
                let _ = tokio::io::copy(&mut said, &mut tokio::io::sink()).await;
            }
            child.wait().await
        });
        return Ok(());
    };
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            let mut text = Vec::new();
            if let Some(mut said) = said {
                let _ = tokio::io::copy(&mut said, &mut text).await;
            }
            let text = say::clean(String::from_utf8_lossy(&text).trim(), SAID);
            Err(failed(if text.is_empty() { status.to_string() } else { text }))
        }
        Err(e) => Err(failed(e.to_string()).caused_by(e)),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn run(script: &str) -> Result<()> {
        let room = tempfile::tempdir().unwrap();
        let command = room.path().join("curfew");
        std::fs::write(&command, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&command, std::fs::Permissions::from_mode(0o700)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let id: RunId = "night-7f3a".parse().unwrap();
        runtime.block_on(open(&command, &Home::at(room.path()), &id))
    }

    #[test]
    fn what_does_not_open_is_said() {
        run(r#"[ "$1 $2 $3" = "run monitor night-7f3a" ] && [ -d "$CURFEW_HOME" ]"#).unwrap();
        let error = run("echo 'no display here' >&2; exit 1").unwrap_err();
        assert!(error.to_string().contains("no display here"), "{error}");
        // It is open as long as it goes on; what it says meanwhile fills no pipe.
        run("yes | head -c 1000000 >&2; exec sleep 2").unwrap();
    }
}
