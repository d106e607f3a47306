//! A figure for a paper: panels of curves over one axis, a legend above each, a caption below.

use crate::FigureOptions;
use crate::canvas::{Anchor, Canvas, INK, Marker, PT_PER_MM, Plot, RULE, SOFT, Stroke, Type, sheet};
use crate::curve::{Curve, axis_name, describe, panel_of};
use crate::fonts::{self, Weight};
use crate::scale::{Numbers, Ticks, clock, linear, logarithmic, time_unit};
use crate::trace::{clip, runs};
use curfew_core::{Error, ErrorKind, Result};
use curfew_series::Axis;
use curfew_series::smooth::smooth;
use curfew_series::store::Bucket;
use plotters::style::RGBColor;

/// Okabe and Ito's palette, told apart with every kind of colour vision, without its yellow, which is too pale on paper.
/// <https://jfly.uni-koeln.de/color/>
const PALETTE: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x00, 0x00, 0x00),
];
/// After a round of colours, the same again with other strokes.
const DASHES: [Option<(f64, f64)>; 4] = [None, Some((4.0, 1.8)), Some((1.0, 1.6)), Some((7.0, 1.8))];

const TICK: Type = Type::new(7.0);
const NAME: Type = Type::new(8.0);
const LEGEND: Type = Type::new(7.0);
const CAPTION: Type = Type::new(6.5).color(SOFT);
const CAPTION_LINE: f64 = 8.6;
const LEGEND_LINE: f64 = 10.5;
const LEGEND_SAMPLE: f64 = 14.0;
const TICK_LENGTH: f64 = 2.8;
/// Above it a legend says only how many more there are.
const MOST_LEGEND: usize = 24;
const MOST_PANELS: usize = 24;
/// Up to so many points each gets a marker.
const MOST_MARKERS: usize = 40;
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
                let shape = Shape { left, ..shapes[at].clone() };
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
struct Panel<'a> {
    name: String,
    lines: Vec<Line<'a>>,
}

