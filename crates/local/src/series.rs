//! The run's loss series, read from its log as it grows. The seam to `curfew-series`.

use crate::rules::Rules;
use curfew_core::{Error, Result, Timestamp};
use curfew_series::{Definitions, Keeper};
use jiff::SignedDuration;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Where scripts leave TensorBoard's event files, below the folder they run in, when nobody says where.
const EVENTS: [&str; 4] = ["runs", "logs", "lightning_logs", "tensorboard"];

/// Reads output and keeps its metrics.
pub(crate) struct Series {
    /// Absent where the folder cannot be written: the log holds all of it.
    keeper: Option<Keeper>,
    log: PathBuf,
    rules: Rules,
}

#[derive(Default, Deserialize)]
struct CurfewToml {
    #[serde(default)]
    metrics: Option<Definitions>,
}

/// What the script folder's curfew.toml says about metrics. An error names the field `curfew.toml`.
pub(crate) fn definitions(code: &Path) -> Result<Option<Definitions>> {
    let path = code.join("curfew.toml");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("read curfew.toml", "curfew.toml cannot be read", e).at("dir")),
    };
    let parsed: CurfewToml =
        toml::from_str(&text).map_err(|e| Error::input("dir", format!("curfew.toml is wrong: {}", e.message())))?;
    if let Some(definitions) = &parsed.metrics {
        definitions.check().map_err(|e| Error::input("dir", format!("curfew.toml is wrong: {e}")))?;
    }
    Ok(parsed.metrics)
}

impl Series {
    /// Opens the series in `folder`, for a log that is read from `begins` on. That it cannot be kept does not stop a run:
    /// it is said in the supervisor's log.
    pub(crate) fn open(
        folder: &Path,
        log: PathBuf,
        begins: u64,
        definitions: Option<&Definitions>,
        rules: Rules,
    ) -> Self {
        let keeper = Keeper::open(folder, definitions, begins).or_else(|e| {
            complain(&e);
            Keeper::open(folder, None, begins)
        });
        Self { keeper: keeper.map_err(|e| complain(&e)).ok(), log, rules }
    }
    /// Also reads TensorBoard's event files from these folders and, below `code`, from where they usually are.
    pub(crate) fn watch_events(&mut self, outputs: impl IntoIterator<Item = PathBuf>, code: &Path) {
        let below = EVENTS.iter().map(|name| code.join(name));
        if let Some(keeper) = &mut self.keeper {
            keeper.watch_events(outputs.into_iter().chain(below));
        }
    }
    /// Reads what arrived.
    pub(crate) fn push(&mut self, bytes: &[u8], now: Timestamp) {
        let rules = &mut self.rules;
        let pushed = self.keeper.as_mut().map(|keeper| keeper.push(bytes, now.as_millisecond(), &mut |p| rules.see(p)));
        said(pushed);
    }
    /// Why a stop rule wants the end, after so much work.
    pub(crate) fn wants_end(&mut self, worked: SignedDuration) -> Option<String> {
        self.rules.hit(worked)
    }
    /// Lets others see what was read, and takes over what the user now says of the metrics.
    pub(crate) fn flush(&mut self, now: Timestamp) {
        let Some(keeper) = &mut self.keeper else { return };
        said(Some(keeper.flush(now.as_millisecond())));
        said(Some(keeper.take_definitions(&self.log, now.as_millisecond()).map(drop)));
    }
    /// The last line, and everything to the disk.
    pub(crate) fn finish(&mut self, now: Timestamp) {
        self.flush(now);
        let Some(keeper) = &mut self.keeper else { return };
        said(Some(keeper.finish(now.as_millisecond(), &mut |_| ())));
    }
}

fn said(result: Option<curfew_series::Result<()>>) {
    if let Some(Err(e)) = result {
        complain(&e);
    }
}

fn complain(error: &curfew_series::Error) {
    eprintln!("{} the series cannot be kept: {error}", Timestamp::now());
}
