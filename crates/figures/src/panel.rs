//! One panel of a figure: its legend, its axes, its curves.

use crate::FigureOptions;
use crate::canvas::{Anchor, Canvas, INK, Marker, Plot, RULE, SOFT, Stroke, Type};
use crate::figure::{Across, MOST_LEGEND, Panel, place_x, place_y, widened};
use crate::fonts::{self, Weight};
use crate::scale::{Numbers, Ticks, linear, logarithmic};
use crate::trace::{clip, runs};
use curfew_core::Result;
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
/// Neighbours differ in their strokes too, for prints without colour; after a round of colours each comes with another.
const DASHES: [Option<(f64, f64)>; 4] = [None, Some((4.0, 1.8)), Some((1.0, 1.6)), Some((7.0, 1.8))];

pub(crate) const TICK: Type = Type::new(7.0);
const NAME: Type = Type::new(8.0);
const LEGEND: Type = Type::new(7.0);
const LEGEND_LINE: f64 = 10.5;
const LEGEND_SAMPLE: f64 = 14.0;
const TICK_LENGTH: f64 = 2.8;
/// Up to so many points each gets a marker.
const MOST_MARKERS: usize = 40;

/// What a panel needs around its plot, in points.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) left: f64,
    top: f64,
    y: (f64, f64),
    ticks: Ticks,
    /// Rows of the legend: where each entry begins, and which it is. None stands for "and more".
    legend: Vec<Vec<(f64, Option<usize>)>>,
}

const BELOW: f64 = TICK_LENGTH + 2.0 + 7.0 + 4.0 + 8.0;

impl Shape {
    /// The same, with its plot beginning so far to the right.
    pub(crate) fn beginning_at(&self, left: f64) -> Self {
        Self { left, ..self.clone() }
    }

    pub(crate) fn of(panel: &Panel<'_>, width: f64, height: f64, options: &FigureOptions) -> Self {
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
    (PALETTE[index % PALETTE.len()], DASHES[(index + index / PALETTE.len()) % DASHES.len()])
}

fn marker(index: usize) -> Marker {
    if index.is_multiple_of(2) { Marker::Disc } else { Marker::Square }
}

/// A panel with its legend, axes and curves; `corner` is its upper left one on the sheet, in points.
pub(crate) fn draw_panel(
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
