//! A run's output on its way into its series: read, kept, how far it has come told beside it, read again with other
//! definitions. Whoever reads a run's log (its supervisor, a provider in a cloud) keeps it through here.
//!
//! | file in the series' folder | holds |
//! |---|---|
//! | `series.*` | the points |
//! | `progress.json` | how far the run has come and when it will be done: a [`Standing`] |
//! | `arrivals` | when which part of the log came, so that a log read again keeps its times |
//! | `definitions.json` | what the user says of the metrics; whoever keeps the series takes a new one over |

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::At;
use crate::pace::{Forecast, Pace};
use crate::store::Writer;
use crate::tail::{Arrivals, read_again};
use crate::tbevents::EventFolder;
use crate::{Definitions, Error, Point, Progress, Recogniser, Result};

/// How often folders are looked through for TensorBoard's event files, in milliseconds.
const EVENTS_EVERY_MS: i64 = 1_000;
/// What stands before the names of metrics that come from event files: a script may print the same ones.
const FROM_EVENTS: &str = "tb/";

/// How a run stands, beside its series.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Standing {
    /// How far it has come.
    #[serde(flatten)]
    pub progress: Progress,
    /// When it will be done, by its pace; times count from [`Standing::seen_ms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
    /// When that was so, in milliseconds since 1970 (UTC).
    #[serde(default)]
    pub seen_ms: i64,
    /// Where in the log the script's own output begins, in bytes.
    #[serde(default)]
    pub log_from: u64,
}

impl Standing {
    /// What stands beside the series in `dir`; `None` while nothing does.
    pub fn read(dir: &Path) -> Option<Standing> {
        serde_json::from_slice(&fs::read(dir.join("progress.json")).ok()?).ok()
    }
}

/// Keeps the series of one run. There is one keeper at a time.
pub struct Keeper {
    dir: PathBuf,
    recogniser: Recogniser,
    /// Absent once points could not be kept: the log holds them, and can be read again.
    writer: Option<Writer>,
    arrivals: Arrivals,
    events: Vec<EventFolder>,
    events_read_ms: i64,
    /// How far the log was read.
    offset: u64,
    unflushed: bool,
    pace: Pace,
    told: Standing,
    definitions: Option<Vec<u8>>,
}

impl Keeper {
    /// Opens the series in `dir`, for a log that is read from `log_from` on. Fails where a definition is wrong or the
    /// folder cannot be written.
    pub fn open(dir: &Path, definitions: Option<&Definitions>, log_from: u64) -> Result<Keeper> {
        // What the user said later stands over what came with the script.
        let said = read_definitions(dir);
        let later: Option<Definitions> = said.as_deref().and_then(|json| serde_json::from_slice(json).ok());
        let recogniser = Recogniser::new(later.as_ref().or(definitions))?;
        let writer = Writer::open(dir)?;
        let arrivals = Arrivals::open(&dir.join("arrivals"))?;
        let told = Standing { log_from, ..Standing::read(dir).unwrap_or_default() };
        Ok(Keeper {
            dir: dir.to_owned(),
            recogniser,
            writer: Some(writer),
            arrivals,
            events: Vec::new(),
            events_read_ms: i64::MIN,
            offset: log_from,
            unflushed: false,
            pace: Pace::default(),
            told,
            definitions: said,
        })
    }

    /// Also reads the event files that appear in these folders; their metrics are named `tb/…`.
    pub fn watch_events(&mut self, folders: impl IntoIterator<Item = PathBuf>) {
        self.events = folders.into_iter().map(|folder| EventFolder::new(&folder)).collect();
    }

