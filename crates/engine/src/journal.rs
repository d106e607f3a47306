//! After a crash: every open entry whose process is dead is brought to its end.
//!
//! A launch or deploy is never repeated: the user has not seen it begin, and money may have moved on. The provider is
//! asked whether it happened; if not, it is closed as "not started" and said so. Stops, moves, removals and requests for
//! a quota are repeated: doing them twice is fine.

use crate::{Engine, endpoints, runs};
use curfew_core::endpoint::{EndpointSpec, EndpointState};
use curfew_core::intent::{Intent, Verb};
use curfew_core::plan::PlanItem;
use curfew_core::run::{RunSpec, RunState};
use curfew_core::{Cx, EndpointId, Error, ErrorKind, Result, RunId, Timestamp};
use serde::Serialize;

/// A journal entry as shown.
#[derive(Debug, Clone, Serialize)]
pub struct JournalEntry {
    /// What was intended.
    pub intent: Intent,
    /// When it was closed; open while `None`.
    pub closed: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<String>,
}

impl Engine {
    /// The newest entries.
    pub async fn journal(&self, most: usize) -> Result<Vec<JournalEntry>> {
        let rows = self.store.journal(most).await?;
        let entry = |(intent, closed, outcome): (Intent, Option<i64>, Option<String>)| JournalEntry {
            intent,
            closed: closed.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
            outcome,
        };
        Ok(rows.into_iter().map(entry).collect())
    }

    /// Resumes what dead processes left open; answers how many entries were closed. Entries whose provider cannot be
    /// asked now stay open for the next time.
    pub async fn resume(&self, cx: &Cx) -> Result<usize> {
        let mut closed = 0;
        for (intent, owner) in self.store.open_intents().await? {
            // Of an account that cannot be asked now, the entry stays with the dead process, until there are keys again.
            if self.provider(&intent.cloud, &intent.account).is_err()
                || self.keys_rest(cx.now(), &intent.cloud, &intent.account)
            {
                continue;
            }
            if owner.is_alive() || !self.store.take_over(&intent.id, &owner, &self.owner).await? {
                continue;
            }
            let resumed = self.resume_one(cx, &intent).await;
            self.note_keys(cx, &intent.cloud, &intent.account, &resumed).await;
            match resumed {
                Err(e) if e.kind() == ErrorKind::CredentialsExpired => {
                    self.store.take_over(&intent.id, &self.owner, &owner).await?;
                }
                Ok(outcome) => {
                    self.store.close_intent(&intent.id, cx.now(), outcome).await?;
                    closed += 1;
                }
                Err(e) => tracing::warn!(intent = %intent.id, error = ?e, "could not resume; it stays in the journal"),
            }
        }
        Ok(closed)
    }

