//! How a page learns that something has changed: a counter in the store, which every process of the home moves.

use crate::Engine;
use curfew_core::Result;
use std::time::{Duration, Instant};

/// A position in the stream of changes. Opaque to pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(pub i64);

impl Engine {
    /// Where the changes are now.
    pub async fn cursor(&self) -> Result<Cursor> {
        self.store.seq().await.map(Cursor)
    }
    /// Waits until something has changed since `after`, at most `most`; answers where the changes are then.
    pub async fn changed(&self, after: Cursor, most: Duration) -> Result<Cursor> {
        // Other processes write the same file, so there is nobody to wake us; one indexed read of one row four times a
        // second costs some 20 µs each.
        let end = Instant::now() + most;
        loop {
            let now = self.cursor().await?;
            if now != after || Instant::now() >= end {
                return Ok(now);
            }
            tokio::time::sleep(Duration::from_millis(250).min(end.saturating_duration_since(Instant::now()))).await;
        }
    }
}
