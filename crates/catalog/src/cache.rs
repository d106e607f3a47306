//! Refreshed prices on disk: one packed file of offers and one small status file beside it, each replaced whole.
//!
//! The cache is laid over the embedded snapshot. A failed refresh leaves the offers alone and is noted in the status;
//! a file that is damaged is noted and not used.

use crate::builder::Builder;
use crate::offers::{Catalog, Note};
use crate::pack::{self, Pack};
use crate::snapshot;
use curfew_core::{Error, ErrorKind, Result, Timestamp, say};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{ErrorKind as IoKind, Write};
use std::path::Path;

const OFFERS: &str = "offers.bin";
const STATUS: &str = "status.json";
const SECTION: &str = "offers";
/// From this age on the cache counts as stale: list prices change a few times a year, spot within the hour.
pub const STALE_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);
/// No cache of ours is larger; anything beyond is not read into memory.
const LARGEST_FILE: u64 = 512 << 20;

/// How reading one feed went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedState {
    /// "aws AmazonEC2 us-east-1", "aws spot eu-west-1", "gcp Compute Engine".
    pub feed: String,
    /// When it was last read whole; `None`: never.
    pub read_at: Option<Timestamp>,
    /// How many offers it gave.
    pub offers: usize,
    /// When it last failed, and how, if that was after `read_at`.
    pub failed: Option<(Timestamp, String)>,
}

/// What is known of the refreshes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Status {
    /// One for each feed ever tried, sorted by name.
    pub feeds: Vec<FeedState>,
    /// What the last refresh kept out or found odd.
    pub notes: Vec<(String, String)>,
}

impl Status {
    /// Notes a feed that was read whole.
    pub fn read(&mut self, feed: &str, at: Timestamp, offers: usize) {
        let state = self.feed(feed);
        (state.read_at, state.offers, state.failed) = (Some(at), offers, None);
    }
    /// Notes a feed that could not be read; what it gave before stays in use.
    pub fn failed(&mut self, feed: &str, at: Timestamp, says: &str) {
        self.feed(feed).failed = Some((at, says.to_owned()));
    }
    fn feed(&mut self, feed: &str) -> &mut FeedState {
        let at = self.feeds.partition_point(|f| *f.feed < *feed);
        if self.feeds.get(at).is_none_or(|f| f.feed != feed) {
            let state = FeedState { feed: feed.to_owned(), read_at: None, offers: 0, failed: None };
            self.feeds.insert(at, state);
        }
        &mut self.feeds[at]
    }
    /// The oldest of the last whole readings: what all refreshed prices are at least as new as.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.feeds.iter().filter_map(|f| f.read_at).min()
    }
    /// The newest whole reading.
    pub fn newest(&self) -> Option<Timestamp> {
        self.feeds.iter().filter_map(|f| f.read_at).max()
    }
}

/// The prices to use, and what to say of them.
#[derive(Debug, Clone, Default)]
pub struct Prices {
    /// The embedded snapshot with the cache laid over it, without this computer.
    pub catalog: Catalog,
    /// The cached layer alone, to be refreshed further.
    pub cached: Catalog,
    /// The refreshes.
    pub status: Status,
    /// What is wrong or worth knowing: stale, damaged, failed.
    pub notes: Vec<Note>,
}

/// Loads the embedded snapshot and lays the cache in `folder` over it. Never fails: what is wrong becomes a note.
pub fn load(folder: Option<&Path>, now: Timestamp) -> Prices {
    let embedded = snapshot::embedded();
    let mut prices = Prices { catalog: embedded, ..Prices::default() };
    let Some(folder) = folder else { return prices };
    match read_status(folder) {
        Ok(status) => prices.status = status.unwrap_or_default(),
        Err(says) => prices.note("price status", &says),
    }
    match read_offers(folder) {
        Ok(None) => {}
        Ok(Some(cached)) => {
            let mut builder = Builder::from_catalog(&prices.catalog);
            builder.add_catalog(&cached);
            prices.catalog = builder.build();
            prices.cached = cached;
        }
        Err(says) => {
            let built_in = snapshot::about().newest.map_or_else(String::new, |d| format!(" (up to {d})"));
            prices.note(
                "price cache",
                &format!("{says}; the built-in prices{built_in} are shown. Refresh the prices to replace it"),
            );
        }
    }
    prices.judge_age(now);
    prices
}

