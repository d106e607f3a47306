//! A window on a series, in as many buckets as it is wide.

use serde::{Deserialize, Serialize};

use crate::Axis;

/// What to look at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// What is drawn from left to right.
    pub axis: Axis,
    /// From and to, both included, in the axis's unit; the whole series where absent.
    pub range: Option<(f64, f64)>,
    /// How many buckets at most, usually the picture's width in pixels.
    pub width: usize,
    /// Buckets are equally wide on a logarithmic axis.
    pub log_x: bool,
}

impl Window {
    /// The whole series on `axis`, in at most `width` buckets.
    pub fn whole(axis: Axis, width: usize) -> Window {
        Window { axis, range: None, width, log_x: false }
    }
}

/// Points that share a pixel. No value in it is made up: `min`, `max` and `last` were printed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Where the first of its points stands.
    pub x: f64,
    /// The least finite value; NaN where there is none.
    pub min: f64,
    /// The greatest finite value; NaN where there is none.
    pub max: f64,
    /// The mean of the finite values; NaN where there is none.
    pub mean: f64,
    /// The last value, whatever it is.
    pub last: f64,
    /// How many points it holds, NaN and infinities included.
    pub count: u64,
    /// How many of them are NaN.
    pub nan: u64,
    /// How many of them are infinite.
    pub infinite: u64,
    /// 0 until the run first goes back to an earlier step, 1 from there, and so on. A line ends where this changes.
    pub attempt: u32,
}

/// A window's content.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct View {
    /// From left to right; `x` never decreases.
    pub buckets: Vec<Bucket>,
    /// What a restart from a checkpoint has overridden, on the step and epoch axes. Each attempt from left to right.
    pub overridden: Vec<Bucket>,
    /// Where the whole series starts and ends on this axis, whatever the window.
    pub extent: Option<(f64, f64)>,
    /// The points carry no step (or epoch), so they are numbered 0, 1, 2….
    pub numbered: bool,
    /// Every bucket is one point.
    pub exact: bool,
}
