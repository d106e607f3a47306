//! Endpoints on SageMaker: a model, a configuration and an endpoint, all of one name, made in this order and ended in the
//! other.

use crate::aws::{Aws, Inner};
use crate::clock::timestamp;
use crate::error::{from_sdk, gone_is_fine};
use crate::images::{self, Chosen};
use crate::job::Places as RunPlaces;
use crate::names::{ENDPOINTS, TAG_CURFEW, TAG_INTENT, TAG_OWNER, endpoint_folder, tag_value};
use crate::retry::{self, call};
use crate::store::Store;
use crate::training::{BEGINS_WITHIN, StopNote};
use crate::{failure, log, machines, pack, role, upload};
use async_trait::async_trait;
use aws_sdk_sagemaker::operation::describe_endpoint::DescribeEndpointOutput;
use aws_sdk_sagemaker::types::{
    ContainerDefinition, EndpointStatus as Stands, ProductionVariant, ProductionVariantInstanceType, Tag,
};
use curfew_core::endpoint::{
    EndpointHandle, EndpointSpec, EndpointState, EndpointStatus, Invocation, ModelSource, Reply,
};
use curfew_core::error::Bill;
use curfew_core::provider::{Caution, Quote, Serving};
use curfew_core::run::LogChunk;
use curfew_core::{Cost, Curfew, Cx, EndpointId, Enforcer, Error, ErrorKind, RegionName, Result, Sweep, Timestamp};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The one variant of an endpoint of ours. CloudWatch finds its figures by endpoint **and** variant.
pub(crate) const VARIANT: &str = "main";

/// Our own server's defaults for scikit-learn models without an inference.py; AWS's scikit-learn image asks for one.
const DEFAULT_SCRIPT: &str = include_str!("../../../assets/runners/default_inference.py");

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
            folder,
        }
    }
}

