//! Endpoints: plan, deploy, look, invoke, extend, stop.

use crate::input::{Checks, FieldErrors, curfew, file, given, project};
use crate::pace::Due;
use crate::store::EndpointRow;
use crate::{Engine, random_word, who};
use curfew_core::curfew::Enforcer;
use curfew_core::endpoint::{
    Asked, EndpointHandle, EndpointSpec, EndpointState, EndpointStatus, Figures, Invocation, ModelSource, Reply,
};
use curfew_core::error::Bill;
use curfew_core::ids::to_name;
use curfew_core::intent::Verb;
use curfew_core::provider::Quote;
use curfew_core::run::{Failure, LogChunk};
use curfew_core::{
    Cost, Cx, EndpointId, Error, ErrorKind, LabId, MachineRef, Mode, Notice, Project, Result, Retry, ServingMode,
};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What a form or command line asks for, as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeployRequest {
    /// A run's id or name, or the path of a model.tar.gz or of a model file.
    pub model: String,
    /// The path of an inference.py.
    pub script: Option<String>,
    /// The endpoint's name.
    pub name: Option<String>,
    /// `local` where not given.
    pub machine: Option<String>,
    /// How it serves; the provider's usual way where not given.
    pub mode: Option<String>,
    /// What the mode asks for, by its fields' names.
    pub settings: BTreeMap<String, String>,
    /// The policy's default where not given.
    pub curfew: Option<String>,
    /// What it is for; the project of the run that the model is from where not given.
    pub project: Option<String>,
    /// Codes of the cautions that the user has confirmed.
    pub confirmed: Vec<String>,
}

/// An endpoint as pages and commands show it.
#[derive(Debug, Clone, Serialize)]
pub struct EndpointView {
    /// What was asked for.
    pub spec: EndpointSpec,
    /// What was last seen.
    pub status: EndpointStatus,
    /// "This computer".
    pub place: String,
    /// Its way to serve as its provider offers it.
    pub mode: Option<ServingMode>,
    /// The lab session it belongs to.
    pub lab: Option<LabId>,
}

impl Engine {
    /// Checks a request and makes a spec, its price and its cautions; nothing is started.
    pub async fn plan_deploy(&self, cx: &Cx, request: &DeployRequest) -> Result<(EndpointSpec, Quote), FieldErrors> {
        let policy = self.policy()?;
        let mut checks = Checks::default();
        let model = self.model_source(cx, &request.model).await;
        let model = checks.take(model);
        let script = given(request.script.as_ref()).and_then(|t| checks.take(file("script", t)));
        let machine = given(request.machine.as_ref()).map_or_else(|| Ok(MachineRef::local()), str::parse::<MachineRef>);
        let machine = checks.take(machine.map_err(|e| Error::input("machine", e.to_string())));
        let mode = machine.as_ref().and_then(|m| self.mode_of(m, request).map_err(|e| checks.all(e)).ok());
        let curfew = checks.take(curfew(cx, &policy, given(request.curfew.as_ref()), &policy.endpoint_curfew));
        let project = checks.take(project(given(request.project.as_ref()), None)).flatten();
        let id = if let Some(name) = given(request.name.as_ref()) {
            EndpointId::new(name)
        } else {
            let base = model.as_ref().and_then(default_name).unwrap_or_else(|| "endpoint".into());
            EndpointId::new(format!("{base}-{}", random_word(4)))
        };
        let id = checks.take(id.map_err(|e| Error::input("name", e.to_string())));
        if let Some(id) = &id
            && let Some(there) = self.store.endpoint(id).await?
            && !there.status.as_ref().is_some_and(|s| s.state.is_over())
        {
            checks.take::<()>(Err(Error::input("name", format!("an endpoint “{id}” exists already"))));
        }
        checks.done()?;
        let (Some(id), Some(model), Some((machine, mode)), Some(curfew)) = (id, model, mode, curfew) else {
            return Err(Error::input("form", "something is missing").into());
        };
        let confirmed = request.confirmed.clone();
        let (intent, owner) = (crate::new_intent(), who());
        let project = match project {
            None => self.project_of(&model).await?,
            said => said,
        };
        let project = project.map(|p| policy.as_named(p));
        let spec = EndpointSpec { id, model, script, machine, mode, curfew, confirmed, intent, owner, project };
        let serving_at = self.serving_for(&spec.machine)?;
        let serving = serving_at.part();
        let mut quote = serving.quote(cx, &spec).await?;
        crate::runs::check_policy(&policy, &spec.machine, &quote)?;
        self.hold_budget(cx, &policy, &spec, &quote).await?;
        Self::caution_project(&policy, spec.project.as_ref(), &mut quote);
        Self::caution_keys(cx, serving_at.provider(), spec.curfew, &mut quote);
        Ok((spec, quote))
    }

