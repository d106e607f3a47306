//! What the window's parts share: the window, the tray, the bus, and the way out.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use tauri::async_runtime::JoinHandle;
use tauri::{AppHandle, LogicalPosition, LogicalSize, Manager as _, WebviewWindow};
use tokio::sync::{OnceCell, watch};

use crate::ask::{self, Answer, Asked, Question};
use crate::away::{self, Resume};
use crate::bus::Bus;
use crate::native::{self, Kind, Pick};
use crate::notify::{self, Note};
use crate::place::Place;
use crate::tray::{self, Tray, TrayState};
use crate::{ASK, MAIN, Panel, scheme, window};

/// How often a tray host is looked for while there is none.
const LOOK: Duration = Duration::from_secs(3);
/// The shortest time between two drawings of the tray: a run may print many epochs a second.
const PAUSE: Duration = Duration::from_millis(500);
/// A window that has not been moved for so long is where it is wanted.
const SETTLED: Duration = Duration::from_millis(400);

/// The desktop, as the parts of the panel see it: its window, its dialogs, its notifications. Cheap to share.
pub struct Desk {
    home: PathBuf,
    app: OnceCell<AppHandle>,
    bus: OnceCell<Bus>,
    router: watch::Sender<Option<Router>>,
    panel: OnceCell<Panel>,
    tray: Mutex<Option<Tray>>,
    place: Mutex<Place>,
    /// Where the window goes on when it is made anew.
    resume: Mutex<Resume>,
    /// Held while the window is made or ended, so that there is never a second one.
    making: tokio::sync::Mutex<()>,
    /// Waits for a hidden window to have nothing left to lose.
    resting: Mutex<Option<JoinHandle<()>>>,
    /// What is asked and not answered yet.
    question: Mutex<Option<Question>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing here leaves a half-changed value behind, so a panic elsewhere is no reason to fail too.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    pub(crate) fn new(home: PathBuf) -> Arc<Self> {
        let place = Place::load(&home);
        Arc::new(Self {
            home,
            app: OnceCell::new(),
            bus: OnceCell::new(),
            router: watch::Sender::new(None),
            panel: OnceCell::new(),
            tray: Mutex::new(None),
            place: Mutex::new(place),
            resume: Mutex::new(Resume::at("/")),
            making: tokio::sync::Mutex::default(),
            resting: Mutex::new(None),
            question: Mutex::new(None),
        })
    }

    /// CURFEW_HOME.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Asks for a folder; `None` if the dialog was closed.
    pub async fn pick_folder(&self, pick: Pick) -> Option<PathBuf> {
        native::pick(self.app(), Kind::Folder, pick).await
    }

    /// Asks for a file; `None` if the dialog was closed.
    pub async fn pick_file(&self, pick: Pick) -> Option<PathBuf> {
        native::pick(self.app(), Kind::File, pick).await
    }

    /// Asks where to save and writes the bytes there. `None` if the dialog was closed.
    ///
    /// # Errors
    /// If the file cannot be written; nothing is left behind then.
    pub async fn save(&self, pick: Pick, name: &str, bytes: Vec<u8>) -> std::io::Result<Option<PathBuf>> {
        let Some(path) = native::pick(self.app(), Kind::Save(name.to_owned()), pick).await else { return Ok(None) };
        let to = path.clone();
        tokio::task::spawn_blocking(move || native::write(&to, &bytes)).await.map_err(std::io::Error::other)??;
        Ok(Some(path))
    }

    /// Asks where to save, for what is too large to hand over in one piece. `None` if the dialog was closed.
    pub async fn save_where(&self, pick: Pick, name: &str) -> Option<PathBuf> {
        native::pick(self.app(), Kind::Save(name.to_owned()), pick).await
    }

    /// Opens an address in the browser, if it is one that may be opened ([`curfew_ui::host::may_open`]). Whether it did.
    pub fn open_url(&self, url: &str) -> bool {
        if !curfew_ui::host::may_open(url) {
            tracing::warn!(url, "not opened: not on the list of known addresses");
            return false;
        }
        open::that_detached(url).inspect_err(|error| tracing::warn!(url, %error, "not opened")).is_ok()
    }

    /// Shows a notification; `false` if nobody is there to show it.
    pub async fn notify(self: &Arc<Self>, note: Note) -> bool {
        notify::show(self, note).await
    }

    /// Brings the window to the front, at `path` if one is given; makes it anew if it was put away.
    pub fn show(self: &Arc<Self>, path: Option<&str>) {
        let path = path.filter(|path| path.starts_with('/')).map(str::to_owned);
        self.spawn(|desk| async move {
            let _one = desk.making.lock().await;
            if let Err(error) = desk.bring(path.as_deref()) {
                tracing::warn!(%error, path, "the window did not come to the front");
            }
        });
    }

