//! The SQLite store: what we asked for, what we last saw, what we are about to do. One file, migrated at open.
//!
//! Invariant: it holds no secret and no loss series (those lie in one folder per run).

mod rows;
mod schema;
mod spent;

use curfew_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(crate) use rows::{EndpointRow, RunRow};
pub(crate) use spent::Spent;

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
    known: Arc<Mutex<rows::Known>>,
}

impl Store {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::open_as(path, Duration::from_secs(5), true)
    }
    /// `patience`: how long to wait for another process's lock. `wal`: whether WAL may be tried.
    fn open_as(path: &Path, patience: Duration, wal: bool) -> Result<Self> {
        let failed = |e| explain("open the store", e).with("store", path.display());
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut conn = Connection::open_with_flags(path, flags).map_err(failed)?;
        conn.busy_timeout(patience).map_err(failed)?;
        // A truncated or foreign file shows at the first read of its header.
        conn.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get::<_, i64>(0)).map_err(failed)?;
        let mode = set_journal(&conn, wal).map_err(failed)?;
        conn.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        conn.pragma_update(None, "foreign_keys", true).map_err(failed)?;
        schema::migrate(&mut conn).map_err(failed)?;
        let check: String = conn.query_row("PRAGMA quick_check(1)", [], |r| r.get(0)).map_err(failed)?;
        if check != "ok" {
            return Err(corrupt(check).with("store", path.display()));
        }
        Ok(Self { conn: Arc::new(Mutex::new(conn)), mode, known: Arc::default() })
    }
    pub(crate) fn mode(&self) -> JournalMode {
        self.mode
    }
    /// Runs a read of one row here and now, where it takes microseconds: nobody else has the connection, and a reader
    /// waits for no writer. `None`: it has to be called.
    fn glance<T>(&self, f: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Option<T> {
        if self.mode != JournalMode::Wal {
            return None;
        }
        f(&*self.conn.try_lock().ok()?).ok()
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
fn set_journal(conn: &Connection, wal: bool) -> rusqlite::Result<JournalMode> {
    let wanted = if wal { "PRAGMA journal_mode=WAL" } else { "PRAGMA journal_mode=DELETE" };
    let mode: String = conn.query_row(wanted, [], |r| r.get(0))?;
    let probe =
        || conn.execute_batch("BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS probe (x); DROP TABLE probe; COMMIT;");
    if mode.eq_ignore_ascii_case("wal") {
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

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_core::{AccountId, CloudId};

    fn open(path: &Path) -> Result<Store> {
        Store::open_as(path, Duration::from_millis(50), true)
    }

    /// Opening `path` fails with this kind and leaves the file as it is.
    fn check(path: &Path, expect: ErrorKind) {
        let before = std::fs::read(path).ok();
        let error = open(path).err().expect("it does not open");
        assert_eq!(error.kind(), expect, "{error:?}");
        assert_eq!(std::fs::read(path).ok(), before, "a store that cannot be used is left alone");
    }

    async fn filled(path: &Path) -> Store {
        let store = open(path).unwrap();
        for i in 0..500 {
            store.keep(format!("thing {i} {}", "x".repeat(200)), Some(jiff::Timestamp::UNIX_EPOCH)).await.unwrap();
        }
        store
    }

    #[tokio::test]
    async fn a_store_that_cannot_be_used_is_told_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        std::fs::write(&path, "this is a shopping list, and not a database at all, however long it may become")
            .unwrap();
        check(&path, ErrorKind::Corrupt);

        std::fs::remove_file(&path).unwrap();
        let store = filled(&path).await;
        store.call("close", |c| c.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))).await.unwrap();
        drop(store);
        let whole = std::fs::metadata(&path).unwrap().len();
        std::fs::File::options().write(true).open(&path).unwrap().set_len(whole / 3).unwrap();
        check(&path, ErrorKind::Corrupt);

        let folder = dir.path().join("folder.db");
        std::fs::create_dir(&folder).unwrap();
        check(&folder, ErrorKind::PermissionDenied);
    }

    #[tokio::test]
    async fn a_lock_that_stays_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let store = open(&path).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN EXCLUSIVE").unwrap();
        let error = store.keep("thing".into(), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked, "{error:?}");
        other.execute_batch("ROLLBACK").unwrap();
        store.keep("thing".into(), Some(jiff::Timestamp::UNIX_EPOCH)).await.unwrap();
        assert_eq!(store.keeps().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn works_without_wal() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let store = Store::open_as(&path, Duration::from_secs(5), false).unwrap();
        assert_eq!(store.mode(), JournalMode::Delete);
        store.keep("thing".into(), Some(jiff::Timestamp::UNIX_EPOCH)).await.unwrap();
        drop(store);
        assert_eq!(open(&path).unwrap().mode(), JournalMode::Wal);
    }

    fn run(id: &str) -> RunRow {
        let spec = serde_json::json!({
            "id": id, "name": id, "dir": "/scripts", "entry": "train.py", "data": [], "hyper": {}, "machine": "local",
            "curfew": "2026-11-26T20:00:00Z", "stop": curfew_core::run::StopRules::default(),
            "intent": "0123456789abcdef0123456789abcdef", "owner": "lab-03",
        });
        RunRow {
            cloud: CloudId::new("local").unwrap(),
            account: AccountId("here".into()),
            native: None,
            spec: serde_json::from_value(spec).unwrap(),
            status: None,
            lab: None,
        }
    }

    #[tokio::test]
    async fn a_list_is_read_anew_only_when_something_has_changed_whoever_changed_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let (store, other) = (open(&path).unwrap(), open(&path).unwrap());
        let ids = |runs: &[RunRow]| runs.iter().map(|r| r.spec.id.to_string()).collect::<Vec<_>>();
        let none = store.runs().await.unwrap();
        assert!(none.is_empty());
        assert!(Arc::ptr_eq(&none, &store.runs().await.unwrap()), "nothing has changed");

        other.put_run(&run("first-aaaa")).await.unwrap();
        let one = store.runs().await.unwrap();
        assert_eq!(ids(&one), ["first-aaaa"]);
        assert!(Arc::ptr_eq(&one, &store.runs().await.unwrap()));
        assert!(none.is_empty(), "who holds an older list keeps it");

        store.put_run(&run("second-bbbb")).await.unwrap();
        other.forget_run(&"first-aaaa".parse().unwrap()).await.unwrap();
        for store in [&store, &other] {
            assert_eq!(ids(&store.runs().await.unwrap()), ["second-bbbb"]);
        }
    }

    #[tokio::test]
    async fn two_processes_worth_of_connections_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let stores = [Store::open(&path).unwrap(), Store::open(&path).unwrap()];
        let write = |n: usize| {
            let store = stores[n].clone();
            async move {
                for i in 0..100 {
                    store.keep(format!("{n}-{i}"), Some(jiff::Timestamp::UNIX_EPOCH)).await.unwrap();
                }
            }
        };
        let before = stores[0].seq().await.unwrap();
        tokio::join!(write(0), write(1));
        assert_eq!(stores[0].keeps().await.unwrap().len(), 200);
        assert_eq!(stores[1].seq().await.unwrap() - before, 200, "each change moves the counter");
    }
}
