//! The harness of the browser and window tests: one WebDriver page over Chromium (against `curfew serve`) and over
//! WebKitGTK (the real desktop window), with what both need around them.
//!
//! ```no_run
//! # async fn journey() {
//! use curfew_browser_tests::{Look, Served, chromium};
//! let panel = Served::start().await;                      // `curfew serve` in a home of its own
//! let page = chromium(&panel, Look::dark(1000, 700)).await; // at the panel's first page
//! page.open("/train").await;
//! page.fill("Script folder", "/data/iris").await;         // by label
//! page.click("Train").await;                              // by name, as a person reads it
//! page.see("running").await;                              // waits
//! page.shot("train-running").await;                       // target/screenshots/train-running.png
//! page.axe().await;                                       // nothing serious or critical
//! page.done().await;                                      // no console error, no violation of the policy
//! # }
//! ```
//!
//! Every wait is for a condition, with a deadline that fails the test and says what was on the page instead.

mod bus;
mod chromium;
mod desktop;
mod driver;
pub mod journeys;
mod page;
mod process;
mod serve;
mod standin;

pub use bus::{Item, Noted, NotificationServer, SessionBus, TrayHost};
pub use chromium::chromium;
pub use desktop::{Desktop, Options, close_window, size_of, type_keys, window_on_screen, windows};
pub use page::{Look, Page};
pub use process::{Process, eventually, eventually_some};
pub use serve::{Home, Served};
pub use standin::StandIn;

use std::path::PathBuf;

/// The program that an environment variable names, as `./test` sets it.
///
/// # Panics
/// Without it: these tests need a program to drive.
pub fn program(variable: &str) -> PathBuf {
    match std::env::var_os(variable) {
        Some(path) if PathBuf::from(&path).is_file() => PathBuf::from(path),
        Some(path) => panic!("{variable} is {}, which is no file; run ./test browser or ./test window", path.display()),
        None => panic!("{variable} is not set; run ./test browser or ./test window, which build what is driven"),
    }
}

/// Where screenshots are kept.
pub(crate) fn screenshots() -> PathBuf {
    let folder = std::env::var_os("CURFEW_SCREENSHOTS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/screenshots"), PathBuf::from);
    std::fs::create_dir_all(&folder).expect("the folder for screenshots can be made");
    folder
}
