//! How an endpoint is used, from CloudWatch. Its figures are found by endpoint **and** variant; one alone finds nothing.

use crate::aws::Inner;
use crate::clock::{date_time, timestamp};
use crate::retry::call;
use crate::serving::VARIANT;
use aws_sdk_cloudwatch::types::{Datapoint, Dimension, Statistic};
use curfew_core::endpoint::Traffic;
use curfew_core::{Cx, EndpointId, RegionName, Result, Timestamp};
use jiff::SignedDuration;
use std::collections::HashMap;

/// What was read when. CloudWatch's figures come by the minute, and each question costs.
pub(crate) type Seen = HashMap<(RegionName, String), (Timestamp, Option<Traffic>)>;

/// How long an answer is good for.
const FRESH: SignedDuration = SignedDuration::from_secs(20);
/// CloudWatch gives at most 1,440 points.
const MOST_POINTS: i64 = 1_440;

impl Inner {
    /// What CloudWatch knows of its use; `None` where it cannot be read.
    pub(crate) async fn traffic(
        &self,
        cx: &Cx,
        region: &RegionName,
        id: &EndpointId,
        since: Timestamp,
    ) -> Option<Traffic> {
        let key = (region.clone(), id.to_string());
        let known = self.traffic.lock().expect("nothing panics while it is held").get(&key).cloned();
        if let Some((at, traffic)) = known
            && cx.now().duration_since(at).abs() < FRESH
        {
            return traffic;
        }
        let traffic = self.read_traffic(cx, region, id.as_str(), VARIANT, since).await.ok();
        let entry = (cx.now(), traffic.clone());
        self.traffic.lock().expect("nothing panics while it is held").insert(key, entry);
        traffic
    }

    pub(crate) async fn read_traffic(
        &self,
        cx: &Cx,
        region: &RegionName,
        endpoint: &str,
        variant: &str,
        since: Timestamp,
    ) -> Result<Traffic> {
        let read = |namespace: &'static str, metric: &'static str, statistic: Statistic| {
            self.points(
                cx,
                region,
                namespace,
                metric,
                [("EndpointName", endpoint), ("VariantName", variant)],
                statistic,
                since,
            )
        };
        let requests = read("AWS/SageMaker", "Invocations", Statistic::Sum).await?;
        let mut traffic = Traffic {
            requests: count(&requests),
            last_request: requests
                .iter()
                .filter(|p| p.sum().is_some_and(|s| s > 0.0))
                .filter_map(|p| p.timestamp())
                .map(timestamp)
                .max(),
            ..Traffic::default()
        };
        if traffic.requests == 0 {
            return Ok(traffic);
        }
        for metric in ["Invocation4XXErrors", "Invocation5XXErrors"] {
            traffic.errors += count(&read("AWS/SageMaker", metric, Statistic::Sum).await?);
        }
        traffic.errors = traffic.errors.min(traffic.requests);
        Ok(traffic)
    }

    #[expect(clippy::too_many_arguments, reason = "a question to CloudWatch has so many parts")]
    async fn points(
        &self,
        cx: &Cx,
        region: &RegionName,
        namespace: &str,
        metric: &str,
        dimensions: [(&str, &str); 2],
        statistic: Statistic,
        since: Timestamp,
    ) -> Result<Vec<Datapoint>> {
        let client = self.at(region).cloudwatch.clone();
        let now = cx.now() + SignedDuration::from_mins(1);
        let (from, period) = window(since, now);
        let dimensions = dimensions.map(|(n, v)| Dimension::builder().name(n).value(v).build());
        let answer = call(cx, "read how it is used", || {
            client
                .get_metric_statistics()
                .namespace(namespace)
                .metric_name(metric)
                .set_dimensions(Some(dimensions.to_vec()))
                .start_time(date_time(from))
                .end_time(date_time(now))
                .period(period)
                .statistics(statistic.clone())
                .send()
        });
        Ok(answer.await?.datapoints.unwrap_or_default())
    }
}

/// From when, and in steps of how many seconds, so that not too many points come back. CloudWatch keeps minutes for 15 days.
fn window(since: Timestamp, now: Timestamp) -> (Timestamp, i32) {
    let long = now.duration_since(since).as_secs().clamp(60, 15 * 24 * 3600);
    let minutes = (long / 60 / MOST_POINTS) + 1;
    let period = i32::try_from(minutes * 60).unwrap_or(3600);
    (now - SignedDuration::from_secs(long + 60), period)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of requests, never negative")]
fn count(points: &[Datapoint]) -> u64 {
    points.iter().filter_map(Datapoint::sum).sum::<f64>().max(0.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_enough_points() {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 400);
        for hours in [0, 1, 23, 25, 24 * 14, 24 * 300] {
            let (from, period) = window(now - SignedDuration::from_hours(hours), now);
            let points = now.duration_since(from).as_secs() / i64::from(period);
            assert!(points <= MOST_POINTS && period % 60 == 0, "{hours} h: {points} of {period} s");
        }
    }
}