    /// The project of the run that made a model.
    async fn project_of(&self, model: &ModelSource) -> Result<Option<Project>> {
        let ModelSource::Run { run, .. } = model else { return Ok(None) };
        Ok(self.store.run(run).await?.and_then(|row| row.spec.project))
    }

    /// The ways to serve at a machine's provider.
    pub fn serving_modes(&self, machine: &MachineRef) -> Result<&'static [ServingMode]> {
        let serving_at = self.serving_for(machine)?;
        Ok(serving_at.part().modes())
    }

    /// The mode that was asked for, and the machine that it runs on.
    fn mode_of(&self, machine: &MachineRef, request: &DeployRequest) -> Result<(MachineRef, Mode), Vec<Error>> {
        let serving_at = self.serving_for(machine).map_err(|e| vec![e])?;
        let (provider, serving) = (serving_at.provider(), serving_at.part());
        let id = given(request.mode.as_ref());
        let mode = Mode::choose(&provider.title(), serving.modes(), id, &request.settings)?;
        let machine = serving.place(machine, &mode).map_err(|e| vec![e])?;
        Ok((machine, mode))
    }

    async fn model_source(&self, cx: &Cx, text: &str) -> Result<ModelSource> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::input("model", "choose a run, or give a model.tar.gz or a model file"));
        }
        let looks_like_a_path = text.contains(['/', '\\']) || Path::new(text).exists();
        if !looks_like_a_path && let Ok(id) = self.find_run(text).await {
            let run = self.run(cx, &id).await?;
            let (name, state) = (&run.spec.name, run.status.state);
            return match run.status.model {
                Some(archive) => Ok(ModelSource::Run { run: id, archive }),
                None if state.is_over() => {
                    Err(Error::input("model", format!("the run “{name}” {} and left no model", state.word()))
                        .next("Save the model into SM_MODEL_DIR in your script, and train again"))
                }
                None => Err(Error::input(
                    "model",
                    format!("the run “{name}” is still {}; its model comes at its end", state.word()),
                )),
            };
        }
        let path = file("model", text).map_err(|e| {
            if looks_like_a_path {
                e
            } else {
                Error::input("model", format!("there is no run and no file “{}”", curfew_core::say::clean(text, 80)))
            }
        })?;
        let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
        let packed = [".tar.gz", ".tgz"].iter().any(|end| name.ends_with(end));
        if packed { Ok(ModelSource::Archive { path }) } else { Ok(ModelSource::File { path }) }
    }

    /// Deploys a planned endpoint. The intent is in the journal before the provider is called.
    pub async fn deploy(&self, cx: &Cx, spec: &EndpointSpec) -> Result<EndpointView> {
        let serving_at = self.serving_for(&spec.machine)?;
        let serving = serving_at.part();
        let provider = serving_at.provider();
        self.hold_deploy(cx, spec, serving).await?;
        let lab = self.running_lab().await?.map(|l| l.id);
        let intent =
            crate::runs::intent(cx, spec.intent.clone(), Verb::Deploy, provider, spec.id.as_str(), spec, lab.clone())?;
        let mut row = EndpointRow {
            cloud: provider.cloud().clone(),
            account: provider.account().clone(),
            native: None,
            spec: spec.clone(),
            status: Some(not_made(cx.now())),
            lab,
        };
        self.store.open_intent(&intent, &self.owner).await?;
        self.store.put_endpoint(&row).await?;
        let result = match serving.deploy(cx, spec).await {
            Ok(handle) => Ok(handle),
            Err(e) if e.retry_when() == Retry::Never && e.bill_effect() != Bill::NotKnown => Err(e),
            Err(e) => match serving.find(cx, spec).await {
                Ok(Some(handle)) => Ok(handle),
                Ok(None) => Err(e.bill(Bill::NothingStarted)),
                Err(_) => return Err(e.bill(Bill::NotKnown)),
            },
        };
        match result {
            Ok(handle) => {
                row.native = Some(handle.native.clone());
                if let Ok(status) = serving.status(cx, &handle).await {
                    row.status = Some(status);
                }
                self.store.put_endpoint(&row).await?;
                self.store.close_intent(&spec.intent, cx.now(), "created").await?;
                Ok(self.endpoint_view(row))
            }
            Err(e) => {
                row.status = Some(not_created(cx.now(), &e));
                self.store.put_endpoint(&row).await?;
                self.store.close_intent(&spec.intent, cx.now(), "not created").await?;
                Err(e)
            }
        }
    }

    /// All endpoints, newest first; `now` asks every provider about those that are not over.
    pub async fn endpoints(&self, cx: &Cx, now: bool) -> Result<Vec<EndpointView>> {
        if now {
            self.refresh_endpoints(cx, &Due::all()).await?;
        }
        Ok(self.store.endpoints().await?.iter().map(|row| self.endpoint_view(row.clone())).collect())
    }

    /// One endpoint, asked for now.
    pub async fn endpoint(&self, cx: &Cx, id: &EndpointId) -> Result<EndpointView> {
        let row = self.endpoint_row(id).await?;
        let row = self.refresh_endpoint(cx, row).await?;
        Ok(self.endpoint_view(row))
    }

    /// A piece of its log.
    pub async fn endpoint_log(&self, cx: &Cx, id: &EndpointId, from: &str, max: usize) -> Result<LogChunk> {
        let row = self.endpoint_row(id).await?;
        let serving_at = self.serving_of(&row.cloud, &row.account)?;
        let serving = serving_at.part();
        serving.log(cx, &handle(&row), from, max).await
    }

    /// Asks the model.
    pub async fn invoke(&self, cx: &Cx, id: &EndpointId, request: &Invocation) -> Result<Reply> {
        let row = self.endpoint_row(id).await?;
        let serving_at = self.serving_of(&row.cloud, &row.account)?;
        let serving = serving_at.part();
        serving.invoke(cx, &handle(&row), request).await
    }

    /// Asks the model, and takes a ticket where the answer comes later.
    pub async fn ask(&self, cx: &Cx, id: &EndpointId, request: &Invocation) -> Result<Asked> {
        let row = self.endpoint_row(id).await?;
        let serving_at = self.serving_of(&row.cloud, &row.account)?;
        let serving = serving_at.part();
        serving.ask(cx, &handle(&row), request).await
    }

    /// The answer to an earlier question; `None`: not there yet.
    pub async fn answer(&self, cx: &Cx, id: &EndpointId, ticket: &str) -> Result<Option<Reply>> {
        let row = self.endpoint_row(id).await?;
        let serving_at = self.serving_of(&row.cloud, &row.account)?;
        let serving = serving_at.part();
        serving.answer(cx, &handle(&row), ticket).await
    }

    /// What is measured of it; `None`: its provider measures nothing.
    pub async fn endpoint_figures(&self, cx: &Cx, id: &EndpointId) -> Result<Option<Figures>> {
        let row = self.endpoint_row(id).await?;
        let serving_at = self.serving_of(&row.cloud, &row.account)?;
        let serving = serving_at.part();
        serving.figures(cx, &handle(&row)).await
    }

    /// Moves its curfew.
    pub async fn extend_endpoint(&self, cx: &Cx, id: &EndpointId, curfew_text: &str) -> Result<(Timestamp, Enforcer)> {
        let mut row = self.endpoint_row(id).await?;
        let policy = self.policy()?;
        let at = curfew(cx, &policy, Some(curfew_text), &policy.endpoint_curfew)?;
        let serving_at = self.serving_of(&row.cloud, &row.account)?;
        let serving = serving_at.part();
        let provider = serving_at.provider();
        self.hold_extension(cx, &policy, &row, at).await?;
        let intent =
            crate::runs::intent(cx, crate::new_intent(), Verb::Extend, provider, id.as_str(), &at, row.lab.clone())?;
        self.store.open_intent(&intent, &self.owner).await?;
        let result = serving.set_curfew(cx, &handle(&row), at).await;
        self.store.close_intent(&intent.id, cx.now(), if result.is_ok() { "moved" } else { "not moved" }).await?;
        let enforcer = result?;
        row.spec.curfew = at;
        self.store.put_endpoint(&row).await?;
        self.refresh_endpoint(cx, row).await?;
        Ok((at, enforcer))
    }

    /// Ends it; its files stay until removed.
    pub async fn stop_endpoint(&self, cx: &Cx, id: &EndpointId, why: &str) -> Result<EndpointView> {
        let row = self.endpoint_row(id).await?;
        let serving_at = self.serving_of(&row.cloud, &row.account)?;
        let serving = serving_at.part();
        let provider = serving_at.provider();
        let intent =
            crate::runs::intent(cx, crate::new_intent(), Verb::Stop, provider, id.as_str(), &why, row.lab.clone())?;
        self.store.open_intent(&intent, &self.owner).await?;
        let result = serving.stop(cx, &handle(&row), why).await;
        self.store.close_intent(&intent.id, cx.now(), if result.is_ok() { "ended" } else { "not ended" }).await?;
        result.map_err(|e| e.bill(Bill::StillRunning))?;
        let row = self.refresh_endpoint(cx, row).await?;
        Ok(self.endpoint_view(row))
    }

    pub(crate) async fn refresh_endpoints(&self, cx: &Cx, due: &Due) -> Result<()> {
        let known: std::collections::HashSet<EndpointId> =
            self.store.endpoints().await?.iter().map(|r| r.spec.id.clone()).collect();
        for provider in self.providers().iter().filter(|p| due.adopts(p.cloud(), p.account())) {
            let Some(serving) = provider.serving() else { continue };
            let found = serving.list(cx).await;
            self.note_keys(cx, provider.cloud(), provider.account(), &found).await;
            let Ok(found) = found else { continue };
            for (handle, spec) in found.items.into_iter().filter(|(h, _)| !known.contains(&h.id)) {
                let status = serving.status(cx, &handle).await.ok();
                let (cloud, account) = (provider.cloud().clone(), provider.account().clone());
                self.store
                    .put_endpoint(&EndpointRow { cloud, account, native: Some(handle.native), spec, status, lab: None })
                    .await?;
            }
        }
        for row in self.store.endpoints().await?.iter() {
            let due = due.is_due(&row.cloud, &row.account);
            if due && !row.status.as_ref().is_some_and(|s| s.state.is_over()) {
                self.refresh_endpoint(cx, row.clone()).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn refresh_endpoint(&self, cx: &Cx, mut row: EndpointRow) -> Result<EndpointRow> {
        let Ok(serving_at) = self.serving_of(&row.cloud, &row.account) else { return Ok(row) };
        let serving = serving_at.part();
        if row.native.is_none() {
            return Ok(row);
        }
        let status = serving.status(cx, &handle(&row)).await;
        self.note_keys(cx, &row.cloud, &row.account, &status).await;
        let status = match status {
            Ok(status) => status,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                self.store.forget_endpoint(&row.spec.id).await?;
                let mut status = row.status.clone().unwrap_or_else(|| not_made(cx.now()));
                status.state = EndpointState::Stopped;
                row.status = Some(status);
                return Ok(row);
            }
            Err(e) => {
                tracing::warn!(endpoint = %row.spec.id, error = ?e, "could not look at the endpoint");
                return Ok(row);
            }
        };
        if row.status.as_ref() != Some(&status) {
            row.status = Some(status);
            self.store.put_endpoint(&row).await?;
        }
        Ok(row)
    }

    pub(crate) async fn endpoint_row(&self, id: &EndpointId) -> Result<EndpointRow> {
        self.store.endpoint(id).await?.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "find the endpoint", format!("there is no endpoint “{id}”"))
                .next("See all endpoints under Endpoints, or with curfew endpoints")
        })
    }

    fn endpoint_view(&self, row: EndpointRow) -> EndpointView {
        let place = self.place(&row.cloud, &row.account);
        let status = row.status.unwrap_or_else(|| not_made(Timestamp::UNIX_EPOCH));
        let modes = self.serving_modes(&row.spec.machine).unwrap_or_default();
        let mode = row.spec.mode.of(modes).copied();
        EndpointView { spec: row.spec, status, place, mode, lab: row.lab }
    }
}

