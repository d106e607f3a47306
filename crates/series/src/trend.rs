//! Which way a curve goes, in a word.

/// The newest fifth against the fifth before it: a change of less than a hundredth of the whole span is level. `values` from
/// left to right; what is not finite is passed over. "falling", "rising", "level" or "too few points".
pub fn trend(values: &[f64]) -> &'static str {
    let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    if finite.len() < 4 {
        return "too few points";
    }
    let fifth = (finite.len() / 5).max(1);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let (newest, before) =
        (mean(&finite[finite.len() - fifth..]), mean(&finite[finite.len() - 2 * fifth..finite.len() - fifth]));
    let (low, high) = finite.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    let change = newest - before;
    if change.abs() <= (high - low) / 100.0 {
        "level"
    } else if change < 0.0 {
        "falling"
    } else {
        "rising"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trends() {
        let check = |values: &[f64], expect| assert_eq!(trend(values), expect, "{values:?}");
        check(&[], "too few points");
        check(&[1.0, 1.0, 1.0, 1.0], "level");
        check(&[4.0, 3.0, 2.0, 1.0], "falling");
        check(&[1.0, f64::NAN, 2.0, 3.0, f64::INFINITY, 4.0], "rising");
        check(&[9.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.001], "level");
    }
}