    fn bring(self: &Arc<Self>, path: Option<&str>) -> tauri::Result<()> {
        let window = if let Some(window) = self.window() {
            if let Some(path) = path {
                window.navigate(scheme::address(path))?;
            }
            window
        } else {
            let resume = lock(&self.resume).clone();
            window::open(self, &path.map_or(resume, Resume::at))?
        };
        window.show()?;
        window.unminimize()?;
        window.set_focus()
    }

    /// The first page, in a window or not.
    pub(crate) fn begin(self: &Arc<Self>, path: String, hidden: bool) -> tauri::Result<()> {
        *lock(&self.resume) = Resume::at(path);
        if hidden { Ok(()) } else { window::open(self, &lock(&self.resume).clone()).map(drop) }
    }

    pub(crate) fn app(&self) -> &AppHandle {
        self.app.get().expect("set before there is a window or a tray")
    }

    pub(crate) fn set_app(&self, app: AppHandle) {
        _ = self.app.set(app);
    }

    pub(crate) async fn bus(&self) -> &Bus {
        self.bus.get_or_init(Bus::connect).await
    }

    fn window(&self) -> Option<WebviewWindow> {
        self.app().get_webview_window(MAIN)
    }

    /// The panel's Router, once it is put together. The window is opened before, because WebKit's start takes longer.
    pub(crate) async fn router(&self) -> Router {
        let mut router = self.router.subscribe();
        match router.wait_for(Option::is_some).await {
            Ok(router) => router.clone().unwrap_or_default(),
            Err(_) => Router::new(),
        }
    }

    pub(crate) fn set_router(&self, router: Router) {
        self.router.send_replace(Some(router));
    }

    pub(crate) fn set_panel(&self, panel: Panel) {
        self.set_router(panel.router.clone());
        _ = self.panel.set(panel);
    }

    fn state(&self) -> TrayState {
        self.panel.get().map(|panel| panel.state.borrow().clone()).unwrap_or_default()
    }

    /// Keeps the tray up to date, from the moment that a tray host answers.
    pub(crate) async fn keep_tray(self: Arc<Self>) {
        // Nothing to show until the panel is there; never, if it could not be put together.
        drop(self.router().await);
        let Some(mut state) = self.panel.get().map(|panel| panel.state.clone()) else { return };
        while !self.bus().await.tray_host().await {
            tokio::time::sleep(LOOK).await;
        }
        loop {
            let now = state.borrow_and_update().clone();
            let (desk, app) = (Arc::clone(&self), self.app().clone());
            _ = self.app().run_on_main_thread(move || desk.draw_tray(&app, now));
            tokio::time::sleep(PAUSE).await;
            if state.changed().await.is_err() {
                return;
            }
        }
    }

    fn draw_tray(self: &Arc<Self>, app: &AppHandle, state: TrayState) {
        let mut tray = lock(&self.tray);
        let drawn = match tray.as_mut() {
            Some(tray) => tray.show(app, state),
            None => Tray::build(self, app, state).map(|built| *tray = Some(built)),
        };
        if let Err(error) = drawn {
            tracing::warn!(%error, "the tray was not drawn");
        }
    }

    /// A line of the tray's menu was chosen.
    pub(crate) fn chosen(self: &Arc<Self>, id: &str) {
        match id {
            tray::QUIT => self.quit(),
            tray::HEADLINE => self.show(Some("/")),
            tray::OPEN => self.show(None),
            id => self.show(id.strip_prefix(tray::RUNNING)),
        }
    }

    /// The window's close button: hides it where a tray brings it back, else asks.
    pub(crate) fn close(self: &Arc<Self>) {
        self.keep_place();
        self.spawn(|desk| async move {
            let kept = lock(&desk.tray).is_some() && desk.bus().await.tray_host().await;
            if kept {
                desk.hide();
            } else {
                desk.ask(Question::Close).await;
            }
        });
    }

    /// Quit was chosen: asks if something still runs here.
    fn quit(self: &Arc<Self>) {
        if self.local().is_empty() {
            self.leave();
        } else {
            self.spawn(|desk| desk.ask(Question::Quit));
        }
    }

    fn local(&self) -> Vec<String> {
        self.state().running.into_iter().filter(|r| r.local).map(|r| r.label).collect()
    }

    async fn ask(self: Arc<Self>, question: Question) {
        let asked = lock(&self.question).replace(question);
        // The window of an answered question may still be on its way out; the new question gets one of its own.
        if asked.is_none() {
            self.gone(ASK).await;
        }
        if let Err(error) = window::ask(&self) {
            // Without a window to ask in, the harmless answer is to stay.
            tracing::error!(%error, "the question before leaving could not be shown");
        }
    }

