//! The proof.
use curfew_core::Result;
use curfew_core::lab::LabReport;
use jiff::tz::TimeZone;
/// The proof.
pub fn proof_pdf(report: &LabReport, zone: &TimeZone) -> Result<Vec<u8>> {
    let _ = zone;
    crate::format::pdf(&[], &report.session.name, None)
}
