//! Lines with holes, cut to what is shown.

use curfew_series::store::Bucket;

/// Runs of places without a hole between them: a line ends where a value has no place, where the run went back to an
/// earlier step, and never goes backwards.
pub(crate) fn runs<T: Copy>(buckets: &[Bucket], places: &[Option<T>]) -> Vec<Vec<T>> {
    let mut runs: Vec<Vec<T>> = Vec::new();
    let mut before: Option<&Bucket> = None;
    for (bucket, place) in buckets.iter().zip(places) {
        let Some(place) = place else {
            before = None;
            continue;
        };
        let goes_on = before.is_some_and(|b| b.attempt == bucket.attempt && b.x <= bucket.x);
        match runs.last_mut() {
            Some(run) if goes_on => run.push(*place),
            _ => runs.push(vec![*place]),
        }
        before = Some(bucket);
    }
    runs
}

/// The parts of a line between `low` and `high`, cut exactly where it crosses them.
pub(crate) fn clip(line: &[(f64, f64)], (low, high): (f64, f64)) -> Vec<Vec<(f64, f64)>> {
    let mut parts: Vec<Vec<(f64, f64)>> = Vec::new();
    if line.iter().all(|(_, y)| (low..=high).contains(y)) {
        return if line.len() > 1 { vec![line.to_vec()] } else { parts };
    }
    for pair in line.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        // Where along the piece it enters and leaves.
        let (mut enter, mut leave) = (0.0f64, 1.0f64);
        if (y1 - y0).abs() > 0.0 {
            let (a, b) = ((low - y0) / (y1 - y0), (high - y0) / (y1 - y0));
            (enter, leave) = (enter.max(a.min(b)), leave.min(a.max(b)));
        } else if !(low..=high).contains(&y0) {
            continue;
        }
        if enter > leave {
            continue;
        }
        let at = |t: f64| match t {
            0.0 => (x0, y0),
            1.0 => (x1, y1),
            t => (x0 + (x1 - x0) * t, (y0 + (y1 - y0) * t).clamp(low, high)),
        };
        match parts.last_mut() {
            Some(part) if enter == 0.0 && part.last() == Some(&(x0, y0)) => part.push(at(leave)),
            _ => parts.push(vec![at(enter), at(leave)]),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::tests::curve;
    use proptest::prelude::*;

    #[test]
    fn a_hole_ends_a_line() {
        let nan = f64::NAN;
        let curve = curve("loss", &[(0.0, 1.0), (1.0, 2.0), (2.0, nan), (3.0, 3.0), (2.5, 1.0), (4.0, 1.0)]);
        let places: Vec<Option<f64>> =
            curve.view.buckets.iter().map(|b| b.mean.is_finite().then_some(b.mean)).collect();
        assert_eq!(runs(&curve.view.buckets, &places), [vec![1.0, 2.0], vec![3.0], vec![1.0, 1.0]]);
    }

    #[test]
    fn cut_where_it_crosses() {
        let check = |line: &[(f64, f64)], expect: &[&[(f64, f64)]]| assert_eq!(clip(line, (0.0, 1.0)), expect);
        check(&[(0.0, 0.5), (1.0, 1.0)], &[&[(0.0, 0.5), (1.0, 1.0)]]);
        check(&[(0.0, 0.5), (1.0, 1.5), (2.0, 0.5)], &[&[(0.0, 0.5), (0.5, 1.0)], &[(1.5, 1.0), (2.0, 0.5)]]);
        check(&[(0.0, -1.0), (2.0, 3.0)], &[&[(0.5, 0.0), (1.0, 1.0)]]);
        check(&[(0.0, 2.0), (1.0, 2.0)], &[]);
        check(&[(0.0, 0.5)], &[]);
    }

    proptest! {
        #[test]
        fn what_is_left_is_within(values in proptest::collection::vec(-5.0..5.0f64, 2..40)) {
            let line: Vec<(f64, f64)> = values.iter().enumerate().map(|(x, y)| (x as f64, *y)).collect();
            for part in clip(&line, (-1.0, 2.0)) {
                prop_assert!(part.len() > 1);
                for pair in part.windows(2) {
                    prop_assert!(pair[0].0 <= pair[1].0);
                }
                for (_, y) in part {
                    prop_assert!((-1.0..=2.0).contains(&y));
                }
            }
        }
    }
}
