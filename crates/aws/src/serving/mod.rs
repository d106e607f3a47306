//! Endpoints on SageMaker: a model, a configuration and an endpoint, all of one name, made in this order and ended in the
//! other.

mod deploy;
mod ending;
mod image;
pub(crate) mod mode;
mod status;

use crate::aws::{Aws, Inner};
use crate::images::{self, Chosen};
use crate::log;
use crate::names::{ENDPOINTS, endpoint_folder};
use crate::retry::call;
use async_trait::async_trait;
use aws_sdk_sagemaker::operation::describe_endpoint::DescribeEndpointOutput;
use curfew_core::endpoint::{
    Asked, EndpointHandle, EndpointSpec, EndpointStatus, Figures, Invocation, ModelSource, Reply,
};
use curfew_core::provider::{Caution, Quote, Serving};
use curfew_core::run::LogChunk;
use curfew_core::{
    Cx, EndpointId, Enforcer, Error, ErrorKind, MachineRef, Mode, RegionName, Result, ServingMode, Sweep, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The one variant of an endpoint of ours. CloudWatch finds its figures by endpoint **and** variant.
pub(crate) const VARIANT: &str = "main";

/// What is noted in the endpoint's folder before anything is created. Never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub spec: EndpointSpec,
    pub image: Chosen,
    pub created: Timestamp,
}

/// Where an endpoint's parts lie in the bucket.
pub(crate) struct Places {
    pub folder: String,
    pub record: String,
    pub begun: String,
    pub stop: String,
    pub code: String,
    pub model: String,
    /// Questions to an endpoint that answers later, its answers, and what went wrong.
    pub questions: String,
    pub answers: String,
    pub failures: String,
}

impl Places {
    pub(crate) fn of(id: &EndpointId) -> Self {
        let folder = endpoint_folder(id);
        Self {
            record: format!("{folder}endpoint.json"),
            begun: format!("{folder}begun.json"),
            stop: format!("{folder}stop.json"),
            code: format!("{folder}code/sourcedir.tar.gz"),
            model: format!("{folder}model/model.tar.gz"),
            questions: format!("{folder}asked/"),
            answers: format!("{folder}answers/"),
            failures: format!("{folder}failures/"),
            folder,
        }
    }
}

