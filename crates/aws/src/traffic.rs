//! How an endpoint is used, from CloudWatch. Its figures are found by endpoint **and** variant; one alone finds nothing.

use crate::aws::Inner;
use crate::cloudwatch::{Ask, MACHINES, REQUESTS, window};
use crate::machines;
use crate::serving::{VARIANT, mode};
use curfew_core::endpoint::{EndpointSpec, Figure, Figures, Traffic};
use curfew_core::{Cx, EndpointId, Error, ErrorKind, RegionName, Result, Timestamp};
use jiff::SignedDuration;
use std::collections::HashMap;

/// What was read when. CloudWatch's figures come by the minute, and each metric asked for costs a thousandth of a cent.
pub(crate) type Seen = HashMap<(RegionName, String), (Timestamp, Option<Traffic>)>;

/// How long an answer is good for, of an endpoint that is `YOUNG` and of one that is not.
const FRESH: [SignedDuration; 2] = [SignedDuration::from_secs(15), SignedDuration::from_mins(1)];
const YOUNG: SignedDuration = SignedDuration::from_mins(30);
/// To tell when the last request came.
const MOST_POINTS: i64 = 1_440;
/// To draw: more points than a small picture has pixels say nothing.
const MOST_DRAWN: i64 = 180;
/// How far back the drawn figures go.
const DRAWN: SignedDuration = SignedDuration::from_hours(24);

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
        let fresh = FRESH[usize::from(cx.now().duration_since(since) > YOUNG)];
        let known = self.traffic.lock().expect("nothing panics while it is held").get(&key).cloned();
        if let Some((at, traffic)) = known
            && cx.now().duration_since(at).abs() < fresh
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
        let to = cx.now() + SignedDuration::from_mins(1);
        let (from, period) = window(since, to, MOST_POINTS);
        let ask = |metric, stat, period| Ask { namespace: REQUESTS, metric, stat, period };
        let asks = [
            ask("Invocations", "Sum", period),
            ask("Invocation4XXErrors", "Sum", period),
            ask("Invocation5XXErrors", "Sum", period),
            ask("ModelLatency", "p50", 3600.max(period)),
        ];
        let named = [("EndpointName", endpoint), ("VariantName", variant)];
        let found = self.metrics(cx, region, &named, &asks, from, to).await?;
        if let Some(why) = found[0].missing.as_ref() {
            return Err(Error::new(ErrorKind::PermissionDenied, "read how it is used", why));
        }
        let requests = found[0].count();
        Ok(Traffic {
            requests,
            errors: (found[1].count() + found[2].count()).min(requests),
            last_request: found[0].points.iter().filter(|p| p.1 > 0.0).map(|p| p.0).max(),
            p50_ms: found[3].newest().map(|us| us / 1000.0),
            ..Traffic::default()
        })
    }

    /// What CloudWatch measures of it, for its page.
    pub(crate) async fn figures(&self, cx: &Cx, region: &RegionName, id: &EndpointId) -> Result<Figures> {
        let Some(record) = self.endpoint_record(cx, region, id).await? else {
            return Err(Error::new(ErrorKind::NotFound, "read its figures", format!("AWS has no endpoint {id}")));
        };
        let to = cx.now() + SignedDuration::from_mins(1);
        let (from, period) = window(record.created.max(cx.now() - DRAWN), to, MOST_DRAWN);
        let wanted = wanted(&record.spec);
        let asks: Vec<Ask<'_>> =
            wanted.iter().map(|w| Ask { namespace: w.namespace, metric: w.metric, stat: w.stat, period }).collect();
        let named = [("EndpointName", id.as_str()), ("VariantName", VARIANT)];
        let found = self.metrics(cx, region, &named, &asks, from, to).await?;
        let items = wanted.iter().zip(found).map(|(w, series)| {
            let points: Vec<_> = series.points.iter().map(|(at, value)| (*at, value * w.times)).collect();
            let value = match w.of {
                Of::All => series.missing.is_none().then(|| points.iter().map(|p| p.1).sum()),
                Of::Most => points.iter().map(|p| p.1).max_by(f64::total_cmp),
                Of::Newest => points.last().map(|p| p.1),
            };
            let missing = series.missing.map(|why| format!("CloudWatch does not give it: {why}"));
            Figure {
                name: w.name.into(),
                title: w.title.into(),
                unit: w.unit.into(),
                value,
                of: w.of.words().into(),
                missing: missing.or_else(|| points.is_empty().then(|| w.none.to_owned())),
                points,
            }
        });
        let items = items.collect();
        Ok(Figures { as_of: cx.now(), since: from, step_s: period.unsigned_abs(), items })
    }
}

