//! What a user says of a run's metrics: read, tried on its log, kept with the script folder, applied to the past.

use crate::Engine;
use curfew_core::{Cx, Error, ErrorKind, Result, RunId};
use curfew_series::recognise::{Matched, matches};
use curfew_series::{Definitions, Keeper, keep};
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Where a script folder says what holds for its runs.
const FILE: &str = "curfew.toml";
/// How much of a log's end definitions are tried on.
const TRIED: usize = 256 << 10;
const OPERATION: &str = "define the metrics";

/// What became of definitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Defined {
    /// The script folder's file that holds them now; why not, where it could not be written.
    pub kept_in: Result<PathBuf, String>,
    /// The run goes on, and whoever reads its log takes them over; otherwise its log has been read again.
    pub soon: bool,
}

#[derive(Default, Serialize, Deserialize)]
struct CurfewToml {
    #[serde(default)]
    metrics: Option<Definitions>,
}

impl Engine {
    /// What holds for a run: what was last said of it, else what its script folder says.
    pub async fn definitions(&self, id: &RunId) -> Result<Definitions> {
        let row = self.run_row(id).await?;
        if let Some(said) = keep::definitions(&self.home().series(id)) {
            return Ok(said);
        }
        let path = row.spec.dir.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Definitions::default()),
            Err(e) => return Err(Error::io(OPERATION, path.display(), e)),
        };
        let parsed: CurfewToml = toml::from_str(&text).map_err(|e| {
            Error::new(ErrorKind::Corrupt, OPERATION, format!("curfew.toml is wrong: {}", e.message()))
                .with("file", path.display().to_string())
                .next("Correct the file in the script folder")
        })?;
        Ok(parsed.metrics.unwrap_or_default())
    }

    /// The lines at the log's end that match, and what is found in each.
    pub async fn try_definitions(&self, cx: &Cx, id: &RunId, definitions: &Definitions) -> Result<Vec<Matched>> {
        let mut end = Vec::new();
        let mut at = String::new();
        loop {
            let chunk = self.run_log(cx, id, &at, 1 << 20).await?;
            if chunk.bytes.is_empty() {
                break;
            }
            end.extend(chunk.bytes);
            end.drain(..end.len().saturating_sub(TRIED));
            at = chunk.next;
        }
        matches(Some(definitions), &end).map_err(|e| wrong(&e))
    }

    /// Keeps the definitions with the script folder, and has the run's log read again with them.
    pub async fn define_metrics(&self, cx: &Cx, id: &RunId, definitions: &Definitions) -> Result<Defined> {
        definitions.check().map_err(|e| wrong(&e))?;
        let view = self.run(cx, id).await?;
        let series = self.home().series(id);
        std::fs::create_dir_all(&series).map_err(|e| Error::io(OPERATION, series.display(), e))?;
        keep::ask_again(&series, definitions).map_err(|e| failed(&e))?;
        let soon = !view.status.state.is_over();
        if !soon {
            self.read_again(cx, id, definitions).await?;
        }
        let path = view.spec.dir.join(FILE);
        let kept_in = write(&path, definitions).map(|()| path).map_err(|e| e.to_string());
        Ok(Defined { kept_in, soon })
    }

    async fn read_again(&self, cx: &Cx, id: &RunId, definitions: &Definitions) -> Result<()> {
        let series = self.home().series(id);
        let own = self.home().run(id).join("log");
        let (log, fetched) = if own.is_file() { (own, false) } else { (self.fetch_log(cx, id, &series).await?, true) };
        let (definitions, now) = (definitions.clone(), cx.now().as_millisecond());
        let done = tokio::task::spawn_blocking(move || {
            let from = curfew_series::Standing::read(&series).map_or(0, |standing| standing.log_from);
            let mut keeper = Keeper::open(&series, Some(&definitions), if fetched { 0 } else { from })?;
            let read = keeper.read_again(&log, Some(&definitions), now);
            if fetched {
                // Only a copy; what stays behind is removed with the run.
                let _ = std::fs::remove_file(&log);
            }
            read
        });
        done.await
            .map_err(|e| Error::new(ErrorKind::Unknown, OPERATION, "the reading stopped").caused_by(e))?
            .map_err(|e| failed(&e))
    }

    /// The whole log of a run elsewhere, as a file.
    async fn fetch_log(&self, cx: &Cx, id: &RunId, series: &Path) -> Result<PathBuf> {
        let path = series.join("log.part");
        let io = |e| Error::io(OPERATION, path.display(), e);
        let mut file = std::fs::File::create(&path).map_err(io)?;
        let mut at = String::new();
        loop {
            let chunk = self.run_log(cx, id, &at, 1 << 20).await?;
            if chunk.bytes.is_empty() {
                return Ok(path);
            }
            file.write_all(&chunk.bytes).map_err(io)?;
            at = chunk.next;
        }
    }
}

