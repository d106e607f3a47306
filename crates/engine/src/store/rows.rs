//! Rows and their queries. Specs and statuses are kept as JSON: their shape is `curfew-core`'s, not SQL's.

use super::Store;
use curfew_core::endpoint::{EndpointSpec, EndpointStatus};
use curfew_core::intent::Intent;
use curfew_core::lab::{LabReport, LabSession};
use curfew_core::run::{RunSpec, RunStatus};
use curfew_core::{AccountId, CloudId, EndpointId, Error, ErrorKind, IntentId, LabId, Result, RunId};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};
use serde::{Serialize, de::DeserializeOwned};
use std::sync::{Arc, Mutex, PoisonError};

/// A run as the store knows it.
#[derive(Debug, Clone)]
pub(crate) struct RunRow {
    pub(crate) cloud: CloudId,
    pub(crate) account: AccountId,
    pub(crate) native: Option<String>,
    pub(crate) spec: RunSpec,
    pub(crate) status: Option<RunStatus>,
    pub(crate) lab: Option<LabId>,
}

/// An endpoint as the store knows it.
#[derive(Debug, Clone)]
pub(crate) struct EndpointRow {
    pub(crate) cloud: CloudId,
    pub(crate) account: AccountId,
    pub(crate) native: Option<String>,
    pub(crate) spec: EndpointSpec,
    pub(crate) status: Option<EndpointStatus>,
    pub(crate) lab: Option<LabId>,
}

/// JSON columns: a value that no longer parses is a conversion error of that column, told as such.
fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(e)))
}
fn maybe_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    // A status of an older version that no longer parses is "not seen yet": the provider is asked again.
    Ok(row.get::<_, Option<String>>(column)?.and_then(|text| serde_json::from_str(&text).ok()))
}
fn named<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.get::<_, String>(column)?
        .parse()
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(e)))
}
fn text<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| {
        Error::new(ErrorKind::Unknown, "note it in the store", "a value cannot be written as JSON").caused_by(e)
    })
}

/// A list and the number of the change that it was read at.
type Listed<T> = Option<(i64, Arc<Vec<T>>)>;

/// What was last read of the lists.
#[derive(Default)]
pub(super) struct Known {
    runs: Listed<RunRow>,
    endpoints: Listed<EndpointRow>,
}

const SEQ: &str = "SELECT seq FROM changes";
const BUMP: &str = "UPDATE changes SET seq = seq + 1";

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    Ok(RunRow {
        cloud: named(row, 0)?,
        account: AccountId(row.get(1)?),
        native: row.get(2)?,
        spec: json(row, 3)?,
        status: maybe_json(row, 4)?,
        lab: row.get::<_, Option<String>>(5)?.and_then(|l| LabId::new(l).ok()),
    })
}
fn endpoint_row(row: &Row<'_>) -> rusqlite::Result<EndpointRow> {
    Ok(EndpointRow {
        cloud: named(row, 0)?,
        account: AccountId(row.get(1)?),
        native: row.get(2)?,
        spec: json(row, 3)?,
        status: maybe_json(row, 4)?,
        lab: row.get::<_, Option<String>>(5)?.and_then(|l| LabId::new(l).ok()),
    })
}

