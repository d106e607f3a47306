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
pub(crate) type Seen = HashMap<(RegionName, String), Look>;

/// A look at one endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    at: Timestamp,
    /// Since when it is there.
    since: Timestamp,
    /// When it was asked for itself, and not along with another.
    wanted: Timestamp,
    traffic: Option<Traffic>,
}

/// How long an answer is good for: of an endpoint that is `YOUNG`, of one that was asked of late, of one that nobody asks.
const FRESH: [SignedDuration; 3] =
    [SignedDuration::from_secs(15), SignedDuration::from_mins(1), SignedDuration::from_mins(5)];
const YOUNG: SignedDuration = SignedDuration::from_mins(30);
/// Asked so lately, it may be asked again.
const BUSY: SignedDuration = SignedDuration::from_mins(15);

impl Look {
    fn fresh_for(&self, now: Timestamp) -> SignedDuration {
        let asked = self.traffic.as_ref().and_then(|t| t.last_request);
        if now.duration_since(self.since) <= YOUNG {
            FRESH[0]
        } else if asked.is_some_and(|at| now.duration_since(at) < BUSY) {
            FRESH[1]
        } else {
            FRESH[2]
        }
    }
    fn is_fresh(&self, now: Timestamp) -> bool {
        now.duration_since(self.at).abs() < self.fresh_for(now)
    }
    /// Soon to be looked at again: worth taking along where somebody asks anyway.
    fn is_due(&self, now: Timestamp) -> bool {
        // What nobody asks for any more is gone, or on no page.
        now.duration_since(self.wanted) < BUSY && now.duration_since(self.at).abs() * 2 >= self.fresh_for(now)
    }
}

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
        let now = cx.now();
        let key = (region.clone(), id.to_string());
        let seen = || self.traffic.lock().expect("nothing panics while it is held");
        // The look's own `since` is of an endpoint of this name; another one of it is another.
        let known = seen().get_mut(&key).filter(|look| look.since == since).map(|look| {
            look.wanted = now;
            look.clone()
        });
        if let Some(look) = known.filter(|look| look.is_fresh(now)) {
            return look.traffic;
        }
        // Those of the region that are due come along: one call for all of them.
        let due = |(k, look): &(&(RegionName, String), &Look)| k.0 == *region && k.1 != key.1 && look.is_due(now);
        let mut asked: Vec<(String, Timestamp, Timestamp)> =
            seen().iter().filter(due).map(|(k, look)| (k.1.clone(), look.since, look.wanted)).collect();
        asked.sort();
        asked.insert(0, (key.1.clone(), since, now));
        let wanted: Vec<_> = asked.iter().map(|(name, since, _)| (name.as_str(), VARIANT, *since)).collect();
        let found = match self.read_all_traffic(cx, region, &wanted).await {
            Ok(found) => found.into_iter().map(Result::ok).collect(),
            // One that is gone or closed to us is no reason to know nothing of the others; they are due again soon.
            Err(_) => vec![None],
        };
        for ((name, since, wanted), traffic) in asked.into_iter().zip(found) {
            seen().insert((region.clone(), name), Look { at: now, since, wanted, traffic });
        }
        seen().get(&key).and_then(|look| look.traffic.clone())
    }

    pub(crate) async fn read_traffic(
        &self,
        cx: &Cx,
        region: &RegionName,
        endpoint: &str,
        variant: &str,
        since: Timestamp,
    ) -> Result<Traffic> {
        let mut found = self.read_all_traffic(cx, region, &[(endpoint, variant, since)]).await?;
        found.pop().unwrap_or_else(|| Ok(Traffic::default()))
    }

    /// The same of several, by name, variant and since when each is there; an answer each.
    async fn read_all_traffic(
        &self,
        cx: &Cx,
        region: &RegionName,
        wanted: &[(&str, &str, Timestamp)],
    ) -> Result<Vec<Result<Traffic>>> {
        let to = cx.now() + SignedDuration::from_mins(1);
        let windows: Vec<_> = wanted.iter().map(|(.., since)| window(*since, to, MOST_POINTS)).collect();
        let from = windows.iter().map(|w| w.0).min().unwrap_or(to);
        let asks: Vec<Ask<'_>> = wanted
            .iter()
            .zip(&windows)
            .flat_map(|((endpoint, variant, _), (_, period))| {
                let ask = |metric, stat, period| Ask { endpoint, variant, namespace: REQUESTS, metric, stat, period };
                [
                    ask("Invocations", "Sum", *period),
                    ask("Invocation4XXErrors", "Sum", *period),
                    ask("Invocation5XXErrors", "Sum", *period),
                    ask("ModelLatency", "p50", 3600.max(*period)),
                ]
            })
            .collect();
        let mut found = self.metrics(cx, region, &asks, from, to).await?;
        // Of one that is younger than another, what was before it is of an earlier one of its name.
        for (series, (from, period)) in found.chunks_mut(4).zip(&windows) {
            let begin = *from - SignedDuration::from_secs(i64::from(*period));
            series[..3].iter_mut().for_each(|s| s.points.retain(|p| p.0 >= begin));
        }
        Ok(found.chunks(4).map(told).collect())
    }

    /// What CloudWatch measures of it, for its page.
    pub(crate) async fn figures(&self, cx: &Cx, region: &RegionName, id: &EndpointId) -> Result<Figures> {
        let Some(record) = self.endpoint_record(cx, region, id).await? else {
            return Err(Error::new(ErrorKind::NotFound, "read its figures", format!("AWS has no endpoint {id}")));
        };
        let to = cx.now() + SignedDuration::from_mins(1);
        let (from, period) = window(record.created.max(cx.now() - DRAWN), to, MOST_DRAWN);
        let wanted = wanted(&record.spec);
        let (endpoint, variant) = (id.as_str(), VARIANT);
        let ask =
            |w: &Wanted| Ask { endpoint, variant, namespace: w.namespace, metric: w.metric, stat: w.stat, period };
        let asks: Vec<Ask<'_>> = wanted.iter().map(ask).collect();
        let found = self.metrics(cx, region, &asks, from, to).await?;
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

/// Its four series, in words.
fn told(found: &[crate::cloudwatch::Series]) -> Result<Traffic> {
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