#[async_trait]
impl Serving for Aws {
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
    async fn stop(&self, cx: &Cx, endpoint: &EndpointHandle, why: &str) -> Result<()> {
        cx.check("stop the endpoint")?;
        self.inner.stop_endpoint(cx, &self.inner.region_in(&endpoint.native), &endpoint.id, why).await
    }
    async fn delete(&self, cx: &Cx, endpoint: &EndpointHandle) -> Result<()> {
        cx.check("delete the endpoint")?;
        self.inner.delete_whole(cx, &self.inner.region_in(&endpoint.native), &endpoint.id).await
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

fn machine(spec: &EndpointSpec) -> Result<&str> {
    let name = spec.machine.machine.as_deref().unwrap_or_default();
    if spec.machine.service.as_deref().is_some_and(|s| s != "sagemaker") || !name.starts_with("ml.") {
        return Err(Error::input("machine", format!("SageMaker has no machine {}", spec.machine))
            .next("Its machines begin with ml., such as aws:ml.t2.medium"));
    }
    Ok(name)
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
        let machine = machine(spec)?;
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
        let (image, word) = self.serving_image(cx, spec, &region).await?;
        let mut cautions = Vec::new();
        if let Some(says) = word {
            cautions.push(Caution {
                code: "image-version".into(),
                says,
                risk: "The model may load with warnings, or not at all.".into(),
                ask: false,
            });
        }
        cautions.push(Caution {
            code: "only-while-on".into(),
            says: "Its curfew is held by Curfew on this computer, and so only while this computer is on.".into(),
            risk: "An endpoint costs the same every hour, asked or not, until it is deleted.".into(),
            ask: false,
        });
        let rate = machines::rate(region.as_str(), machine, "Hosting", 1);
        let quote = Quote { rate, cautions, enforcer: Enforcer::OnlyWhileOn };
        Ok((Record { spec: spec.clone(), image, created: cx.now() }, quote))
    }

    /// The image that serves it: of the framework and version that the model was made with, as far as that is known.
    async fn serving_image(
        &self,
        cx: &Cx,
        spec: &EndpointSpec,
        region: &RegionName,
    ) -> Result<(Chosen, Option<String>)> {
        let gpu = machines::has_gpu(machine(spec)?);
        if let ModelSource::Run { run, archive } = &spec.model
            && archive.starts_with("s3://")
            && let Some(record) = self.run_record(cx, region, run).await?
        {
            if record.image.framework == "own" {
                return Ok((record.image, None));
            }
            return images::to_serve(&record.image, gpu, region.as_str());
        }
        let made = match bring(spec)? {
            Bring::There(_) => None,
            Bring::Archive(path) | Bring::File(path) => {
                let sniffed = tokio::task::spawn_blocking(move || crate::pack::framework_in(&path)).await;
                sniffed.unwrap_or_default()
            }
        };
        let known = made.is_some();
        let (framework, version) = made.unwrap_or(("sklearn", None));
        let Some(version) = version else {
            let (chosen, _) = images::pick(framework, None, images::INFERENCE, gpu, region.as_str())?;
            let word = if known {
                format!(
                    "Which version of {framework} made this model is not known; it is served by {}.",
                    chosen.version
                )
            } else {
                format!("It is not known what made this model; it is served by {framework} {}.", chosen.version)
            };
            return Ok((chosen, Some(word)));
        };
        let trained = Chosen { framework: framework.into(), version: version.clone(), uri: String::new() };
        let (chosen, word) = images::to_serve(&trained, gpu, region.as_str())?;
        // The third number makes no difference to what can be loaded.
        let same = images::numbers(&chosen.version).get(..2) == images::numbers(&version).get(..2);
        let word = word.filter(|_| !same);
        Ok((chosen, word))
    }

    async fn deploy(&self, cx: &Cx, spec: &EndpointSpec) -> Result<EndpointHandle> {
        let region = self.region_of(&spec.machine)?;
        let places = Places::of(&spec.id);
        let record = if let Some(record) = self.endpoint_record(cx, &region, &spec.id).await? {
            record
        } else {
            let (record, quote) = self.check_endpoint(cx, spec).await?;
            if let Some(caution) = quote.cautions.iter().find(|c| c.ask && !spec.confirmed.contains(&c.code)) {
                return Err(Error::new(ErrorKind::Conflict, "deploy", caution.says.trim_end_matches('.'))
                    .next(format!("{} Confirm “{}” to go on", caution.risk, caution.code))
                    .with("caution", &caution.code)
                    .bill(Bill::NothingStarted));
            }
            let store = self.store(cx, &region).await?;
            cx.check("deploy")?;
            store.claim(cx, &places.record, &crate::store::json(&record)?).await?;
            self.endpoint_record(cx, &region, &spec.id).await?.ok_or_else(|| no_endpoint(&spec.id, "deploy"))?
        };
        if record.spec.intent != spec.intent {
            let what = format!("there is already an endpoint {} in this account", spec.id);
            return Err(Error::new(ErrorKind::AlreadyExists, "deploy", what)
                .at("name")
                .next("Choose another name, or delete the one that is there")
                .bill(Bill::NothingStarted));
        }
        // Where its record lies: that is another bucket, if another was chosen since.
        let store = self.store_with(cx, &region, &places.folder).await?;
        let store = store.ok_or_else(|| no_endpoint(&spec.id, "deploy"))?;
        let there = self.describe_endpoint(cx, &region, &spec.id).await?.is_some();
        if !there
            && self.stop_note(cx, &store, &places.stop).await?.is_none()
            && let Err(e) = Box::pin(self.begin_endpoint(cx, &region, &store, &record)).await
        {
            let refused = e.retry_when() == curfew_core::Retry::Never
                && e.bill_effect() != Bill::NotKnown
                && e.kind() != ErrorKind::Cancelled;
            if refused && self.describe_endpoint(cx, &region, &spec.id).await.is_ok_and(|d| d.is_none()) {
                self.delete_whole(cx, &region, &spec.id).await?;
                return Err(e.bill(Bill::NothingStarted));
            }
            return Err(e);
        }
        Ok(handle(&spec.id, &region))
    }

    async fn begin_endpoint(&self, cx: &Cx, region: &RegionName, store: &Store, record: &Record) -> Result<()> {
        let (spec, places) = (&record.spec, Places::of(&record.spec.id));
        let model = match bring(spec)? {
            Bring::There(uri) => uri,
            Bring::Archive(path) => {
                upload::one(cx, store, &path, &places.model).await?;
                store.uri(&places.model)
            }
            Bring::File(path) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let size = path.metadata().map_or(0, |m| m.len());
                let entry = pack::Entry { from: path, to: name, size };
                self.pack_and_upload(cx, store, vec![entry], Vec::new(), &places.model).await?;
                store.uri(&places.model)
            }
        };
        let (code, program) = self.code(cx, store, spec, &places).await?;
        let role = role::ensure(self, cx, region).await?;
        let client = self.at(region).sagemaker.clone();
        let name = spec.id.as_str();
        let container = ContainerDefinition::builder()
            .image(&record.image.uri)
            .model_data_url(&model)
            .environment("SAGEMAKER_PROGRAM", program)
            .environment("SAGEMAKER_SUBMIT_DIRECTORY", code)
            .environment("SAGEMAKER_REGION", region.as_str())
            .environment("SAGEMAKER_CONTAINER_LOG_LEVEL", "20")
            .environment("PYTHONUNBUFFERED", "1")
            .build();
        let tags = tags(spec);
        let variant = ProductionVariant::builder()
            .variant_name(VARIANT)
            .model_name(name)
            .instance_type(ProductionVariantInstanceType::from(machine(spec)?))
            .initial_instance_count(1)
            .initial_variant_weight(1.0)
            .build();

        let model =
            || client.create_model().model_name(name).primary_container(container.clone()).execution_role_arn(&role);
        Box::pin(self.make(cx, region, spec, "model", &role, || {
            let send = model().set_tags(Some(tags.clone())).send();
            async { send.await.map(drop).map_err(|e| from_sdk("deploy", &e)) }
        }))
        .await?;
        Box::pin(self.make(cx, region, spec, "endpoint-config", &role, || {
            let send = client
                .create_endpoint_config()
                .endpoint_config_name(name)
                .production_variants(variant.clone())
                .set_tags(Some(tags.clone()))
                .send();
            async { send.await.map(drop).map_err(|e| from_sdk("deploy", &e)) }
        }))
        .await?;
        Box::pin(self.make(cx, region, spec, "endpoint", &role, || {
            let create = client.create_endpoint().endpoint_name(name).endpoint_config_name(name);
            let send = create.set_tags(Some(tags.clone())).send();
            async { send.await.map(drop).map_err(|e| from_sdk("deploy", &e)) }
        }))
        .await?;
        store.put(cx, &places.begun, b"{}".to_vec()).await
    }

