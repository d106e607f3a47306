//! A figure for a paper: panels of curves over one axis, a legend above each, a caption below.

use crate::FigureOptions;
use crate::canvas::{PT_PER_MM, SOFT, Type, sheet};
use crate::curve::{Curve, axis_name, describe, panel_of};
use crate::fonts;
use crate::panel::{Shape, TICK, draw_panel};
use crate::scale::{Numbers, Ticks, clock, linear, logarithmic, time_unit};
use curfew_core::{Error, ErrorKind, Result};
use curfew_series::Axis;
use curfew_series::smooth::smooth_after;
use curfew_series::store::Bucket;

const CAPTION: Type = Type::new(6.5).color(SOFT);
const CAPTION_LINE: f64 = 8.6;
/// Above it a legend says only how many more there are.
pub(crate) const MOST_LEGEND: usize = 24;
const MOST_PANELS: usize = 24;
const EDGE: f64 = 3.0;

/// Draws curves as an SVG of the size that `options` say. Curves of one family (`loss`, `val_loss`) share a panel; their
/// views must have been made on `options.axis`. With a caption, how the figure was drawn is added to it.
///
/// # Errors
/// `InvalidInput` at an option that cannot be drawn, `NotFound` where no curve has a finite value.
pub fn figure_svg(curves: &[Curve], caption: Option<&str>, options: &FigureOptions) -> Result<String> {
    options.check()?;
    let axis = options.axis.unwrap_or_default();
    let span = span(curves, options);
    let mut panels: Vec<Panel<'_>> = Vec::new();
    for curve in curves {
        let (name, _) = panel_of(curve);
        match panels.iter_mut().find(|panel| panel.name == name) {
            Some(panel) => panel.lines.push(Line::new(curve, span, options)),
            None => panels.push(Panel { name, lines: vec![Line::new(curve, span, options)] }),
        }
    }
    panels.retain(|panel| panel.lines.iter().any(|line| line.extent(options).is_some()));
    if panels.is_empty() {
        let sign = if options.log_y { " above zero" } else { "" };
        return Err(Error::new(
            ErrorKind::NotFound,
            "draw the figure",
            format!("there is no finite value{sign} to draw"),
        )
        .next("Choose other metrics or a wider range."));
    }
    if panels.len() > MOST_PANELS {
        let many = format!("{} panels are too many for one figure; {MOST_PANELS} are the most", panels.len());
        return Err(Error::input("metrics", many).next("Choose fewer metrics."));
    }
    let across = Across::of(&panels, axis, options)?;

    let width = options.width_mm * PT_PER_MM;
    let columns = if panels.len() > 1 && options.width_mm >= 130.0 { 2 } else { 1 };
    let rows = panels.len().div_ceil(columns);
    let gap = 12.0;
    let panel_width = (width - 2.0 * EDGE - gap * (columns - 1) as f64) / columns as f64;
    let notes = notes(&panels, &across, options);
    let caption_lines = caption.map_or_else(Vec::new, |caption| {
        let text = format!("{} {}", fonts::shown(caption, 1000), notes.join(" "));
        fonts::wrap(&text, width - 2.0 * EDGE, CAPTION.size, CAPTION.weight)
    });
    let below = if caption_lines.is_empty() { 0.0 } else { 5.0 + CAPTION_LINE * caption_lines.len() as f64 };
    let taken = 2.0 * EDGE + below + gap * (rows - 1) as f64;
    let panel_height = match options.height_mm {
        Some(height) => (height * PT_PER_MM - taken) / rows as f64,
        // Flatter the wider it is; a single panel may be taller than one of many.
        None => (panel_width * if rows == 1 { 0.62 } else { 0.5 }).clamp(90.0, 250.0),
    };
    if panel_height < 60.0 {
        return Err(Error::input("height", "the figure is too low for its panels and its caption")
            .next("Make it taller, choose fewer metrics, or leave the caption out."));
    }
    let height = panel_height * rows as f64 + taken;

    let names: Vec<String> = panels.iter().map(|panel| fonts::shown(&panel.name, 60)).collect();
    let title = format!("{} by {}", names.join(", "), across.name.to_lowercase());
    let description: Vec<String> = curves.iter().take(MOST_LEGEND).map(|curve| describe(curve, axis)).collect();
    sheet((width, height), &title, &description.join(" "), |canvas| {
        // Panels below each other begin at the same place.
        let shapes: Vec<Shape> =
            panels.iter().map(|panel| Shape::of(panel, panel_width, panel_height, options)).collect();
        for column in 0..columns {
            let of_column =
                |list: &[Shape]| list.iter().skip(column).step_by(columns).map(|s| s.left).fold(0.0, f64::max);
            let left = of_column(&shapes);
            for (at, panel) in panels.iter().enumerate().skip(column).step_by(columns) {
                let corner =
                    (EDGE + column as f64 * (panel_width + gap), EDGE + (at / columns) as f64 * (panel_height + gap));
                let shape = shapes[at].beginning_at(left);
                draw_panel(canvas, panel, &shape, corner, (panel_width, panel_height), &across, options)?;
            }
        }
        let first = height - EDGE - CAPTION_LINE * caption_lines.len() as f64 + CAPTION.size;
        for (at, line) in caption_lines.iter().enumerate() {
            canvas.text(line, (EDGE, first + at as f64 * CAPTION_LINE), CAPTION)?;
        }
        Ok(())
    })
}

