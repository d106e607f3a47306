//! Drawings for papers and reports: loss figures, sparklines, the proof of a lab session's end.
//!
//! Invariant: nothing here reads a clock, starts a task or asks a cloud; times and zones are arguments.

use curfew_core::lab::LabReport;
use curfew_core::run::RunSpec;
use curfew_core::{Error, ErrorKind, Result};
use jiff::tz::TimeZone;
use std::path::Path;

/// Draws a run's loss into `output`; its extension says how: `svg`, `png` or `pdf`.
pub fn run_figure(series_dir: &Path, spec: &RunSpec, output: &Path) -> Result<()> {
    let _ = (series_dir, spec, output);
    Err(Error::new(ErrorKind::Unsupported, "draw the figure", "this build cannot draw figures yet"))
}

/// The proof of a lab session's end as PDF (A4, selectable text), with times told in `zone`.
pub fn proof_pdf(report: &LabReport, zone: &TimeZone) -> Result<Vec<u8>> {
    let _ = (report, zone);
    Err(Error::new(ErrorKind::Unsupported, "write the proof", "this build cannot write PDF yet"))
}
