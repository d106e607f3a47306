//! The picture: curves, crosshair, zoom.

use crate::curves::{Curve, Drawn};
use crate::look::Palette;
use curfew_core::say::number;
use curfew_series::Axis;
use eframe::egui::{Color32, PointerButton, Rangef, Sense, Stroke, Ui, Vec2};
use egui_plot::{FilledArea, GridMark, HoverPosition, Line, LineStyle, Plot, PlotPoints, VLine};
use std::ops::RangeInclusive;

/// How values go up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    Linear,
    /// Values at or below zero have no place on it.
    Log,
}

impl Scale {
    fn up(self, value: f64) -> Option<f64> {
        match self {
            Self::Linear => Some(value),
            Self::Log => (value > 0.0).then(|| value.log10()),
        }
    }
    fn value(self, up: f64) -> f64 {
        match self {
            Self::Linear => up,
            Self::Log => 10_f64.powf(up),
        }
    }
}

/// What of the run the picture shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    /// Where it is zoomed to; `None`: the whole run.
    pub(crate) range: Option<(f64, f64)>,
    /// How wide it is, in points of the screen.
    pub(crate) width: usize,
}

/// How far apart marks on an axis are, in points of the screen: from where they appear to where each has its number.
const MARKS: Rangef = Rangef { min: 28.0, max: 90.0 };
/// How many marks of values that are not finite are drawn of a curve.
const BAD: usize = 200;

/// Draws in what room is left; `whole` goes back from a zoom.
pub(crate) fn show(ui: &mut Ui, drawn: &Drawn, axis: Axis, scale: Scale, whole: bool) -> Place {
    let palette = Palette::of(ui.visuals());
    let mut plot = Plot::new("curves")
        .boxed_zoom_pointer_button(PointerButton::Primary)
        .pan_pointer_button(PointerButton::Secondary)
        .show_background(false)
        .grid_color(palette.line)
        .cursor_color(palette.soft)
        .x_axis_formatter(move |mark, _: &RangeInclusive<f64>| along(axis, mark.value))
        .y_axis_formatter(move |mark, _: &RangeInclusive<f64>| number(scale.value(mark.value)))
        .grid_spacing(MARKS)
        .x_grid_spacer(|view| marks(Scale::Linear, view.bounds))
        .y_grid_spacer(move |view| marks(scale, view.bounds))
        .y_axis_min_width(44.0)
        .label_formatter(move |at: &HoverPosition<'_>| {
            let (HoverPosition::NearDataPoint { position, .. } | HoverPosition::Elsewhere { position }) = at;
            Some(readout(drawn, axis, position.x))
        });
    if whole {
        plot = plot.reset();
    }
    let answer = plot.show(ui, |plot| {
        for (at, curve) in drawn.curves.iter().enumerate() {
            add(plot, curve, stroke(palette, at), scale, palette.lost.0);
        }
        let (auto, bounds) = (plot.auto_bounds(), plot.plot_bounds());
        (!auto.x).then(|| (*bounds.range_x().start(), *bounds.range_x().end()))
    });
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a screen's width in points")]
    let width = answer.response.rect.width().max(0.0) as usize;
    let says: Vec<&str> = drawn.curves.iter().map(|c| c.says.as_str()).collect();
    let says = format!(
        "{}. Drag to zoom, drag with the right button to move, double-click for the whole run.",
        says.join("; ")
    );
    answer.response.ctx.accesskit_node_builder(answer.response.id, |node| node.set_label(says));
    Place { range: answer.inner.filter(|(from, to)| from.is_finite() && to > from), width }
}

fn stroke(palette: &Palette, at: usize) -> Color32 {
    palette.curves[at % palette.curves.len()]
}

