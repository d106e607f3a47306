//! The run's loss series, read from its log as it grows. The seam to `curfew-series`.

use crate::rules::Rules;
use curfew_core::{Error, Result, Timestamp};
use curfew_series::store::Writer;
use curfew_series::{Definitions, Progress, Recogniser};
use jiff::SignedDuration;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Reads output and keeps its metrics.
pub(crate) struct Series {
    recogniser: Recogniser,
    writer: Option<Writer>,
    appended: bool,
    folder: PathBuf,
    told: Progress,
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
    /// Opens the series in `folder`. That it cannot be kept does not stop a run: it is said in the supervisor's log.
    pub(crate) fn open(folder: &Path, definitions: Option<&Definitions>, rules: Rules) -> Self {
        let recogniser = Recogniser::new(definitions).or_else(|e| {
            complain(&e);
            Recogniser::new(None)
        });
        let writer = Writer::open(folder).map_err(|e| complain(&e)).ok();
        Self {
            recogniser: recogniser.expect("no definitions are always right"),
            writer,
            appended: false,
            rules,
            folder: folder.to_owned(),
            told: Progress::default(),
        }
    }
    /// Reads what arrived.
    pub(crate) fn push(&mut self, bytes: &[u8], now: Timestamp) {
        let (writer, appended, rules) = (&mut self.writer, &mut self.appended, &mut self.rules);
        self.recogniser.push(bytes, now.as_millisecond(), &mut |point| {
            keep(writer, appended, &point);
            rules.see(&point);
        });
    }
    /// Why a stop rule wants the end, after so much work.
    pub(crate) fn wants_end(&mut self, worked: SignedDuration) -> Option<String> {
        self.rules.hit(worked)
    }
    /// Lets others see what was read.
    pub(crate) fn flush(&mut self) {
        self.tell_progress();
        if std::mem::take(&mut self.appended)
            && let Some(writer) = &mut self.writer
            && let Err(e) = writer.flush()
        {
            complain(&e);
        }
    }
    /// How far the run has come, beside its series: readers show "epoch 31 of 60" and work out when it is done.
    fn tell_progress(&mut self) {
        let progress = self.recogniser.progress();
        if self.writer.is_none() || progress == self.told {
            return;
        }
        self.told = progress;
        // Whole or not at all, for readers; not synced, since the log holds the truth.
        let part = self.folder.join("progress.json.part");
        let written = serde_json::to_vec(&progress)
            .map_err(std::io::Error::from)
            .and_then(|json| std::fs::write(&part, json))
            .and_then(|()| std::fs::rename(&part, self.folder.join("progress.json")));
        if let Err(e) = written {
            eprintln!("{} how far the run is cannot be told: {e}", Timestamp::now());
        }
    }
    /// The last line, and everything to the disk.
    pub(crate) fn finish(&mut self, now: Timestamp) {
        let (writer, appended) = (&mut self.writer, &mut self.appended);
        self.recogniser.finish(now.as_millisecond(), &mut |point| keep(writer, appended, &point));
        self.tell_progress();
        if let Some(writer) = &mut self.writer
            && let Err(e) = writer.flush().and_then(|()| writer.sync())
        {
            complain(&e);
        }
    }
}

fn keep(writer: &mut Option<Writer>, appended: &mut bool, point: &curfew_series::Point<'_>) {
    let Some(open) = writer else { return };
    *appended = true;
    if let Err(e) = open.append(point) {
        complain(&e);
        // Once, not for each point of a full disk; the log holds the rest, and can be read again.
        *writer = None;
    }
}

fn complain(error: &curfew_series::Error) {
    eprintln!("{} the series cannot be kept: {error}", Timestamp::now());
}
