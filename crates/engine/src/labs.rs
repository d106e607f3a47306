//! Lab sessions: what was started between a start and an end, and the check that all of it is gone.

use crate::{Engine, random_word, who};
use curfew_core::ids::to_name;
use curfew_core::lab::{CleanState, LabReport, LabSession, Started};
use curfew_core::labsheet::LabSheet;
use curfew_core::money::Total;
use curfew_core::plan::Outcome;
use curfew_core::resource::Resource;
use curfew_core::{Cost, Cx, Error, ErrorKind, IntentId, LabId, Result};
use std::collections::HashSet;

/// What a session started, for its page.
pub type StartedThing = Started;

impl Engine {
    /// The guided labs, by name. One that cannot be read is left out and logged.
    pub fn lab_sheets(&self) -> Vec<LabSheet> {
        let Some(entries) = self.labs.as_ref().and_then(|dir| std::fs::read_dir(dir).ok()) else { return Vec::new() };
        let mut sheets: Vec<LabSheet> = entries
            .filter_map(std::result::Result::ok)
            .filter_map(|entry| {
                let dir = entry.path();
                let text = std::fs::read_to_string(dir.join("lab.toml")).ok()?;
                LabSheet::parse(&text, &dir).map_err(|e| tracing::warn!(dir = %dir.display(), "{e}")).ok()
            })
            .collect();
        sheets.sort_by(|a, b| a.id.cmp(&b.id));
        sheets
    }

    /// A guided lab.
    pub fn lab_sheet(&self, id: &str) -> Result<LabSheet> {
        self.lab_sheets().into_iter().find(|s| s.id == id).ok_or_else(|| {
            let message = format!("there is no lab “{}”", curfew_core::say::clean(id, 60));
            Error::new(ErrorKind::NotFound, "find the lab", message).next("See the labs with curfew lab list")
        })
    }

    /// Starts a session. One at a time: everything started while it runs belongs to it.
    pub async fn lab_start(&self, cx: &Cx, name: &str) -> Result<LabSession> {
        let name = name.trim();
        let name = if name.is_empty() { "Lab" } else { name };
        if name.chars().count() > 100 {
            return Err(Error::input("name", "the name has more than 100 characters"));
        }
        if let Some(running) = self.running_lab().await? {
            return Err(Error::new(
                ErrorKind::Conflict,
                "start the lab session",
                format!("the lab session “{}” is still on", curfew_core::say::clean(&running.name, 80)),
            )
            .at("name")
            .next("End it first: curfew lab end, or End of lab… in the panel"));
        }
        let base = to_name(name).unwrap_or_else(|| "lab".into());
        let id = LabId::new(format!("{base}-{}", random_word(4))).map_err(|e| Error::input("name", e.to_string()))?;
        let lab = LabSession { id, name: name.to_owned(), started: cx.now(), ended: None };
        self.store.put_lab(&lab, None).await?;
        Ok(lab)
    }

    /// The session that is on.
    pub async fn running_lab(&self) -> Result<Option<LabSession>> {
        Ok(self.store.labs().await?.into_iter().map(|(l, _)| l).find(|l| l.ended.is_none()))
    }

    /// All sessions with their last reports, newest first.
    pub async fn labs(&self) -> Result<Vec<(LabSession, Option<LabReport>)>> {
        self.store.labs().await
    }

    /// Checks a session: what of it is still there, and what could not be read. Changes nothing.
    pub async fn lab_check(&self, cx: &Cx, id: &LabId) -> Result<LabReport> {
        let session = self.lab(id).await?;
        self.refresh_runs(cx, &crate::pace::Due::all()).await?;
        self.refresh_endpoints(cx, &crate::pace::Due::all()).await?;
        let sweep = self.sweep(cx).await?;
        let intents: HashSet<IntentId> = self.lab_intents(id).await?;
        let ours = |r: &Resource| r.intent.as_ref().is_some_and(|i| intents.contains(i));
        let left: Vec<_> =
            sweep.rows.iter().filter(|r| ours(&r.resource)).map(|r| crate::removal::item(&r.resource, cx)).collect();
        let still = Total::of_rates(left.iter().map(|i| &i.rate));
        let started = self.lab_started(id).await?;
        let spent = Total::of(started.iter().map(|s| &s.so_far));
        let report = LabReport {
            session: session.clone(),
            checked: cx.now(),
            by: who(),
            state: CleanState::of(left.len(), &sweep.gaps),
            started,
            left,
            gaps: sweep.gaps,
            read: sweep.read,
            still,
            spent,
        };
        self.store.put_lab(&session, Some(&report)).await?;
        Ok(report)
    }

