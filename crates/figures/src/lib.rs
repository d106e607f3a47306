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
pub use curve::{Curve, RunCurves, describe, one_a_place};
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
use curfew_core::{Error, ErrorKind, Result, Timestamp, say};
use jiff::tz::TimeZone;
use std::path::Path;

/// Draws the metrics of runs as `options` say (the loss, in training and validation, where they name none) into `output`; its
/// extension says how: `svg`, `png` or `pdf`. Each run is the folder of its series and what was asked for.
///
/// # Errors
/// `InvalidInput` at `output` for another extension or at an option that cannot be drawn, `NotFound` where the run has
/// printed nothing to draw. What was at `output` before stays unless the whole figure could be written.
pub fn run_figure(runs: &[(&Path, &RunSpec)], output: &Path, options: &FigureOptions) -> Result<()> {
    let format = Format::of(output)?;
    let bytes = run_figure_bytes(runs, format, options)?;
    format::write(output, &bytes)
}

/// Draws the metrics of runs as `options` say: what "Save figure…" sends. Of several runs each has its name in the legend;
/// one that has not printed what is drawn is left out, unless no run has.
pub fn run_figure_bytes(runs: &[(&Path, &RunSpec)], format: Format, options: &FigureOptions) -> Result<Vec<u8>> {
    options.check()?;
    let mut options = options.clone();
    let mut drawn: Vec<(&RunSpec, RunCurves)> = Vec::new();
    let mut refused = Error::input("run", "a figure needs a run").next("Choose one.");
    for (dir, spec) in runs {
        match RunCurves::read(dir, &options) {
            Ok(run) => {
                // The first one's axis is everybody's.
                options.axis.get_or_insert(run.axis);
                drawn.push((spec, run));
            }
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => refused = error,
            Err(error) => return Err(error),
        }
    }
    let caption = match drawn.as_slice() {
        [] => return Err(refused),
        [(spec, run)] => run_caption(spec, run),
        _ => runs_caption(&drawn),
    };
    let curves = labelled(drawn)?;
    let svg = figure_svg(&curves, options.caption.then_some(caption.as_str()), &options)?;
    let title = if let [(_, spec)] = runs { format!("Run {}", spec.id) } else { format!("{} runs", runs.len()) };
    match format {
        Format::Svg => Ok(svg.into_bytes()),
        Format::Png => format::png(&svg, options.dpi),
        Format::Pdf => format::pdf(&[svg], &title, None),
    }
}

/// The curves of all runs, each by its run's name where there are several; by its id where a name is not its alone.
fn labelled(drawn: Vec<(&RunSpec, RunCurves)>) -> Result<Vec<Curve>> {
    let names: Vec<&str> = drawn.iter().map(|(spec, _)| spec.name.as_str()).collect();
    let name_of = |spec: &RunSpec| {
        let alone = names.iter().filter(|name| **name == spec.name).count() == 1;
        if alone { spec.name.clone() } else { spec.id.to_string() }
    };
    let labels: Vec<String> = drawn.iter().map(|(spec, _)| name_of(spec)).collect();
    let several = drawn.len() > 1;
    let mut curves = Vec::new();
    for ((_, run), name) in drawn.into_iter().zip(labels) {
        let only = run.curves.len() == 1;
        curves.extend(run.curves.into_iter().map(|curve| match (several, only) {
            (false, _) => curve,
            (true, true) => Curve { label: name.clone(), ..curve },
            (true, false) => Curve { label: format!("{name}: {}", curve.label), ..curve },
        }));
    }
    if curves.len() > curve::MOST_CURVES {
        let many = format!("{} curves are too many for one figure; {} are the most", curves.len(), curve::MOST_CURVES);
        return Err(Error::input("run", many).next("Choose fewer runs."));
    }
    Ok(curves)
}

/// "Runs iris-7f3a, iris-8a21 and 3 more, 1,560 points."
fn runs_caption(drawn: &[(&RunSpec, RunCurves)]) -> String {
    const NAMED: usize = 8;
    let ids: Vec<&str> = drawn.iter().take(NAMED).map(|(spec, _)| spec.id.as_str()).collect();
    let more = drawn.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let points: u64 = drawn.iter().map(|(_, run)| run.points).sum();
    format!("Runs {}{more}, {} points.", ids.join(", "), scale::count(points as f64, 0, false))
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
