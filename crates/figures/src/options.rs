//! How a figure is drawn.

use curfew_core::{Error, Result};
use curfew_series::Axis;
use jiff::tz::TimeZone;

/// The width of one column of a two-column paper (Nature's 89 mm; IEEE and ACM are within a millimetre or two).
pub const SINGLE_COLUMN_MM: f64 = 89.0;
/// The width of a whole page of a two-column paper (Nature's 183 mm).
pub const DOUBLE_COLUMN_MM: f64 = 183.0;

/// How a figure is drawn.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the form")]
pub struct FigureOptions {
    /// Width on paper in millimetres, 30 to 500: [`SINGLE_COLUMN_MM`], [`DOUBLE_COLUMN_MM`] or another.
    pub width_mm: f64,
    /// Height on paper in millimetres, caption included, up to 500; what suits the width where absent.
    pub height_mm: Option<f64>,
    /// The metrics to draw, by name; empty for the loss in training and validation.
    pub metrics: Vec<String>,
    /// What is drawn from left to right; where absent, the first of step, epoch and time that every curve has.
    pub axis: Option<Axis>,
    /// From and to on that axis, in its unit (see [`Axis`]); all of it where absent.
    pub range: Option<(f64, f64)>,
    /// Least and greatest value shown; all of them where absent.
    pub values: Option<(f64, f64)>,
    /// Logarithmic from left to right.
    pub log_x: bool,
    /// Logarithmic from bottom to top.
    pub log_y: bool,
    /// 0 (as printed) up to, but not including, 1. What was printed stands faint behind what is smoothed.
    pub smoothing: f64,
    /// Where points share a place: their least and greatest value as a shade.
    pub band: bool,
    /// Where the figure comes from and how it was drawn, below it.
    pub caption: bool,
    /// Dots to the inch of a PNG, 36 to 1200.
    pub dpi: u32,
    /// In which the time axis is told.
    pub zone: TimeZone,
}

impl Default for FigureOptions {
    fn default() -> Self {
        Self {
            width_mm: SINGLE_COLUMN_MM,
            height_mm: None,
            metrics: Vec::new(),
            axis: None,
            range: None,
            values: None,
            log_x: false,
            log_y: false,
            smoothing: 0.0,
            band: true,
            caption: true,
            dpi: 300,
            zone: TimeZone::UTC,
        }
    }
}

impl FigureOptions {
    /// Says which of the options cannot be drawn, at its field.
    pub fn check(&self) -> Result<()> {
        let within = |field, what: &str, value: f64, low: f64, high: f64| {
            let good = (low..=high).contains(&value);
            if good { Ok(()) } else { Err(Error::input(field, format!("{what} is from {low} to {high}"))) }
        };
        within("width", "a figure's width in mm", self.width_mm, 30.0, 500.0)?;
        if let Some(height) = self.height_mm {
            within("height", "a figure's height in mm", height, 20.0, 500.0)?;
        }
        within("smoothing", "smoothing", self.smoothing, 0.0, 0.9999)?;
        within("dpi", "the dots to the inch", f64::from(self.dpi), 36.0, 1200.0)?;
        for (field, range) in [("range", self.range), ("values", self.values)] {
            if range.is_some_and(|(from, to)| !(from.is_finite() && to.is_finite() && from < to)) {
                return Err(Error::input(field, "a range goes from a smaller to a larger number"));
            }
        }
        if self.log_y && self.values.is_some_and(|(from, _)| from <= 0.0) {
            return Err(Error::input("values", "a logarithmic scale begins above zero"));
        }
        if self.log_x && self.range.is_some_and(|(_, to)| to <= 0.0) {
            return Err(Error::input("range", "a logarithmic scale ends above zero"));
        }
        Ok(())
    }
}
