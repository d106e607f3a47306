//! Which way a curve goes, in a word.

/// The newest fifth against the fifth before it: a change of less than a hundredth of the span of nearly all is level. `values` from
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
    // A few values far out do not make all else level.
    let mut sorted = finite.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let (low, high) = (sorted[sorted.len() / 40], sorted[sorted.len() - 1 - sorted.len() / 40]);
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
        let spike = |at: usize| if at == 20 { 1e6 } else { 100.0 - at as f64 };
        check(&(0..50).map(spike).collect::<Vec<_>>(), "falling");
        check(&[9.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.001], "level");
    }
}