impl Store {
    pub(crate) async fn put_run(&self, row: &RunRow) -> Result<()> {
        let (spec, status) = (text(&row.spec)?, row.status.as_ref().map(text).transpose()?);
        let row = row.clone();
        let created = row.status.as_ref().map_or(i64::MAX, |s| s.created.as_millisecond());
        self.call("note the run", move |c| {
            let tx = c.transaction()?;
            tx.execute(
                "INSERT INTO runs VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9) ON CONFLICT (id) DO UPDATE SET native=?4, spec=?5, status=?6, lab=coalesce(lab,?8)",
                params![row.spec.id.as_str(), row.cloud.as_str(), row.account.0, row.native, spec, status, created,
                    row.lab.as_ref().map(LabId::as_str), row.spec.intent.as_str()],
            )?;
            tx.execute(BUMP, [])?;
            tx.commit()
        })
        .await
    }
    /// All runs, newest first. Read anew only when the store has changed: the loop asks several times a second.
    pub(crate) async fn runs(&self) -> Result<Arc<Vec<RunRow>>> {
        self.listed(
            "read the runs",
            |known| &mut known.runs,
            "SELECT cloud, account, native, spec, status, lab FROM runs ORDER BY created_ms DESC, id",
            run_row,
        )
        .await
    }
    /// A list as it was read last, if nothing has changed since, else as it is.
    async fn listed<T: Send + Sync + 'static>(
        &self,
        operation: &'static str,
        of: fn(&mut Known) -> &mut Listed<T>,
        query: &'static str,
        row: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Arc<Vec<T>>> {
        // A panic elsewhere leaves a list whole: it is put in at once.
        let lock = |known: &Mutex<Known>| of(&mut known.lock().unwrap_or_else(PoisonError::into_inner)).clone();
        let seq = self.seq().await?;
        if let Some((_, rows)) = lock(&self.known).filter(|(at, _)| *at == seq) {
            return Ok(rows);
        }
        let known = self.known.clone();
        self.call(operation, move |c| {
            // One view of both, so that the list is not newer than its number.
            let tx = c.transaction()?;
            let seq = tx.query_row(SEQ, [], |r| r.get(0))?;
            let rows = tx.prepare_cached(query)?.query_map([], row)?.collect::<rusqlite::Result<Vec<T>>>()?;
            tx.commit()?;
            let rows = Arc::new(rows);
            *of(&mut known.lock().unwrap_or_else(PoisonError::into_inner)) = Some((seq, rows.clone()));
            Ok(rows)
        })
        .await
    }
    pub(crate) async fn run(&self, id: &RunId) -> Result<Option<RunRow>> {
        let id = id.clone();
        self.call("read the run", move |c| {
            c.prepare_cached("SELECT cloud, account, native, spec, status, lab FROM runs WHERE id = ?1")?
                .query_row([id.as_str()], run_row)
                .optional()
        })
        .await
    }
    pub(crate) async fn forget_run(&self, id: &RunId) -> Result<()> {
        let id = id.clone();
        self.change("forget the run", move |c| {
            super::spent::note(c, "runs", id.as_str(), None)?;
            c.execute("DELETE FROM runs WHERE id = ?1", [id.as_str()]).map(drop)
        })
        .await
    }
    pub(crate) async fn put_endpoint(&self, row: &EndpointRow) -> Result<()> {
        let (spec, status) = (text(&row.spec)?, row.status.as_ref().map(text).transpose()?);
        let row = row.clone();
        let created = row.status.as_ref().map_or(i64::MAX, |s| s.created.as_millisecond());
        self.call("note the endpoint", move |c| {
            let tx = c.transaction()?;
            super::spent::note(&tx, "endpoints", row.spec.id.as_str(), Some(row.spec.intent.as_str()))?;
            tx.execute(
                "INSERT INTO endpoints VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9) ON CONFLICT (id) DO UPDATE SET native=?4, spec=?5, status=?6, lab=coalesce(?8,lab), intent=?9",
                params![row.spec.id.as_str(), row.cloud.as_str(), row.account.0, row.native, spec, status, created,
                    row.lab.as_ref().map(LabId::as_str), row.spec.intent.as_str()],
            )?;
            tx.execute(BUMP, [])?;
            tx.commit()
        })
        .await
    }
    /// All endpoints, newest first; as [`Store::runs`].
    pub(crate) async fn endpoints(&self) -> Result<Arc<Vec<EndpointRow>>> {
        self.listed(
            "read the endpoints",
            |known| &mut known.endpoints,
            "SELECT cloud, account, native, spec, status, lab FROM endpoints ORDER BY created_ms DESC, id",
            endpoint_row,
        )
        .await
    }
    pub(crate) async fn endpoint(&self, id: &EndpointId) -> Result<Option<EndpointRow>> {
        let id = id.clone();
        self.call("read the endpoint", move |c| {
            c.prepare_cached("SELECT cloud, account, native, spec, status, lab FROM endpoints WHERE id = ?1")?
                .query_row([id.as_str()], endpoint_row)
                .optional()
        })
        .await
    }
    pub(crate) async fn forget_endpoint(&self, id: &EndpointId) -> Result<()> {
        let id = id.clone();
        self.change("forget the endpoint", move |c| {
            super::spent::note(c, "endpoints", id.as_str(), None)?;
            c.execute("DELETE FROM endpoints WHERE id = ?1", [id.as_str()]).map(drop)
        })
        .await
    }