fn add<'a>(plot: &mut egui_plot::PlotUi<'a>, curve: &'a Curve, colour: Color32, scale: Scale, bad: Color32) {
    let style = if curve.held_out { LineStyle::dashed_dense() } else { LineStyle::Solid };
    for part in &curve.band {
        let places: Vec<_> =
            part.iter().filter_map(|[x, low, high]| Some((*x, scale.up(*low)?, scale.up(*high)?))).collect();
        let column = |of: fn(&(f64, f64, f64)) -> f64| places.iter().map(of).collect::<Vec<_>>();
        if places.len() > 1 {
            let area = FilledArea::new("", &column(|p| p.0), &column(|p| p.1), &column(|p| p.2));
            plot.add(area.fill_color(colour.gamma_multiply(0.18)).stroke(Stroke::NONE).allow_hover(false));
        }
    }
    let mut lines = |parts: &'a [Vec<[f64; 2]>], colour: Color32, width: f32, hover: bool| {
        for part in parts {
            let points: PlotPoints<'_> = part.iter().filter_map(|[x, y]| Some([*x, scale.up(*y)?])).collect();
            plot.line(Line::new(curve.key.as_str(), points).color(colour).width(width).style(style).allow_hover(hover));
        }
    };
    if curve.smooth.is_empty() {
        lines(&curve.raw, colour, 1.8, true);
    } else {
        lines(&curve.raw, colour.gamma_multiply(0.35), 1.0, false);
        lines(&curve.smooth, colour, 2.2, true);
    }
    for x in curve.bad.iter().take(BAD) {
        plot.vline(
            VLine::new("not a number", *x).color(bad.gamma_multiply(0.6)).width(1.0).style(LineStyle::dotted_dense()),
        );
    }
}

/// A short stroke as the curve has it.
pub(crate) fn swatch(ui: &mut Ui, palette: &Palette, at: usize, held_out: bool) {
    let (place, _) = ui.allocate_exact_size(Vec2::new(16.0, 10.0), Sense::hover());
    let (colour, y) = (stroke(palette, at), place.center().y);
    let ends = if held_out { vec![(0.0, 4.0), (6.0, 10.0), (12.0, 16.0)] } else { vec![(0.0, 16.0)] };
    for (from, to) in ends {
        ui.painter().hline(place.left() + from..=place.left() + to, y, Stroke::new(2.0, colour));
    }
}

/// A place on the axis in words: "1,204", "35 s", "2.5 h".
fn along(axis: Axis, at: f64) -> String {
    match axis {
        Axis::Relative | Axis::Time => match at.abs() {
            short if short < 120.0 => format!("{} s", number(at)),
            middle if middle < 7_200.0 => format!("{} min", number(at / 60.0)),
            _ => format!("{} h", number(at / 3_600.0)),
        },
        Axis::Step | Axis::Epoch => number(at),
    }
}

/// Marks at round values, some six of them; on a log scale of several decades at 1, 2 and 5, or at each power of ten.
fn marks(scale: Scale, (from, to): (f64, f64)) -> Vec<GridMark> {
    let apart = (to - from) / 6.0;
    if !apart.is_finite() || apart <= 0.0 {
        return Vec::new();
    }
    let values: Vec<f64> = match scale {
        Scale::Linear => round_values(from, to),
        Scale::Log if to - from < 1.0 => {
            round_values(scale.value(from), scale.value(to)).into_iter().filter_map(|v| scale.up(v)).collect()
        }
        Scale::Log => {
            #[expect(clippy::cast_possible_truncation, reason = "exponents of doubles have three digits")]
            let powers = from.floor().clamp(-400.0, 400.0) as i32..=to.ceil().clamp(-400.0, 400.0) as i32;
            let within: &[f64] = if to - from < 3.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
            powers.flat_map(|power| within.iter().map(move |w| f64::from(power) + w.log10())).collect()
        }
    };
    values.into_iter().map(|value| GridMark { value, step_size: apart }).collect()
}

