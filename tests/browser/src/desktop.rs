//! The real desktop window, driven by WebKitWebDriver without tauri-driver.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::bus::SessionBus;
use crate::driver::Driver;
use crate::page::{Look, Page};
use crate::process::{Process, eventually};
use crate::serve::Home;

/// How the desktop is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program: `CURFEW_DESKTOP_BIN`, or `CURFEW_SHELL_BIN` for the shell alone.
    pub program: PathBuf,
    /// What it is started with.
    pub arguments: Vec<String>,
    /// The colours.
    pub look: Look,
}

impl Options {
    /// This program at 1400 × 900, in light colours.
    pub fn new(program: PathBuf) -> Self {
        Self { program, arguments: vec![], look: Look::light(1400, 900) }
    }
}

/// What a desktop is started in: a home and a session bus, both gone after the test.
#[derive(Debug)]
pub struct Desktop {
    /// CURFEW_HOME.
    pub home: Home,
    /// The session bus. Nobody is on it unless the test brings them.
    pub bus: SessionBus,
}

impl Desktop {
    /// An empty home and an empty bus.
    pub async fn new() -> Self {
        Self { home: Home::new(), bus: SessionBus::start().await }
    }

    /// Opens the window under WebDriver.
    ///
    /// # Panics
    /// If it does not open.
    pub async fn open(&self, options: &Options) -> Page {
        let room = tempfile::Builder::new().prefix("curfew-window-").tempdir().expect("a folder can be made");
        let script = room.path().join("desktop");
        let log = self.log();
        self.write_script(&script, options);
        self.place(options.look);
        let driver = Driver::start("WebKitWebDriver", room.path(), &[]).await;
        let mut capabilities = Map::new();
        capabilities
            .insert("webkitgtk:browserOptions".to_owned(), json!({ "binary": script, "args": Vec::<Value>::new() }));
        let client = driver.session(capabilities).await;
        Page::webkit(client, log, driver, room)
    }

    /// Starts the program as a person does, without WebDriver.
    pub fn start(&self, options: &Options, log: &str) -> Process {
        let mut command = Command::new(&options.program);
        command.args(&options.arguments).envs(self.environment(options.look));
        Process::start(command, &self.home.path().join(log))
    }

    /// What the window under WebDriver has said, WebKit's console included.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log()).unwrap_or_default()).into_owned()
    }

    fn log(&self) -> PathBuf {
        self.home.path().join("desktop.log")
    }

    /// The window's size is the one that the home remembers.
    fn place(&self, look: Look) {
        let file = self.home.path().join("desktop/window.json");
        if !file.exists() {
            std::fs::create_dir_all(file.parent().expect("it lies in a folder")).expect("the home can be written");
            std::fs::write(&file, json!({ "width": look.width, "height": look.height }).to_string())
                .expect("the home can be written");
        }
    }

    fn environment(&self, look: Look) -> Vec<(&'static str, String)> {
        vec![
            ("CURFEW_HOME", self.home.path().display().to_string()),
            ("DBUS_SESSION_BUS_ADDRESS", self.bus.address().to_owned()),
            ("GTK_THEME", if look.dark { "Adwaita:dark" } else { "Adwaita" }.to_owned()),
            ("LANG", "en_US.UTF-8".to_owned()),
            ("GDK_BACKEND", "x11".to_owned()),
            // There is no accessibility bus on ours; without this GTK looks for one and says so.
            ("NO_AT_BRIDGE", "1".to_owned()),
        ]
    }

    /// WebKitWebDriver silences what it starts and gives it its own environment, so a script stands in between.
    fn write_script(&self, script: &Path, options: &Options) {
        use std::os::unix::fs::PermissionsExt as _;
        let exports =
            self.environment(options.look).into_iter().map(|(name, value)| format!("{name}={}", quoted(&value)));
        let arguments = options.arguments.iter().map(|argument| quoted(argument));
        let text = format!(
            "#!/bin/sh\nexport TAURI_WEBVIEW_AUTOMATION=true {}\nexec {} {} >>{} 2>&1\n",
            exports.collect::<Vec<_>>().join(" "),
            quoted(&options.program.display().to_string()),
            arguments.collect::<Vec<_>>().join(" "),
            quoted(&self.log().display().to_string())
        );
        std::fs::write(script, text).expect("a script can be written");
        std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).expect("and made to run");
    }
}

/// The titles of the windows on the screen; a hidden one is not among them.
///
/// # Panics
/// Without wmctrl, which `./test` installs.
pub fn windows() -> Vec<String> {
    let out = Command::new("wmctrl").arg("-l").output().expect("wmctrl is there; ./test installs it");
    // Number, desktop, host, title.
    let title =
        |line: &str| line.splitn(4, ' ').nth(3).and_then(|rest| rest.trim().split_once(' ')).map(|(_, t)| t.to_owned());
    String::from_utf8_lossy(&out.stdout).lines().filter_map(title).collect()
}

/// The width and height of the window of this title, if it is on the screen.
///
/// # Panics
/// Without wmctrl, which `./test` installs.
pub fn size_of(title: &str) -> Option<(u32, u32)> {
    let out = Command::new("wmctrl").arg("-lG").output().expect("wmctrl is there; ./test installs it");
    String::from_utf8_lossy(&out.stdout).lines().find_map(|line| {
        // Number, desktop, left, top, width, height, host, title.
        let words: Vec<&str> = line.split_whitespace().collect();
        let named = words.get(7..)?.join(" ") == title;
        named.then(|| Some((words[4].parse().ok()?, words[5].parse().ok()?)))?
    })
}

/// Waits until a window of this title is on the screen, or is not.
pub async fn window_on_screen(title: &str, wanted: bool) {
    let what = format!("the window “{title}” {}", if wanted { "on the screen" } else { "gone from the screen" });
    eventually(&what, async || windows().iter().any(|window| window == title) == wanted).await;
}

/// Closes a window as its close button does.
///
/// # Panics
/// If it is not on the screen.
pub async fn close_window(title: &str) {
    window_on_screen(title, true).await;
    let done = Command::new("wmctrl").args(["-F", "-c", title]).status().expect("wmctrl is there");
    assert!(done.success(), "no window “{title}” to close");
}

/// Types into whatever has the focus on the screen: dialogs of the desktop, which WebDriver does not reach.
///
/// # Panics
/// Without xdotool, which `./test` installs.
pub fn type_keys(arguments: &[&str]) {
    let done = Command::new("xdotool").args(arguments).status().expect("xdotool is there; ./test installs it");
    assert!(done.success(), "xdotool {arguments:?} failed");
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
