//! Which metrics come first, and which are shown where nobody chose.

use crate::names::{family, prominence};
use crate::store::Metric;

/// What matters most first, then by name as people count (`layer2` before `layer10`), training before held-out.
pub fn sort(metrics: &mut [Metric]) {
    metrics.sort_by_cached_key(|m| {
        let (name, split) = family(&m.name);
        (prominence(&m.name), counted(&name), split, m.rank)
    });
}

/// A name's parts: text, and the numbers in it by their length and digits, so that they compare as numbers do.
fn counted(name: &str) -> Vec<(String, usize, String)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (before, after) = rest.split_at(text);
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let (number, left) = after.split_at(digits);
        let plain = number.trim_start_matches('0');
        parts.push((before.to_owned(), plain.len(), plain.to_owned()));
        rest = left;
    }
    parts
}

/// The loss in training and validation, of every rank, at most `most`; the first metric's family where there is no loss.
/// `sorted` as [`sort`] leaves it.
pub fn usual(sorted: &[Metric], most: usize) -> Vec<&Metric> {
    let Some(first) = sorted.first() else { return Vec::new() };
    let of = family(&first.name).0;
    sorted.iter().filter(|m| family(&m.name).0 == of).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn names_are_sorted_as_people_count() {
        let mut names = ["layer10/w", "layer2/w", "layer2/b", "layer02/c", "loss", "layer", "9", "é7"];
        names.sort_by_key(|name| counted(name));
        assert_eq!(names, ["9", "layer", "layer2/b", "layer02/c", "layer2/w", "layer10/w", "loss", "é7"]);
    }
}
