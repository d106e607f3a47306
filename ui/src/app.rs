//! What every handler is given.

use crate::host::Host;
use crate::pages::shell::Shell;
use crate::views::{self, shell::Place};
use curfew_core::plan::Outcome;
use curfew_core::{Cx, Result};
use curfew_engine::{Cursor, Engine, Today};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The panel: an engine and a host. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    engine: Arc<Engine>,
    host: Arc<dyn Host>,
    /// What came of plans run from this panel, newest last, to be shown after the POST that ran them.
    outcomes: Mutex<VecDeque<(String, Vec<Outcome>)>>,
}

/// How many outcomes are remembered.
const REMEMBERED: usize = 100;
/// How long a page waits for news. Kept under the 25 s that the design allows.
const WAIT: Duration = Duration::from_secs(24);

impl App {
    /// The panel over this engine, in these surroundings.
    pub fn new(engine: Arc<Engine>, host: Arc<dyn Host>) -> Self {
        Self(Arc::new(Inner { engine, host, outcomes: Mutex::default() }))
    }
    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }
    /// The engine, for what goes on after the answer.
    pub(crate) fn engine_arc(&self) -> Arc<Engine> {
        self.0.engine.clone()
    }
    pub(crate) fn host(&self) -> &dyn Host {
        &*self.0.host
    }
    pub(crate) fn cx(&self) -> Cx {
        self.0.engine.cx()
    }
    /// What Today knows, from the store: the loop keeps it fresh.
    pub(crate) async fn today(&self) -> Result<(Today, Cursor)> {
        // The cursor first: what changes while we read is then news to the page.
        let cursor = self.engine().cursor().await?;
        Ok((self.engine().today(&self.cx(), false).await?, cursor))
    }
    /// The frame of a page.
    pub(crate) async fn shell(
        &self,
        section: &'static str,
        title: impl Into<String>,
        live: impl Into<String>,
    ) -> Result<Shell> {
        let (today, cursor) = self.today().await?;
        Ok(self.shell_of(&today, cursor, section, title, live))
    }
    /// The frame of a page that needs the rest of Today too.
    pub(crate) fn shell_of(
        &self,
        today: &Today,
        cursor: Cursor,
        section: &'static str,
        title: impl Into<String>,
        live: impl Into<String>,
    ) -> Shell {
        let place = Place { section, title: title.into(), live: live.into(), cursor: cursor.0.to_string() };
        views::shell::shell(today, &self.engine().providers(), self.engine().clock().zone(), place)
    }
    /// Where a page said that it is, waits until there is news or it is time to say the same again: times grow old.
    pub(crate) async fn wait(&self, after: Option<&str>) -> Result<()> {
        if let Some(after) = after.and_then(|a| a.parse().ok()) {
            self.engine().changed(Cursor(after), WAIT).await?;
        }
        Ok(())
    }
    pub(crate) fn remember(&self, what: &str, outcomes: Vec<Outcome>) {
        // A panic elsewhere leaves this list whole: it is only ever pushed to and popped from.
        let mut all = self.0.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(known, _)| known != what);
        all.push_back((what.to_owned(), outcomes));
        if all.len() > REMEMBERED {
            all.pop_front();
        }
    }
    pub(crate) fn outcomes(&self, what: &str) -> Option<Vec<Outcome>> {
        let all = self.0.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|(known, _)| known == what).map(|(_, outcomes)| outcomes.clone())
    }
}
