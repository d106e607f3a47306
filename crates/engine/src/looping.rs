//! The one background loop of a home: looks at what runs, enforces the curfews that nobody else holds, resumes the
//! journal, sweeps now and then, and tells what happened.

use crate::Engine;
use curfew_core::curfew::Enforcer;
use curfew_core::{Cx, Error, ErrorKind, Result, Timestamp, say};
use jiff::SignedDuration;
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;

/// Something worth a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A run ended.
    RunEnded {
        /// Its id.
        id: String,
        /// "iris completed after 44 m".
        says: String,
        /// Did it fail or get lost?
        badly: bool,
    },
    /// A curfew comes within ten minutes.
    CurfewSoon {
        /// "run" or "endpoint".
        what: &'static str,
        /// Its id.
        id: String,
        /// "iris goes home at 22:00".
        says: String,
    },
    /// Something looks forgotten that did not before.
    Forgotten {
        /// "2 things look forgotten".
        says: String,
    },
}

/// The running loop. Dropping it ends the loop and frees its lock.
pub struct LoopHandle {
    task: tokio::task::JoinHandle<()>,
    accounts: tokio::task::JoinHandle<()>,
    events: broadcast::Sender<Event>,
}

impl LoopHandle {
    /// What happens from now on. Only in the process that holds the loop.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }
}

impl Drop for LoopHandle {
    fn drop(&mut self) {
        self.task.abort();
        self.accounts.abort();
    }
}

/// How often what runs here is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often everything is swept.
const SWEEP: SignedDuration = SignedDuration::from_mins(5);
/// How long before a curfew one is told.
const SOON: SignedDuration = SignedDuration::from_mins(10);

impl Engine {
    /// Starts the loop as soon as this process gets the home's loop lock; until then another process has it.
    pub fn start_loop(self: &Arc<Self>) -> LoopHandle {
        let (events, _) = broadcast::channel(64);
        let task = tokio::spawn(run(self.clone(), events.clone()));
        let accounts = tokio::spawn(follow(self.clone()));
        LoopHandle { task, accounts, events }
    }

    /// Does another process hold the loop just now?
    pub fn loop_is_elsewhere(&self) -> bool {
        match File::options().create(true).append(true).open(self.home.loop_lock()) {
            Ok(file) => file.try_lock().is_err(),
            Err(_) => false,
        }
    }

    /// One turn of the loop, for the loop and for commands that wait without one.
    pub async fn turn(&self, cx: &Cx) -> Result<()> {
        let due = self.due(cx);
        self.refresh_runs(cx, &due).await?;
        self.refresh_endpoints(cx, &due).await?;
        self.follow_logs(cx, &due).await?;
        self.enforce(cx).await
    }

    /// Ends what is past its curfew and has nobody else to end it.
    async fn enforce(&self, cx: &Cx) -> Result<()> {
        let now = cx.now();
        let due =
            |c: Option<&curfew_core::Curfew>| c.is_some_and(|c| c.enforcer == Enforcer::OnlyWhileOn && c.is_due(now));
        for row in self.store.runs().await?.iter() {
            let Some(status) = &row.status else { continue };
            if !status.state.is_over() && due(status.curfew.as_ref()) && !self.keys_rest(now, &row.cloud, &row.account)
            {
                let stopped = self.stop_run(cx, &row.spec.id, "its curfew came").await;
                self.note_keys(cx, &row.cloud, &row.account, &stopped).await;
                goes_on(stopped)?;
            }
        }
        for row in self.store.endpoints().await?.iter() {
            let Some(status) = &row.status else { continue };
            if !status.state.is_over() && due(status.curfew.as_ref()) && !self.keys_rest(now, &row.cloud, &row.account)
            {
                let stopped = self.stop_endpoint(cx, &row.spec.id, "its curfew came").await;
                self.note_keys(cx, &row.cloud, &row.account, &stopped).await;
                goes_on(stopped)?;
            }
        }
        Ok(())
    }
}

/// One account's keys that are over do not keep the curfews of the others from being held.
fn goes_on<T>(stopped: Result<T>) -> Result<()> {
    match stopped {
        Err(e) if matches!(e.kind(), ErrorKind::CredentialsExpired | ErrorKind::NotFound) => {
            tracing::warn!(error = ?e, "a curfew came, and nobody could be told");
            Ok(())
        }
        other => other.map(drop),
    }
}

fn is_final(error: &Error) -> bool {
    error.retry_when() == curfew_core::Retry::Never
}

/// Every process of a home looks by itself whether accounts have come or gone: others connect them too.
async fn follow(engine: Arc<Engine>) {
    let mut turns = 0_u32;
    loop {
        let cx = engine.cx();
        turns = turns.wrapping_add(1);
        // A cloud that could not be reached when the accounts were opened may be by now.
        let again = turns.is_multiple_of(60) && engine.account_problems().iter().any(|p| !is_final(&p.error));
        let followed = if again { engine.open_again(&cx).await } else { engine.follow_accounts(&cx).await };
        if let Err(e) = followed {
            tracing::warn!(error = ?e, "the accounts could not be looked at");
        }
        engine.readers().rest();
        tokio::time::sleep(LOOK).await;
    }
}

