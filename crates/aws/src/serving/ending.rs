//! Ending an endpoint, and removing all of it.

use super::{Places, log_group, no_endpoint};
use crate::aws::Inner;
use crate::error::gone_is_fine;
use crate::log;
use crate::names::TAG_INTENT;
use crate::retry::call;
use crate::training::StopNote;
use aws_sdk_sagemaker::types::EndpointStatus as Stands;
use curfew_core::error::Bill;
use curfew_core::{Cx, EndpointId, Error, ErrorKind, RegionName, Result};
use jiff::SignedDuration;
use std::time::Duration;

impl Inner {
    pub(super) async fn stop_endpoint(&self, cx: &Cx, region: &RegionName, id: &EndpointId, why: &str) -> Result<()> {
        let places = Places::of(id);
        let store = self.store_with(cx, region, &places.folder).await?;
        let store = store.ok_or_else(|| no_endpoint(id, "stop the endpoint"))?;
        self.endpoint_record(cx, region, id).await?.ok_or_else(|| no_endpoint(id, "stop the endpoint"))?;
        let note = StopNote { why: why.to_owned(), at: cx.now() };
        store.claim(cx, &places.stop, &crate::store::json(&note)?).await.map_err(|e| e.bill(Bill::StillRunning))?;
        self.end_endpoint(cx, region, id.as_str(), Duration::from_secs(20)).await
    }

    /// Asks AWS to delete the endpoint, and waits while it is still being made, which AWS does not let end.
    pub(crate) async fn end_endpoint(
        &self,
        cx: &Cx,
        region: &RegionName,
        name: &str,
        patience: Duration,
    ) -> Result<()> {
        let client = self.at(region).sagemaker.clone();
        let begun = std::time::Instant::now();
        loop {
            let deleted = call(cx, "delete the endpoint", || client.delete_endpoint().endpoint_name(name).send()).await;
            match gone_is_fine(deleted.map(drop)) {
                Err(e) if e.kind() == ErrorKind::Conflict => {
                    let now =
                        call(cx, "look at the endpoint", || client.describe_endpoint().endpoint_name(name).send());
                    match now.await {
                        Ok(now) if now.endpoint_status() == Some(&Stands::Deleting) => return Ok(()),
                        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
                        _ if begun.elapsed() > patience => {
                            return Err(e.bill(Bill::StillRunning).retry(curfew_core::Retry::Later));
                        }
                        _ => tokio::time::sleep(Duration::from_millis(500)).await,
                    }
                }
                Err(e) => return Err(e.bill(Bill::StillRunning)),
                Ok(()) => return Ok(()),
            }
        }
    }

    /// Waits until AWS knows the endpoint no more.
    pub(crate) async fn wait_until_gone(&self, cx: &Cx, region: &RegionName, id: &str) -> Result<()> {
        let limit = cx.now() + SignedDuration::from_mins(15);
        let client = self.at(region).sagemaker.clone();
        loop {
            let found = call(cx, "look at the endpoint", || client.describe_endpoint().endpoint_name(id).send()).await;
            match found {
                Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
                Err(e) => return Err(e),
                Ok(_) if cx.now() > limit => {
                    let what = format!("AWS was asked to delete the endpoint {id} and has not yet");
                    return Err(Error::new(ErrorKind::Timeout, "delete the endpoint", what).bill(Bill::StillRunning));
                }
                Ok(_) => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
    }

    /// Endpoint, configuration, model, log, files, in this order.
    pub(super) async fn delete_whole(&self, cx: &Cx, region: &RegionName, id: &EndpointId) -> Result<()> {
        let client = self.at(region).sagemaker.clone();
        let name = id.as_str();
        self.end_endpoint(cx, region, name, Duration::from_mins(15)).await?;
        self.wait_until_gone(cx, region, name).await?;
        // Of the same name and made by something else: left alone.
        let ours = |kind: &'static str| async move {
            let arn = self.names(region).arn(kind, name);
            Ok::<_, Error>(crate::kinds::tag(&self.at(region), cx, &arn, TAG_INTENT).await?.is_some())
        };
        let config =
            call(cx, "delete the endpoint", || client.describe_endpoint_config().endpoint_config_name(name).send());
        if there(config.await)? && ours("endpoint-config").await? {
            let deleted =
                call(cx, "delete the endpoint", || client.delete_endpoint_config().endpoint_config_name(name).send());
            gone_is_fine(deleted.await.map(drop))?;
        }
        let model = call(cx, "delete the endpoint", || client.describe_model().model_name(name).send());
        if there(model.await)? && ours("model").await? {
            let deleted = call(cx, "delete the endpoint", || client.delete_model().model_name(name).send());
            gone_is_fine(deleted.await.map(drop))?;
        }
        self.remove_endpoint_folder(cx, region, id).await
    }

    pub(crate) async fn remove_endpoint_folder(&self, cx: &Cx, region: &RegionName, id: &EndpointId) -> Result<()> {
        log::remove_group(cx, &self.at(region).logs.clone(), &log_group(id)).await?;
        let places = Places::of(id);
        let Some(store) = self.store_with(cx, region, &places.folder).await? else { return Ok(()) };
        crate::kinds::uploads::abort_below(cx, &store, &places.folder).await?;
        store.remove_folder(cx, &places.folder, &places.record).await?;
        self.forget_record(&store, &places.record);
        Ok(())
    }
}

/// Whether a look-up found something.
fn there<T>(found: Result<T>) -> Result<bool> {
    match found {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}
