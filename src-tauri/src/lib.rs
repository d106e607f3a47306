//! The desktop window, tray and notifications: a thin shell over the panel's Router.
//!
//! The shell knows no page and no cloud. It is given a Router and a way to ask what runs, and gives the panel what only
//! a desktop can do ([`Desk`]).
//!
//! Invariant: the webview has no powers. No Tauri command is registered or allowed (`"capabilities": []`), and it
//! reaches `panel://` and nothing else.

use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use tauri::{RunEvent, WindowEvent};
use tokio::sync::watch;

pub mod ask;
pub mod autostart;
mod away;
pub mod bus;
mod desk;
#[cfg(target_os = "linux")]
mod gpu;
pub mod monitor;
mod native;
mod notify;
pub mod one;
pub mod panel;
pub mod place;
mod plain;
pub mod scheme;
mod tray;
mod window;

pub use desk::Desk;
pub use native::Pick;
pub use notify::Note;
pub use tray::{Running, TrayState};

/// The label of the panel's window.
const MAIN: &str = "main";
/// The label of the question's window.
const ASK: &str = "ask";

/// How the desktop starts.
#[derive(Clone, Debug)]
pub struct Start {
    /// CURFEW_HOME: state, and the one window that belongs to it.
    pub home: PathBuf,
    /// The first page, root-relative.
    pub path: String,
    /// Start in the tray, without a window. Ignored where no tray host answers.
    pub hidden: bool,
}

/// What [`EndLocal`] gives: the sentence says what could not be stopped.
pub type Ended = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Stops everything that runs on this computer.
pub type EndLocal = Arc<dyn Fn() -> Ended + Send + Sync>;

/// What the desktop shows.
pub struct Panel {
    /// The pages.
    pub router: Router,
    /// What the tray shows, and what runs here, as it changes.
    pub state: watch::Receiver<TrayState>,
    /// Offered when quitting, if present.
    pub end_local: Option<EndLocal>,
    /// Called once when the desktop has ended, however it was asked to.
    pub left: Box<dyn Fn() + Send + Sync>,
}

/// Opens the desktop and returns when it has ended.
///
/// `build` puts the panel together, on a thread that may block and inside the runtime, while the window already opens.
/// Its error is a sentence that the window shows instead of the panel.
pub fn open(start: Start, build: impl FnOnce(Arc<Desk>) -> Result<Panel, String> + Send + 'static) -> ExitCode {
    if cfg!(target_os = "linux") && !has_display() {
        eprintln!(
            "There is no display here (neither WAYLAND_DISPLAY nor DISPLAY is set). `curfew serve` shows the same panel in a browser."
        );
        return ExitCode::FAILURE;
    }
    let ours = match one::claim(&start.home, &start.path) {
        Ok(one::Claim::Ours(ours)) => ours,
        Ok(one::Claim::Shown) => {
            eprintln!("Curfew is already open with this home; its window is in front now.");
            return ExitCode::SUCCESS;
        }
        Ok(one::Claim::Stuck(why)) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
        Err(error) => {
            let home = start.home.display();
            eprintln!(
                "Curfew cannot write to its home {home}: {error}. Nothing that runs is touched. Make the folder writable, or set CURFEW_HOME to another one."
            );
            return ExitCode::FAILURE;
        }
    };

    #[cfg(target_os = "linux")]
    gpu::tell();
    let desk = Desk::new(start.home.clone());
    // Beside GTK's start, which takes longer.
    put_together(&desk, build);
    let (serving, starting, leaving) = (Arc::clone(&desk), Arc::clone(&desk), Arc::clone(&desk));
    let app = tauri::Builder::default()
        .register_asynchronous_uri_scheme_protocol(scheme::SCHEME, move |cx, request, responder| {
            let desk = Arc::clone(&serving);
            let asking = cx.webview_label() == ASK;
            tauri::async_runtime::spawn(async move {
                let router = if asking { desk.question() } else { desk.router().await };
                responder.respond(scheme::answer(router, request).await);
            });
        })
        .on_window_event({
            let desk = Arc::clone(&desk);
            move |window, event| match (window.label(), event) {
                (MAIN, WindowEvent::CloseRequested { api, .. }) => {
                    api.prevent_close();
                    desk.close();
                }
                (MAIN, WindowEvent::Resized(_) | WindowEvent::Moved(_)) => desk.remember_place(),
                _ => {}
            }
        })
        .setup(move |app| {
            starting.set_app(app.handle().clone());
            end_when_told(&starting);
            let bus = Arc::clone(&starting);
            let hidden = start.hidden && tauri::async_runtime::block_on(async { bus.bus().await.tray_host().await });
            starting.begin(start.path, hidden)?;
            let shown = Arc::clone(&starting);
            ours.listen(move |path| shown.show(Some(path)));
            tauri::async_runtime::spawn(Arc::clone(&starting).keep_tray());
            Ok(())
        })
        .build(tauri::generate_context!());
    let app = match app {
        Ok(app) => app,
        Err(error) => {
            eprintln!("The window could not be opened: {error}. `curfew serve` shows the same panel in a browser.");
            return ExitCode::FAILURE;
        }
    };
    let code = app.run_return(move |_, event| match event {
        // The last window closing is no reason to end: the question's window may be the only one, or the tray.
        RunEvent::ExitRequested { code: None, api, .. } => api.prevent_exit(),
        RunEvent::Exit => leaving.left(),
        _ => {}
    });
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

fn put_together(desk: &Arc<Desk>, build: impl FnOnce(Arc<Desk>) -> Result<Panel, String> + Send + 'static) {
    let desk = Arc::clone(desk);
    tauri::async_runtime::spawn_blocking(move || match build(Arc::clone(&desk)) {
        Ok(panel) => desk.set_panel(panel),
        Err(why) => {
            tracing::error!(why, "the panel could not be put together");
            desk.set_router(plain::broken(&why));
        }
    });
}

fn has_display() -> bool {
    ["WAYLAND_DISPLAY", "DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// The end of the session and Ctrl+C are not asked about: nobody may be there to answer, and what runs here goes on.
fn end_when_told(desk: &Arc<Desk>) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let desk = Arc::clone(desk);
        // Listened for before the window shows, so that no signal finds the default handler.
        let signals = tauri::async_runtime::block_on(async {
            Ok::<_, std::io::Error>((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?))
        });
        let (mut term, mut int) = match signals {
            Ok(signals) => signals,
            Err(error) => return tracing::warn!(%error, "signals end the window without saving its place"),
        };
        tauri::async_runtime::spawn(async move {
            tokio::select! { _ = term.recv() => {} _ = int.recv() => {} }
            desk.leave();
        });
    }
    #[cfg(not(unix))]
    let _ = desk;
}