#[async_trait]
impl Serving for Aws {
    fn modes(&self) -> &'static [ServingMode] {
        &mode::MODES
    }
    fn place(&self, machine: &MachineRef, mode: &Mode) -> Result<MachineRef> {
        mode::place(machine, mode)
    }
    async fn quote(&self, cx: &Cx, spec: &EndpointSpec) -> Result<Quote> {
        cx.check("check the endpoint")?;
        Ok(self.inner.check_endpoint(cx, spec).await?.1)
    }
    async fn deploy(&self, cx: &Cx, spec: &EndpointSpec) -> Result<EndpointHandle> {
        cx.check("deploy")?;
        Box::pin(self.inner.deploy(cx, spec)).await
    }
    async fn find(&self, cx: &Cx, spec: &EndpointSpec) -> Result<Option<EndpointHandle>> {
        cx.check("find the endpoint")?;
        let region = self.inner.region_of(&spec.machine)?;
        // Read anew: a folder that was deleted elsewhere has been deleted.
        for store in self.inner.stores(cx, &region).await? {
            self.inner.forget_record(&store, &Places::of(&spec.id).record);
        }
        let record = self.inner.endpoint_record(cx, &region, &spec.id).await?;
        Ok(record.filter(|r| r.spec.intent == spec.intent).map(|_| handle(&spec.id, &region)))
    }
    async fn list(&self, cx: &Cx) -> Result<Sweep<(EndpointHandle, EndpointSpec)>> {
        cx.check("list the endpoints")?;
        let list = |region: RegionName| async move {
            match self.inner.endpoints_in(cx, &region).await {
                Ok(found) => Sweep::whole(found.into_iter().map(|r| (handle(&r.spec.id, &region), r.spec)).collect()),
                Err(e) => Sweep { items: Vec::new(), gaps: vec![self.inner.gap(&region, "endpoints", &e)] },
            }
        };
        Ok(self.inner.in_each_region(list).await)
    }
    async fn status(&self, cx: &Cx, endpoint: &EndpointHandle) -> Result<EndpointStatus> {
        cx.check("look at the endpoint")?;
        self.inner.endpoint_status(cx, &self.inner.region_in(&endpoint.native), &endpoint.id).await
    }
    async fn log(&self, cx: &Cx, endpoint: &EndpointHandle, from: &str, max: usize) -> Result<LogChunk> {
        cx.check("read the log")?;
        let region = self.inner.region_in(&endpoint.native);
        let status = self.inner.endpoint_status(cx, &region, &endpoint.id).await?;
        let logs = self.inner.at(&region).logs.clone();
        log::read(cx, &logs, &log_group(&endpoint.id), "", from, max, status.state.is_over()).await
    }
    async fn invoke(&self, cx: &Cx, endpoint: &EndpointHandle, request: &Invocation) -> Result<Reply> {
        cx.check("ask the model")?;
        self.inner.invoke(cx, &self.inner.region_in(&endpoint.native), &endpoint.id, request).await
    }
    async fn ask(&self, cx: &Cx, endpoint: &EndpointHandle, request: &Invocation) -> Result<Asked> {
        cx.check("ask the model")?;
        self.inner.ask(cx, &self.inner.region_in(&endpoint.native), &endpoint.id, request).await
    }
    async fn answer(&self, cx: &Cx, endpoint: &EndpointHandle, ticket: &str) -> Result<Option<Reply>> {
        cx.check("fetch the answer")?;
        self.inner.answer(cx, &self.inner.region_in(&endpoint.native), &endpoint.id, ticket).await
    }
    async fn figures(&self, cx: &Cx, endpoint: &EndpointHandle) -> Result<Option<Figures>> {
        cx.check("read its figures")?;
        self.inner.figures(cx, &self.inner.region_in(&endpoint.native), &endpoint.id).await.map(Some)
    }
    async fn stop(&self, cx: &Cx, endpoint: &EndpointHandle, why: &str) -> Result<()> {
        cx.check("stop the endpoint")?;
        self.inner.stop_endpoint(cx, &self.inner.region_in(&endpoint.native), &endpoint.id, why).await
    }
    async fn delete(&self, cx: &Cx, endpoint: &EndpointHandle) -> Result<()> {
        cx.check("delete the endpoint")?;
        let region = self.inner.region_in(&endpoint.native);
        self.inner.delete_whole(cx, &region, &endpoint.id).await?;
        self.inner.detach(cx, &region, endpoint.id.as_str()).await.map_err(|e| {
            e.next(
                "The endpoint is gone; look under CloudWatch and Auto Scaling in AWS's console for what is left of it",
            )
        })
    }
    fn parts(&self, id: &EndpointId) -> Vec<(&'static str, String)> {
        ["endpoint", "endpoint-config", "model"].map(|kind| (kind, id.to_string())).into()
    }
    async fn set_curfew(&self, cx: &Cx, endpoint: &EndpointHandle, at: Timestamp) -> Result<Enforcer> {
        cx.check("move the curfew")?;
        let region = self.inner.region_in(&endpoint.native);
        self.inner.move_endpoint_curfew(cx, &region, &endpoint.id, at).await
    }
}

fn handle(id: &EndpointId, region: &RegionName) -> EndpointHandle {
    EndpointHandle { id: id.clone(), native: format!("{region}/{id}") }
}

/// Where CloudWatch keeps what an endpoint's server prints.
pub(crate) fn log_group(id: &EndpointId) -> String {
    format!("/aws/sagemaker/Endpoints/{id}")
}

fn no_endpoint(id: &EndpointId, operation: &'static str) -> Error {
    Error::new(ErrorKind::NotFound, operation, format!("AWS has no endpoint {id}"))
}