/// Curves that share a value axis.
pub(crate) struct Panel<'a> {
    pub(crate) name: String,
    pub(crate) lines: Vec<Line<'a>>,
}

/// A curve made ready: its places on the drawn axes.
pub(crate) struct Line<'a> {
    pub(crate) curve: &'a Curve,
    pub(crate) label: String,
    pub(crate) smooth: Option<Vec<f64>>,
}

impl<'a> Line<'a> {
    /// `span` is how much of the axis as drawn is shown.
    fn new(curve: &'a Curve, span: f64, options: &FigureOptions) -> Self {
        let smooth = (options.smoothing > 0.0).then(|| {
            // By distance on the axis as drawn. What has no place on it takes no part.
            let placed = |bucket: &Bucket| match place_x(bucket.x, options) {
                Some(x) => Bucket { x, ..*bucket },
                None => Bucket { mean: f64::NAN, ..*bucket },
            };
            let placed = |buckets: &[Bucket]| buckets.iter().map(placed).collect::<Vec<_>>();
            smooth_after(&placed(&curve.run_up), &placed(&curve.view.buckets), options.smoothing, span)
        });
        Self { curve, label: fonts::shown(&curve.label, 60), smooth }
    }
    pub(crate) fn buckets(&self) -> &'a [Bucket] {
        &self.curve.view.buckets
    }
    pub(crate) fn has_band(&self, options: &FigureOptions) -> bool {
        options.band && !self.curve.view.exact
    }
    pub(crate) fn means(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.buckets().iter().map(|bucket| (bucket.x, bucket.mean))
    }
    /// Least and greatest of what is drawn of it, on the drawn axis.
    pub(crate) fn extent(&self, options: &FigureOptions) -> Option<(f64, f64)> {
        let seen = |bucket: &Bucket| {
            if self.has_band(options) { [bucket.min, bucket.max] } else { [bucket.mean, bucket.mean] }
        };
        let all = self.buckets().iter().chain(&self.curve.view.overridden);
        let values = all.filter(|bucket| place_x(bucket.x, options).is_some()).flat_map(seen);
        let values: Vec<f64> = values.filter_map(|value| place_y(value, options)).collect();
        let least = values.iter().copied().reduce(f64::min)?;
        Some((least, values.into_iter().fold(least, f64::max)))
    }
}

/// Where something stands on the axis as drawn; none for what has no place there. Bounded so that differences are finite.
fn place(value: f64, log: bool) -> Option<f64> {
    if !value.is_finite() || (log && value <= 0.0) {
        return None;
    }
    Some(if log { value.log10() } else { value.clamp(-1e300, 1e300) })
}
pub(crate) fn place_x(x: f64, options: &FigureOptions) -> Option<f64> {
    place(x, options.log_x)
}
pub(crate) fn place_y(y: f64, options: &FigureOptions) -> Option<f64> {
    place(y, options.log_y)
}

/// How much of the axis as drawn is shown.
fn span(curves: &[Curve], options: &FigureOptions) -> f64 {
    let ends: Vec<f64> = match options.range {
        Some((from, to)) => vec![from, to],
        None => curves.iter().flat_map(|curve| curve.view.buckets.iter().map(|bucket| bucket.x)).collect(),
    };
    let places = || ends.iter().filter_map(|x| place_x(*x, options));
    places().fold(f64::NEG_INFINITY, f64::max) - places().fold(f64::INFINITY, f64::min)
}

/// Room around a range, and a range where there is only one value.
pub(crate) fn widened((low, high): (f64, f64), by: f64) -> (f64, f64) {
    if high > low {
        let room = (high - low) * by;
        return (low - room, high + room);
    }
    let room = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
    (low - room, high + room)
}

