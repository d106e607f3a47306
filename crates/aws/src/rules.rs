//! Stop rules beside the job: an entry point of ours wraps the script, reads its output and ends it when a rule is met.

use crate::job::Record;
use crate::machines;
use curfew_core::run::RunSpec;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};

/// What is packed along with the code; the standard library is all that it needs.
const FILES: [(&str, &str); 5] = [
    (ENTRY, include_str!("../../../assets/runners/curfew_entry.py")),
    ("curfew_rules.py", include_str!("../../../assets/runners/curfew_rules.py")),
    ("curfew_recognise.py", include_str!("../../../assets/runners/curfew_recognise.py")),
    ("curfew_scan.py", include_str!("../../../assets/runners/curfew_scan.py")),
    ("curfew_words.py", include_str!("../../../assets/runners/curfew_words.py")),
];
/// The entry point's name.
pub(crate) const ENTRY: &str = "curfew_entry.py";
/// How the entry point says why it ended the script.
const MARK: &str = "[curfew] ended by a stop rule: ";

/// The rules of a run, as curfew_rules.py takes them; none where the run has none that its ceiling does not hold.
fn rules(spec: &RunSpec) -> Vec<Value> {
    let mut rules = Vec::new();
    let metric = spec.stop.metric.as_deref();
    if spec.stop.not_a_number {
        rules.push(json!({ "rule": "not-a-number", "metric": metric }));
    }
    if let Some(epochs) = spec.stop.flat_epochs {
        rules.push(json!({ "rule": "flat", "metric": metric, "epochs": f64::from(epochs) }));
    }
    // Within the ceiling that AWS holds: with the rule, the script is asked to end and its model is kept.
    if let Some(limit) = spec.stop.spend.and_then(|s| s.amount().to_f64()) {
        rules.push(json!({ "rule": "spend", "usd": limit }));
    }
    if let Some(limit) = spec.stop.time {
        rules.push(json!({ "rule": "time", "seconds": limit.as_secs_f64() }));
    }
    rules
}

/// Does this run need our entry point? With an image of the user's own nothing is known of what is in it.
pub(crate) fn wraps(record: &Record) -> bool {
    record.image.framework != "own" && !rules(&record.spec).is_empty()
}

/// The files to pack.
pub(crate) fn files() -> Vec<(&'static str, &'static [u8])> {
    FILES.iter().map(|(name, text)| (*name, text.as_bytes())).collect()
}

/// What the entry point is told, as the environment variable CURFEW_ENTRY.
pub(crate) fn order(record: &Record, region: &str, definitions: Option<&Value>) -> String {
    let machine = record.spec.machine.machine.as_deref().unwrap_or_default();
    let rate = machines::rate(region, machine, "Training", record.shape.instances);
    let usd_per_hour = rate.amount().and_then(|r| r.0.amount().to_f64());
    json!({
        "entry": record.spec.entry,
        "rules": rules(&record.spec),
        "definitions": definitions,
        "usd_per_hour": usd_per_hour,
        "grace_s": 60,
    })
    .to_string()
}

/// Why a rule ended the script, from the last lines of its log.
pub(crate) fn met(log_end: &[String]) -> Option<String> {
    log_end.iter().rev().find_map(|line| line.strip_prefix(MARK)).map(str::to_owned)
}