/// A curve made ready: its places on the drawn axes.
struct Line<'a> {
    curve: &'a Curve,
    label: String,
    smooth: Option<Vec<f64>>,
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
            smooth(&curve.view.buckets.iter().map(placed).collect::<Vec<_>>(), options.smoothing, span)
        });
        Self { curve, label: fonts::shown(&curve.label, 60), smooth }
    }
    fn buckets(&self) -> &'a [Bucket] {
        &self.curve.view.buckets
    }
    fn has_band(&self, options: &FigureOptions) -> bool {
        options.band && !self.curve.view.exact
    }
    fn means(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.buckets().iter().map(|bucket| (bucket.x, bucket.mean))
    }
    /// Least and greatest of what is drawn of it, on the drawn axis.
    fn extent(&self, options: &FigureOptions) -> Option<(f64, f64)> {
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
fn place_x(x: f64, options: &FigureOptions) -> Option<f64> {
    place(x, options.log_x)
}
fn place_y(y: f64, options: &FigureOptions) -> Option<f64> {
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
fn widened((low, high): (f64, f64), by: f64) -> (f64, f64) {
    if high > low {
        let room = (high - low) * by;
        return (low - room, high + room);
    }
    let room = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
    (low - room, high + room)
}

/// The axis that all panels share.
struct Across {
    axis: Axis,
    from: f64,
    to: f64,
    name: String,
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
    fn ticks(&self, room: f64, options: &FigureOptions) -> Ticks {
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

/// What a panel needs around its plot, in points.
#[derive(Debug, Clone)]
struct Shape {
    left: f64,
    top: f64,
    y: (f64, f64),
    ticks: Ticks,
    /// Rows of the legend: where each entry begins, and which it is. None stands for "and more".
    legend: Vec<Vec<(f64, Option<usize>)>>,
}

const BELOW: f64 = TICK_LENGTH + 2.0 + 7.0 + 4.0 + 8.0;

impl Shape {
    fn of(panel: &Panel<'_>, width: f64, height: f64, options: &FigureOptions) -> Self {
        let all = panel.lines.iter().filter_map(|line| line.extent(options));
        let (low, high) = all.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or((0.0, 1.0));
        let y = match options.values.and_then(|(a, b)| Some((place_y(a, options)?, place_y(b, options)?))) {
            Some(range) => range,
            None => widened((low, high), 0.04),
        };
        let legend = legend(panel, width);
        let top = if legend.is_empty() { 4.0 } else { LEGEND_LINE * legend.len() as f64 + 3.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a figure is at most 500 mm high")]
        let most = ((height - top - BELOW) / 16.0).clamp(3.0, 8.0) as usize;
        let ticks = if options.log_y { logarithmic(y.0, y.1, most) } else { linear(y.0, y.1, most, Numbers::Any) };
        let labels = ticks.major.iter().map(|tick| TICK.width(&tick.label)).fold(0.0, f64::max);
        Self { left: NAME.size + 5.0 + labels + 2.0 + TICK_LENGTH, top, y, ticks, legend }
    }
}

fn legend(panel: &Panel<'_>, width: f64) -> Vec<Vec<(f64, Option<usize>)>> {
    let mut rows: Vec<Vec<(f64, Option<usize>)>> = Vec::new();
    if matches!(panel.lines.as_slice(), [only] if only.label == panel.name) {
        return rows;
    }
    let mut at = f64::INFINITY;
    let shown = panel.lines.len().min(MOST_LEGEND);
    let more = (panel.lines.len() > shown).then_some(None);
    for entry in (0..shown).map(Some).chain(more) {
        let text = entry.map_or_else(|| and_more(panel), |index| panel.lines[index].label.clone());
        let wide = LEGEND_SAMPLE + 3.0 + LEGEND.width(&text) + 10.0;
        if at + wide - 10.0 > width {
            at = 0.0;
            rows.push(Vec::new());
        }
        if let Some(row) = rows.last_mut() {
            row.push((at, entry));
        }
        at += wide;
    }
    rows
}

fn and_more(panel: &Panel<'_>) -> String {
    format!("and {} more", panel.lines.len() - MOST_LEGEND)
}

fn look(index: usize) -> (RGBColor, Option<(f64, f64)>) {
    (PALETTE[index % PALETTE.len()], DASHES[index / PALETTE.len() % DASHES.len()])
}

fn marker(index: usize) -> Marker {
    if index.is_multiple_of(2) { Marker::Disc } else { Marker::Square }
}

fn draw_panel(
    canvas: &Canvas<'_>,
    panel: &Panel<'_>,
    shape: &Shape,
    corner: (f64, f64),
    (width, height): (f64, f64),
    across: &Across,
    options: &FigureOptions,
) -> Result<()> {
    let right_room = 6.0;
    let (left, right) = (corner.0 + shape.left, corner.0 + width - right_room);
    let (top, bottom) = (corner.1 + shape.top, corner.1 + height - BELOW);
    let (low, high) = shape.y;
    let at_x = |x: f64| left + (x - across.from) / (across.to - across.from) * (right - left);
    let at_y = |y: f64| bottom - (y - low) / (high - low) * (bottom - top);

    for (row, entries) in shape.legend.iter().enumerate() {
        let middle = corner.1 + LEGEND_LINE * (row as f64 + 0.5);
        for &(at, entry) in entries {
            let x = corner.0 + at;
            let Some(index) = entry else {
                canvas.text(&and_more(panel), (x, middle + 2.5), LEGEND.color(SOFT))?;
                continue;
            };
            let (color, dash) = look(index);
            canvas.line(&[(x, middle), (x + LEGEND_SAMPLE, middle)], Stroke::new(1.2, color).dash(dash))?;
            if panel.lines[index].buckets().len() <= MOST_MARKERS {
                canvas.marker((x + LEGEND_SAMPLE / 2.0, middle), marker(index), 1.6, color)?;
            }
            let room = width - at - LEGEND_SAMPLE - 3.0;
            let text = fonts::fit(&panel.lines[index].label, room, LEGEND.size, Weight::Regular);
            canvas.text(&text, (x + LEGEND_SAMPLE + 3.0, middle + 2.5), LEGEND)?;
        }
    }

    for tick in &shape.ticks.major {
        let y = at_y(tick.at);
        canvas.line(&[(left, y), (right, y)], Stroke::new(0.4, RULE))?;
    }

    let spine = Stroke::new(0.6, INK);
    canvas.line(&[(left, top), (left, bottom), (right, bottom)], spine)?;
    let plot = canvas.plot((left, top), (right, bottom), across.from..across.to, low..high);
    let points_across = (right - left) / (across.to - across.from);
    draw_lines(&plot, panel, shape.y, points_across, options)?;
    for (index, line) in panel.lines.iter().enumerate() {
        // Where a value was NaN or infinite: at the bottom, in the curve's colour.
        for bucket in line.buckets().iter().filter(|bucket| bucket.nan + bucket.infinite > 0) {
            if let Some(x) = place_x(bucket.x, options).filter(|x| (across.from..=across.to).contains(x)) {
                canvas.marker((at_x(x), bottom - 4.0 - 4.5 * (index % 3) as f64), Marker::Cross, 1.7, look(index).0)?;
            }
        }
    }

    for tick in &shape.ticks.major {
        let y = at_y(tick.at);
        canvas.line(&[(left - TICK_LENGTH, y), (left, y)], spine)?;
        canvas.text(&tick.label, (left - TICK_LENGTH - 2.0, y + 2.5), TICK.at(Anchor::Right))?;
    }
    for minor in &shape.ticks.minor {
        let y = at_y(*minor);
        canvas.line(&[(left - TICK_LENGTH * 0.55, y), (left, y)], Stroke::new(0.4, INK))?;
    }
    let below = across.ticks(right - left, options);
    for tick in &below.major {
        let x = at_x(tick.at);
        canvas.line(&[(x, bottom), (x, bottom + TICK_LENGTH)], spine)?;
        // A label at the far end stays on the sheet.
        let half = TICK.width(&tick.label) / 2.0;
        let x = x.min(corner.0 + width - half).max(corner.0 + half);
        canvas.text(&tick.label, (x, bottom + TICK_LENGTH + 2.0 + 5.5), TICK.at(Anchor::Center))?;
    }
    for minor in &below.minor {
        let x = at_x(*minor);
        canvas.line(&[(x, bottom), (x, bottom + TICK_LENGTH * 0.55)], Stroke::new(0.4, INK))?;
    }
    canvas.text(&across.name, (f64::midpoint(left, right), corner.1 + height - 2.0), NAME.at(Anchor::Center))?;
    let factor = shape.ticks.factor.as_ref().map_or(String::new(), |factor| format!(" (×{factor})"));
    let name =
        fonts::fit(&fonts::shown(&panel.name, 60), bottom - top - NAME.width(&factor), NAME.size, Weight::Regular);
    canvas.text_upwards(&format!("{name}{factor}"), (corner.0 + NAME.size - 1.5, f64::midpoint(top, bottom)), NAME)
}

/// The data, from back to front: bands, what restarts went over again, what was printed, the lines.
/// `points_across` is how many points of paper a unit of the x-axis takes.
fn draw_lines(
    plot: &Plot<'_>,
    panel: &Panel<'_>,
    y: (f64, f64),
    points_across: f64,
    options: &FigureOptions,
) -> Result<()> {
    let placed = |points: &mut dyn Iterator<Item = (f64, f64)>| -> Vec<Option<(f64, f64)>> {
        points.map(|(x, value)| Some((place_x(x, options)?, place_y(value, options)?))).collect()
    };
    let stroke = |list: &[Bucket], points: &[Option<(f64, f64)>], stroke: Stroke| -> Result<()> {
        for run in runs(list, points) {
            for part in clip(&run, y) {
                plot.line(part, stroke)?;
            }
        }
        Ok(())
    };
    for (index, line) in panel.lines.iter().enumerate().filter(|(_, line)| line.has_band(options)) {
        let bounds: Vec<Option<(f64, (f64, f64))>> = line
            .buckets()
            .iter()
            .map(|b| {
                let top = place_y(b.max, options)?;
                // On a logarithmic scale a band that reaches zero or below reaches the bottom.
                Some((place_x(b.x, options)?, (place_y(b.min, options).unwrap_or(y.0), top)))
            })
            .collect();
        for run in runs(line.buckets(), &bounds) {
            let upper: Vec<_> = run.iter().map(|&(x, (_, top))| (x, top.clamp(y.0, y.1))).collect();
            let lower: Vec<_> = run.iter().rev().map(|&(x, (low, _))| (x, low.clamp(y.0, y.1))).collect();
            plot.area([upper.as_slice(), &lower].concat(), look(index).0, 0.2)?;
            // A single spike is as thin as a bucket: without an edge it would be lost in print.
            for edge in [upper, lower] {
                plot.line(edge, Stroke::new(0.35, look(index).0).alpha(0.5))?;
            }
        }
    }
    for (index, line) in panel.lines.iter().enumerate() {
        let (color, _) = look(index);
        let old = &line.curve.view.overridden;
        let points = placed(&mut old.iter().map(|bucket| (bucket.x, bucket.mean)));
        stroke(old, &points, Stroke::new(0.5, color).alpha(0.45))?;
        if line.smooth.is_some() {
            stroke(line.buckets(), &placed(&mut line.means()), Stroke::new(0.5, color).alpha(0.35))?;
        }
    }
    for (index, line) in panel.lines.iter().enumerate() {
        let (color, dash) = look(index);
        let points = match &line.smooth {
            Some(smooth) => placed(&mut line.buckets().iter().map(|bucket| bucket.x).zip(smooth.iter().copied())),
            None => placed(&mut line.means()),
        };
        stroke(line.buckets(), &points, Stroke::new(0.9, color).dash(dash))?;
        let few = line.buckets().len() <= MOST_MARKERS;
        let alone = runs(line.buckets(), &points).into_iter().filter(|run| few || run.len() == 1).flatten();
        let mut last = f64::NEG_INFINITY;
        for point in alone.filter(|(_, value)| (y.0..=y.1).contains(value)) {
            // Markers that touch would be a thick line.
            if few && (point.0 - last).abs() * points_across < 4.0 {
                continue;
            }
            last = point.0;
            plot.marker(point, marker(index), if few { 1.5 } else { 0.9 }, color)?;
        }
    }
    Ok(())
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