/// The axis that all panels share.
pub(crate) struct Across {
    axis: Axis,
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) name: String,
}

impl Across {
    fn of(panels: &[Panel<'_>], axis: Axis, options: &FigureOptions) -> Result<Self> {
        let lines = || panels.iter().flat_map(|panel| &panel.lines);
        let numbered = lines().all(|line| line.curve.view.numbered);
        let places: Vec<f64> = match options.range {
            Some((from, to)) => [from, to].iter().filter_map(|x| place_x(*x, options)).collect(),
            None => lines()
                .flat_map(|line| {
                    let seen = line.buckets().iter().chain(&line.curve.view.overridden).map(|bucket| bucket.x);
                    seen.chain(line.curve.view.extent.map(|(_, last)| last))
                })
                .filter_map(|x| place_x(x, options))
                .collect(),
        };
        let (Some(low), Some(high)) =
            (places.iter().copied().reduce(f64::min), places.iter().copied().reduce(f64::max))
        else {
            return Err(Error::input(
                "log_x",
                "a logarithmic axis shows nothing at or below zero, and there is nothing above",
            ));
        };
        let (low, high) = match options.range {
            // From zero or below: from the first point on.
            Some(_) if places.len() == 1 => {
                let first = lines().flat_map(Line::buckets).filter_map(|b| place_x(b.x, options)).fold(high, f64::min);
                widened((first, high), 0.0)
            }
            _ => (low, high),
        };
        let (from, to) = if high > low { (low, high) } else { widened((low, high), 0.0) };
        let span = if options.log_x { 10f64.powf(to) } else { to - from };
        let zone = options.zone.iana_name().unwrap_or("local time");
        let name = axis_name(axis, numbered, span, zone);
        Ok(Self { axis, from, to, name })
    }

    /// As many marks as fit in `room` points without touching.
    pub(crate) fn ticks(&self, room: f64, options: &FigureOptions) -> Ticks {
        let made = |most: usize| {
            if options.log_x {
                return logarithmic(self.from, self.to, most);
            }
            match self.axis {
                Axis::Step | Axis::Epoch => linear(self.from, self.to, most, Numbers::Counts),
                Axis::Time => clock(self.from, self.to, most, &options.zone),
                Axis::Relative => {
                    let (unit, _) = time_unit(self.to - self.from);
                    let mut ticks = linear(self.from / unit, self.to / unit, most, Numbers::Counts);
                    for tick in &mut ticks.major {
                        tick.at *= unit;
                    }
                    ticks
                }
            }
        };
        let fits = |ticks: &Ticks| {
            let place = |at: f64| (at - self.from) / (self.to - self.from) * room;
            ticks.major.windows(2).all(|pair| {
                let half = f64::midpoint(TICK.width(&pair[0].label), TICK.width(&pair[1].label));
                place(pair[1].at) - place(pair[0].at) >= half + 6.0
            })
        };
        (2..=8).rev().map(made).find(fits).unwrap_or_else(|| made(1))
    }
}

/// How the figure was drawn, as far as a reader has to know it; one sentence each.
fn notes(panels: &[Panel<'_>], across: &Across, options: &FigureOptions) -> Vec<String> {
    let lines = || panels.iter().flat_map(|panel| &panel.lines);
    let buckets = || lines().flat_map(Line::buckets);
    let mut notes = Vec::new();
    if lines().any(|line| !line.curve.view.exact) {
        let shade = if options.band { "; shade: their least and greatest value" } else { "" };
        notes.push(format!("Line: mean of points too close to be drawn apart{shade}."));
    }
    if options.smoothing > 0.0 {
        notes.push(format!("Smoothed by an exponential moving average ({}), raw values behind.", options.smoothing));
    }
    if buckets().any(|bucket| bucket.nan + bucket.infinite > 0) {
        notes.push("×: not a number or infinite.".into());
    }
    if lines().any(|line| !line.curve.view.overridden.is_empty()) {
        notes.push("Thin and pale: before a restart from a checkpoint.".into());
    }
    if options.log_y && buckets().any(|bucket| bucket.min <= 0.0) {
        notes.push("Values of zero or less have no place on the logarithmic scale.".into());
    }
    if options.log_x && options.range.is_none() && buckets().any(|bucket| bucket.x <= 0.0) {
        notes.push(format!("{} zero has no place on the logarithmic scale.", across.name));
    }
    if options.values.is_some_and(|(from, to)| buckets().any(|bucket| bucket.min < from || bucket.max > to)) {
        notes.push("Some values lie outside the scale.".into());
    }
    notes
}
