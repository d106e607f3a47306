//! The panel of this computer: the engine and its pages behind the window, the tray from what Today knows, and
//! notifications of what happens.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use curfew_core::{Clock, Error, ErrorKind, Home, HourlyRate, Notice, Result, RunId, money::Total};
use curfew_engine::{EndpointView, Engine, Event, Opening, RunView, SystemClock, Today};
use tokio::sync::{broadcast, watch};

use crate::autostart::Autostart;
use crate::monitor;
use crate::{Desk, EndLocal, Note, Panel, Pick, Running, TrayState};

/// The longest that the tray waits for the store to change before it reads it again.
const WAIT: Duration = Duration::from_mins(1);

/// The least between two readings for the tray: a run that prints all the time is not news each time.
const REST: Duration = Duration::from_secs(1);

/// Puts the panel together. The error is a sentence for a person.
pub fn build(desk: &Arc<Desk>) -> Result<Panel, String> {
    put(desk).map_err(|error| {
        let notice = Notice::from(&error);
        format!("{} {} {}", notice.happened, notice.bill, notice.next)
    })
}

fn put(desk: &Arc<Desk>) -> Result<Panel> {
    let home = Home::at(desk.home());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let setup = curfew_providers::all(&home, &clock)?;
    // What could not be connected is told on Today and under Accounts.
    let opening = Opening {
        providers: setup.providers,
        connectors: setup.connectors,
        opened: setup.opened,
        labs: Some(setup.labs),
    };
    let engine = Engine::open_with(home, opening, clock)?;
    let turning = engine.start_loop();
    tokio::spawn(tell(Arc::clone(&engine), Arc::clone(desk), turning.events()));
    let (show, state) = watch::channel(TrayState::default());
    tokio::spawn(keep(Arc::clone(&engine), show));
    let host = Arc::new(Desktop { desk: Arc::clone(desk) });
    let turning = Mutex::new(Some(turning));
    Ok(Panel {
        router: curfew_ui::router(curfew_ui::App::new(Arc::clone(&engine), host)),
        state,
        end_local: Some(end_local(engine)),
        // Frees the loop's lock, for whoever waits for it.
        left: Box::new(move || drop(turning.lock().map(|mut turning| turning.take()))),
    })
}

/// Keeps the tray's state true, for as long as somebody looks.
async fn keep(engine: Arc<Engine>, show: watch::Sender<TrayState>) {
    loop {
        // The cursor first: what changes while we read is then news.
        let read = async {
            let cursor = engine.cursor().await?;
            let today = engine.today(&engine.cx(), false).await?;
            show.send_if_modified(|shown| {
                let now = state(&today);
                let news = now != *shown;
                *shown = now;
                news
            });
            let news = engine.changed(cursor, WAIT).await;
            tokio::time::sleep(REST).await;
            news
        };
        if let Err(error) = read.await {
            tracing::warn!(?error, "the tray could not be read");
            // What ran is still listed: nobody has said that it ended.
            show.send_modify(|shown| "cost not known".clone_into(&mut shown.headline));
            tokio::time::sleep(WAIT / 10).await;
        }
        if show.is_closed() {
            return;
        }
    }
}

fn state(today: &Today) -> TrayState {
    let runs = today.training.iter().map(run);
    let endpoints = today.serving.iter().map(endpoint);
    TrayState { headline: headline(&today.rate), running: runs.chain(endpoints).collect() }
}

/// The money an hour now. A part whose price is not known is said, never left out.
fn headline(rate: &Total<HourlyRate>) -> String {
    match (rate.sum(), rate.unknown) {
        (Some(sum), 0) => format!("{sum} an hour now"),
        (Some(sum), unknown) => format!("{sum} an hour now, and {unknown} of unknown price"),
        (None, 0) if rate.not_billed > 0 => "not billed".to_owned(),
        (None, 0) => "$0.00 an hour now".to_owned(),
        (None, _) => "price unknown".to_owned(),
    }
}

fn run(run: &RunView) -> Running {
    let mut label = run.spec.name.clone();
    match run.epochs {
        Some((done, Some(all))) => label = format!("{label}{}", format_args!(" · epoch {done:.0} of {all:.0}")),
        Some((done, None)) => label = format!("{label}{}", format_args!(" · epoch {done:.0}")),
        None => {}
    }
    if let Some(loss) = &run.loss {
        label = format!("{label}{}", format_args!(" · {} {:.3}", loss.name, loss.last));
    }
    Running { label, path: format!("/runs/{}", run.spec.id), local: run.spec.machine.is_local() }
}

fn endpoint(endpoint: &EndpointView) -> Running {
    Running {
        label: format!("{} · endpoint · {}", endpoint.spec.id, endpoint.place),
        path: format!("/endpoints/{}", endpoint.spec.id),
        local: endpoint.spec.machine.is_local(),
    }
}