    /// Opens an intent; a second open of the same id changes nothing.
    pub(crate) async fn open_intent(&self, intent: &Intent, owner: &crate::owner::Owner) -> Result<()> {
        let (id, body, owner) = (intent.id.clone(), text(intent)?, text(owner)?);
        let opened = intent.opened.as_millisecond();
        self.change("note the intent", move |c| {
            c.execute(
                "INSERT OR IGNORE INTO journal VALUES (?1,?2,?3,?4,NULL,NULL)",
                params![id.as_str(), body, owner, opened],
            )
            .map(drop)
        })
        .await
    }
    pub(crate) async fn close_intent(&self, id: &IntentId, at: Timestamp, outcome: &str) -> Result<()> {
        let (id, outcome) = (id.clone(), outcome.to_owned());
        self.change("close the intent", move |c| {
            c.execute(
                "UPDATE journal SET closed_ms = ?2, outcome = ?3 WHERE id = ?1 AND closed_ms IS NULL",
                params![id.as_str(), at.as_millisecond(), outcome],
            )
            .map(drop)
        })
        .await
    }
    /// Takes over an entry whose owner has died. False where another process was faster.
    pub(crate) async fn take_over(
        &self,
        id: &IntentId,
        from: &crate::owner::Owner,
        to: &crate::owner::Owner,
    ) -> Result<bool> {
        let (id, from, to) = (id.clone(), text(from)?, text(to)?);
        self.call("take over an intent", move |c| {
            let n = c.execute(
                "UPDATE journal SET owner = ?3 WHERE id = ?1 AND owner = ?2 AND closed_ms IS NULL",
                params![id.as_str(), from, to],
            )?;
            Ok(n == 1)
        })
        .await
    }
    /// Open entries with their owners, oldest first.
    pub(crate) async fn open_intents(&self) -> Result<Vec<(Intent, crate::owner::Owner)>> {
        self.call("read the journal", |c| {
            c.prepare_cached("SELECT intent, owner FROM journal WHERE closed_ms IS NULL ORDER BY opened_ms")?
                .query_map([], |r| Ok((json(r, 0)?, json(r, 1)?)))?
                .collect()
        })
        .await
    }
    /// The newest entries, closed ones included: (intent, closed, outcome).
    pub(crate) async fn journal(&self, most: usize) -> Result<Vec<(Intent, Option<i64>, Option<String>)>> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.call("read the journal", move |c| {
            c.prepare_cached("SELECT intent, closed_ms, outcome FROM journal ORDER BY opened_ms DESC, id LIMIT ?1")?
                .query_map([most], |r| Ok((json(r, 0)?, r.get(1)?, r.get(2)?)))?
                .collect()
        })
        .await
    }

    pub(crate) async fn keep(&self, key: String, until: Option<Timestamp>) -> Result<()> {
        self.change("note the mark", move |c| match until {
            Some(t) => {
                c.execute("INSERT OR REPLACE INTO keeps VALUES (?1,?2)", params![key, t.as_millisecond()]).map(drop)
            }
            None => c.execute("DELETE FROM keeps WHERE key = ?1", [key]).map(drop),
        })
        .await
    }
    pub(crate) async fn keeps(&self) -> Result<Vec<(String, Timestamp)>> {
        self.call("read the marks", |c| {
            c.prepare_cached("SELECT key, until_ms FROM keeps")?
                .query_map([], |r| {
                    Ok((r.get(0)?, Timestamp::from_millisecond(r.get(1)?).unwrap_or(Timestamp::UNIX_EPOCH)))
                })?
                .collect()
        })
        .await
    }

    pub(crate) async fn put_lab(&self, lab: &LabSession, report: Option<&LabReport>) -> Result<()> {
        let (session, report) = (text(lab)?, report.map(text).transpose()?);
        let lab = lab.clone();
        self.change("note the lab session", move |c| {
            c.execute(
                "INSERT INTO labs VALUES (?1,?2,?3,?4,?5) ON CONFLICT (id) DO UPDATE SET session=?2, ended_ms=?4, report=coalesce(?5,report)",
                params![lab.id.as_str(), session, lab.started.as_millisecond(), lab.ended.map(Timestamp::as_millisecond), report],
            )
            .map(drop)
        })
        .await
    }
    /// Sessions with their reports, newest first.
    pub(crate) async fn labs(&self) -> Result<Vec<(LabSession, Option<LabReport>)>> {
        self.call("read the lab sessions", |c| {
            c.prepare_cached("SELECT session, report FROM labs ORDER BY started_ms DESC, id")?
                .query_map([], |r| Ok((json(r, 0)?, maybe_json(r, 1)?)))?
                .collect()
        })
        .await
    }

    /// A single fact by name (settings, the last sweep).
    pub(crate) async fn fact<T: DeserializeOwned>(&self, name: impl Into<String>) -> Result<Option<T>> {
        let name = name.into();
        let found: Option<String> = self
            .call("read the store", move |c| {
                c.prepare_cached("SELECT value FROM facts WHERE name = ?1")?.query_row([name], |r| r.get(0)).optional()
            })
            .await?;
        Ok(found.and_then(|text| serde_json::from_str(&text).ok()))
    }
    pub(crate) async fn put_fact<T: Serialize>(&self, name: impl Into<String>, value: &T) -> Result<()> {
        let (name, value) = (name.into(), text(value)?);
        self.change("write the store", move |c| {
            c.execute("INSERT OR REPLACE INTO facts VALUES (?1,?2)", params![name, value]).map(drop)
        })
        .await
    }

    /// The change counter that every process of this home sees.
    pub(crate) async fn seq(&self) -> Result<i64> {
        let read = |c: &rusqlite::Connection| c.prepare_cached(SEQ)?.query_row([], |r| r.get(0));
        if let Some(seq) = self.glance(read) {
            return Ok(seq);
        }
        self.call("read the store", move |c| read(c)).await
    }

    async fn change(
        &self,
        operation: &'static str,
        f: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<()> + Send + 'static,
    ) -> Result<()> {
        self.call(operation, move |c| {
            let tx = c.transaction()?;
            f(&tx)?;
            tx.execute(BUMP, [])?;
            tx.commit()
        })
        .await
    }
}
