//! What hangs on an endpoint outside of SageMaker: scaling targets (Application Auto Scaling) and alarms (CloudWatch). They
//! stay behind when only the endpoint is deleted: an alarm of nothing bills on, and a target waits for the next endpoint of
//! the same name.

use crate::aws::Inner;
use crate::error::gone_is_fine;
use crate::retry::call;
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use aws_sdk_cloudwatch::types::{AlarmType, Dimension, MetricAlarm};
use curfew_core::{Cx, RegionName, Result};
use jiff::SignedDuration;

/// Of one region, all of them.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Attached {
    /// Resource (`endpoint/NAME/variant/VARIANT`) and dimension.
    pub targets: Vec<(String, String)>,
    /// Endpoint and alarm.
    pub alarms: Vec<(String, String)>,
}

impl Attached {
    /// Those of one endpoint.
    pub(crate) fn of(&self, endpoint: &str) -> Self {
        let resource = format!("endpoint/{endpoint}/");
        Self {
            targets: self.targets.iter().filter(|(id, _)| id.starts_with(&resource)).cloned().collect(),
            alarms: self.alarms.iter().filter(|(of, _)| of == endpoint).cloned().collect(),
        }
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.targets.is_empty() && self.alarms.is_empty()
    }
    /// "1 scaling target and 2 alarms".
    pub(crate) fn says(&self) -> String {
        let many = |n: usize, one: &str| (n > 0).then(|| format!("{n} {one}{}", if n == 1 { "" } else { "s" }));
        let parts = [many(self.targets.len(), "scaling target"), many(self.alarms.len(), "alarm")];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
    }
}

impl Inner {
    /// Everything in a region that hangs on an endpoint of SageMaker's.
    pub(crate) async fn attached(&self, cx: &Cx, region: &RegionName) -> Result<Attached> {
        const WHAT: &str = "look for scaling targets and alarms";
        let clients = self.at(region);
        let mut found = Attached::default();
        let mut token = None::<String>;
        loop {
            let page = call(cx, WHAT, || {
                let list = clients.scaling.describe_scalable_targets().service_namespace(ServiceNamespace::Sagemaker);
                list.set_next_token(token.clone()).send()
            })
            .await?;
            let targets = page.scalable_targets().iter();
            found
                .targets
                .extend(targets.map(|t| (t.resource_id().to_owned(), t.scalable_dimension().as_str().to_owned())));
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        loop {
            let page = call(cx, WHAT, || {
                let list = clients.cloudwatch.describe_alarms().alarm_types(AlarmType::MetricAlarm).max_records(100);
                list.set_next_token(token.clone()).send()
            })
            .await?;
            for alarm in page.metric_alarms() {
                if let (Some(endpoint), Some(name)) = (endpoint_of(alarm), alarm.alarm_name()) {
                    found.alarms.push((endpoint.to_owned(), name.to_owned()));
                }
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// The same, read at most twice a minute: a sweep asks for each endpoint.
    pub(crate) async fn attached_of_late(&self, cx: &Cx, region: &RegionName) -> Result<Attached> {
        const LATE: SignedDuration = SignedDuration::from_secs(30);
        let known = self.known.attached.lock().expect("nothing panics while it is held").get(region).cloned();
        if let Some((at, found)) = known
            && cx.now().duration_since(at).abs() < LATE
        {
            return Ok(found);
        }
        let found = self.attached(cx, region).await?;
        let entry = (cx.now(), found.clone());
        self.known.attached.lock().expect("nothing panics while it is held").insert(region.clone(), entry);
        Ok(found)
    }

    pub(crate) fn forget_attached(&self, region: &RegionName) {
        self.known.attached.lock().expect("nothing panics while it is held").remove(region);
    }

    /// Removes what hangs on one endpoint.
    pub(crate) async fn detach(&self, cx: &Cx, region: &RegionName, endpoint: &str) -> Result<()> {
        let clients = self.at(region);
        for (resource, dimension) in self.attached(cx, region).await?.of(endpoint).targets {
            let dimension = ScalableDimension::from(dimension.as_str());
            let gone = call(cx, "deregister a scaling target", || {
                let namespace =
                    clients.scaling.deregister_scalable_target().service_namespace(ServiceNamespace::Sagemaker);
                namespace.resource_id(&resource).scalable_dimension(dimension.clone()).send()
            });
            gone_is_fine(gone.await.map(drop))?;
        }
        // Read after: those of a target's own policies have gone with it.
        for (_, alarm) in self.attached(cx, region).await?.of(endpoint).alarms {
            let gone = call(cx, "delete an alarm", || clients.cloudwatch.delete_alarms().alarm_names(&alarm).send());
            gone_is_fine(gone.await.map(drop))?;
        }
        Ok(())
    }
}

/// The endpoint that an alarm watches, by the dimension of its metric or of one in its formula.
fn endpoint_of(alarm: &MetricAlarm) -> Option<&str> {
    const NAMESPACES: [&str; 2] = [crate::cloudwatch::REQUESTS, crate::cloudwatch::MACHINES];
    let named = |namespace: Option<&str>, dimensions: &'_ [Dimension]| -> Option<usize> {
        NAMESPACES.contains(&namespace?).then_some(())?;
        dimensions.iter().position(|d| d.name() == Some("EndpointName"))
    };
    if let Some(at) = named(alarm.namespace(), alarm.dimensions()) {
        return alarm.dimensions()[at].value();
    }
    alarm.metrics().iter().filter_map(|m| m.metric_stat()?.metric()).find_map(|metric| {
        let at = named(metric.namespace(), metric.dimensions())?;
        metric.dimensions()[at].value()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_cloudwatch::types::{Metric, MetricDataQuery, MetricStat};

    #[test]
    fn whose_alarm() {
        let dimension = |name: &str| Dimension::builder().name(name).value("iris").build();
        let plain = |namespace: &str, name: &str| {
            let alarm = MetricAlarm::builder().namespace(namespace).dimensions(dimension("VariantName"));
            alarm.dimensions(dimension(name)).build()
        };
        let check = |alarm: &MetricAlarm, expect: Option<&str>| assert_eq!(endpoint_of(alarm), expect, "{alarm:?}");
        check(&plain("AWS/SageMaker", "EndpointName"), Some("iris"));
        check(&plain("/aws/sagemaker/Endpoints", "EndpointName"), Some("iris"));
        check(&plain("AWS/EC2", "EndpointName"), None);
        check(&plain("AWS/SageMaker", "TrainingJobName"), None);
        let metric = Metric::builder().namespace("AWS/SageMaker").dimensions(dimension("EndpointName")).build();
        let stat = MetricStat::builder().metric(metric).period(60).stat("Sum").build();
        let query = MetricDataQuery::builder().id("m").metric_stat(stat).build();
        check(&MetricAlarm::builder().metrics(query).build(), Some("iris"));
    }

    #[test]
    fn whose_target() {
        let all = Attached {
            targets: ["endpoint/iris/variant/main", "endpoint/iris-2/variant/main"]
                .map(|t| (t.into(), "d".into()))
                .into(),
            alarms: vec![("iris".into(), "a".into()), ("iris-2".into(), "b".into()), ("iris".into(), "c".into())],
        };
        let (one, none) = (all.of("iris"), all.of("ir"));
        assert_eq!((one.targets.len(), one.says().as_str()), (1, "1 scaling target and 2 alarms"));
        assert!(none.is_empty());
    }
}