    /// Makes one of the three; one of this name by a call whose answer was lost is taken for made, another's is not.
    async fn make<F>(
        &self,
        cx: &Cx,
        region: &RegionName,
        spec: &EndpointSpec,
        kind: &str,
        role: &str,
        mut create: impl FnMut() -> F,
    ) -> Result<()>
    where
        F: std::future::Future<Output = Result<()>>,
    {
        let mut round = 0;
        loop {
            cx.check("deploy")?;
            let error = match create().await {
                Ok(()) => return Ok(()),
                Err(e) => e,
            };
            if error.kind() == ErrorKind::AlreadyExists {
                let arn = self.names(region).arn(kind, spec.id.as_str());
                let intent = crate::kinds::tag(&self.at(region), cx, &arn, TAG_INTENT).await?;
                if intent.as_deref() == Some(spec.intent.as_str()) {
                    return Ok(());
                }
                return Err(error.bill(Bill::NothingStarted));
            }
            round += 1;
            let waits = role::not_known_yet(&error, role);
            if round > if waits { 40 } else { 4 } || !(waits || retry::again(&error)) {
                return Err(self.explain_quota(cx, region, error, machine(spec)?, "endpoint usage").await);
            }
            retry::pause(if waits { 4 } else { round }).await;
        }
    }