    /// Takes the next bytes of the log and hands on the points in them. An error is told once; reading goes on.
    pub fn push(&mut self, bytes: &[u8], now_ms: i64, sink: &mut impl FnMut(&Point<'_>)) -> Result<()> {
        let mut failed = None;
        let (writer, unflushed) = (&mut self.writer, &mut self.unflushed);
        self.recogniser.push(bytes, now_ms, &mut |point| {
            keep(writer, unflushed, &mut failed, &point);
            sink(&point);
        });
        self.offset += bytes.len() as u64;
        self.pace.see(now_ms, &self.recogniser.progress());
        if let Err(error) = self.arrivals.note(self.offset, now_ms) {
            failed.get_or_insert(error);
        }
        failed.map_or(Ok(()), Err)
    }

    /// Lets others see what was read, and reads what event files have brought.
    pub fn flush(&mut self, now_ms: i64) -> Result<()> {
        let mut failed = None;
        if now_ms.saturating_sub(self.events_read_ms) >= EVENTS_EVERY_MS {
            self.events_read_ms = now_ms;
            self.read_events(&mut failed);
        }
        if std::mem::take(&mut self.unflushed)
            && let Some(Err(error)) = self.writer.as_mut().map(Writer::flush)
        {
            // Tried again at the next turn: a disk that is full now may have room then.
            self.unflushed = true;
            failed.get_or_insert(error);
        }
        if let Err(error) = self.tell(now_ms) {
            failed.get_or_insert(error);
        }
        failed.map_or(Ok(()), Err)
    }

    /// The last line, the last events, and everything to the disk.
    pub fn finish(&mut self, now_ms: i64, sink: &mut impl FnMut(&Point<'_>)) -> Result<()> {
        let mut failed = None;
        let (writer, unflushed) = (&mut self.writer, &mut self.unflushed);
        self.recogniser.finish(now_ms, &mut |point| {
            keep(writer, unflushed, &mut failed, &point);
            sink(&point);
        });
        self.read_events(&mut failed);
        if let Err(error) = self.tell(now_ms) {
            failed.get_or_insert(error);
        }
        let synced = self.writer.as_mut().map_or(Ok(()), |writer| writer.flush().and_then(|()| writer.sync()));
        synced.and(failed.map_or(Ok(()), Err))
    }

    /// How far the run has come.
    pub fn progress(&self) -> Progress {
        self.recogniser.progress()
    }

    /// Reads `log` again where the user has changed `definitions.json` since; says whether that was so.
    pub fn take_definitions(&mut self, log: &Path, now_ms: i64) -> Result<bool> {
        let now = read_definitions(&self.dir);
        if now == self.definitions {
            return Ok(false);
        }
        self.definitions.clone_from(&now);
        let definitions: Option<Definitions> = now.and_then(|json| serde_json::from_slice(&json).ok());
        self.read_again(log, definitions.as_ref(), now_ms)?;
        Ok(true)
    }

    /// Reads the whole log again with these definitions. Readers see the old series until the new ones are whole.
    pub fn read_again(&mut self, log: &Path, definitions: Option<&Definitions>, now_ms: i64) -> Result<()> {
        definitions.map_or(Ok(()), Definitions::check)?;
        let Some(old) = self.writer.take() else { return Ok(()) };
        let again = self.dir.join("again");
        let made = make_again(&again, log, &self.dir, self.told.log_from, now_ms, definitions);
        let (writer, recogniser, offset) = match made {
            Ok(made) => made,
            Err(error) => {
                // The old series stay as they were.
                self.writer = Some(old);
                return Err(error);
            }
        };
        self.writer = Some(writer.replace(old)?);
        (self.recogniser, self.offset) = (recogniser, offset);
        for folder in &mut self.events {
            folder.rewind();
        }
        let mut failed = None;
        self.read_events(&mut failed);
        self.flush(now_ms)?;
        failed.map_or(Ok(()), Err)
    }

    fn read_events(&mut self, failed: &mut Option<Error>) {
        let (writer, unflushed) = (&mut self.writer, &mut self.unflushed);
        for folder in &mut self.events {
            let mut name = String::new();
            let read = folder.read(&mut |point| {
                name.clear();
                name.push_str(FROM_EVENTS);
                name.push_str(point.metric);
                keep(writer, unflushed, failed, &Point { metric: &name, ..point });
            });
            if let Err(error) = read {
                failed.get_or_insert(error);
            }
        }
    }

    /// Readers show "epoch 31 of 60" and when it will be done.
    fn tell(&mut self, now_ms: i64) -> Result<()> {
        let progress = self.recogniser.progress();
        if progress == self.told.progress && self.told.seen_ms != 0 {
            return Ok(());
        }
        let log_from = self.told.log_from;
        self.told = Standing { progress, forecast: self.pace.forecast(), seen_ms: now_ms, log_from };
        // Whole or not at all, for readers; not synced, since the log holds the truth.
        write_whole(&self.dir.join("progress.json"), &self.told)
    }
}

fn keep(writer: &mut Option<Writer>, unflushed: &mut bool, failed: &mut Option<Error>, point: &Point<'_>) {
    let Some(open) = writer else { return };
    *unflushed = true;
    if let Err(error) = open.append(point) {
        failed.get_or_insert(error);
        // Once, not for each point of a full disk.
        *writer = None;
    }
}

fn make_again(
    again: &Path,
    log: &Path,
    dir: &Path,
    log_from: u64,
    now_ms: i64,
    definitions: Option<&Definitions>,
) -> Result<(Writer, Recogniser, u64)> {
    // What an earlier try left behind is of no use.
    match fs::remove_dir_all(again) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).at(again),
        _ => {}
    }
    let mut writer = Writer::open(again)?;
    match read_again(log, log_from, &dir.join("arrivals"), now_ms, definitions, &mut writer) {
        Ok((recogniser, offset)) => Ok((writer, recogniser, offset)),
        Err(error) => {
            drop(writer);
            // On a full disk, half of another copy is in the way; the next try removes what stays.
            let _ = fs::remove_dir_all(again);
            Err(error)
        }
    }
}