/// Puts `[metrics]` into the file and leaves the rest of it, comments too, as it stands.
fn write(path: &Path, definitions: &Definitions) -> Result<()> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(Error::io(OPERATION, path.display(), e)),
    };
    let text = with_metrics(&text, definitions)?;
    let part = path.with_extension("toml.part");
    std::fs::write(&part, text)
        .and_then(|()| std::fs::rename(&part, path))
        .map_err(|e| Error::io(OPERATION, path.display(), e))
}

fn with_metrics(text: &str, definitions: &Definitions) -> Result<String> {
    let bad = |what: &str, e: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Corrupt, OPERATION, format!("{what}: {e}")).next("Correct the file in the script folder")
    };
    let mut file: toml_edit::DocumentMut = text.parse().map_err(|e| bad("curfew.toml is wrong", &e))?;
    file.remove("metrics");
    let rest = file.to_string();
    if *definitions == Definitions::default() {
        return Ok(rest);
    }
    let made = toml::to_string(&CurfewToml { metrics: Some(definitions.clone()) })
        .map_err(|e| bad("the definitions cannot be written down", &e))?;
    Ok(if rest.trim().is_empty() { made } else { format!("{}\n\n{made}", rest.trim_end()) })
}

/// A definition that cannot be used, at the form's field.
fn wrong(error: &curfew_series::Error) -> Error {
    match error {
        curfew_series::Error::Definition { .. } => Error::input("define", error.to_string()),
        other => failed(other),
    }
}

fn failed(error: &curfew_series::Error) -> Error {
    let kind = match error {
        curfew_series::Error::Locked { .. } => ErrorKind::Locked,
        curfew_series::Error::Corrupt { .. } => ErrorKind::Corrupt,
        _ => ErrorKind::Unknown,
    };
    Error::new(kind, OPERATION, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_series::definitions::Metric;

    #[test]
    fn the_rest_of_the_file_stays() {
        let definitions = Definitions {
            define: vec![Metric { name: "fall".into(), regex: r"down to ([^ ]+)".into() }],
            rename: [("Avg. loss".to_owned(), "loss".to_owned())].into(),
            ..Definitions::default()
        };
        let text = "# Mine\n[other] # keep\nx = 1\n\n[metrics]\nhide = [\"old\"]\n";
        let written = with_metrics(text, &definitions).unwrap();
        assert!(written.starts_with("# Mine\n[other] # keep\nx = 1\n") && !written.contains("old"), "{written}");
        let read: CurfewToml = toml::from_str(&written).unwrap();
        assert_eq!(read.metrics, Some(definitions.clone()));
        let new: CurfewToml = toml::from_str(&with_metrics("", &definitions).unwrap()).unwrap();
        assert_eq!(new.metrics, Some(definitions));
        let none = with_metrics(text, &Definitions::default()).unwrap();
        assert!(!none.contains("metrics") && none.contains("[other] # keep"), "{none}");
        assert!(with_metrics("not toml [", &Definitions::default()).is_err());
    }
}
