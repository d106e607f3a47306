//! Questions to CloudWatch, as many metrics at once as one GetMetricData takes.

use crate::aws::Inner;
use crate::clock::{date_time, timestamp};
use crate::retry::call;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat, ScanBy, StatusCode};
use curfew_core::{Cx, RegionName, Result, Timestamp, say};
use jiff::SignedDuration;

/// The namespaces that SageMaker writes an endpoint's metrics to: of its requests, and of its machines.
pub(crate) const REQUESTS: &str = "AWS/SageMaker";
pub(crate) const MACHINES: &str = "/aws/sagemaker/Endpoints";

/// Metrics of one call (CloudWatch's limit). It is paid by the metric, however many calls there are.
const MOST: usize = 500;

/// One metric of one variant of an endpoint; CloudWatch finds it by both alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub endpoint: &'a str,
    pub variant: &'a str,
    pub namespace: &'a str,
    pub metric: &'a str,
    /// `Sum`, `Average`, `Maximum`, `p50`.
    pub stat: &'a str,
    /// How far two points lie apart, in seconds: a multiple of 60.
    pub period: i32,
}

/// What came back of one metric.
#[derive(Debug, Default, Clone)]
pub(crate) struct Series {
    /// Oldest first.
    pub points: Vec<(Timestamp, f64)>,
    /// Why it is not whole.
    pub missing: Option<String>,
}

impl Series {
    pub(crate) fn sum(&self) -> f64 {
        self.points.iter().map(|p| p.1).sum()
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of requests, never negative")]
    pub(crate) fn count(&self) -> u64 {
        self.sum().max(0.0).round() as u64
    }
    pub(crate) fn newest(&self) -> Option<f64> {
        self.points.last().map(|p| p.1)
    }
}

impl Inner {
    /// One series for each of `asks`, in their order, by as few calls as they fit into.
    pub(crate) async fn metrics(
        &self,
        cx: &Cx,
        region: &RegionName,
        asks: &[Ask<'_>],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Series>> {
        let mut all = Vec::with_capacity(asks.len());
        for some in asks.chunks(MOST) {
            all.extend(self.metrics_at_once(cx, region, some, from, to).await?);
        }
        Ok(all)
    }

    async fn metrics_at_once(
        &self,
        cx: &Cx,
        region: &RegionName,
        asks: &[Ask<'_>],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Series>> {
        let client = self.at(region).cloudwatch.clone();
        let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
        let queries: Vec<MetricDataQuery> = asks
            .iter()
            .enumerate()
            .map(|(i, ask)| {
                let metric = Metric::builder().namespace(ask.namespace).metric_name(ask.metric);
                let metric = metric.dimensions(dimension("EndpointName", ask.endpoint));
                let metric = metric.dimensions(dimension("VariantName", ask.variant)).build();
                let stat = MetricStat::builder().metric(metric).period(ask.period).stat(ask.stat).build();
                MetricDataQuery::builder().id(format!("m{i}")).metric_stat(stat).build()
            })
            .collect();
        let mut series = vec![Series::default(); asks.len()];
        let mut token = None::<String>;
        loop {
            let page = call(cx, "read how it is used", || {
                let ask = client.get_metric_data().set_metric_data_queries(Some(queries.clone()));
                let ask = ask.start_time(date_time(from)).end_time(date_time(to)).scan_by(ScanBy::TimestampAscending);
                ask.set_next_token(token.clone()).send()
            })
            .await?;
            for result in page.metric_data_results() {
                let number = result.id().and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
                let Some(one) = number.and_then(|n| series.get_mut(n)) else { continue };
                let times = result.timestamps().iter().map(timestamp);
                one.points.extend(times.zip(result.values().iter().copied()));
                if let Some(StatusCode::Forbidden | StatusCode::InternalError) = result.status_code() {
                    let why = result.messages().first().and_then(|m| m.value()).unwrap_or("CloudWatch gives no reason");
                    one.missing = Some(say::clean(why, 200));
                }
            }
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        for one in &mut series {
            one.points.sort_by_key(|p| p.0);
        }
        Ok(series)
    }
}

/// From when, and in steps of how many seconds, so that at most `most` points come back. CloudWatch keeps minutes for 15
/// days.
pub(crate) fn window(since: Timestamp, now: Timestamp, most: i64) -> (Timestamp, i32) {
    let long = now.duration_since(since).as_secs().clamp(60, 15 * 24 * 3600);
    let minutes = (long / 60 / most) + 1;
    let period = i32::try_from(minutes * 60).unwrap_or(3600);
    (now - SignedDuration::from_secs(long + 60), period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_enough_points() {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 400);
        for most in [180, 1_440] {
            for hours in [0, 1, 23, 25, 24 * 14, 24 * 300] {
                let (from, period) = window(now - SignedDuration::from_hours(hours), now, most);
                let points = now.duration_since(from).as_secs() / i64::from(period);
                assert!(points <= most && period % 60 == 0, "{hours} h: {points} of {period} s");
            }
        }
    }
}
