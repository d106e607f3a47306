//! Removal: freeze a plan, show it, run it. Each item is read again first.

use crate::{Engine, random_word};
use curfew_core::intent::Verb;
use curfew_core::plan::{Outcome, OutcomeResult, Plan, PlanItem, SecondLook, second_look, steps_of};
use curfew_core::resource::{RemovalStep, Resource, ResourceKey};
use curfew_core::verdict::judge;
use curfew_core::{Cost, Cx, EndpointId, Error, ErrorKind, IntentId, LabId, PlanId, Result, RunId, Timestamp};
use std::path::Path;

impl Engine {
    /// Freezes a plan over these resources, each read now, and writes it to the home's `plans`. What is at work is
    /// taken in too, and marked so: the reviewer sees it.
    pub async fn freeze(&self, cx: &Cx, keys: &[ResourceKey], lab: Option<LabId>) -> Result<Plan> {
        self.freeze_with(cx, keys, lab, true).await
    }

    /// The same, where `artefacts` says whether files that a thing leaves go with it. What stays is in the plan.
    pub async fn freeze_with(
        &self,
        cx: &Cx,
        keys: &[ResourceKey],
        lab: Option<LabId>,
        artefacts: bool,
    ) -> Result<Plan> {
        let id = PlanId::new(format!("plan-{}", random_word(8))).expect("letters and digits are a valid id");
        let mut items: Vec<(u16, PlanItem)> = Vec::new();
        let mut gaps = Vec::new();
        for key in keys {
            let kind_at = self.kind_of(key)?;
            let kind = kind_at.part();
            match kind.read(cx, &key.region, &key.id).await {
                Ok(Some(resource)) => items.push((kind.sheet().order, item(&resource, cx))),
                Ok(None) => {}
                Err(e) => gaps.push(curfew_core::Gap::new(
                    &key.cloud,
                    &key.account,
                    Some(&key.region),
                    format!("{} {}", kind.sheet().one, key.id),
                    &e,
                )),
            }
        }
        items.sort_by(|a, b| (a.0, &a.1.key).cmp(&(b.0, &b.1.key)));
        items.dedup_by(|a, b| a.1.key == b.1.key);
        if !artefacts {
            for (_, item) in &mut items {
                item.leave_artefacts();
            }
        }
        let plan = Plan { id, made: cx.now(), lab, items: items.into_iter().map(|(_, i)| i).collect(), gaps };
        let path = self.home.plan(&plan.id);
        write_plan(&path, &plan)?;
        Ok(plan)
    }

    /// A frozen plan by id.
    pub fn plan(&self, id: &PlanId) -> Result<Plan> {
        read_plan(&self.home.plan(id))
    }

    /// A plan from a file (`curfew sweep run F`).
    pub fn plan_file(path: &Path) -> Result<Plan> {
        read_plan(path)
    }