    /// Ends everything of the session that the report showed, then checks again. The session is over once it is clean.
    pub async fn lab_clear(&self, cx: &Cx, seen: &LabReport) -> Result<(Vec<Outcome>, LabReport)> {
        let keys: Vec<_> = seen.left.iter().map(|i| i.key.clone()).collect();
        let mut plan = self.freeze(cx, &keys, Some(seen.session.id.clone())).await?;
        // A lab session is a plan agreed beforehand: what is at work within it ends too.
        for item in &mut plan.items {
            item.was_active = true;
        }
        let outcomes = self.run_plan(cx, &plan).await?;
        let report = self.lab_end(cx, &seen.session.id).await?;
        Ok((outcomes, report))
    }

    /// Checks, and closes the session where the check says all clean.
    pub async fn lab_end(&self, cx: &Cx, id: &LabId) -> Result<LabReport> {
        let mut report = self.lab_check(cx, id).await?;
        if report.state == CleanState::AllClean {
            report.session.ended = Some(cx.now());
            self.store.put_lab(&report.session, Some(&report)).await?;
        }
        Ok(report)
    }

    /// Closes a session although it is not clean; its report keeps what was left.
    pub async fn lab_close(&self, cx: &Cx, id: &LabId) -> Result<LabReport> {
        let mut report = self.lab_check(cx, id).await?;
        report.session.ended = Some(cx.now());
        self.store.put_lab(&report.session, Some(&report)).await?;
        Ok(report)
    }

    async fn lab(&self, id: &LabId) -> Result<LabSession> {
        self.store.labs().await?.into_iter().map(|(l, _)| l).find(|l| l.id == *id).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "find the lab session", format!("there is no lab session “{id}”"))
        })
    }

    /// From the journal, so that what was removed from every list still counts.
    async fn lab_intents(&self, id: &LabId) -> Result<HashSet<IntentId>> {
        let entries = self.store.journal(usize::MAX).await?;
        Ok(entries.into_iter().filter(|(i, ..)| i.lab.as_ref() == Some(id)).map(|(i, ..)| i.id).collect())
    }

    async fn lab_started(&self, id: &LabId) -> Result<Vec<Started>> {
        use curfew_core::intent::Verb;
        let mut started = Vec::new();
        let mut entries = self.store.journal(usize::MAX).await?;
        entries.reverse();
        let (runs, endpoints) = (self.store.runs().await?, self.store.endpoints().await?);
        for (intent, _, outcome) in entries.into_iter().filter(|(i, ..)| i.lab.as_ref() == Some(id)) {
            let removed = || Cost::Unknown { why: "it was removed before its cost was noted".into() };
            let place = self.place(&intent.cloud, &intent.account);
            let thing = match intent.verb {
                Verb::Launch => {
                    let row = runs.iter().find(|r| r.spec.intent == intent.id);
                    let name = row.map_or_else(|| name_in(&intent), |r| r.spec.name.clone());
                    let status = row.and_then(|r| r.status.as_ref());
                    ("training run", name, status.map(|s| (s.state.word(), s.so_far.clone())))
                }
                Verb::Deploy => {
                    let row = endpoints.iter().find(|r| r.spec.intent == intent.id);
                    let status = row.and_then(|r| r.status.as_ref());
                    ("endpoint", intent.target.clone(), status.map(|s| (s.state.word(), s.so_far.clone())))
                }
                Verb::Stop | Verb::Extend | Verb::Remove | Verb::AskQuota | Verb::SetUp => continue,
            };
            let (what, name, status) = thing;
            let never = outcome.as_deref().is_some_and(|o| o.starts_with("not "));
            let (state, so_far) = match status {
                Some((state, cost)) => (state.to_owned(), cost),
                None if never => ("never started".into(), Cost::NotBilled { note: "it was never started".into() }),
                None if intent.cloud.as_str() == "local" => {
                    ("removed".into(), Cost::NotBilled { note: "electricity not counted".into() })
                }
                None => ("removed".into(), self.noted_cost(&intent.id).await?.unwrap_or_else(removed)),
            };
            started.push(Started {
                what: what.into(),
                id: intent.target.clone(),
                name,
                place,
                at: intent.opened,
                state,
                so_far,
            });
        }
        Ok(started)
    }
}

fn name_in(intent: &curfew_core::intent::Intent) -> String {
    intent.payload.get("name").and_then(|n| n.as_str()).unwrap_or(&intent.target).to_owned()
}
