//! Making an endpoint: model, configuration, endpoint, in this order, each once.

use super::{Bring, Places, Record, bring, handle, mode, no_endpoint};
use crate::aws::Inner;
use crate::error::from_sdk;
use crate::job::Places as RunPlaces;
use crate::names::{TAG_CURFEW, TAG_INTENT, TAG_OWNER, TAG_PROJECT, tag_value};
use crate::retry;
use crate::store::Store;
use crate::{pack, role, upload};
use aws_sdk_sagemaker::types::{ContainerDefinition, Tag};
use curfew_core::endpoint::{EndpointHandle, EndpointSpec, ModelSource};
use curfew_core::error::Bill;
use curfew_core::{Cx, Error, ErrorKind, RegionName, Result};
use std::path::Path;

/// Our own server's defaults for scikit-learn models without an inference.py; AWS's scikit-learn image asks for one.
const DEFAULT_SCRIPT: &str = include_str!("../../../../assets/runners/default_inference.py");

impl Inner {
    pub(super) async fn deploy(&self, cx: &Cx, spec: &EndpointSpec) -> Result<EndpointHandle> {
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
                upload::one(cx, store, &path, &places.model, upload::What { says: "uploading the model", stop: None })
                    .await?;
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
        let variant = mode::variant(spec)?;
        let answers = mode::answers(spec, store);

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
                .set_async_inference_config(answers.clone())
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
                return Err(match mode::machine(spec)? {
                    Some(machine) => self.explain_quota(cx, region, error, machine, "endpoint usage").await,
                    None if error.kind() == ErrorKind::Quota => error.bill(Bill::NothingStarted),
                    None => error,
                });
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
        upload::one(cx, store, archive.path(), key, upload::What { says: "uploading its files", stop: None }).await
    }
}

fn tags(spec: &EndpointSpec) -> Vec<Tag> {
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(tag_value(value)).build();
    let mut tags = vec![
        tag(TAG_INTENT, spec.intent.as_str()),
        tag(TAG_OWNER, &spec.owner),
        tag(TAG_CURFEW, &spec.curfew.to_string()),
    ];
    tags.extend(spec.project.as_ref().map(|project| tag(TAG_PROJECT, project.as_str())));
    tags
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
