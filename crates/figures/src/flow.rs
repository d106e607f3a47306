//! Text that flows down A4 pages.

use crate::canvas::{Anchor, PT_PER_MM, RULE, SOFT, Stroke, Type, sheet};
use crate::fonts::{fit, wrap};
use curfew_core::Result;
use plotters::style::RGBColor;

const PAGE: (f64, f64) = (210.0 * PT_PER_MM, 297.0 * PT_PER_MM);
const MARGIN: f64 = 56.0;
const TOP: f64 = 60.0;
/// Where the text ends, above the foot line.
const BOTTOM: f64 = PAGE.1 - 66.0;
/// The width that text may take.
pub(crate) const ROOM: f64 = PAGE.0 - 2.0 * MARGIN;
const CELL_GAP: f64 = 8.0;

enum Mark {
    /// From the left margin and the top of the page.
    Text {
        text: String,
        at: (f64, f64),
        look: Type,
    },
    Rule {
        y: f64,
        from: f64,
        to: f64,
    },
    Bar {
        x: f64,
        from: f64,
        to: f64,
        color: RGBColor,
    },
}

/// Pages being filled.
pub(crate) struct Flow {
    pages: Vec<Vec<Mark>>,
    y: f64,
}

/// Distance from one baseline to the next.
fn leading(look: Type) -> f64 {
    look.size * 1.4
}

impl Flow {
    pub(crate) fn new() -> Self {
        Self { pages: vec![Vec::new()], y: TOP }
    }

    fn mark(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    /// Begins a new page unless so many points are left on this one. Says whether it did.
    pub(crate) fn need(&mut self, points: f64) -> bool {
        let turn = self.y + points > BOTTOM && self.y > TOP;
        if turn {
            self.pages.push(Vec::new());
            self.y = TOP;
        }
        turn
    }

    pub(crate) fn space(&mut self, points: f64) {
        self.y += points;
    }

    /// A line across the page.
    pub(crate) fn rule(&mut self) {
        let y = self.y;
        self.mark(Mark::Rule { y, from: 0.0, to: ROOM });
    }

    /// A paragraph, `indent` points from the margin; broken between lines where the page ends.
    pub(crate) fn paragraph(&mut self, text: &str, indent: f64, look: Type) {
        for line in wrap(text, ROOM - indent, look.size, look.weight) {
            self.need(leading(look));
            self.y += leading(look);
            let at = (indent, self.y - look.size * 0.35);
            self.mark(Mark::Text { text: line, at, look });
        }
    }

    /// A paragraph with a coloured bar beside it.
    pub(crate) fn barred(&mut self, text: &str, look: Type, color: RGBColor) {
        let high = leading(look) * wrap(text, ROOM - 12.0, look.size, look.weight).len() as f64;
        self.need(high);
        let from = self.y;
        self.paragraph(text, 12.0, look);
        let to = self.y;
        self.mark(Mark::Bar { x: 0.0, from, to, color });
    }

    /// A heading, kept with what follows it.
    pub(crate) fn heading(&mut self, text: &str) {
        self.space(18.0);
        self.need(60.0);
        self.paragraph(text, 0.0, Type::new(11.0).bold());
        self.space(3.0);
    }

    /// A name and what is to be said of it, side by side.
    pub(crate) fn fact(&mut self, name: &str, text: &str) {
        const NAMES: f64 = 92.0;
        let look = Type::new(9.0);
        for (at, line) in wrap(text, ROOM - NAMES, look.size, look.weight).into_iter().enumerate() {
            self.need(leading(look));
            self.y += leading(look) + if at == 0 { 1.5 } else { 0.0 };
            let y = self.y - look.size * 0.35;
            if at == 0 {
                self.mark(Mark::Text { text: name.into(), at: (0.0, y), look: look.color(SOFT) });
            }
            self.mark(Mark::Text { text: line, at: (NAMES, y), look });
        }
    }

    /// One line with something at its right end.
    pub(crate) fn line(&mut self, left: &str, right: &str, look: Type) {
        self.need(leading(look));
        self.y += leading(look);
        let y = self.y - look.size * 0.35;
        let text = fit(left, ROOM - look.width(right) - 12.0, look.size, look.weight);
        self.mark(Mark::Text { text, at: (0.0, y), look });
        self.mark(Mark::Text { text: right.into(), at: (ROOM, y), look: look.at(Anchor::Right) });
    }

    /// A table. `columns` are titles and widths in points, which together are at most [`ROOM`]. Its head is repeated on
    /// every page; a row is never broken.
    pub(crate) fn table<const N: usize>(&mut self, columns: [(&str, f64); N], rows: &[[String; N]]) {
        let look = Type::new(8.5);
        let head = |flow: &mut Self| {
            flow.y += leading(look);
            let mut x = 0.0;
            for (title, width) in columns {
                let at = (x, flow.y - look.size * 0.35);
                flow.mark(Mark::Text { text: title.into(), at, look: look.bold().color(SOFT) });
                x += width;
            }
            flow.y += 2.0;
            flow.rule();
        };
        self.need(60.0);
        head(self);
        for row in rows {
            let cells: Vec<Vec<String>> = row
                .iter()
                .zip(columns)
                .map(|(text, (_, width))| wrap(text, width - CELL_GAP, look.size, look.weight))
                .collect();
            let lines = cells.iter().map(Vec::len).max().unwrap_or(1);
            let high = leading(look) * lines as f64 + 6.0;
            if self.need(high) {
                head(self);
            }
            let mut x = 0.0;
            for (cell, (_, width)) in cells.into_iter().zip(columns) {
                for (at, text) in cell.into_iter().enumerate() {
                    let y = self.y + 2.0 + leading(look) * (at + 1) as f64 - look.size * 0.35;
                    self.mark(Mark::Text { text, at: (x, y), look });
                }
                x += width;
            }
            self.y += high;
            self.rule();
        }
    }

    /// The pages as SVG; `foot` stands at the foot of each, with its number.
    pub(crate) fn finish(self, title: &str, foot: &str) -> Result<Vec<String>> {
        let count = self.pages.len();
        let small = Type::new(7.5).color(SOFT);
        let draw = |(at, marks): (usize, &Vec<Mark>)| {
            let number = format!("Page {} of {count}", at + 1);
            sheet(PAGE, &format!("{title}, {}", number.to_lowercase()), "", |canvas| {
                for mark in marks {
                    match mark {
                        Mark::Text { text, at, look } => canvas.text(text, (MARGIN + at.0, at.1), *look)?,
                        Mark::Rule { y, from, to } => {
                            canvas.line(&[(MARGIN + from, *y), (MARGIN + to, *y)], Stroke::new(0.5, RULE))?;
                        }
                        Mark::Bar { x, from, to, color } => {
                            canvas.rect((MARGIN + x, *from), (MARGIN + x + 3.0, *to), *color)?;
                        }
                    }
                }
                let y = PAGE.1 - 40.0;
                canvas.line(&[(MARGIN, y - 12.0), (MARGIN + ROOM, y - 12.0)], Stroke::new(0.5, RULE))?;
                let room = ROOM - small.width(&number) - 12.0;
                canvas.text(&fit(foot, room, small.size, small.weight), (MARGIN, y), small)?;
                canvas.text(&number, (MARGIN + ROOM, y), small.at(Anchor::Right))
            })
        };
        self.pages.iter().enumerate().map(draw).collect()
    }
}