/// Of which points one number is made.
#[derive(Clone, Copy)]
enum Of {
    All,
    Most,
    Newest,
}

impl Of {
    fn words(self) -> &'static str {
        match self {
            Self::All => "in this time",
            Self::Most => "at most in this time",
            Self::Newest => "newest",
        }
    }
}

struct Wanted {
    name: &'static str,
    title: &'static str,
    unit: &'static str,
    namespace: &'static str,
    metric: &'static str,
    stat: &'static str,
    /// From CloudWatch's unit to ours.
    times: f64,
    of: Of,
    /// What it means that there is none.
    none: &'static str,
}

/// The figures of an endpoint, by what it has.
fn wanted(spec: &EndpointSpec) -> Vec<Wanted> {
    const UNASKED: &str = "no request counted; CloudWatch is a minute or two behind";
    const UNMEASURED: &str = "AWS has measured nothing yet";
    let requests = |name, title, metric| Wanted {
        name,
        title,
        unit: "",
        namespace: REQUESTS,
        metric,
        stat: "Sum",
        times: 1.0,
        of: Of::All,
        none: UNASKED,
    };
    let latency = |name, title, metric, stat, of| Wanted {
        name,
        title,
        unit: "ms",
        namespace: REQUESTS,
        metric,
        stat,
        // CloudWatch has microseconds.
        times: 0.001,
        of,
        none: UNASKED,
    };
    let percent = |name, title, metric| Wanted {
        name,
        title,
        unit: "%",
        namespace: MACHINES,
        metric,
        stat: "Average",
        times: 1.0,
        of: Of::Newest,
        none: UNMEASURED,
    };
    let mut wanted = vec![
        requests("requests", "Requests", "Invocations"),
        latency("median", "Median latency", "ModelLatency", "p50", Of::Newest),
        latency("average", "Average latency", "ModelLatency", "Average", Of::Newest),
        latency("longest", "Longest latency", "ModelLatency", "Maximum", Of::Most),
        requests("refused", "Errors of the asker (4XX)", "Invocation4XXErrors"),
        requests("failed", "Errors of the model (5XX)", "Invocation5XXErrors"),
    ];
    if mode::is_serverless(&spec.mode) {
        wanted.push(latency("cold", "Longest cold start", "ModelSetupTime", "Maximum", Of::Most));
        wanted.push(percent("memory", "Memory", "MemoryUtilization"));
        return wanted;
    }
    wanted.push(percent("cpu", "CPU (100 % a core)", "CPUUtilization"));
    wanted.push(percent("memory", "Memory", "MemoryUtilization"));
    if spec.machine.machine.as_deref().is_some_and(machines::has_gpu) {
        wanted.push(percent("gpu", "GPU (100 % each)", "GPUUtilization"));
        wanted.push(percent("gpu-memory", "GPU memory (100 % each)", "GPUMemoryUtilization"));
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_core::Mode;
    use curfew_core::endpoint::ModelSource;

    fn names(machine: &str, mode: &str) -> Vec<&'static str> {
        let spec = EndpointSpec {
            id: "e".parse().unwrap(),
            model: ModelSource::File { path: "m".into() },
            script: None,
            machine: machine.parse().unwrap(),
            mode: Mode { id: mode.into(), ..Mode::default() },
            curfew: Timestamp::UNIX_EPOCH,
            confirmed: Vec::new(),
            intent: "i".parse().unwrap(),
            owner: String::new(),
            project: None,
        };
        wanted(&spec).iter().map(|w| w.name).collect()
    }

    #[test]
    fn only_what_it_has() {
        assert!(!names("aws:ml.t2.medium", "real-time").contains(&"gpu"));
        assert!(names("aws:ml.g4dn.xlarge", "async").ends_with(&["gpu", "gpu-memory"]));
        assert!(!names("aws:serverless", "serverless").contains(&"cpu"));
    }
}
