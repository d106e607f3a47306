//! The SQLite store: what we asked for, what we last saw, what we are about to do. One file, migrated at open.
//!
//! Invariant: it holds no secret and no loss series (those lie in one folder per run).

mod rows;
mod schema;

use curfew_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(crate) use rows::{EndpointRow, RunRow};

/// How SQLite keeps its journal here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalMode {
    /// Write-ahead log: readers never wait.
    Wal,
    /// Rollback journal, where a probe showed that WAL does not work (NFS, Lustre).
    Delete,
}

/// The store. Calls run on blocking threads; one connection per process is enough for a panel.
#[derive(Clone)]
pub(crate) struct Store {
    conn: Arc<Mutex<Connection>>,
    mode: JournalMode,
}

impl Store {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = |e| explain("open the store", e).with("store", path.display());
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut conn = Connection::open_with_flags(path, flags).map_err(failed)?;
        conn.busy_timeout(Duration::from_secs(5)).map_err(failed)?;
        // A truncated or foreign file shows at the first read of its header.
        conn.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get::<_, i64>(0)).map_err(failed)?;
        let mode = set_journal(&conn).map_err(failed)?;
        conn.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        conn.pragma_update(None, "foreign_keys", true).map_err(failed)?;
        schema::migrate(&mut conn).map_err(failed)?;
        let check: String = conn.query_row("PRAGMA quick_check(1)", [], |r| r.get(0)).map_err(failed)?;
        if check != "ok" {
            return Err(corrupt(check).with("store", path.display()));
        }
        Ok(Self { conn: Arc::new(Mutex::new(conn)), mode })
    }
    pub(crate) fn mode(&self) -> JournalMode {
        self.mode
    }
    /// Runs `f` on a blocking thread.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        operation: &'static str,
        f: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let conn = self.conn.clone();
        tokio::task::spawn_blocking(move || {
            let mut conn = conn.lock().unwrap_or_else(PoisonError::into_inner);
            f(&mut conn).map_err(|e| explain(operation, e))
        })
        .await
        .map_err(|e| Error::new(ErrorKind::Unknown, operation, "the store's thread ended early").caused_by(e))?
    }
}

/// Sets WAL and proves it by a write; anything odd means a file system without shared memory or locks.
fn set_journal(conn: &Connection) -> rusqlite::Result<JournalMode> {
    let mode: String = conn.query_row("PRAGMA journal_mode=WAL", [], |r| r.get(0))?;
    let forced = std::env::var_os("CURFEW_STORE_DELETE_JOURNAL").is_some();
    let probe =
        || conn.execute_batch("BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS probe (x); DROP TABLE probe; COMMIT;");
    if mode.eq_ignore_ascii_case("wal") && !forced {
        match probe() {
            Ok(()) => return Ok(JournalMode::Wal),
            Err(e) if is_io(&e) => {
                // The transaction did not happen; go on without WAL.
                let _ = conn.execute_batch("ROLLBACK");
            }
            Err(e) => return Err(e),
        }
    }
    conn.query_row("PRAGMA journal_mode=DELETE", [], |r| r.get::<_, String>(0))?;
    probe()?;
    Ok(JournalMode::Delete)
}

fn is_io(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure)
}

fn corrupt(found: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corrupt, "open the store", "Curfew's store is damaged")
        .next("Move store.db aside and start again: runs and endpoints on disk and in the clouds are found again; only marks (keep, labs) are lost")
        .with("found", found.into())
}

/// SQLite's error in our words (result codes: https://sqlite.org/rescode.html).
fn explain(operation: &'static str, error: rusqlite::Error) -> Error {
    let told = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::new(ErrorKind::Locked, operation, "another process holds Curfew's store and does not let go")
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            Error::new(ErrorKind::PermissionDenied, operation, "Curfew's store cannot be written")
                .next("Make its folder writable, or set CURFEW_HOME to another one")
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => corrupt(error.to_string()),
        Some(ErrorCode::DiskFull) => {
            Error::new(ErrorKind::DiskFull, operation, "the disk is full, so nothing could be noted")
        }
        _ => Error::new(ErrorKind::Unknown, operation, "Curfew's store gave an error"),
    };
    told.caused_by(error)
}