    /// The pages of the question's window.
    pub(crate) fn question(self: &Arc<Self>) -> Router {
        let question = lock(&self.question).clone().unwrap_or(Question::Quit);
        let can_end = self.panel.get().is_some_and(|panel| panel.end_local.is_some());
        let asked = Asked { question, local: self.local(), can_end };
        let desk = Arc::clone(self);
        ask::pages(asked, move |answer| desk.answered(answer))
    }

    fn answered(self: &Arc<Self>, answer: Answer) {
        // A second click on the way out answers nothing.
        if lock(&self.question).take().is_none() {
            return;
        }
        self.spawn(move |desk| async move {
            match answer {
                Answer::Stay => desk.close_question(),
                Answer::Background => {
                    desk.close_question();
                    desk.hide();
                }
                Answer::Quit => desk.leave(),
                Answer::EndAndQuit => desk.end_and_leave().await,
            }
        });
    }

    async fn end_and_leave(self: Arc<Self>) {
        let Some(end) = self.panel.get().and_then(|panel| panel.end_local.clone()) else { return };
        match end().await {
            Ok(()) => self.leave(),
            // What still runs is shown rather than left behind unseen.
            Err(error) => {
                tracing::error!(error, "not everything could be ended");
                self.close_question();
                self.show(Some("/"));
            }
        }
    }

    fn close_question(&self) {
        if let Some(window) = self.app().get_webview_window(ASK) {
            _ = window.destroy();
        }
    }

    /// Puts the window away: hides it at once, and ends it as soon as nothing would be lost by that.
    fn hide(self: &Arc<Self>) {
        let Some(window) = self.window() else { return };
        _ = window.hide();
        let desk = Arc::clone(self);
        let rest = tauri::async_runtime::spawn(async move {
            while !desk.rest().await {
                tokio::time::sleep(away::AGAIN).await;
            }
        });
        if let Some(before) = lock(&self.resting).replace(rest) {
            before.abort();
        }
    }

    /// Whether the window is ended, or is to be seen again.
    async fn rest(&self) -> bool {
        let _one = self.making.lock().await;
        let Some(window) = self.window() else { return true };
        if window.is_visible().unwrap_or(true) {
            return true;
        }
        let Some(resume) = away::ask(&window).await else { return false };
        *lock(&self.resume) = resume;
        if let Err(error) = window.destroy() {
            tracing::warn!(%error, "the hidden window was not ended");
            return true;
        }
        drop(window);
        // Its name is free a moment later.
        self.gone(MAIN).await;
        true
    }

    /// Waits until a window that was told to go is gone.
    async fn gone(&self, label: &str) {
        let gone = async {
            while self.app().get_webview_window(label).is_some() {
                tokio::time::sleep(PAUSE / 50).await;
            }
        };
        _ = tokio::time::timeout(LOOK, gone).await;
    }

    /// Ends the desktop. What runs here has supervisors of its own and goes on.
    pub(crate) fn leave(&self) {
        self.keep_place();
        self.app().exit(0);
    }

    /// Once, when the event loop has ended.
    pub(crate) fn left(&self) {
        self.place().store(&self.home);
        if let Some(panel) = self.panel.get() {
            (panel.left)();
        }
    }

    pub(crate) fn place(&self) -> Place {
        *lock(&self.place)
    }

    /// Remembers where the window is. A maximized window keeps the size that it returns to.
    pub(crate) fn remember_place(self: &Arc<Self>) {
        let Some(window) = self.window() else { return };
        let measure = || -> tauri::Result<Option<Place>> {
            if !window.is_visible()? || window.is_minimized()? || window.is_fullscreen()? {
                return Ok(None);
            }
            if window.is_maximized()? {
                return Ok(Some(Place { maximized: true, ..self.place() }));
            }
            let scale = window.scale_factor()?;
            let size: LogicalSize<f64> = window.inner_size()?.to_logical(scale);
            let at = window.outer_position().ok().map(|at| at.to_logical::<f64>(scale));
            let at = at.map(|LogicalPosition { x, y }| (x, y));
            Ok(Some(Place { width: size.width, height: size.height, at, maximized: false }))
        };
        if let Ok(Some(place)) = measure() {
            *lock(&self.place) = place;
            self.keep_place_soon();
        }
    }

    /// Writes the place down once it has stayed the same for a moment: a program that is killed has it too.
    fn keep_place_soon(self: &Arc<Self>) {
        let place = self.place();
        self.spawn(|desk| async move {
            tokio::time::sleep(SETTLED).await;
            if desk.place() == place {
                desk.keep_place();
            }
        });
    }

    fn keep_place(&self) {
        self.place().store(&self.home);
    }

    fn spawn<F>(self: &Arc<Self>, act: impl FnOnce(Arc<Self>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        tauri::async_runtime::spawn(act(Arc::clone(self)));
    }
}