/// Where the model's archive will be, and what has to be packed or uploaded for that.
enum Bring {
    /// At S3 already.
    There(String),
    /// An archive here.
    Archive(PathBuf),
    /// A bare model file here.
    File(PathBuf),
}

fn bring(spec: &EndpointSpec) -> Result<Bring> {
    let there = |path: &Path| {
        if path.is_file() {
            return Ok(());
        }
        Err(Error::input("model", format!("there is no file {}", path.display())))
    };
    match &spec.model {
        ModelSource::Run { archive, .. } if archive.starts_with("s3://") => Ok(Bring::There(archive.clone())),
        ModelSource::Run { archive, .. } => {
            there(Path::new(archive))?;
            Ok(Bring::Archive(PathBuf::from(archive)))
        }
        ModelSource::Archive { path } => there(path).map(|()| Bring::Archive(path.clone())),
        ModelSource::File { path } => there(path).map(|()| Bring::File(path.clone())),
    }
}

impl Inner {
    pub(crate) async fn endpoint_record(
        &self,
        cx: &Cx,
        region: &RegionName,
        id: &EndpointId,
    ) -> Result<Option<Record>> {
        let places = Places::of(id);
        let Some(store) = self.store_with(cx, region, &places.folder).await? else { return Ok(None) };
        self.record(cx, &store, &places.record).await
    }

    pub(crate) async fn endpoints_in(&self, cx: &Cx, region: &RegionName) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        for store in self.stores_by_and_by(cx, region).await? {
            for name in store.folders(cx, ENDPOINTS).await? {
                let Ok(id) = EndpointId::new(name) else { continue };
                records.extend(self.record::<Record>(cx, &store, &Places::of(&id).record).await?);
            }
        }
        Ok(records)
    }

    async fn check_endpoint(&self, cx: &Cx, spec: &EndpointSpec) -> Result<(Record, Quote)> {
        let region = self.region_of(&spec.machine)?;
        if let Some(machine) = mode::machine(spec)? {
            self.learn_price(cx, &region, machine, "Hosting").await;
        }
        let rate = mode::rate(spec, &region)?;
        if spec.curfew <= cx.now() {
            let what = format!("the curfew {} is in the past", spec.curfew.strftime("%Y-%m-%d %H:%M:%SZ"));
            return Err(Error::input("curfew", what));
        }
        bring(spec)?;
        if let Some(script) = &spec.script
            && !script.is_file()
        {
            return Err(Error::input("script", format!("there is no script {}", script.display())));
        }
        let (image, mut cautions) = self.serving_image(cx, spec, &region).await?;
        let today = cx.now().to_zoned(jiff::tz::TimeZone::UTC).date();
        cautions.extend(images::past_support(&image, images::INFERENCE, today));
        cautions.extend(self.check_endpoint_quota(cx, &region, spec).await?);
        cautions.push(Caution {
            code: "only-while-on".into(),
            says: "Its curfew is held by Curfew on this computer, and so only while this computer is on.".into(),
            risk: if mode::is_serverless(&spec.mode) {
                "After it, whoever asks is answered and billed, until it is deleted.".into()
            } else {
                "An endpoint costs the same every hour, asked or not, until it is deleted.".into()
            },
            ask: false,
        });
        let by_use = mode::by_use(spec, &region, self.kept.notes().serverless.get(&region));
        let quote = Quote { rate, cautions, enforcer: Enforcer::OnlyWhileOn, by_use, longest: None };
        Ok((Record { spec: spec.clone(), image, created: cx.now() }, quote))
    }

    pub(crate) async fn describe_endpoint(
        &self,
        cx: &Cx,
        region: &RegionName,
        id: &EndpointId,
    ) -> Result<Option<DescribeEndpointOutput>> {
        let client = self.at(region).sagemaker.clone();
        let found = call(cx, "look at the endpoint", || client.describe_endpoint().endpoint_name(id.as_str()).send());
        match found.await {
            Ok(found) => Ok(Some(found)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }
}
