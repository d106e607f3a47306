//! Logs of runs whose provider does not write their series: read as they grow, kept beside the run, recognised.
//!
//! A copy of the log lies in the run's folder with the position it was read to, so that a process that starts later goes
//! on where the last one ended, and builds its recogniser's state from the copy.

use crate::Engine;
use crate::runs::handle;
use crate::store::RunRow;
use curfew_core::provider::Training;
use curfew_core::{Cx, Error, ErrorKind, Result, RunId};
use curfew_series::{Definitions, Keeper};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// How much is taken from the provider at once.
const PIECE: usize = 1 << 20;
/// How many pieces at most before other runs have their turn.
const PIECES: usize = 16;

/// Every run that this process follows.
#[derive(Default)]
pub(crate) struct Following(tokio::sync::Mutex<HashMap<RunId, Follower>>);

/// One run's log and series.
struct Follower {
    folder: PathBuf,
    at: Position,
    log: File,
    keeper: Keeper,
    ended: bool,
}

/// How far the log has been read, in the provider's terms and in bytes of the copy.
#[derive(Default, Serialize, Deserialize)]
struct Position {
    next: String,
    bytes: u64,
    end: bool,
}

#[derive(Default, Deserialize)]
struct CurfewToml {
    metrics: Option<Definitions>,
}

impl Engine {
    /// Reads on in the logs of all runs that need it. What fails is tried again at the next turn.
    pub(crate) async fn follow_logs(&self, cx: &Cx, due: &crate::pace::Due) -> Result<()> {
        for row in self.store.runs().await?.iter() {
            if due.is_due(&row.cloud, &row.account) {
                self.follow_log(cx, row).await;
            }
        }
        Ok(())
    }

    /// Reads on in one run's log, if nobody else does it.
    pub(crate) async fn follow_log(&self, cx: &Cx, row: &RunRow) {
        let Ok(training_at) = self.training_of(&row.cloud, &row.account) else { return };
        let training = training_at.part();
        if training.writes_series() || row.native.is_none() {
            return;
        }
        if let Err(e) = self.read_on(cx, row, training).await {
            tracing::warn!(run = %row.spec.id, error = ?e, "could not read on in its log");
        }
    }

    async fn read_on(&self, cx: &Cx, row: &RunRow, training: &dyn Training) -> Result<()> {
        let mut following = self.following.0.lock().await;
        if !following.contains_key(&row.spec.id) {
            let folder = self.home.run(&row.spec.id);
            if position(&folder).end {
                return Ok(());
            }
            let Some(follower) = Follower::open(&folder, &row.spec.dir, cx.now().as_millisecond())? else {
                return Ok(());
            };
            following.insert(row.spec.id.clone(), follower);
        }
        let Some(follower) = following.get_mut(&row.spec.id) else { return Ok(()) };
        for _ in 0..PIECES {
            let chunk = match training.log(cx, &handle(row), &follower.at.next, PIECE).await {
                Ok(chunk) => chunk,
                Err(e) if e.kind() == ErrorKind::NotFound => break,
                Err(e) => return Err(e),
            };
            let done = chunk.end || chunk.bytes.is_empty();
            follower.take(&chunk.bytes, chunk.next, chunk.end, cx.now().as_millisecond())?;
            if done {
                break;
            }
        }
        if follower.ended {
            following.remove(&row.spec.id);
        }
        Ok(())
    }

    /// Lets go of a run that is being removed, and removes what was kept of it here.
    pub(crate) async fn forget_followed(&self, id: &RunId) {
        self.readers.close(&self.home.series(id));
        let row = self.store.run(id).await.ok().flatten();
        let Some(row) = row else { return };
        if self.training_of(&row.cloud, &row.account).is_ok_and(|t| !t.part().writes_series()) {
            self.following.0.lock().await.remove(id);
            let folder = self.home.run(id);
            if let Err(e) = fs::remove_dir_all(&folder)
                && e.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!(run = %id, error = %e, "could not remove what was kept of it");
            }
        }
    }
}

fn position(folder: &Path) -> Position {
    fs::read(folder.join("log.at")).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// What the script folder's curfew.toml says of metrics. That it cannot be read any more does not stop the plot.
fn definitions(dir: &Path) -> Option<Definitions> {
    let text = fs::read_to_string(dir.join("curfew.toml")).ok()?;
    toml::from_str::<CurfewToml>(&text).ok()?.metrics
}

fn io(what: &'static str) -> impl Fn(std::io::Error) -> Error {
    move |e| Error::io("read the run's log", what, e)
}

fn kept(e: curfew_series::Error) -> Error {
    Error::new(ErrorKind::Corrupt, "keep the run's series", e.to_string()).caused_by(e)
}

impl Follower {
    /// Opens or goes on. `None`: another process follows this run.
    fn open(folder: &Path, dir: &Path, now_ms: i64) -> Result<Option<Self>> {
        fs::create_dir_all(folder).map_err(io("its folder cannot be made"))?;
        let definitions = definitions(dir);
        let series = folder.join("series");
        let opened = Keeper::open(&series, definitions.as_ref(), 0).or_else(|e| match e {
            // A definition that is wrong does not stop the plot.
            curfew_series::Error::Locked { .. } => Err(e),
            _ => Keeper::open(&series, None, 0),
        });
        let mut keeper = match opened {
            Ok(keeper) => keeper,
            Err(curfew_series::Error::Locked { .. }) => return Ok(None),
            Err(e) => return Err(kept(e)),
        };
        let at = position(folder);
        let path = folder.join("log");
        let mut log = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(io("log"))?;
        // What was written after the last position was noted is read again from there.
        log.set_len(at.bytes).map_err(io("log"))?;
        log.seek(SeekFrom::End(0)).map_err(io("log"))?;
        // The series may be ahead of the position, too, after a crash.
        let said = curfew_series::keep::definitions(&series).or(definitions);
        keeper.read_again(&path, said.as_ref(), now_ms).map_err(kept)?;
        Ok(Some(Self { folder: folder.to_owned(), at, log, keeper, ended: false }))
    }

    /// Takes a piece of the log: into the copy, into the series, and then the position.
    fn take(&mut self, bytes: &[u8], next: String, end: bool, now_ms: i64) -> Result<()> {
        self.keeper.take_definitions(&self.folder.join("log"), now_ms).map_err(kept)?;
        if bytes.is_empty() && !end && next == self.at.next {
            return Ok(());
        }
        self.log.write_all(bytes).map_err(io("log"))?;
        self.at = Position { next, bytes: self.at.bytes + bytes.len() as u64, end };
        self.keeper.push(bytes, now_ms, &mut |_| {}).map_err(kept)?;
        if end {
            self.keeper.finish(now_ms, &mut |_| {}).map_err(kept)?;
            self.ended = true;
        } else {
            self.keeper.flush(now_ms).map_err(kept)?;
        }
        whole(&self.folder, "log.at", &self.at)
    }
}

/// Writes a small file whole or not at all.
fn whole(folder: &Path, name: &str, value: &impl Serialize) -> Result<()> {
    let part = folder.join(format!("{name}.part"));
    let text = serde_json::to_vec(value).map_err(|e| io("its position cannot be written")(e.into()))?;
    fs::write(&part, text).and_then(|()| fs::rename(&part, folder.join(name))).map_err(io("its position"))
}
