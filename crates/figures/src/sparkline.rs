//! A line without axes, as small as a word.

use crate::canvas::escape;
use curfew_core::say;
use std::fmt::Write as _;

/// A sparkline as SVG for a page, `width` × `height` in its own units. It has no style of its own: the page's style sheet
/// draws `.sparkline-line` and `.sparkline-point`, which is what a strict content policy allows; without a style sheet it
/// takes the text's colour. Values that are NaN or infinite leave a hole. `aria_label` is what a screen reader says.
pub fn sparkline_svg(points: &[(f64, f64)], width: f64, height: f64, aria_label: &str) -> String {
    let (width, height) = (sane(width), sane(height));
    let finite = || points.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
    let bounds = |of: fn(&(f64, f64)) -> f64| {
        finite().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)))
    };
    let ((x0, x1), (y0, y1)) = (bounds(|p| p.0), bounds(|p| p.1));
    // Room for half the line's width and the last point.
    let edge = 2.0f64.min(width / 4.0).min(height / 4.0);
    // Halved, so that the difference of the two largest numbers is still a number.
    let along = |value: f64, low: f64, high: f64| {
        let span = high / 2.0 - low / 2.0;
        if span > 0.0 { (value / 2.0 - low / 2.0) / span } else { 0.5 }
    };
    let place = |&(x, y): &(f64, f64)| {
        (edge + along(x, x0, x1) * (width - 2.0 * edge), height - edge - along(y, y0, y1) * (height - 2.0 * edge))
    };
    let mut path = String::new();
    let mut dots = String::new();
    for run in points.split(|(x, y)| !(x.is_finite() && y.is_finite())).filter(|run| !run.is_empty()) {
        let line = thinned(&run.iter().map(place).collect::<Vec<_>>());
        for (at, (x, y)) in line.iter().enumerate() {
            let _ = write!(path, "{}{x:.1} {y:.1}", if at == 0 { "M" } else { "L" });
        }
        if let [(x, y)] = line.as_slice() {
            let _ = write!(
                dots,
                "<circle class=\"sparkline-point\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"1.5\" fill=\"currentColor\"/>"
            );
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"sparkline\" role=\"img\" aria-label=\"{}\" \
         width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\
         <path class=\"sparkline-line\" d=\"{path}\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.5\" \
         stroke-linejoin=\"round\" stroke-linecap=\"round\"/>{dots}</svg>",
        escape(&say::clean(aria_label, 300))
    )
}

fn sane(length: f64) -> f64 {
    if length.is_finite() { length.clamp(1.0, 10_000.0) } else { 100.0 }
}

/// At most four points for each unit of width: the first, least, greatest and last of what shares one, in their order.
fn thinned(line: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut out: Vec<(f64, f64)> = Vec::new();
    for column in line.chunk_by(|a, b| (a.0.floor() - b.0.floor()).abs() < 0.5) {
        if column.len() <= 4 {
            out.extend(column);
            continue;
        }
        let by_value = |(_, a): &(usize, &(f64, f64)), (_, b): &(usize, &(f64, f64))| a.1.total_cmp(&b.1);
        let least = column.iter().enumerate().min_by(by_value).map_or(0, |(at, _)| at);
        let greatest = column.iter().enumerate().max_by(by_value).map_or(0, |(at, _)| at);
        let mut keep = vec![0, least, greatest, column.len() - 1];
        keep.sort_unstable();
        keep.dedup();
        out.extend(keep.into_iter().map(|at| column[at]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_and_its_words() {
        let svg = sparkline_svg(
            &[(0.0, 2.0), (1.0, 1.0), (2.0, f64::NAN), (3.0, 0.0)],
            40.0,
            12.0,
            "loss <falling> \"to\" 0",
        );
        let doc = roxmltree::Document::parse(&svg).unwrap();
        assert_eq!(doc.root_element().attribute("aria-label"), Some("loss <falling> \"to\" 0"));
        let path = doc.descendants().find(|n| n.has_tag_name("path")).unwrap();
        assert_eq!(path.attribute("d"), Some("M2.0 2.0L14.0 6.0M38.0 10.0"));
        assert!(!svg.contains("style="));
    }

    #[test]
    fn the_spike_survives_thinning() {
        let points: Vec<(f64, f64)> =
            (0..100_000).map(|x| (f64::from(x), if x == 51_234 { 9.0 } else { 1.0 })).collect();
        let svg = sparkline_svg(&points, 150.0, 48.0, "loss");
        assert!(svg.len() < 8000, "{}", svg.len());
        assert!(svg.contains(" 2.0L"), "the spike reaches the top");
    }

    proptest! {
        #[test]
        fn always_xml_within_its_box(
            values in proptest::collection::vec(any::<f64>(), 0..50), width in any::<f64>(), label in any::<String>(),
        ) {
            let points: Vec<(f64, f64)> = values.iter().enumerate().map(|(x, y)| (x as f64, *y)).collect();
            let svg = sparkline_svg(&points, width, 20.0, &label);
            let doc = roxmltree::Document::parse(&svg).unwrap();
            let path = doc.descendants().find(|n| n.has_tag_name("path")).unwrap().attribute("d").unwrap_or_default();
            prop_assert!(!path.contains("NaN") && !path.contains("inf"));
        }
    }
}