    /// Runs a plan that a person has seen, item by item, in its order.
    pub async fn run_plan(&self, cx: &Cx, plan: &Plan) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        for item in &plan.items {
            cx.check("run the plan")?;
            let provider = self.provider(&item.key.cloud, &item.key.account)?;
            let intent = crate::runs::intent(
                cx,
                crate::new_intent(),
                Verb::Remove,
                &*provider,
                &item.key.to_string(),
                item,
                plan.lab.clone(),
            )?;
            self.store.open_intent(&intent, &self.owner).await?;
            let result = match self.remove_item(cx, item, false).await {
                Ok(result) => result,
                Err(e) => OutcomeResult::Failed { why: e.to_string() },
            };
            self.store.close_intent(&intent.id, cx.now(), word(&result)).await?;
            outcomes.push(Outcome { key: item.key.clone(), name: item.name.clone(), result });
        }
        // The next look must not show what has just gone.
        self.sweep(cx).await?;
        Ok(outcomes)
    }

    /// Removes one resource by its key: a plan of one, which the caller has had confirmed.
    pub async fn remove(&self, cx: &Cx, key: &ResourceKey) -> Result<Outcome> {
        let outcome = self.remove_all(cx, std::slice::from_ref(key)).await?.pop();
        Ok(outcome.unwrap_or_else(|| Outcome {
            key: key.clone(),
            name: key.id.clone(),
            result: OutcomeResult::AlreadyGone,
        }))
    }

    /// Removes several that belong together, in the order of their kinds; what was gone before has no outcome.
    pub async fn remove_all(&self, cx: &Cx, keys: &[ResourceKey]) -> Result<Vec<Outcome>> {
        let plan = self.freeze(cx, keys, None).await?;
        if let Some(gap) = plan.gaps.first() {
            return Err(Error::new(gap.kind, "look at it again", gap.reason.clone()));
        }
        self.run_plan(cx, &plan).await
    }

    /// The key of a run of ours, for `run rm`.
    pub async fn run_key(&self, id: &RunId) -> Result<ResourceKey> {
        let row = self.run_row(id).await?;
        self.key_of(&row.cloud, &row.account, row.spec.machine.region.as_deref(), id.as_str(), "run")
    }

    /// The key of an endpoint of ours, for `endpoint delete`.
    pub async fn endpoint_key(&self, id: &EndpointId) -> Result<ResourceKey> {
        let row = self.endpoint_row(id).await?;
        self.key_of(&row.cloud, &row.account, row.spec.machine.region.as_deref(), id.as_str(), "endpoint")
    }

    /// The keys of all that an endpoint consists of, for its removal: what has its name and was made by something else
    /// is left out. What cannot be read is in, so that the plan tells it.
    pub async fn endpoint_keys(&self, cx: &Cx, id: &EndpointId) -> Result<Vec<ResourceKey>> {
        let row = self.endpoint_row(id).await?;
        let serving_at = self.serving_of(&row.cloud, &row.account)?;
        let serving = serving_at.part();
        let region = row.spec.machine.region.as_deref();
        let mut keys = Vec::new();
        for (kind, part) in serving.parts(id) {
            let key = self.key_of(&row.cloud, &row.account, region, &part, kind)?;
            let other = |r: Resource| r.key.kind != "endpoint" && r.intent.as_ref() != Some(&row.spec.intent);
            match self.kind_of(&key)?.part().read(cx, &key.region, &key.id).await {
                Ok(Some(resource)) if other(resource.clone()) => {}
                Ok(_) | Err(_) => keys.push(key),
            }
        }
        Ok(keys)
    }

    fn key_of(
        &self,
        cloud: &curfew_core::CloudId,
        account: &curfew_core::AccountId,
        region: Option<&str>,
        id: &str,
        kind: &str,
    ) -> Result<ResourceKey> {
        let provider = self.provider(cloud, account)?;
        // Where no region was named, the account's own is meant, which comes first.
        let named = region.and_then(|r| curfew_core::RegionName::new(r).ok());
        let region = named.or_else(|| provider.regions().into_iter().next()).ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "find it", format!("{} has no region", provider.title()))
        })?;
        Ok(ResourceKey { cloud: cloud.clone(), account: account.clone(), region, kind: kind.into(), id: id.into() })
    }

    /// Looks again, then carries out the steps in order, then looks whether it is gone. `again`: a process that had begun
    /// with it is dead, and what it had done by then is no change that speaks against going on.
    pub(crate) async fn remove_item(&self, cx: &Cx, item: &PlanItem, again: bool) -> Result<OutcomeResult> {
        let kind_at = self.kind_of(&item.key)?;
        let kind = kind_at.part();
        let (region, id) = (&item.key.region, item.key.id.as_str());
        let mut seen = kind.read(cx, region, id).await?;
        if let Some(resource) = &mut seen {
            let keeps = self.store.keeps().await?;
            let mark = keeps.into_iter().find(|(k, _)| *k == item.key.to_string()).map(|(_, t)| t);
            resource.keep_until = resource.keep_until.max(mark);
        }
        match second_look(item, seen.as_ref(), cx.now()) {
            SecondLook::AlreadyGone => {
                self.forget(&item.key).await?;
                return Ok(OutcomeResult::AlreadyGone);
            }
            SecondLook::Skip { .. } if again && seen.as_ref().is_some_and(|s| half_done(item, s, cx.now())) => {}
            SecondLook::Skip { why } => return Ok(OutcomeResult::Skipped { why }),
            SecondLook::Proceed => {}
        }
        for step in &item.steps {
            kind.remove(cx, region, id, step).await.map_err(|e| e.with("step", &step.says))?;
        }
        match kind.read(cx, region, id).await? {
            None => {}
            // What the plan leaves is all that is left.
            Some(left) if !item.stays.is_empty() && steps_of(item, &left).next().is_none() => {
                return Ok(OutcomeResult::Removed);
            }
            Some(_) => return Ok(OutcomeResult::Failed { why: "It was asked to go, and is still there.".into() }),
        }
        self.forget(&item.key).await?;
        Ok(OutcomeResult::Removed)
    }

    /// What something had cost when it was last seen stays known after it is gone, for the report of a lab session.
    async fn note_cost(&self, intent: &IntentId, cost: Option<Cost>) -> Result<()> {
        match cost {
            Some(cost) => self.store.put_fact(format!("cost of {intent}"), &cost).await,
            None => Ok(()),
        }
    }
    pub(crate) async fn noted_cost(&self, intent: &IntentId) -> Result<Option<Cost>> {
        self.store.fact(format!("cost of {intent}")).await
    }

    /// What is gone at the provider goes from the store's lists too.
    async fn forget(&self, key: &ResourceKey) -> Result<()> {
        match key.kind.as_str() {
            "run" => match RunId::new(key.id.as_str()) {
                Ok(id) => {
                    if let Some(row) = self.store.run(&id).await? {
                        self.note_cost(&row.spec.intent, row.status.map(|s| s.so_far)).await?;
                    }
                    self.forget_followed(&id).await;
                    self.store.forget_run(&id).await
                }
                Err(_) => Ok(()),
            },
            "endpoint" => match EndpointId::new(key.id.as_str()) {
                Ok(id) => {
                    if let Some(row) = self.store.endpoint(&id).await? {
                        self.note_cost(&row.spec.intent, row.status.map(|s| s.so_far)).await?;
                    }
                    self.store.forget_endpoint(&id).await
                }
                Err(_) => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

/// Has what is there lost some of the steps, the first ones, because they have been carried out?
fn half_done(item: &PlanItem, seen: &Resource, now: Timestamp) -> bool {
    let verb = |step: &RemovalStep| step.verb.clone();
    let wanted: Vec<String> = item.steps.iter().map(verb).collect();
    let left: Vec<String> = steps_of(item, seen).map(verb).collect();
    let kept = seen.keep_until.is_some_and(|until| until > now);
    !kept && (!seen.is_active() || item.was_active) && left.len() < wanted.len() && wanted.ends_with(&left)
}

pub(crate) fn item(resource: &curfew_core::resource::Resource, cx: &Cx) -> PlanItem {
    let judged = judge(resource, cx.now());
    PlanItem {
        key: resource.key.clone(),
        name: resource.name.clone(),
        kind_title: resource.kind_title.clone(),
        verdict: judged.verdict,
        why: judged.why,
        rate: resource.rate.clone(),
        bytes: resource.bytes,
        steps: resource.steps.clone(),
        stays: Vec::new(),
        fingerprint: resource.fingerprint.clone(),
        was_active: resource.is_active(),
        read: Some(cx.now()),
    }
}

fn word(result: &OutcomeResult) -> &'static str {
    match result {
        OutcomeResult::Removed => "removed",
        OutcomeResult::AlreadyGone => "was gone already",
        OutcomeResult::Skipped { .. } => "skipped",
        OutcomeResult::Failed { .. } => "failed",
    }
}

/// Written whole beside its place and then renamed: a plan is there or not, never half.
fn write_plan(path: &Path, plan: &Plan) -> Result<()> {
    let failed = |e| Error::io("write the plan", path.display(), e);
    let text = serde_json::to_string_pretty(plan).map_err(|e| {
        Error::new(ErrorKind::Unknown, "write the plan", "the plan cannot be written as JSON").caused_by(e)
    })?;
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(failed)?;
    }
    let half = path.with_extension("half");
    std::fs::write(&half, text).map_err(failed)?;
    std::fs::rename(&half, path).map_err(failed)
}

fn read_plan(path: &Path) -> Result<Plan> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read the plan", path.display(), e).at("plan"))?;
    serde_json::from_str(&text).map_err(|e| {
        Error::new(ErrorKind::Corrupt, "read the plan", format!("“{}” is not a removal plan: {e}", path.display()))
            .at("plan")
            .next("Make a new one with curfew sweep --plan FILE")
            .bill(curfew_core::error::Bill::StillRunning)
    })
}
