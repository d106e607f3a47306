//! The live monitor: one run in a small window of its own, beside whatever else is on the screen.
//!
//! It shows what the run's page shows of how the run stands, in the same words, and its curves, read from the run's series
//! as they grow. It changes nothing: what ends a run is pressed in the panel, or typed.
//!
//! - [`Sheet`]: what is known of the run; whoever opens the monitor makes it, as a [`Feed`].
//! - `curves`: reading the series, and what of it is drawn.
//! - `watch`: a thread that asks both, so that the window never waits for a disk or a cloud.
//! - `app`, `plot`: what is on the screen. `look`: its colours, by day and by night.
//!
//! Invariant: the thread of the window reads no file and asks nobody.

mod app;
mod curves;
mod look;
mod plot;
mod sheet;
mod watch;

pub use sheet::{Feed, Number, Sheet, Tone};

use curfew_core::{Error, ErrorKind, Result};
use std::path::PathBuf;

/// How wide and high the window is at first, in points.
const SIZE: [f32; 2] = [560.0, 460.0];
/// Smaller it does not get: the numbers and a curve are to be read.
const LEAST: [f32; 2] = [320.0, 260.0];

/// Opens the window for the run whose series lie in `series`, and stays until it is closed. Only on the program's first
/// thread: other systems than Linux allow windows nowhere else.
///
/// Fails where there is no display, or none that can be drawn on.
pub fn open(title: &str, series: PathBuf, feed: impl Feed) -> Result<()> {
    let viewport = eframe::egui::ViewportBuilder::default()
        .with_title(format!("{title} – Curfew"))
        .with_app_id("curfew-monitor")
        .with_inner_size(SIZE)
        .with_min_inner_size(LEAST);
    let options = eframe::NativeOptions { viewport, ..eframe::NativeOptions::default() };
    let made = eframe::run_native(
        "curfew-monitor",
        options,
        Box::new(|context| {
            look::put_on(&context.egui_ctx);
            let window = context.egui_ctx.clone();
            Ok(Box::new(app::Monitor::new(watch::Watch::begin(series, feed, move || window.request_repaint()))))
        }),
    );
    made.map_err(|e| {
        Error::new(ErrorKind::Unsupported, "open the monitor", format!("no window could be opened: {e}")).next(
            "Run it where there is a display; curfew run show tells the same in a terminal, and the panel in a browser",
        )
    })
}
