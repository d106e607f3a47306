//! The font of every drawing: embedded, so that a machine without fonts draws the same picture, and measured here.
//!
//! Inter has Latin, Greek and Cyrillic. Other scripts are drawn with a font of the system's where it has one; a character
//! that no font can draw is written out (`\u{4e2d}`), so that no name loses a character.

use curfew_core::say;
use resvg::usvg;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use ttf_parser::Face;
use usvg::fontdb::{Database, ID, Style};

/// As SVG names it. The second is for viewers that do not have the first.
pub(crate) const FAMILY: &str = "Inter, sans-serif";

pub(crate) static REGULAR: &[u8] = include_bytes!(env!("CURFEW_FONT_REGULAR"));
pub(crate) static BOLD: &[u8] = include_bytes!(env!("CURFEW_FONT_BOLD"));

static FACES: LazyLock<[Face<'static>; 2]> = LazyLock::new(|| {
    [REGULAR, BOLD].map(|bytes| Face::parse(bytes, 0).expect("the embedded font is whole: npm checks its hash"))
});

static EMBEDDED: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    fonts.load_font_data(letter_by_letter(REGULAR));
    fonts.load_font_data(letter_by_letter(BOLD));
    fonts.set_sans_serif_family("Inter");
    Arc::new(fonts)
});

/// The font without its contextual alternates (`calt`), which would draw the x of `33x2fu` as ×: a run's id is to be read
/// as it is. The feature keeps its place under a name that nothing asks for.
fn letter_by_letter(font: &[u8]) -> Vec<u8> {
    let mut font = font.to_vec();
    let places: Vec<usize> = (0..font.len().saturating_sub(3)).filter(|at| &font[*at..*at + 4] == b"calt").collect();
    for at in places {
        font[at..at + 4].copy_from_slice(b"calz");
    }
    font
}

/// Looking through a system's fonts takes a while, so it waits until a text needs it. The plainest come first.
static SYSTEM: LazyLock<(Database, Vec<ID>)> = LazyLock::new(|| {
    let mut fonts = Database::new();
    fonts.load_system_fonts();
    let mut faces: Vec<_> = fonts.faces().collect();
    faces.sort_by_cached_key(|face| {
        let family = face.families.first().map_or_else(String::new, |(name, _)| name.clone());
        (face.style != Style::Normal, face.weight.0.abs_diff(400), !family.contains("Sans"), family)
    });
    let order = faces.iter().map(|face| face.id).collect();
    (fonts, order)
});

/// Which face of the system's draws a character.
static FOUND: LazyLock<Mutex<HashMap<char, Option<ID>>>> = LazyLock::new(Mutex::default);

/// How a text is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

fn in_embedded(c: char) -> bool {
    c.is_ascii() || FACES[0].glyph_index(c).is_some()
}

fn system_face(c: char) -> Option<ID> {
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = found.get(&c) {
        return *known;
    }
    let (fonts, order) = &*SYSTEM;
    // An outline, since a coloured picture of a character has no place in a PDF's text.
    let draws = |data: &[u8], index| {
        Face::parse(data, index)
            .is_ok_and(|face| face.glyph_index(c).is_some_and(|glyph| face.glyph_bounding_box(glyph).is_some()))
    };
    // A face that is in use already comes first: characters of one script belong together.
    let in_use: Vec<ID> = found.values().flatten().copied().collect();
    let face = in_use.iter().chain(order).copied().find(|id| fonts.with_face_data(*id, draws).unwrap_or(false));
    found.insert(c, face);
    face
}

/// Text from outside made fit for a drawing: cut at `most` characters, and what cannot be drawn written out.
pub(crate) fn shown(text: &str, most: usize) -> String {
    let mut out = String::new();
    for c in say::clean(text, most).chars() {
        // XML 1.0 has no way to write U+FFFE and U+FFFF.
        let drawn =
            !matches!(c, '\u{fffe}' | '\u{ffff}') && (in_embedded(c) || c.is_whitespace() || system_face(c).is_some());
        if drawn { out.push(c) } else { out.extend(c.escape_unicode()) }
    }
    out
}