impl Prices {
    fn note(&mut self, about: &str, says: &str) {
        self.notes.push(Note { about: about.to_owned(), says: says.to_owned() });
    }
    fn judge_age(&mut self, now: Timestamp) {
        let feeds = self.status.feeds.clone();
        for feed in &feeds {
            if let Some((at, says)) = &feed.failed {
                let kept = match feed.read_at {
                    Some(read) => format!("its prices of {} are kept", say::ago(read, now)),
                    None => "the built-in prices are shown".to_owned(),
                };
                self.note(&feed.feed, &format!("could not be refreshed {} ({says}); {kept}", say::ago(*at, now)));
            }
            match feed.read_at.map(|at| now.duration_since(at)) {
                Some(age) if age > STALE_AFTER => {
                    let read = feed.read_at.unwrap_or(now);
                    self.note(&feed.feed, &format!("was last read {}; refresh the prices", say::ago(read, now)));
                }
                Some(age) if age < SignedDuration::from_mins(-5) => {
                    self.note(&feed.feed, "was read in the future by this computer's clock; its age is not known");
                }
                _ => {}
            }
        }
    }
    /// Lays freshly read offers over what is cached (a later row wins, what was not read again stays) and saves both
    /// files. On an error the old files are whole.
    pub fn refresh(&mut self, folder: &Path, fresh: &[&Catalog], status: Status) -> Result<()> {
        let mut builder = Builder::from_catalog(&self.cached);
        for catalog in fresh {
            builder.add_catalog(catalog);
        }
        let cached = builder.build();
        save(folder, &cached, &status)?;
        let mut all = Builder::from_catalog(&snapshot::embedded());
        all.add_catalog(&cached);
        (self.catalog, self.cached, self.status) = (all.build(), cached, status);
        self.notes.clear();
        Ok(())
    }
}

/// Saves the cached layer and the status.
fn save(folder: &Path, cached: &Catalog, status: &Status) -> Result<()> {
    fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
    let offers = pack::pack(&[(SECTION, &pack::write_catalog(cached))], 6);
    replace(&folder.join(OFFERS), &offers)?;
    save_status(folder, status)
}

/// Saves the status alone: a refresh that failed leaves the offers as they were.
pub fn save_status(folder: &Path, status: &Status) -> Result<()> {
    fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
    let text = serde_json::to_vec_pretty(status)
        .map_err(|e| Error::new(ErrorKind::Unknown, "save the prices", e.to_string()))?;
    replace(&folder.join(STATUS), &text)
}

/// Writes beside, flushes, renames: a reader sees the old file or the new one.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&beside, path)).map_err(|e| {
        let _ = fs::remove_file(&beside);
        failed(path, &e)
    })
}

fn failed(path: &Path, e: &std::io::Error) -> Error {
    let kind = match e.kind() {
        IoKind::StorageFull => ErrorKind::DiskFull,
        IoKind::PermissionDenied => ErrorKind::PermissionDenied,
        _ => ErrorKind::Unknown,
    };
    let says = format!("the prices cannot be saved in {} ({e}); the old ones are kept", path.display());
    Error::new(kind, "save the prices", says)
}

fn read_file(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let size = match fs::metadata(path) {
        Ok(meta) => meta.len(),
        Err(e) if e.kind() == IoKind::NotFound => return Ok(None),
        Err(e) => return Err(format!("cannot be read ({e})")),
    };
    if size > LARGEST_FILE {
        return Err("is far larger than any price file of ours".to_owned());
    }
    fs::read(path).map(Some).map_err(|e| format!("cannot be read ({e})"))
}

fn read_offers(folder: &Path) -> Result<Option<Catalog>, String> {
    let Some(bytes) = read_file(&folder.join(OFFERS))? else { return Ok(None) };
    let catalog = Pack::open(&bytes).and_then(|p| p.section(SECTION)).and_then(|s| pack::read_catalog(&s));
    catalog.map(Some).map_err(|e| format!("cannot be used: {e}"))
}

