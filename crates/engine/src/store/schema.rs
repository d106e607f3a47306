//! The tables, and how an older store becomes a newer one. Migrations only ever grow at the end.

use rusqlite::{Connection, TransactionBehavior};

/// Each entry takes the schema one version up (`PRAGMA user_version`).
const MIGRATIONS: &[&str] = &["
CREATE TABLE runs (
    id TEXT PRIMARY KEY, cloud TEXT NOT NULL, account TEXT NOT NULL, native TEXT,
    spec TEXT NOT NULL, status TEXT, created_ms INTEGER NOT NULL, lab TEXT, intent TEXT NOT NULL
) STRICT;
CREATE INDEX runs_by_time ON runs (created_ms DESC);
CREATE TABLE endpoints (
    id TEXT PRIMARY KEY, cloud TEXT NOT NULL, account TEXT NOT NULL, native TEXT,
    spec TEXT NOT NULL, status TEXT, created_ms INTEGER NOT NULL, lab TEXT, intent TEXT NOT NULL
) STRICT;
CREATE TABLE journal (
    id TEXT PRIMARY KEY, intent TEXT NOT NULL, owner TEXT NOT NULL, opened_ms INTEGER NOT NULL,
    closed_ms INTEGER, outcome TEXT
) STRICT;
CREATE INDEX journal_open ON journal (opened_ms) WHERE closed_ms IS NULL;
CREATE TABLE keeps (key TEXT PRIMARY KEY, until_ms INTEGER NOT NULL) STRICT;
CREATE TABLE labs (id TEXT PRIMARY KEY, session TEXT NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER, report TEXT) STRICT;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE changes (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL) STRICT;
INSERT INTO changes VALUES (1, 1);
", "
CREATE TABLE spent (intent TEXT PRIMARY KEY, created_ms INTEGER NOT NULL, spent TEXT NOT NULL) STRICT;
CREATE INDEX spent_by_time ON spent (created_ms);
"];

pub(super) fn migrate(conn: &mut Connection) -> rusqlite::Result<()> {
    // IMMEDIATE: two processes that start at once migrate one after the other.
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: usize =
        tx.query_row("PRAGMA user_version", [], |r| r.get::<_, i64>(0)).map(|v| usize::try_from(v).unwrap_or(0))?;
    for (i, migration) in MIGRATIONS.iter().enumerate().skip(version) {
        tx.execute_batch(migration)?;
        tx.pragma_update(None, "user_version", i64::try_from(i + 1).unwrap_or(i64::MAX))?;
    }
    tx.commit()
}
