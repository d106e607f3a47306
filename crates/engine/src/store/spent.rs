//! What removed runs and endpoints have cost: money stays spent when what it was spent on is gone.

use super::Store;
use curfew_core::{Cost, IntentId, MachineRef, Money, Project, Result};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

/// What is kept of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Spent {
    pub(crate) intent: IntentId,
    pub(crate) owner: String,
    #[serde(default)]
    pub(crate) project: Option<Project>,
    pub(crate) machine: MachineRef,
    pub(crate) created: Timestamp,
    pub(crate) so_far: Cost<Money>,
}

/// What is needed of a spec, be it a run's or an endpoint's.
#[derive(Deserialize)]
struct OfSpec {
    intent: IntentId,
    owner: String,
    #[serde(default)]
    project: Option<Project>,
    machine: MachineRef,
}

/// What is needed of a status.
#[derive(Deserialize)]
struct OfStatus {
    created: Timestamp,
    so_far: Cost<Money>,
}

/// Notes what a row has cost before it goes, or before another of its name takes its place. `table`: `runs` or
/// `endpoints`; `new`: the intent that takes its place.
pub(super) fn note(c: &Connection, table: &'static str, id: &str, new: Option<&str>) -> rusqlite::Result<()> {
    let read = format!("SELECT spec, status FROM {table} WHERE id = ?1 AND intent IS NOT ?2");
    let found = c
        .prepare_cached(&read)?
        .query_row(params![id, new], |r| Ok((r.get::<_, String>(0)?, r.get::<_, Option<String>>(1)?)));
    let Some((spec, status)) = found.optional()? else { return Ok(()) };
    // A row of a shape that is not read any more has told nothing before either.
    let spec = serde_json::from_str::<OfSpec>(&spec).ok();
    let status = status.and_then(|text| serde_json::from_str::<OfStatus>(&text).ok());
    let (Some(OfSpec { intent, owner, project, machine }), Some(OfStatus { created, so_far })) = (spec, status) else {
        return Ok(());
    };
    if matches!(so_far, Cost::NotBilled { .. }) {
        return Ok(());
    }
    let spent = Spent { intent, owner, project, machine, created, so_far };
    let text = serde_json::to_string(&spent).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
    c.execute(
        "INSERT OR REPLACE INTO spent VALUES (?1,?2,?3)",
        params![spent.intent.as_str(), spent.created.as_millisecond(), text],
    )
    .map(drop)
}

impl Store {
    /// What is kept of those that were begun from then on.
    pub(crate) async fn spent(&self, from: Timestamp) -> Result<Vec<Spent>> {
        let texts: Vec<String> = self
            .call("read what was spent", move |c| {
                c.prepare_cached("SELECT spent FROM spent WHERE created_ms >= ?1 ORDER BY created_ms, intent")?
                    .query_map([from.as_millisecond()], |r| r.get(0))?
                    .collect()
            })
            .await?;
        Ok(texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect())
    }
}