/// Stops what runs here, all of it, even if some of it cannot be stopped.
fn end_local(engine: Arc<Engine>) -> EndLocal {
    Arc::new(move || {
        let engine = Arc::clone(&engine);
        Box::pin(async move {
            let cx = engine.cx();
            let today = engine.today(&cx, true).await.map_err(|error| Notice::from(&error).happened)?;
            let mut failed = Vec::new();
            for run in today.training.iter().filter(|run| run.spec.machine.is_local()) {
                if let Err(error) = engine.stop_run(&cx, &run.spec.id, "Curfew was quit").await {
                    failed.push(Notice::from(&error).happened);
                }
            }
            for endpoint in today.serving.iter().filter(|endpoint| endpoint.spec.machine.is_local()) {
                if let Err(error) = engine.stop_endpoint(&cx, &endpoint.spec.id, "Curfew was quit").await {
                    failed.push(Notice::from(&error).happened);
                }
            }
            if failed.is_empty() { Ok(()) } else { Err(failed.join(" ")) }
        })
    })
}

/// Tells what happens, as far as the user wants to be told.
async fn tell(engine: Arc<Engine>, desk: Arc<Desk>, mut events: broadcast::Receiver<Event>) {
    loop {
        let event = match events.recv().await {
            Ok(event) => event,
            // Old news that nobody was told of is on the pages.
            Err(broadcast::error::RecvError::Lagged(_)) => continue,
            Err(broadcast::error::RecvError::Closed) => return,
        };
        let settings = engine.settings().await.unwrap_or_default();
        let wanted = match &event {
            Event::RunEnded { .. } => settings.notify_ended,
            Event::CurfewSoon { .. } => settings.notify_curfew,
            Event::Forgotten { .. } => settings.notify_forgotten,
        };
        if wanted {
            desk.notify(note(&event)).await;
        }
    }
}

fn note(event: &Event) -> Note {
    let action = |label: &str, path: &str| (label.to_owned(), path.to_owned());
    match event {
        Event::RunEnded { id, says, badly } => {
            let path = format!("/runs/{id}");
            let body = if *badly {
                "Its page shows what happened, and the end of its log."
            } else {
                "Its model can be deployed."
            };
            let actions = vec![action("Open the run", &path)];
            Note { title: says.clone(), body: body.to_owned(), path, actions, urgent: *badly }
        }
        Event::CurfewSoon { what, id, says } => {
            let path = format!("/{what}s/{id}");
            let actions = vec![action("Extend or end it…", &path)];
            Note { title: says.clone(), body: "Extend it if it needs longer.".to_owned(), path, actions, urgent: false }
        }
        Event::Forgotten { says } => Note {
            title: says.clone(),
            body: "Sweep shows what, why it looks so, and what it costs a day.".to_owned(),
            path: "/sweep".to_owned(),
            actions: vec![action("Look at them", "/sweep")],
            urgent: true,
        },
    }
}

/// The desktop as the pages see it.
struct Desktop {
    desk: Arc<Desk>,
}

impl Desktop {
    fn autostart() -> std::io::Result<Autostart> {
        // Only a home that was chosen has to be chosen again at the next start.
        let home = std::env::var_os("CURFEW_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        Autostart::here(std::env::current_exe()?, home)
    }
}

#[async_trait]
impl curfew_ui::Host for Desktop {
    fn can_pick(&self) -> bool {
        true
    }

    fn can_save(&self) -> bool {
        true
    }

    async fn pick_folder(&self, title: &str) -> Result<Option<PathBuf>> {
        Ok(self.desk.pick_folder(Pick { title: title.to_owned(), ..Pick::default() }).await)
    }

    async fn pick_file(&self, title: &str, endings: &[&str]) -> Result<Option<PathBuf>> {
        let endings = endings.iter().map(|&ending| ending.to_owned()).collect();
        Ok(self.desk.pick_file(Pick { title: title.to_owned(), endings, ..Pick::default() }).await)
    }

    async fn save(&self, name: &str, bytes: &[u8]) -> Result<Option<PathBuf>> {
        let pick = Pick { title: format!("Save {name}"), ..Pick::default() };
        self.desk.save(pick, name, bytes.to_vec()).await.map_err(|error| Error::io("save the file", name, error))
    }

    async fn save_where(&self, name: &str) -> Result<Option<PathBuf>> {
        let pick = Pick { title: format!("Save {name}"), ..Pick::default() };
        Ok(self.desk.save_where(pick, name).await)
    }

    async fn open_url(&self, url: &str) -> Result<()> {
        if self.desk.open_url(url) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unsupported, "open the address", "no browser could be started")
            .next("Copy the address and open it yourself"))
    }

    fn can_pop_out(&self) -> bool {
        monitor::command().is_some()
    }

    async fn pop_out(&self, run: &RunId) -> Result<()> {
        let Some(command) = monitor::command() else {
            return Err(Error::new(
                ErrorKind::MissingProgram,
                "open the monitor",
                "the curfew command is not beside this program",
            )
            .next("Put curfew and curfew-desktop into one folder; this page shows the same"));
        };
        monitor::open(&command, &Home::at(self.desk.home()), run).await
    }

    async fn notify(&self, title: &str, body: &str) -> Result<()> {
        let note = Note { title: title.to_owned(), body: body.to_owned(), path: "/".to_owned(), ..Note::default() };
        if self.desk.notify(note).await {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unsupported, "show a notification", "this desktop has no notification service"))
    }

    fn autostart(&self) -> Option<bool> {
        Self::autostart().ok().map(|entry| entry.is_on())
    }

    async fn set_autostart(&self, on: bool) -> Result<()> {
        let what = "the session's autostart folder";
        Self::autostart().and_then(|entry| entry.set(on)).map_err(|error| Error::io("change autostart", what, error))
    }
}