/// How to read one of our drawings: with the embedded font, and those of the system's that its text needs.
pub(crate) fn options_for(svg: &str) -> usvg::Options<'static> {
    let foreign: BTreeSet<char> = svg.chars().filter(|c| !in_embedded(*c) && !c.is_whitespace()).collect();
    let mut faces: Vec<ID> = foreign.into_iter().filter_map(system_face).collect();
    faces.sort_unstable();
    faces.dedup();
    let mut fonts = Arc::clone(&EMBEDDED);
    for face in faces.into_iter().filter_map(|id| SYSTEM.0.face(id)) {
        Arc::make_mut(&mut fonts).push_face_info(face.clone());
    }
    usvg::Options { fontdb: fonts, font_family: "Inter".into(), dpi: 96.0, ..usvg::Options::default() }
}

/// The width of a text in the unit of `size`, which is one em. Kerning is left out: it takes away more than it adds.
pub(crate) fn width(text: &str, size: f64, weight: Weight) -> f64 {
    let face = &FACES[usize::from(weight == Weight::Bold)];
    let units: f64 = text
        .chars()
        .map(|c| match face.glyph_index(c).and_then(|glyph| face.glyph_hor_advance(glyph)) {
            Some(advance) => f64::from(advance),
            // Another font's: an em is what ideographs take, and hardly anything takes more.
            None => f64::from(face.units_per_em()),
        })
        .sum();
    units / f64::from(face.units_per_em()) * size
}

/// Breaks a text into lines no wider than `room`: at spaces, and within a word only where it does not fit a line.
pub(crate) fn wrap(text: &str, room: f64, size: f64, weight: Weight) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if width(&longer, size, weight) <= room {
            line = longer;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for c in word.chars() {
            line.push(c);
            if width(&line, size, weight) > room && line.chars().count() > 1 {
                line.pop();
                lines.push(std::mem::replace(&mut line, c.into()));
            }
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// Cuts a text so that it fits `room`.
pub(crate) fn fit(text: &str, room: f64, size: f64, weight: Weight) -> String {
    if width(text, size, weight) <= room {
        return text.to_owned();
    }
    let mut cut = String::new();
    for c in text.chars() {
        cut.push(c);
        if width(&cut, size, weight) + width("…", size, weight) > room {
            cut.pop();
            break;
        }
    }
    cut + "…"
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_is_drawn_letter_by_letter() {
        let svg = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' width='99' height='20'><text y='9' font-family='{FAMILY}'>33x2</text></svg>"
        );
        let tree = usvg::Tree::from_str(&svg, &options_for(&svg)).unwrap();
        let usvg::Node::Text(text) = &tree.root().children()[0] else { panic!("a text") };
        let drawn: Vec<u16> = text.layouted()[0].positioned_glyphs.iter().map(|glyph| glyph.id.0).collect();
        let letters: Vec<u16> = "33x2".chars().map(|c| FACES[0].glyph_index(c).unwrap().0).collect();
        assert_eq!(drawn, letters, "the x is no sign of multiplication");
    }

    #[test]
    fn what_cannot_be_drawn_is_written_out() {
        let check = |text: &str, expect: &str| assert_eq!(shown(text, 40), expect);
        check("loss αβ Ж 10⁻⁵", "loss αβ Ж 10⁻⁵");
        check("a\u{1b}[31m", "a\\u{1b}[31m");
        check("\u{ffff}", "\\u{ffff}");
        // A private-use character that no font claims.
        check("\u{10fffd}", "\\u{10fffd}");
    }

    #[test]
    fn measured_as_the_font_is() {
        // Whatever the font's version.
        assert!(width("mmm", 10.0, Weight::Regular) > width("iii", 10.0, Weight::Regular) * 2.0);
        assert!(width("loss", 10.0, Weight::Bold) > width("loss", 10.0, Weight::Regular));
        assert_eq!(fit("a long name", 1e9, 8.0, Weight::Regular), "a long name");
        assert!(fit("a long name", 20.0, 8.0, Weight::Regular).ends_with('…'));
    }

    proptest! {
        #[test]
        fn wrapped_lines_fit_and_lose_nothing(text in "[a-zA-Z ]{0,200}", room in 20.0..200.0) {
            let lines = wrap(&text, room, 8.0, Weight::Regular);
            for line in &lines {
                prop_assert!(width(line, 8.0, Weight::Regular) <= room, "{line:?}");
            }
            let letters = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
        }
    }
}