fn round_values(from: f64, to: f64) -> Vec<f64> {
    let rough = (to - from) / 6.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = power * [1.0, 2.0, 5.0, 10.0].into_iter().find(|m| power * m >= rough).unwrap_or(10.0);
    if !step.is_finite() || step <= 0.0 {
        return Vec::new();
    }
    (0..12).map(|n| ((from / step).ceil() + f64::from(n)) * step).take_while(|v| *v <= to).collect()
}

/// What every curve says there: its last value at or before the place, as printed, and smoothed.
fn readout(drawn: &Drawn, axis: Axis, x: f64) -> String {
    let before = |parts: &[Vec<[f64; 2]>]| {
        let part = parts.iter().rfind(|part| part.first().is_some_and(|[at, _]| *at <= x))?;
        part.get(part.partition_point(|[at, _]| *at <= x).checked_sub(1)?).copied()
    };
    let mut place = x;
    let mut lines = Vec::new();
    for (at, curve) in drawn.curves.iter().enumerate() {
        let Some([there, raw]) = before(&curve.raw) else { continue };
        if at == 0 {
            place = there;
        }
        let smooth = before(&curve.smooth).map_or_else(String::new, |[_, y]| format!(" (smooth {})", number(y)));
        lines.push(format!("{} {}{smooth}", curfew_core::say::clean(&curve.key, 40), number(raw)));
    }
    let what = match axis {
        Axis::Step => "step ",
        Axis::Epoch => "epoch ",
        Axis::Relative | Axis::Time => "",
    };
    lines.insert(0, format!("{what}{}", along(axis, place)));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crosshair_reads_every_curve() {
        let curve = |key: &str, raw: &[f64], smooth: &[f64]| {
            let line = |values: &[f64]| vec![values.iter().zip(0..).map(|(y, x)| [f64::from(x) * 10.0, *y]).collect()];
            let smooth = if smooth.is_empty() { Vec::new() } else { line(smooth) };
            Curve { key: key.into(), raw: line(raw), smooth, ..Curve::default() }
        };
        let curves = vec![curve("loss", &[3.0, 2.0, 1.0], &[3.0, 2.5, 1.75]), curve("val_loss", &[4.0], &[])];
        let drawn = Drawn { names: Vec::new(), curves };
        assert_eq!(readout(&drawn, Axis::Step, 14.9), "step 10\nloss 2 (smooth 2.5)\nval_loss 4");
        assert_eq!(readout(&drawn, Axis::Step, -1.0), "step −1", "before all values there is none");
    }

    #[test]
    fn marks_are_round() {
        let check = |scale: Scale, bounds, expect: &[&str]| {
            let seen: Vec<String> = marks(scale, bounds).iter().map(|m| number(scale.value(m.value))).collect();
            assert_eq!(seen, expect, "{bounds:?}");
        };
        check(Scale::Linear, (0.95, 2.6), &["1", "1.5", "2", "2.5"]);
        check(Scale::Linear, (-120.0, 1_180.0), &["0", "500", "1,000"]);
        check(Scale::Log, (-1.0, 1.0), &["0.1", "0.2", "0.5", "1", "2", "5", "10", "20", "50"]);
        check(Scale::Log, (0.1, 0.4), &["1.5", "2", "2.5"]);
        check(Scale::Linear, (1.0, 1.0), &[]);
        check(Scale::Linear, (f64::NAN, 1.0), &[]);
    }

    #[test]
    fn places_in_words() {
        let check = |axis, at, expect: &str| assert_eq!(along(axis, at), expect);
        check(Axis::Step, 12_000.0, "12,000");
        check(Axis::Relative, 35.0, "35 s");
        check(Axis::Relative, 600.0, "10 min");
        check(Axis::Relative, 9_000.0, "2.5 h");
    }

    #[test]
    fn a_log_scale_has_no_place_for_zero() {
        assert_eq!(Scale::Log.up(0.0), None);
        assert_eq!(Scale::Log.up(-1.0), None);
        let there_and_back = |v: f64| Scale::Log.value(Scale::Log.up(v).unwrap());
        assert!((there_and_back(0.25) - 0.25).abs() < 1e-12);
    }
}