fn read_status(folder: &Path) -> Result<Option<Status>, String> {
    let Some(bytes) = read_file(&folder.join(STATUS))? else { return Ok(None) };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|e| format!("cannot be used ({e}); how old the prices are is not known"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Buy, NewOffer, Rate, Slot};

    fn fresh(usd: &str) -> Catalog {
        let mut b = Builder::new();
        let slot = Slot {
            cloud: "aws".into(),
            service: "ec2".into(),
            component: None,
            region: "us-east-1".into(),
            zone: None,
            buy: Buy::OnDemand,
        };
        let as_of = Some("2026-11-20".parse().unwrap());
        b.offer(&NewOffer { slot, machine: "g5.xlarge", rate: Rate::parse(usd), as_of, source: "AWS Price List" });
        b.build()
    }
    fn g5(prices: &Prices) -> String {
        let found = prices.catalog.find(&"aws:ec2:us-east-1:g5.xlarge".parse().unwrap());
        format!("{} of {}", found[0].rate.unwrap(), found[0].as_of.unwrap())
    }
    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn refreshed_failed_stale_and_corrupt() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("prices");
        let now = at("2026-11-20T14:10:00Z");
        let mut prices = load(Some(&folder), now);
        assert_eq!((g5(&prices).as_str(), prices.notes.len()), ("1.006 of 2026-07-20", 0));

        let mut status = Status::default();
        status.read("aws AmazonEC2 us-east-1", now, 1);
        prices.refresh(&folder, &[&fresh("1.01")], status).unwrap();
        assert_eq!(g5(&prices), "1.01 of 2026-11-20");
        let known = |p: &Prices| p.catalog.find(&"aws:ec2:us-east-1:g5.xlarge".parse().unwrap())[0].spec.vcpus;
        assert_eq!(known(&prices), Some(4), "what the refresh does not say stays known");

        // A failed refresh keeps the old and says so.
        let later = at("2026-11-21T14:10:00Z");
        let mut loaded = load(Some(&folder), later);
        let mut status = loaded.status.clone();
        status.failed("aws AmazonEC2 us-east-1", later, "no connection");
        save_status(&folder, &status).unwrap();
        loaded = load(Some(&folder), later);
        assert_eq!(g5(&loaded), "1.01 of 2026-11-20");
        assert_eq!(
            loaded.notes[0].says,
            "could not be refreshed just now (no connection); its prices of 1 day ago are kept"
        );

        // Stale, and from the future.
        let notes = |now| load(Some(&folder), now).notes.iter().map(|n| n.says.clone()).collect::<Vec<_>>();
        assert!(
            notes(at("2026-12-20T14:10:00Z")).contains(&"was last read 30 days ago; refresh the prices".to_owned())
        );
        assert!(notes(at("2026-10-20T14:10:00Z")).iter().any(|n| n.contains("in the future")));

        // Cut short, flipped, foreign: noted, and the built-in prices are shown.
        let file = folder.join(OFFERS);
        let whole = fs::read(&file).unwrap();
        for (bytes, says) in [
            (whole[..whole.len() / 2].to_vec(), "it is cut short"),
            (
                whole.iter().enumerate().map(|(i, b)| if i == whole.len() - 20 { b ^ 1 } else { *b }).collect(),
                "it is damaged",
            ),
            (b"<html>captive portal</html>".to_vec(), "it is not a price file of this version of Curfew"),
            (Vec::new(), "it is cut short"),
        ] {
            fs::write(&file, bytes).unwrap();
            let prices = load(Some(&folder), later);
            assert_eq!(g5(&prices), "1.006 of 2026-07-20");
            assert!(
                prices.notes.iter().any(|n| n.about == "price cache" && n.says.contains(says)),
                "{:?}",
                prices.notes
            );
        }
        fs::write(folder.join(STATUS), b"{").unwrap();
        assert!(load(Some(&folder), later).notes.iter().any(|n| n.about == "price status"));
        assert_eq!(load(None, later).notes, []);
    }
}
