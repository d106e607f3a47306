//! Curves made smooth: an average in which what lies further back on the axis weighs less.

use crate::store::Bucket;

/// The x-axis is taken as this long, so that a weight looks alike on any axis and at any width. (Weights & Biases'
/// time-weighted smoothing takes the same number, so its weights carry over.)
const LENGTH: f64 = 1_000.0;

/// [`smooth`] of a zoomed window, in which what lies to its left (`run_up`, see
/// [`run_up`](crate::store::Reader::run_up)) counts too. As many values as `buckets`.
pub fn smooth_after(run_up: &[Bucket], buckets: &[Bucket], weight: f64, span: f64) -> Vec<f64> {
    smooth(&[run_up, buckets].concat(), weight, span).split_off(run_up.len())
}

/// The smoothed value at each bucket; NaN where a bucket has no finite value.
///
/// `weight` is 0 (nothing) to 1 (excluded); `span` is how much of the axis is in view. A bucket of many points weighs as
/// its points do, so that zooming out does not change the curve's shape. Debiased: the first value is the first mean.
/// A constant stays that constant exactly.
pub fn smooth(buckets: &[Bucket], weight: f64, span: f64) -> Vec<f64> {
    let keep = weight.clamp(0.0, 0.999).sqrt();
    let (mut level, mut mass, mut before) = (f64::NAN, 0.0_f64, None);
    buckets
        .iter()
        .map(|bucket| {
            let points = (bucket.count - bucket.nan - bucket.infinite) as f64;
            if points == 0.0 || !bucket.mean.is_finite() {
                return f64::NAN;
            }
            let gone = before.map_or(0.0, |before: f64| (bucket.x - before).max(0.0));
            before = Some(bucket.x);
            let share = if span > 0.0 { gone / span * LENGTH } else { 1.0 };
            // With no weight the past is gone, also where two points share a place.
            let faded = if keep == 0.0 { 0.0 } else { keep.powf(share) };
            mass = mass * faded + points;
            // By the difference, not by a quotient of sums: where there is none, nothing moves.
            level = if level.is_nan() { bucket.mean } else { level + (bucket.mean - level) * (points / mass) };
            level
        })
        .collect()
}

/// From where to where the y-axis should go so that single outliers do not flatten the rest, with a little air.
/// `None` where nothing is finite.
pub fn range_without_outliers(buckets: &[Bucket]) -> Option<(f64, f64)> {
    let mut means: Vec<f64> = buckets.iter().map(|bucket| bucket.mean).filter(|mean| mean.is_finite()).collect();
    if means.is_empty() {
        return None;
    }
    means.sort_unstable_by(f64::total_cmp);
    // In thousandths, so that places are whole numbers.
    let at = |thousandths: usize| means[(means.len() - 1) * thousandths / 1_000];
    let (low, high) = (at(10), at(990));
    // Within three times the middle's spread nothing is an outlier; a falling loss is not cut at its start.
    let spread = 3.0 * (at(750) - at(250));
    let inside = |value: &&f64| (low - spread..=high + spread).contains(*value);
    let (low, high) = (*means.iter().find(inside)?, *means.iter().rev().find(inside)?);
    let air = if high > low { (high - low) * 0.05 } else { high.abs().max(1e-12) * 0.05 };
    Some((low - air, high + air))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bucket(x: f64, mean: f64, count: u64) -> Bucket {
        let nan = if mean.is_nan() { count } else { 0 };
        Bucket { x, min: mean, max: mean, mean, last: mean, count, nan, infinite: 0, attempt: 0 }
    }

    fn check(points: &[(f64, f64)], weight: f64, expect: &[f64]) {
        let buckets: Vec<Bucket> = points.iter().map(|(x, value)| bucket(*x, *value, 1)).collect();
        let seen = smooth(&buckets, weight, 1_000.0);
        for (seen, expect) in seen.iter().zip(expect) {
            assert!((seen - expect).abs() < 1e-12 || (seen.is_nan() && expect.is_nan()), "{seen} {expect}");
        }
    }

    #[test]
    fn weights_fade_with_distance() {
        check(&[(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)], 0.0, &[1.0, 2.0, 3.0]);
        // The weight 0.25 keeps half over one thousandth of the axis.
        check(&[(0.0, 0.0), (1.0, 3.0)], 0.25, &[0.0, 2.0]);
        check(&[(0.0, 0.0), (2.0, 5.0)], 0.25, &[0.0, 4.0]);
        check(&[(0.0, 1.0), (1.0, f64::NAN), (1.0, 1.0)], 0.9, &[1.0, f64::NAN, 1.0]);
    }

    #[test]
    fn one_spike_does_not_set_the_scale_and_a_fall_does() {
        let mut buckets: Vec<Bucket> =
            (0..500).map(|at| bucket(f64::from(at), 1.0 + f64::from(at % 7) / 10.0, 1)).collect();
        buckets[250] = bucket(250.0, 1e6, 1);
        let (low, high) = range_without_outliers(&buckets).unwrap();
        assert!(low < 1.0 && high > 1.6 && high < 3.0, "{low} {high}");
        let falling: Vec<Bucket> =
            (0..500).map(|at| bucket(f64::from(at), 5.0 / f64::from(at + 1).sqrt(), 1)).collect();
        assert!(range_without_outliers(&falling).unwrap().1 > 1.0);
        assert_eq!(range_without_outliers(&[bucket(0.0, f64::NAN, 1)]), None);
        let (low, high) = range_without_outliers(&[bucket(0.0, 2.0, 1)]).unwrap();
        assert!(low < 2.0 && high > 2.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_constant_stays_what_it_is(value in any::<f64>().prop_filter("finite", |value| value.is_finite()),
            gaps in proptest::collection::vec((0.0..100.0, 1_u64..1000), 1..100), weight in 0.0..1.0) {
            let mut x = 0.0;
            let buckets: Vec<Bucket> = gaps.iter().map(|(gap, count)| { x += gap; bucket(x, value, *count) }).collect();
            for seen in smooth(&buckets, weight, x) {
                prop_assert!(seen.total_cmp(&value).is_eq() || (seen.abs() + value.abs()).to_bits() == 0);
            }
        }

        #[test]
        fn a_smooth_curve_stays_within_the_data(values in proptest::collection::vec(-1e6..1e6, 1..100), weight in 0.0..1.0) {
            let buckets: Vec<Bucket> = (0_u32..).zip(&values).map(|(at, value)| bucket(at.into(), *value, 1)).collect();
            let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)));
            for seen in smooth(&buckets, weight, values.len() as f64) {
                prop_assert!(seen >= low - 1e-9 && seen <= high + 1e-9);
            }
        }
    }
}