    async fn resume_one(&self, cx: &Cx, intent: &Intent) -> Result<&'static str> {
        let interrupted = || {
            Error::new(ErrorKind::Cancelled, "start it", "Curfew was interrupted before it could be started")
                .next("Nothing was started; start it again if you still want it")
        };
        match intent.verb {
            Verb::Launch => {
                let spec: RunSpec = payload(intent)?;
                let training_at = self.training_of(&intent.cloud, &intent.account)?;
                let training = training_at.part();
                let found = training.find(cx, &spec).await?;
                let mut row = match self.store.run(&spec.id).await? {
                    Some(row) => row,
                    None => crate::store::RunRow {
                        cloud: intent.cloud.clone(),
                        account: intent.account.clone(),
                        native: None,
                        spec: spec.clone(),
                        status: None,
                        lab: intent.lab.clone(),
                    },
                };
                if let Some(handle) = found {
                    // Found, but perhaps only half begun: launching with the same intent finishes that one.
                    let begun = training.status(cx, &handle).await?;
                    let handle = match begun.state {
                        RunState::Queued => {
                            row.status.get_or_insert(begun);
                            self.tell_of_launch(cx, &mut row, training).await?
                        }
                        _ => handle,
                    };
                    row.native = Some(handle.native.clone());
                    row.status = Some(training.status(cx, &handle).await?);
                    self.store.put_run(&row).await?;
                    return Ok("started; noted after a restart");
                }
                row.status = Some(runs::refused(cx.now(), &interrupted()));
                self.store.put_run(&row).await?;
                Ok("not started; interrupted")
            }
            Verb::Deploy => {
                let spec: EndpointSpec = payload(intent)?;
                let serving_at = self.serving_of(&intent.cloud, &intent.account)?;
                let serving = serving_at.part();
                let found = serving.find(cx, &spec).await?;
                let Some(mut row) = self.store.endpoint(&spec.id).await? else {
                    return Ok("forgotten with its endpoint");
                };
                if let Some(handle) = found {
                    // Found, but perhaps only half made: deploying with the same intent finishes that one.
                    let begun = serving.status(cx, &handle).await?;
                    let handle = match begun.state {
                        EndpointState::Creating => serving.deploy(cx, &spec).await?,
                        _ => handle,
                    };
                    row.native = Some(handle.native.clone());
                    row.status = Some(serving.status(cx, &handle).await?);
                    self.store.put_endpoint(&row).await?;
                    return Ok("created; noted after a restart");
                }
                row.status = Some(endpoints::not_created(cx.now(), &interrupted()));
                self.store.put_endpoint(&row).await?;
                Ok("not created; interrupted")
            }
            Verb::Stop => {
                let why: String = payload(intent)?;
                if let Some(row) = self.run_target(intent).await? {
                    let training_at = self.training_of(&row.cloud, &row.account)?;
                    let training = training_at.part();
                    gone_is_fine(training.stop(cx, &runs::handle(&row), &why).await)?;
                } else if let Some(row) = self.endpoint_target(intent).await? {
                    let serving_at = self.serving_of(&row.cloud, &row.account)?;
                    let serving = serving_at.part();
                    gone_is_fine(serving.stop(cx, &endpoints::handle(&row), &why).await)?;
                }
                Ok("asked to stop again after a restart")
            }
            Verb::Extend => {
                let at: Timestamp = payload(intent)?;
                if let Some(mut row) = self.run_target(intent).await? {
                    let training_at = self.training_of(&row.cloud, &row.account)?;
                    let training = training_at.part();
                    gone_is_fine(training.set_curfew(cx, &runs::handle(&row), at).await.map(drop))?;
                    row.spec.curfew = at;
                    self.store.put_run(&row).await?;
                } else if let Some(mut row) = self.endpoint_target(intent).await? {
                    let serving_at = self.serving_of(&row.cloud, &row.account)?;
                    let serving = serving_at.part();
                    gone_is_fine(serving.set_curfew(cx, &endpoints::handle(&row), at).await.map(drop))?;
                    row.spec.curfew = at;
                    self.store.put_endpoint(&row).await?;
                }
                Ok("moved again after a restart")
            }
            Verb::AskQuota => {
                let wish: curfew_core::market::QuotaWish = payload(intent)?;
                let provider = self.provider(&intent.cloud, &intent.account)?;
                let asked = self.send_wish(cx, &*provider, &wish).await?;
                Ok(if asked.before { "asked; noted after a restart" } else { "asked after a restart" })
            }
            Verb::Remove => {
                let item: PlanItem = payload(intent)?;
                self.remove_item(cx, &item, true).await?;
                Ok("removal carried on after a restart")
            }
            Verb::SetUp => {
                let part: curfew_core::access::Part = payload(intent)?;
                let provider = self.account_at(&intent.cloud, &intent.account)?;
                // What was half made is finished: making it twice is fine, and half a role is no use.
                crate::access::access(&*provider)?.make(cx, part).await?;
                Ok("made; finished after a restart")
            }
        }
    }

    async fn run_target(&self, intent: &Intent) -> Result<Option<crate::store::RunRow>> {
        match RunId::new(intent.target.as_str()) {
            Ok(id) => self.store.run(&id).await,
            Err(_) => Ok(None),
        }
    }
    async fn endpoint_target(&self, intent: &Intent) -> Result<Option<crate::store::EndpointRow>> {
        match EndpointId::new(intent.target.as_str()) {
            Ok(id) => self.store.endpoint(&id).await,
            Err(_) => Ok(None),
        }
    }
}

fn payload<T: serde::de::DeserializeOwned>(intent: &Intent) -> Result<T> {
    serde_json::from_value(intent.payload.clone()).map_err(|e| {
        Error::new(ErrorKind::Corrupt, "resume the journal", "an entry of the journal cannot be read").caused_by(e)
    })
}

fn gone_is_fine(result: Result<()>) -> Result<()> {
    match result {
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::Unsupported | ErrorKind::Conflict) => Ok(()),
        other => other,
    }
}
