//! A sheet to draw on, in printer's points, over plotters' SVG backend.
//!
//! That backend counts in whole units, so a point is [`UNITS`] of them: fine enough for print.

use crate::fonts::{FAMILY, Weight};
use curfew_core::{Error, ErrorKind, Result};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::fmt::Write as _;
use std::ops::Range;

/// Units of the drawing in a point (1/72 inch).
const UNITS: f64 = 20.0;
/// Points in a millimetre.
pub(crate) const PT_PER_MM: f64 = 72.0 / 25.4;
/// plotters takes a font's height and writes the em, which it holds to be this much smaller.
const HEIGHT_PER_EM: f64 = 1.24;
/// plotters' "top" puts the baseline so many em below.
const BASELINE: f64 = 0.76;

pub(crate) const INK: RGBColor = RGBColor(0x11, 0x11, 0x11);
pub(crate) const SOFT: RGBColor = RGBColor(0x55, 0x55, 0x55);
pub(crate) const RULE: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);

fn units(points: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "a drawing is some thousand points wide; `as` saturates")]
    let whole = (points * UNITS).round() as i32;
    whole
}

fn thickness(points: f64) -> u32 {
    units(points).max(1).unsigned_abs()
}

/// Everything goes into a string in memory, so an error here is one of the drawing's own.
fn failed(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Unknown, "draw the figure", format!("the figure could not be drawn: {error}"))
}

/// Where a text stands relative to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Left,
    Center,
    Right,
}

/// How a text looks. `size` is one em, in points.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Type {
    pub(crate) size: f64,
    pub(crate) weight: Weight,
    pub(crate) color: RGBColor,
    pub(crate) anchor: Anchor,
}

impl Type {
    pub(crate) const fn new(size: f64) -> Self {
        Self { size, weight: Weight::Regular, color: INK, anchor: Anchor::Left }
    }
    pub(crate) const fn bold(self) -> Self {
        Self { weight: Weight::Bold, ..self }
    }
    pub(crate) const fn color(self, color: RGBColor) -> Self {
        Self { color, ..self }
    }
    pub(crate) const fn at(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }
    pub(crate) fn width(&self, text: &str) -> f64 {
        crate::fonts::width(text, self.size, self.weight)
    }
}

/// How a line looks. `width` in points; `dash` are on and off, in points.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stroke {
    pub(crate) width: f64,
    pub(crate) color: RGBColor,
    pub(crate) alpha: f64,
    pub(crate) dash: Option<(f64, f64)>,
}

impl Stroke {
    pub(crate) const fn new(width: f64, color: RGBColor) -> Self {
        Self { width, color, alpha: 1.0, dash: None }
    }
    pub(crate) const fn alpha(self, alpha: f64) -> Self {
        Self { alpha, ..self }
    }
    pub(crate) const fn dash(self, dash: Option<(f64, f64)>) -> Self {
        Self { dash, ..self }
    }
    fn style(&self) -> ShapeStyle {
        ShapeStyle { color: self.color.mix(self.alpha), filled: false, stroke_width: thickness(self.width) }
    }
}

/// A shape that marks one point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    Disc,
    Square,
    Cross,
}

/// The sheet. Coordinates are points from the top left.
pub(crate) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

impl<'a> Canvas<'a> {
    /// `at` is the left (or middle, or right) end of the baseline.
    pub(crate) fn text(&self, text: &str, at: (f64, f64), look: Type) -> Result<()> {
        self.set(text, (at.0, at.1 - BASELINE * look.size), look, FontTransform::None)
    }

    /// Text that runs upwards, centred; `at` is the middle of its baseline.
    pub(crate) fn text_upwards(&self, text: &str, at: (f64, f64), look: Type) -> Result<()> {
        self.set(text, (at.0 - BASELINE * look.size, at.1), look.at(Anchor::Center), FontTransform::Rotate270)
    }

    fn set(&self, text: &str, at: (f64, f64), look: Type, turn: FontTransform) -> Result<()> {
        let h_pos = match look.anchor {
            Anchor::Left => HPos::Left,
            Anchor::Center => HPos::Center,
            Anchor::Right => HPos::Right,
        };
        let style = if look.weight == Weight::Bold { FontStyle::Bold } else { FontStyle::Normal };
        let size = look.size * UNITS * HEIGHT_PER_EM;
        let font = FontDesc::new(FontFamily::Name(FAMILY), size, style).transform(turn);
        let style = TextStyle::from(font).color(&look.color).pos(Pos::new(h_pos, VPos::Top));
        self.area.draw_text(text, &style, (units(at.0), units(at.1))).map_err(failed)
    }

    /// A line through points.
    pub(crate) fn line(&self, points: &[(f64, f64)], stroke: Stroke) -> Result<()> {
        let points: Vec<_> = points.iter().map(|&(x, y)| (units(x), units(y))).collect();
        path(&self.area, points, stroke)
    }

