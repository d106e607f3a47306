//! prices status, prices refresh.

use crate::app;
use crate::args::PricesVerb;
use crate::out::{Exit, Failed, line, note, print_json, table};
use curfew_catalog::snapshot;
use curfew_core::say;
use curfew_engine::machines::{PriceSources, RefreshRequest};
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) async fn prices(verb: PricesVerb, json: bool) -> Result<Exit, Failed> {
    let engine = app::engine()?;
    let cx = engine.cx();
    match verb {
        PricesVerb::Status => {
            let machines = engine.machines(&cx).await?;
            let (status, notes, about) = (machines.status(), machines.notes(), snapshot::about());
            if json {
                print_json(&serde_json::json!({
                    "built_in": about, "feeds": status.feeds, "notes": notes, "offers": machines.catalog().len(),
                }));
                return Ok(Exit::Done);
            }
            let date = |d: Option<jiff::civil::Date>| d.map_or_else(|| "not known".into(), |d| d.to_string());
            line(format!(
                "{} offers. Built in: {} from {} to {}.",
                machines.catalog().len(),
                about.offers,
                date(about.oldest),
                date(about.newest)
            ));
            let rows: Vec<Vec<String>> = status
                .feeds
                .iter()
                .map(|f| {
                    let read = f.read_at.map_or_else(|| "never".into(), |at| say::ago(at, cx.now()));
                    let failed =
                        f.failed.as_ref().map(|(at, why)| format!("failed {}: {why}", say::ago(*at, cx.now())));
                    vec![f.feed.clone(), read, f.offers.to_string(), failed.unwrap_or_default()]
                })
                .collect();
            if rows.is_empty() {
                note("Nothing was refreshed yet: curfew prices refresh.");
            } else {
                table(&["FEED", "READ", "OFFERS", ""], &rows);
            }
            for n in notes {
                note(format!("Note: {}: {}.", say::clean(&n.about, 80), say::clean(&n.says, 300)));
            }
            Ok(Exit::Done)
        }
        PricesVerb::Refresh { regions, feeds } => {
            let told = AtomicU64::new(0);
            // A line for each feed and every 16 MiB of it.
            let tell = |feed: &str, bytes: u64| {
                let step = bytes >> 24;
                if bytes == 0 || told.swap(step, Ordering::Relaxed) != step {
                    note(format!("{feed}: {}", say::bytes(bytes)));
                }
            };
            let request = RefreshRequest { regions, feeds };
            let done = engine.refresh_prices(&cx, &PriceSources::from_env(), &request, &tell).await?;
            if json {
                print_json(&done);
            }
            for (feed, offers) in &done.read {
                let what = if *offers == 0 { "read".to_owned() } else { say::count(*offers, "offer", "offers") };
                note(format!("{feed}: {what}."));
            }
            for (about, says) in &done.notes {
                note(format!("Note: {}: {}.", say::clean(about, 80), say::clean(says, 300)));
            }
            for (feed, why) in &done.failed {
                note(format!(
                    "{feed} could not be read: {}. What was known before stays in use.",
                    say::clean(why, 300)
                ));
            }
            Ok(if done.failed.is_empty() { Exit::Done } else { Exit::NotRead })
        }
    }
}