fn default_name(model: &ModelSource) -> Option<String> {
    match model {
        ModelSource::Run { run, .. } => {
            Some(run.as_str().rsplit_once('-').map_or(run.as_str(), |(base, _)| base).to_owned())
        }
        ModelSource::Archive { path } | ModelSource::File { path } => {
            to_name(path.file_name()?.to_string_lossy().split('.').next()?)
        }
    }
}

pub(crate) fn handle(row: &EndpointRow) -> EndpointHandle {
    EndpointHandle { id: row.spec.id.clone(), native: row.native.clone().unwrap_or_else(|| row.spec.id.to_string()) }
}

pub(crate) fn not_made(now: Timestamp) -> EndpointStatus {
    EndpointStatus {
        state: EndpointState::Creating,
        detail: None,
        failure: None,
        ended_by: None,
        created: now,
        ended: None,
        url: None,
        traffic: None,
        curfew: None,
        rate: Cost::Unknown { why: "not seen yet".into() },
        so_far: Cost::Unknown { why: "not seen yet".into() },
        versions: Vec::new(),
    }
}

pub(crate) fn not_created(now: Timestamp, error: &Error) -> EndpointStatus {
    let notice = Notice::from(error);
    EndpointStatus {
        state: EndpointState::Failed,
        failure: Some(Failure { what: notice.happened, next: notice.next, log_end: Vec::new() }),
        ended: Some(now),
        rate: Cost::NotBilled { note: "it was never created".into() },
        so_far: Cost::NotBilled { note: "it was never created".into() },
        ..not_made(now)
    }
}