    /// A filled rectangle.
    pub(crate) fn rect(&self, from: (f64, f64), to: (f64, f64), color: RGBColor) -> Result<()> {
        let corners = [(units(from.0), units(from.1)), (units(to.0), units(to.1))];
        self.area.draw(&Rectangle::new(corners, color.filled())).map_err(failed)
    }

    /// A marker, `radius` points from its middle to its edge.
    pub(crate) fn marker(&self, at: (f64, f64), marker: Marker, radius: f64, color: RGBColor) -> Result<()> {
        mark(&self.area, (units(at.0), units(at.1)), marker, radius, color)
    }

    /// A part of the sheet in which data is drawn: `x` and `y` are what its edges stand for.
    pub(crate) fn plot(
        &self,
        left_top: (f64, f64),
        right_bottom: (f64, f64),
        x: Range<f64>,
        y: Range<f64>,
    ) -> Plot<'a> {
        // Values grow upwards, the sheet's own coordinates downwards.
        let pixels = (units(left_top.0)..units(right_bottom.0), units(right_bottom.1)..units(left_top.1));
        let coordinates = Cartesian2d::<RangedCoordf64, RangedCoordf64>::new(x, y, pixels);
        Plot { area: self.area.apply_coord_spec(coordinates) }
    }
}

/// A part of a [`Canvas`] with coordinates of its own.
pub(crate) struct Plot<'a> {
    area: DrawingArea<SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>,
}

impl Plot<'_> {
    /// A line through points.
    pub(crate) fn line(&self, points: Vec<(f64, f64)>, stroke: Stroke) -> Result<()> {
        path(&self.area, points, stroke)
    }
    /// A filled shape.
    pub(crate) fn area(&self, edge: Vec<(f64, f64)>, color: RGBColor, alpha: f64) -> Result<()> {
        self.area.draw(&Polygon::new(edge, color.mix(alpha).filled())).map_err(failed)
    }
    /// A marker.
    pub(crate) fn marker(&self, at: (f64, f64), marker: Marker, radius: f64, color: RGBColor) -> Result<()> {
        mark(&self.area, at, marker, radius, color)
    }
}

fn path<C>(area: &DrawingArea<SVGBackend<'_>, C>, points: Vec<C::From>, stroke: Stroke) -> Result<()>
where
    C: CoordTranslate,
    C::From: Clone + 'static,
{
    match stroke.dash {
        None => area.draw(&PathElement::new(points, stroke.style())),
        Some((on, off)) => area.draw(&DashedPathElement::new(points, thickness(on), thickness(off), stroke.style())),
    }
    .map_err(failed)
}

fn mark<C>(
    area: &DrawingArea<SVGBackend<'_>, C>,
    at: C::From,
    marker: Marker,
    radius: f64,
    color: RGBColor,
) -> Result<()>
where
    C: CoordTranslate,
    C::From: Clone,
{
    let r = units(radius);
    match marker {
        Marker::Disc => area.draw(&Circle::new(at, r, color.filled())),
        Marker::Square => area.draw(&(EmptyElement::at(at) + Rectangle::new([(-r, -r), (r, r)], color.filled()))),
        Marker::Cross => area.draw(&Cross::new(at, r, color.stroke_width(thickness(0.9)))),
    }
    .map_err(failed)
}

/// Escapes text for XML. Control characters have been written out before; U+FFFE and U+FFFF are here, since XML has no
/// way to hold them.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Draws a sheet of `width` × `height` points. `title` and `description` are read out by screen readers.
pub(crate) fn sheet(
    (width, height): (f64, f64),
    title: &str,
    description: &str,
    draw: impl FnOnce(&Canvas<'_>) -> Result<()>,
) -> Result<String> {
    let (across, down) = (thickness(width), thickness(height));
    let mut drawn = String::new();
    {
        let area = SVGBackend::with_string(&mut drawn, (across, down)).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        let canvas = Canvas { area };
        draw(&canvas)?;
        canvas.area.present().map_err(failed)?;
    }
    // plotters' own <svg> knows only pixels: ours knows the size on paper, and rounds corners, since a mitred one
    // reaches above the value that it stands for.
    let body = drawn.split_once('>').map_or("", |(_, body)| body);
    let mut svg = String::with_capacity(drawn.len() + 400);
    let mm = |points: f64| (points / PT_PER_MM * 100.0).round() / 100.0;
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}mm\" height=\"{}mm\" viewBox=\"0 0 {across} {down}\" \
         role=\"img\" stroke-linejoin=\"round\" font-variant=\"no-contextual\">\n<title>{}</title>\n<desc>{}</desc>{body}",
        mm(width),
        mm(height),
        escape(title),
        escape(description)
    );
    Ok(svg)
}
