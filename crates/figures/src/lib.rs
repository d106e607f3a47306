//! Drawings for papers and reports: loss figures, sparklines, the proof of a lab session's end.
//!
//! Every drawing is one SVG, drawn by plotters with an embedded font; PNG and PDF are made from that SVG.
//!
//! Invariant: nothing here reads a clock, starts a task or asks a cloud; times and zones are arguments.

mod canvas;
mod commit;
mod curve;
mod figure;
mod flow;
mod fonts;
mod format;
mod options;
mod panel;
mod proof;
mod scale;
mod sparkline;
mod trace;

pub use curfew_series::Axis;
pub use curve::{Curve, RunCurves, describe};
pub use figure::figure_svg;
pub use format::Format;
pub use options::{DOUBLE_COLUMN_MM, FigureOptions, SINGLE_COLUMN_MM};
pub use proof::proof_pdf;
pub use sparkline::sparkline_svg;

/// The font of all drawings, Inter, as TrueType: regular and semi-bold.
pub fn inter() -> [&'static [u8]; 2] {
    [fonts::REGULAR, fonts::BOLD]
}

use curfew_core::run::RunSpec;
use curfew_core::{Result, Timestamp, say};
use jiff::tz::TimeZone;
use std::path::Path;

/// Draws a run's metrics as `options` say (the loss, in training and validation, where they name none) into `output`; its
/// extension says how: `svg`, `png` or `pdf`.
///
/// # Errors
/// `InvalidInput` at `output` for another extension or at an option that cannot be drawn, `NotFound` where the run has printed nothing to draw. What was at
/// `output` before stays unless the whole figure could be written.
pub fn run_figure(series_dir: &Path, spec: &RunSpec, output: &Path, options: &FigureOptions) -> Result<()> {
    let format = Format::of(output)?;
    let bytes = run_figure_bytes(series_dir, spec, format, options)?;
    format::write(output, &bytes)
}

/// Draws a run's metrics as `options` say: what "Save figure…" sends.
pub fn run_figure_bytes(series_dir: &Path, spec: &RunSpec, format: Format, options: &FigureOptions) -> Result<Vec<u8>> {
    options.check()?;
    let run = RunCurves::read(series_dir, options)?;
    let caption = options.caption.then(|| run_caption(spec, &run));
    let options = FigureOptions { axis: Some(run.axis), ..options.clone() };
    let svg = figure_svg(&run.curves, caption.as_deref(), &options)?;
    match format {
        Format::Svg => Ok(svg.into_bytes()),
        Format::Png => format::png(&svg, options.dpi),
        Format::Pdf => format::pdf(&[svg], &format!("Run {}", spec.id), None),
    }
}

/// Where a figure comes from: "Run iris-7f3a (Iris), train.py, commit 1a2b3c4d5e6f checked out, 2026-11-21 (UTC), 312 points."
fn run_caption(spec: &RunSpec, run: &RunCurves) -> String {
    let began = Timestamp::from_millisecond(run.first_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let named =
        if spec.name == spec.id.as_str() { String::new() } else { format!(" ({})", say::clean(&spec.name, 80)) };
    let commit = commit::at(&spec.dir, began.as_second())
        .map_or_else(String::new, |hash| format!(", commit {} checked out", &hash[..12]));
    let day = began.to_zoned(TimeZone::UTC).date();
    let points = scale::count(run.points as f64, 0, false);
    let points = if run.points == 1 { "1 point".into() } else { format!("{points} points") };
    format!("Run {}{named}, {}{commit}, {day} (UTC), {points}.", spec.id, say::clean(&spec.entry, 80))
}