/// What the user last said of the metrics of the series in `dir`.
pub fn definitions(dir: &Path) -> Option<Definitions> {
    serde_json::from_slice(&read_definitions(dir)?).ok()
}

fn read_definitions(dir: &Path) -> Option<Vec<u8>> {
    fs::read(dir.join("definitions.json")).ok()
}

/// Asks whoever keeps the series in `dir` to read its log again with these definitions.
///
/// Checks them first, so that no keeper is asked for what it cannot do.
pub fn ask_again(dir: &Path, definitions: &Definitions) -> Result<()> {
    definitions.check()?;
    write_whole(&dir.join("definitions.json"), definitions)
}

fn write_whole(path: &Path, value: &impl Serialize) -> Result<()> {
    let part = path.with_extension("json.part");
    let json = serde_json::to_vec(value).map_err(std::io::Error::from).at(path)?;
    fs::write(&part, json).at(&part)?;
    fs::rename(&part, path).at(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Reader;

    fn names(dir: &Path) -> Vec<(String, u64)> {
        Reader::open(dir).unwrap().metrics().into_iter().map(|metric| (metric.name, metric.count)).collect()
    }

    #[test]
    fn definitions_are_taken_over_while_the_run_goes_on() {
        let room = tempfile::tempdir().unwrap();
        let (dir, log) = (room.path().join("series"), room.path().join("log"));
        fs::create_dir(&dir).unwrap();
        let first = b"pip: installing\nepoch 1/4 loss=0.5 fall 7\n";
        let second = b"epoch 2/4 loss=0.4 fall 6\n";
        fs::write(&log, first).unwrap();
        let mut keeper = Keeper::open(&dir, None, 16).unwrap();
        keeper.push(&first[16..], 1_000, &mut |_| ()).unwrap();
        keeper.flush(1_000).unwrap();
        assert_eq!(names(&dir), [("loss".to_owned(), 1)]);
        assert!(!keeper.take_definitions(&log, 1_500).unwrap());

        let definitions = Definitions {
            define: vec![crate::definitions::Metric { name: "fall".into(), regex: "fall ([0-9]+)".into() }],
            recognise: Some(true),
            rename: [("loss".to_owned(), "train loss".to_owned())].into(),
            ..Definitions::default()
        };
        ask_again(&dir, &definitions).unwrap();
        assert!(keeper.take_definitions(&log, 2_000).unwrap());
        fs::write(&log, [&first[..], second].concat()).unwrap();
        keeper.push(second, 2_000, &mut |_| ()).unwrap();
        keeper.finish(2_000, &mut |_| ()).unwrap();
        assert_eq!(names(&dir), [("fall".to_owned(), 2), ("train loss".to_owned(), 2)]);
        let reader = Reader::open(&dir).unwrap();
        let id = reader.find("fall", None).unwrap();
        let times: Vec<i64> = reader.points(id, 0..9).map(|point| point.unwrap().time_ms).collect();
        assert_eq!(times, [1_000, 2_000], "what was read again kept its time");
        assert!(!keeper.take_definitions(&log, 3_000).unwrap(), "once is enough");

        let wrong = Definitions {
            define: vec![crate::definitions::Metric { name: "x".into(), regex: "(".into() }],
            ..Definitions::default()
        };
        assert!(ask_again(&dir, &wrong).is_err());
    }

    /// The supervisor gives the middle of a log of gigabytes back to the disk: there are zeros then.
    #[test]
    fn a_log_with_a_hole_is_not_read_again() {
        let room = tempfile::tempdir().unwrap();
        let (dir, log) = (room.path().join("series"), room.path().join("log"));
        fs::create_dir(&dir).unwrap();
        let mut keeper = Keeper::open(&dir, None, 0).unwrap();
        keeper.push(b"epoch 1 loss=0.5\nepoch 2 loss=0.4\n", 1_000, &mut |_| ()).unwrap();
        keeper.flush(1_000).unwrap();
        fs::write(&log, [&b"epoch 1 loss=0.5\n"[..], &vec![0; 1 << 20], b"epoch 2 loss=0.4\n"].concat()).unwrap();
        let rename = [("loss".to_owned(), "fall".to_owned())].into();
        ask_again(&dir, &Definitions { rename, ..Definitions::default() }).unwrap();
        let error = keeper.take_definitions(&log, 2_000).unwrap_err();
        assert!(error.to_string().contains("given back to the disk"), "{error}");
        assert_eq!(names(&dir), [("loss".to_owned(), 2)], "the old series stay");
        assert!(!dir.join("again").exists());
        keeper.push(b"epoch 3 loss=0.3\n", 3_000, &mut |_| ()).unwrap();
        keeper.flush(3_000).unwrap();
        assert_eq!(names(&dir), [("loss".to_owned(), 3)], "and go on");
    }

    #[test]
    fn how_far_it_has_come_stands_beside_it() {
        let room = tempfile::tempdir().unwrap();
        let mut keeper = Keeper::open(room.path(), None, 0).unwrap();
        for epoch in 1..=10_i32 {
            let line = format!("epoch {epoch}/40 loss=0.5\n");
            keeper.push(line.as_bytes(), i64::from(epoch) * 1_000, &mut |_| ()).unwrap();
            keeper.flush(i64::from(epoch) * 1_000).unwrap();
        }
        let standing = Standing::read(room.path()).unwrap();
        assert_eq!((standing.progress.epoch, standing.progress.epochs_total), (Some(10.0), Some(40)));
        let forecast = standing.forecast.unwrap();
        assert!((forecast.seconds - 30.0).abs() < 0.01, "{forecast:?}");
        assert_eq!(standing.seen_ms, 10_000);
    }

    #[test]
    fn event_files_are_read_beside_the_log() {
        let room = tempfile::tempdir().unwrap();
        let (dir, out, other) = (room.path().join("series"), room.path().join("out"), room.path().join("other"));
        for folder in [&dir, &out, &other] {
            fs::create_dir(folder).unwrap();
        }
        let mut writer = Writer::open(&other).unwrap();
        for step in 0..3_u32 {
            let (step, value) = (Some(step.into()), f64::from(step));
            writer.append(&Point { metric: "loss", rank: None, step, epoch: None, time_ms: 5, value }).unwrap();
        }
        drop(writer);
        let mut events = Vec::new();
        crate::export::tensorboard(&Reader::open(&other).unwrap(), &[], &mut events).unwrap();
        let mut keeper = Keeper::open(&dir, None, 0).unwrap();
        keeper.watch_events([out.clone()]);
        keeper.push(b"step 1 loss=0.5\n", 1_000, &mut |_| ()).unwrap();
        keeper.flush(1_000).unwrap();
        fs::create_dir(out.join("train")).unwrap();
        fs::write(out.join("train/events.out.tfevents.1.host"), events).unwrap();
        keeper.flush(1_500).unwrap();
        assert_eq!(names(&dir), [("loss".to_owned(), 1)], "not looked for so soon");
        keeper.flush(2_000).unwrap();
        assert_eq!(names(&dir), [("loss".to_owned(), 1), ("tb/train/loss".to_owned(), 3)]);
    }
}
