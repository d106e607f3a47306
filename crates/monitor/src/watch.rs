//! A thread that asks how the run stands and reads its curves, so that the window never waits.

use crate::curves::{Ask, Curves, Drawn};
use crate::sheet::{Feed, Sheet};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How often it is asked how the run stands.
const ASK: Duration = Duration::from_secs(1);

/// What was last seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Seen {
    /// `None` until it was asked for once.
    pub(crate) sheet: Option<Sheet>,
    pub(crate) drawn: Arc<Drawn>,
    /// What could not be read, in sentences.
    pub(crate) gaps: Vec<String>,
}

/// The window's end of the thread. Dropped, the thread ends.
pub(crate) struct Watch {
    seen: Arc<Mutex<Arc<Seen>>>,
    asks: Sender<Ask>,
}

impl Watch {
    /// Begins to look at the series in `dir`; `wake` is called whenever something has changed.
    pub(crate) fn begin(dir: PathBuf, feed: impl Feed, wake: impl Fn() + Send + 'static) -> Self {
        let shown = Arc::new(Mutex::default());
        let (asks, asked) = channel();
        let work = Work {
            curves: Curves::of(dir),
            feed,
            ask: Ask::default(),
            sheet_gap: None,
            curves_gap: None,
            asked_at: None,
        };
        let place = shown.clone();
        std::thread::spawn(move || {
            work.go_on(&asked, |seen| {
                *place.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(seen);
                wake();
            });
        });
        Self { seen: shown, asks }
    }

    /// What was last seen.
    pub(crate) fn seen(&self) -> Arc<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for other curves; they come with a new picture.
    pub(crate) fn ask(&self, ask: Ask) {
        // A thread that is gone has told why, or ends with the window.
        let _ = self.asks.send(ask);
    }

    /// One that has seen this, and what it is asked.
    #[cfg(test)]
    pub(crate) fn of(seen: Seen) -> (Self, Receiver<Ask>) {
        let (asks, asked) = channel();
        (Self { seen: Arc::new(Mutex::new(Arc::new(seen))), asks }, asked)
    }
}

struct Work<F> {
    curves: Curves,
    feed: F,
    ask: Ask,
    asked_at: Option<Instant>,
    sheet_gap: Option<String>,
    curves_gap: Option<String>,
}

impl<F: Feed> Work<F> {
    fn go_on(mut self, asked: &Receiver<Ask>, show: impl Fn(Seen)) {
        let (mut seen, mut anew) = (Seen::default(), true);
        loop {
            let next = self.look(&seen, anew);
            if next != seen {
                seen = next;
                show(seen.clone());
            }
            anew = match asked.recv_timeout(LOOK) {
                // Only the last of several questions counts.
                Ok(first) => {
                    self.ask = asked.try_iter().last().unwrap_or(first);
                    true
                }
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => return,
            };
        }
    }

    /// What there is now; what cannot be read stays as it was, and is said.
    fn look(&mut self, before: &Seen, anew: bool) -> Seen {
        let (mut sheet, mut drawn) = (before.sheet.clone(), before.drawn.clone());
        let now = Instant::now();
        if self.asked_at.is_none_or(|at| now.duration_since(at) >= ASK) {
            self.asked_at = Some(now);
            match self.feed.sheet() {
                Ok(new) => (sheet, self.sheet_gap) = (Some(new), None),
                Err(why) => self.sheet_gap = Some(why),
            }
        }
        let read = match self.curves.refresh() {
            Ok(grown) if grown || anew => self.curves.drawn(&self.ask).map(Some),
            Ok(_) => Ok(None),
            Err(e) => Err(e),
        };
        match read {
            Ok(Some(new)) => (drawn, self.curves_gap) = (Arc::new(new), None),
            Ok(None) => {}
            Err(e) => self.curves_gap = Some(format!("The curves could not be read: {e}")),
        }
        Seen { sheet, drawn, gaps: self.sheet_gap.iter().chain(&self.curves_gap).cloned().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sheet::Tone;
    use curfew_series::Point;
    use curfew_series::store::Writer;

    /// Waits until what is seen is as it should be; each change wakes it.
    fn until(watch: &Watch, woken: &Receiver<()>, what: &str, is: impl Fn(&Seen) -> bool) -> Arc<Seen> {
        loop {
            let seen = watch.seen();
            if is(&seen) {
                return seen;
            }
            woken.recv_timeout(Duration::from_secs(30)).unwrap_or_else(|_| panic!("{what}: {seen:?}"));
        }
    }

    #[test]
    fn points_and_states_come_as_they_happen_and_what_fails_is_said() {
        let room = tempfile::tempdir().unwrap();
        let dir = room.path().join("series");
        let (wake, woken) = channel();
        let (tell, told) = channel::<Result<Sheet, String>>();
        let mut last = Ok(Sheet { name: "night".into(), tone: Tone::Working, ..Sheet::default() });
        let feed = move || {
            last = told.try_iter().last().unwrap_or_else(|| last.clone());
            last.clone()
        };
        let watch = Watch::begin(dir.clone(), feed, move || wake.send(()).unwrap_or_default());
        let seen = until(&watch, &woken, "the first sheet", |s| s.sheet.is_some());
        assert_eq!((seen.drawn.names.len(), seen.gaps.len()), (0, 0), "a run without a value yet");

        watch.ask(Ask { width: 100, ..Ask::default() });
        let mut writer = Writer::open(&dir).unwrap();
        let mut put = |step: u64| {
            let point = Point {
                metric: "loss",
                rank: None,
                step: Some(step),
                epoch: None,
                time_ms: 0,
                value: 1.0 / step as f64,
            };
            writer.append(&point).unwrap();
            writer.flush().unwrap();
        };
        put(1);
        until(&watch, &woken, "the first point", |s| s.drawn.curves.iter().any(|c| c.raw == [vec![[1.0, 1.0]]]));
        put(2);
        until(&watch, &woken, "the next", |s| s.drawn.curves.iter().any(|c| c.raw == [vec![[1.0, 1.0], [2.0, 0.5]]]));

        tell.send(Err("The store could not be read.".into())).unwrap();
        let seen = until(&watch, &woken, "the gap", |s| !s.gaps.is_empty());
        assert_eq!(seen.sheet.as_ref().map(|s| s.name.as_str()), Some("night"), "what was known stays");
        tell.send(Ok(Sheet { state: "completed".into(), ..Sheet::default() })).unwrap();
        until(&watch, &woken, "the end", |s| s.gaps.is_empty() && s.sheet.as_ref().unwrap().state == "completed");
    }
}
