//! Starting a run: folder claimed, code and data uploaded, job created once.

use super::{handle, no_run};
use crate::aws::Inner;
use crate::error::from_sdk;
use crate::job::{self, Places, Record, Source};
use crate::retry;
use crate::store::Store;
use crate::{pack, role, rules, upload};
use curfew_core::error::Bill;
use curfew_core::run::{RunHandle, RunSpec};
use curfew_core::{Cx, Error, ErrorKind, RegionName, Result};

impl Inner {
    pub(super) async fn launch(&self, cx: &Cx, spec: &RunSpec) -> Result<RunHandle> {
        let region = self.region_of(&spec.machine)?;
        let places = Places::of(&spec.id);
        let record = if let Some(record) = self.run_record(cx, &region, &spec.id).await? {
            record
        } else {
            let (record, _) = self.check_run(cx, spec).await?;
            // The bucket is made here, when something is to be started, and not for a price.
            let store = self.store(cx, &region).await?;
            cx.check("start the run")?;
            store.claim(cx, &places.record, &crate::store::json(&record)?).await?;
            // Whoever won: what lies there now is the truth.
            self.run_record(cx, &region, &spec.id).await?.ok_or_else(|| no_run(&spec.id, "start the run"))?
        };
        if record.spec.intent != spec.intent {
            let what = format!("there is already a run {} in this account", spec.id);
            return Err(Error::new(ErrorKind::AlreadyExists, "start the run", what)
                .at("name")
                .bill(Bill::NothingStarted));
        }
        // Where its record lies: that is another bucket, if another was chosen since.
        let store = self.store_with(cx, &region, &places.folder).await?;
        let store = store.ok_or_else(|| no_run(&spec.id, "start the run"))?;
        if self.describe(cx, &region, &spec.id).await?.is_none()
            && self.stop_note(cx, &store, &places.stop).await?.is_none()
            && let Err(e) = Box::pin(self.begin(cx, &region, &store, &record)).await
        {
            // Asked to end while it was on its way: it is a run that has ended before it began.
            if e.kind() == ErrorKind::Cancelled && self.stop_note(cx, &store, &places.stop).await?.is_some() {
                return Ok(handle(&spec.id, &region));
            }
            // Refused for good: nothing of it stays. What is not known stays, for the journal to find out.
            let refused = e.retry_when() == curfew_core::Retry::Never
                && e.bill_effect() != Bill::NotKnown
                && e.kind() != ErrorKind::Cancelled;
            if refused && self.describe(cx, &region, &spec.id).await.is_ok_and(|job| job.is_none()) {
                self.remove_run_folder(cx, &store, &spec.id).await?;
                return Err(e.bill(Bill::NothingStarted));
            }
            return Err(e);
        }
        Ok(handle(&spec.id, &region))
    }

    /// Uploads what is missing and creates the job.
    async fn begin(&self, cx: &Cx, region: &RegionName, store: &Store, record: &Record) -> Result<()> {
        let (spec, places) = (&record.spec, Places::of(&record.spec.id));
        self.upload_code(cx, store, record, &places).await?;
        let mut sources = Vec::new();
        for (name, source) in job::sources(spec)? {
            match source {
                Source::There(uri) => sources.push((name, uri)),
                Source::Here(files) => {
                    let prefix = places.data(&name);
                    let what = format!("uploading the data of “{name}”");
                    let what = upload::What { says: &what, stop: Some(&places.stop) };
                    upload::files(cx, store, &files, &prefix, what).await?;
                    sources.push((name, store.uri(&prefix)));
                }
            }
        }
        // The last moment at which nothing has begun.
        upload::stopped(cx, store, &places.stop).await?;
        let role = role::ensure(self, cx, region).await?;
        let request = job::request(record, store, &role, &sources, region.as_str())?;
        let client = self.at(region).sagemaker.clone();
        let mut round = 0;
        loop {
            cx.check("start the run")?;
            let error = match create(&client, &request).await {
                Ok(()) => break,
                Err(e) => e,
            };
            // A job of this name: ours by a call whose answer was lost, or somebody else's.
            if error.kind() == ErrorKind::AlreadyExists {
                self.is_ours(cx, region, spec).await?;
                break;
            }
            round += 1;
            let waits = role::not_known_yet(&error, &role);
            if round > if waits { 40 } else { 4 } || !(waits || retry::again(&error)) {
                return Err(self.explain_quota(cx, region, error, job::machine(spec)?, "training job usage").await);
            }
            retry::pause(if waits { 4 } else { round }).await;
        }
        store.put(cx, &places.begun, b"{}".to_vec()).await
    }

    async fn upload_code(&self, cx: &Cx, store: &Store, record: &Record, places: &Places) -> Result<()> {
        let spec = &record.spec;
        let more = if rules::wraps(record) { rules::files() } else { Vec::new() };
        let archive = tempfile::NamedTempFile::new()
            .map_err(|e| Error::io("pack the script folder", "a temporary file cannot be made", e))?;
        let (dir, except, path) = (spec.dir.clone(), job::data_in_code(spec), archive.path().to_owned());
        let packed =
            tokio::task::spawn_blocking(move || pack::tar_gz(&pack::script_files(&dir, &except)?, &more, &path));
        packed.await.map_err(|e| {
            Error::new(ErrorKind::Unknown, "pack the script folder", "a part of Curfew broke while doing this")
                .caused_by(e)
        })??;
        let what = upload::What { says: "uploading its code", stop: Some(&places.stop) };
        upload::one(cx, store, archive.path(), &places.code, what).await
    }

    /// An error where the job of this name is not by this intent.
    async fn is_ours(&self, cx: &Cx, region: &RegionName, spec: &RunSpec) -> Result<()> {
        let arn = self.names(region).arn("training-job", spec.id.as_str());
        let intent = crate::kinds::tag(&self.at(region), cx, &arn, crate::names::TAG_INTENT).await?;
        if intent.as_deref() == Some(spec.intent.as_str()) {
            return Ok(());
        }
        let what = format!("there is already a training job {} in this account, made by something else", spec.id);
        Err(Error::new(ErrorKind::AlreadyExists, "start the run", what).at("name").bill(Bill::NothingStarted))
    }
}

async fn create(
    client: &aws_sdk_sagemaker::Client,
    request: &aws_sdk_sagemaker::operation::create_training_job::CreateTrainingJobInput,
) -> Result<()> {
    let r = request.clone();
    let made = client
        .create_training_job()
        .set_training_job_name(r.training_job_name)
        .set_algorithm_specification(r.algorithm_specification)
        .set_role_arn(r.role_arn)
        .set_input_data_config(r.input_data_config)
        .set_output_data_config(r.output_data_config)
        .set_resource_config(r.resource_config)
        .set_stopping_condition(r.stopping_condition)
        .set_hyper_parameters(r.hyper_parameters)
        .set_environment(r.environment)
        .set_enable_managed_spot_training(r.enable_managed_spot_training)
        .set_checkpoint_config(r.checkpoint_config)
        .set_tags(r.tags)
        .send();
    made.await.map(drop).map_err(|e| from_sdk("start the run", &e))
}