    /// The inference code: the user's script with the modules beside it, else the run's own code, else our defaults.
    async fn code(&self, cx: &Cx, store: &Store, spec: &EndpointSpec, places: &Places) -> Result<(String, String)> {
        if let Some(script) = &spec.script {
            let name = script.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let files = beside(script)?;
            self.pack_and_upload(cx, store, files, Vec::new(), &places.code).await?;
            return Ok((store.uri(&places.code), name));
        }
        if let ModelSource::Run { run, archive } = &spec.model
            && archive.starts_with("s3://")
        {
            let region = self.region_of(&spec.machine)?;
            let has_script = self.run_record(cx, &region, run).await?.is_some_and(|r| r.inference);
            if has_script {
                return Ok((store.uri(&RunPlaces::of(run).code), "inference.py".into()));
            }
        }
        let ours = vec![("inference.py".to_owned(), DEFAULT_SCRIPT.as_bytes().to_vec())];
        self.pack_and_upload(cx, store, Vec::new(), ours, &places.code).await?;
        Ok((store.uri(&places.code), "inference.py".into()))
    }

    async fn pack_and_upload(
        &self,
        cx: &Cx,
        store: &Store,
        files: Vec<pack::Entry>,
        more: Vec<(String, Vec<u8>)>,
        key: &str,
    ) -> Result<()> {
        let archive = tempfile::NamedTempFile::new()
            .map_err(|e| Error::io("pack the files", "a temporary file cannot be made", e))?;
        let path = archive.path().to_owned();
        let packed = tokio::task::spawn_blocking(move || {
            let more: Vec<(&str, &[u8])> = more.iter().map(|(n, c)| (n.as_str(), c.as_slice())).collect();
            pack::tar_gz(&files, &more, &path)
        });
        packed.await.map_err(|e| {
            Error::new(ErrorKind::Unknown, "pack the files", "a part of Curfew broke while doing this").caused_by(e)
        })??;
        upload::one(cx, store, archive.path(), key).await
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

    async fn endpoint_status(&self, cx: &Cx, region: &RegionName, id: &EndpointId) -> Result<EndpointStatus> {
        const WHAT: &str = "look at the endpoint";
        let places = Places::of(id);
        let store = self.store_with(cx, region, &places.folder).await?.ok_or_else(|| no_endpoint(id, WHAT))?;
        let record = self.endpoint_record(cx, region, id).await?.ok_or_else(|| no_endpoint(id, WHAT))?;
        let found = self.describe_endpoint(cx, region, id).await?;
        if found.is_none() && store.size(cx, &places.record).await?.is_none() {
            self.forget_record(&store, &places.record);
            return Err(no_endpoint(id, WHAT));
        }
        let machine = machine(&record.spec)?;
        let rate = machines::rate(region.as_str(), machine, "Hosting", 1);
        let at = self.endpoint_curfew(cx, &store, &record, &places).await?;
        let mut status = EndpointStatus {
            state: EndpointState::Creating,
            detail: None,
            failure: None,
            ended_by: None,
            created: record.created,
            ended: None,
            url: None,
            traffic: None,
            curfew: Some(Curfew { at, enforcer: Enforcer::OnlyWhileOn }),
            rate,
            so_far: Cost::NotBilled { note: "an endpoint that is being made is not billed".into() },
            versions: vec![(record.image.framework.clone(), record.image.version.clone())],
        };
        let note = self.stop_note(cx, &store, &places.stop).await?;
        let Some(found) = found else {
            let begun = store.size(cx, &places.begun).await?.is_some();
            let old = cx.now().duration_since(record.created) > BEGINS_WITHIN;
            status.rate = Cost::NotBilled { note: "it has ended".into() };
            match note {
                Some(note) => {
                    status.state = EndpointState::Stopped;
                    status.ended = Some(note.at.max(record.created));
                    status.ended_by = Some(note.why);
                    let lived = note.at.duration_since(record.created);
                    status.so_far = machines::rate(region.as_str(), machine, "Hosting", 1).map(|r| r.over(lived));
                }
                None if begun || old => {
                    status.state = EndpointState::Lost;
                    status.so_far = Cost::Unknown { why: "it was deleted at AWS, and when is not known".into() };
                }
                None => {
                    status.detail = Some("uploading its model and code".into());
                    status.rate = Cost::NotBilled { note: "it has not begun".into() };
                }
            }
            return Ok(status);
        };
        let created = found.creation_time().map_or(record.created, timestamp);
        status.created = created.min(record.created.max(created));
        status.state = match found.endpoint_status() {
            Some(Stands::InService | Stands::Updating | Stands::SystemUpdating | Stands::RollingBack) => {
                EndpointState::InService
            }
            Some(Stands::Deleting) => EndpointState::Deleting,
            Some(Stands::Failed | Stands::OutOfService | Stands::UpdateRollbackFailed) => EndpointState::Failed,
            _ => EndpointState::Creating,
        };
        status.ended_by = note.map(|n| n.why).filter(|_| status.state == EndpointState::Deleting);
        match status.state {
            EndpointState::Creating => {
                status.detail = Some("AWS makes it ready; that takes some minutes".into());
            }
            EndpointState::InService => {
                let since = found.last_modified_time().map_or(created, timestamp).max(created);
                let rate = machines::rate(region.as_str(), machine, "Hosting", 1);
                // Billed from when it came into service; an update does not begin it anew, so the making counts along.
                status.so_far = rate.map(|r| r.over(cx.now().duration_since(since.min(cx.now()))));
                status.traffic = self.traffic(cx, region, id, created).await;
            }
            EndpointState::Failed => {
                let logs = self.at(region).logs.clone();
                let end = log::end_of(cx, &logs, &log_group(id), "").await.unwrap_or_default();
                status.failure = Some(failure::explain(found.failure_reason().unwrap_or_default(), end));
                status.rate = Cost::NotBilled { note: "a failed endpoint is not billed".into() };
                status.ended = found.last_modified_time().map(timestamp);
            }
            EndpointState::Deleting | EndpointState::Stopped | EndpointState::Lost => {}
        }
        Ok(status)
    }

    async fn endpoint_curfew(&self, cx: &Cx, store: &Store, record: &Record, places: &Places) -> Result<Timestamp> {
        let moved: Option<Timestamp> = store.get_json(cx, &format!("{}curfew.json", places.folder)).await?;
        Ok(moved.unwrap_or(record.spec.curfew))
    }

    async fn move_endpoint_curfew(
        &self,
        cx: &Cx,
        region: &RegionName,
        id: &EndpointId,
        at: Timestamp,
    ) -> Result<Enforcer> {
        let status = self.endpoint_status(cx, region, id).await?;
        if status.state.is_over() || status.state == EndpointState::Deleting {
            let what = format!("the endpoint {id} is {}, so its curfew cannot be moved", status.state.word());
            return Err(Error::new(ErrorKind::Conflict, "move the curfew", what).at("curfew"));
        }
        if at <= cx.now() {
            return Err(Error::input("curfew", format!("the curfew {at} is in the past")));
        }
        let folder = Places::of(id).folder;
        let store = self.store_with(cx, region, &folder).await?.ok_or_else(|| no_endpoint(id, "move the curfew"))?;
        store.put_json(cx, &format!("{folder}curfew.json"), &at).await?;
        Ok(Enforcer::OnlyWhileOn)
    }

    async fn stop_endpoint(&self, cx: &Cx, region: &RegionName, id: &EndpointId, why: &str) -> Result<()> {
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
    async fn delete_whole(&self, cx: &Cx, region: &RegionName, id: &EndpointId) -> Result<()> {
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

fn tags(spec: &EndpointSpec) -> Vec<Tag> {
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(tag_value(value)).build();
    vec![tag(TAG_INTENT, spec.intent.as_str()), tag(TAG_OWNER, &spec.owner), tag(TAG_CURFEW, &spec.curfew.to_string())]
}

/// The script, and the modules and requirements beside it.
fn beside(script: &Path) -> Result<Vec<pack::Entry>> {
    let failed = |e| Error::io("pack the inference script", script.display(), e).at("script");
    let folder = script.parent().unwrap_or(Path::new("/"));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let wanted = path.extension().is_some_and(|e| e == "py") || name == "requirements.txt";
        if wanted && path.is_file() {
            let size = path.metadata().map_err(failed)?.len();
            files.push(pack::Entry { from: path, to: name, size });
        }
    }
    files.sort_by(|a, b| a.to.cmp(&b.to));
    Ok(files)
}