async fn run(engine: Arc<Engine>, events: broadcast::Sender<Event>) {
    let Some(_lock) = wait_for_lock(&engine).await else { return };
    let mut told = Told::default();
    let mut last_sweep: Option<Timestamp> = None;
    loop {
        let cx = engine.cx();
        if let Err(e) = one_turn(&engine, &cx, &events, &mut told, &mut last_sweep).await {
            tracing::warn!(error = ?e, "a turn of the loop failed");
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn one_turn(
    engine: &Engine,
    cx: &Cx,
    events: &broadcast::Sender<Event>,
    told: &mut Told,
    last: &mut Option<Timestamp>,
) -> Result<()> {
    engine.resume(cx).await?;
    engine.turn(cx).await?;
    let now = cx.now();
    // A clock set back must not stop the sweeps: a last sweep in the future counts as none.
    // What has just been connected, or given keys again, is not left unread for minutes.
    let accounts = engine.accounts_generation();
    if last.is_none_or(|t| now.duration_since(t) >= SWEEP || t > now) || told.accounts != accounts {
        told.accounts = accounts;
        let report = engine.read_all(cx).await?;
        *last = Some(now);
        told.forgotten(&report, events);
    }
    told.look(engine, cx, events).await
}

/// Waits until the lock is free; the file stays open, and so locked, while the loop lives.
async fn wait_for_lock(engine: &Engine) -> Option<File> {
    let path = engine.home.loop_lock();
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(|e| Error::io("take the loop's lock", path.display(), e));
    let file = match file {
        Ok(file) => file,
        Err(e) => {
            tracing::warn!(error = ?e, "no background loop: curfews that nobody else holds are not enforced by this process");
            return None;
        }
    };
    while file.try_lock().is_err() {
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    Some(file)
}

/// What has been told, so that nothing is told twice.
#[derive(Default)]
struct Told {
    running: HashMap<String, Timestamp>,
    soon: HashSet<(String, Timestamp)>,
    forgotten: HashSet<String>,
    first: bool,
    /// The accounts that the last sweep has read.
    accounts: u64,
}

impl Told {
    async fn look(&mut self, engine: &Engine, cx: &Cx, events: &broadcast::Sender<Event>) -> Result<()> {
        let now = cx.now();
        let local = cx.clock().local();
        let mut running = HashMap::new();
        let soon =
            |what: &'static str, id: &str, name: &str, curfew: Option<&curfew_core::Curfew>, told: &mut HashSet<_>| {
                let Some(c) = curfew else { return };
                let left = c.at.duration_since(now);
                if left > SignedDuration::ZERO && left <= SOON && told.insert((id.to_owned(), c.at)) {
                    let says = format!("{} goes home at {}", say::clean(name, 60), say::when(c.at, &local));
                    let _ = events.send(Event::CurfewSoon { what, id: id.to_owned(), says });
                }
            };
        for row in engine.store.runs().await?.iter() {
            let Some(status) = &row.status else { continue };
            let id = row.spec.id.to_string();
            if status.state.is_over() {
                if let Some(since) = self.running.get(&id) {
                    let took =
                        say::duration(status.ended.unwrap_or(now).duration_since(status.started.unwrap_or(*since)));
                    let says = format!("{} {} after {took}", say::clean(&row.spec.name, 60), status.state.word());
                    let badly =
                        matches!(status.state, curfew_core::run::RunState::Failed | curfew_core::run::RunState::Lost);
                    // Nobody listening is fine: notifications are a courtesy.
                    let _ = events.send(Event::RunEnded { id, says, badly });
                }
            } else {
                soon("run", &id, &row.spec.name, status.curfew.as_ref(), &mut self.soon);
                running.insert(id, status.created);
            }
        }
        for row in engine.store.endpoints().await?.iter() {
            let Some(status) = row.status.as_ref().filter(|s| !s.state.is_over()) else { continue };
            soon("endpoint", row.spec.id.as_str(), row.spec.id.as_str(), status.curfew.as_ref(), &mut self.soon);
        }
        self.running = running;
        Ok(())
    }

    fn forgotten(&mut self, report: &crate::SweepReport, events: &broadcast::Sender<Event>) {
        let now: HashSet<String> =
            report.rows.iter().filter(|r| r.judged.verdict.needs_you()).map(|r| r.resource.key.to_string()).collect();
        let new = now.difference(&self.forgotten).count();
        if new > 0 && self.first {
            let says = format!("{} forgotten", say::count(new, "thing looks", "things look"));
            let _ = events.send(Event::Forgotten { says });
        }
        self.first = true;
        self.forgotten = now;
    }
}
