//! What is known of how long the user's jobs take: trials on this computer, and finished runs of the same script.

use crate::Engine;
use crate::machines::Machines;
use curfew_catalog::{Band, MeasuredRun, Seen, Trial, Work};
use curfew_core::run::{RunSpec, RunState};
use curfew_core::{Result, Timestamp, say};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A script with its hyperparameters: what takes equally long each time.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Stable: made of folder, entry script, hyperparameters and data.
    pub id: String,
    /// The script folder.
    pub dir: PathBuf,
    /// The script that starts.
    pub entry: String,
    /// Its hyperparameters.
    pub hyper: BTreeMap<String, String>,
    /// The newest trial on this computer.
    pub trial: Option<TrialRecord>,
    /// Finished runs of it: on which machine (as the launcher wrote it), and how long it was at work.
    pub runs: Vec<(String, i64)>,
    /// When it was last seen.
    pub at: Timestamp,
}

/// What a trial on this computer found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialRecord {
    /// The script folder.
    pub dir: PathBuf,
    /// The script that started.
    pub entry: String,
    /// Its hyperparameters.
    pub hyper: BTreeMap<String, String>,
    /// Its data, `channel=source` each.
    pub data: Vec<String>,
    /// When it was.
    pub at: Timestamp,
    /// How long the script ran, in milliseconds.
    pub ran_ms: i64,
    /// `steps` or `epochs`.
    pub unit: String,
    /// How many of them were timed.
    pub timed: usize,
    /// The last one seen.
    pub reached: f64,
    /// How many the whole run has.
    pub total: f64,
    /// Milliseconds each, after the first ones.
    pub ms_each: f64,
    /// Milliseconds before the first.
    pub before_ms: f64,
    /// The whole run on this computer: expected, if all goes well, if it does not.
    pub whole_ms: [i64; 3],
    /// vCPUs of this computer.
    pub vcpus: u32,
    /// vCPUs kept busy on average, where measured.
    pub busy: Option<f64>,
    /// Accelerator kind and how many, where this computer has one.
    pub accelerator: Option<(String, f64)>,
}

impl TrialRecord {
    /// As the catalogue takes it.
    pub fn trial(&self) -> Trial {
        let [ms, low_ms, high_ms] = self.whole_ms;
        let on =
            Seen { machine: "here".into(), vcpus: self.vcpus, busy: self.busy, accelerator: self.accelerator.clone() };
        Trial { on, whole: Band { ms, low_ms, high_ms } }
    }
}

impl Job {
    /// "iris (epochs 60)".
    pub fn title(&self) -> String {
        let name = self.dir.file_name().map_or_else(|| "script".into(), |n| n.to_string_lossy().into_owned());
        let script = if self.entry == "train.py" { String::new() } else { format!("/{}", self.entry) };
        let hyper = self.hyper.iter().map(|(k, v)| format!("{k} {v}")).collect::<Vec<_>>().join(", ");
        let hyper = if hyper.is_empty() { String::new() } else { format!(" ({})", say::clean(&hyper, 60)) };
        say::clean(&format!("{name}{script}{hyper}"), 120)
    }
    /// "timed on this computer for 40 seconds an hour ago", "from 3 finished runs".
    pub fn says(&self, now: Timestamp) -> String {
        let runs = (!self.runs.is_empty()).then(|| say::count(self.runs.len(), "finished run", "finished runs"));
        match (&self.trial, runs) {
            (Some(t), runs) => {
                let ran = say::duration(jiff::SignedDuration::from_millis(t.ran_ms));
                let runs = runs.map_or_else(String::new, |r| format!(", with {r}"));
                format!("timed on this computer for {ran} {}{runs}", say::ago(t.at, now))
            }
            (None, Some(runs)) => format!("from {runs}"),
            (None, None) => "nothing measured yet".into(),
        }
    }
    /// What is known of its time, as the catalogue takes it. `stated`: the user's own number, in milliseconds.
    pub fn work(&self, machines: &Machines, accelerators: Option<Decimal>, stated: Option<i64>) -> Work {
        let measured = self.runs.iter().filter_map(|(machine, ms)| {
            Some(MeasuredRun { on: seen(machines, machine, self.trial.as_ref())?, ms: *ms })
        });
        Work {
            measured: measured.collect(),
            trial: self.trial.as_ref().map(TrialRecord::trial),
            stated_ms: stated,
            accelerators,
        }
    }
}

/// What a machine is, for scaling from a run on it.
fn seen(machines: &Machines, machine: &str, trial: Option<&TrialRecord>) -> Option<Seen> {
    if machine == "local" {
        let here = machines.here()?.clone();
        return Some(Seen { busy: trial.and_then(|t| t.busy), ..here });
    }
    let offer = machines.find(machine).ok()?;
    let accelerator = offer.spec.accelerator.as_ref().map(|a| {
        let count = rust_decimal::prelude::ToPrimitive::to_f64(&a.count).unwrap_or(1.0);
        (a.kind.to_string(), count)
    });
    Some(Seen { machine: offer.spec.machine.to_string(), vcpus: offer.spec.vcpus?, busy: None, accelerator })
}

/// What makes a job the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Same {
    dir: PathBuf,
    entry: String,
    hyper: BTreeMap<String, String>,
    data: Vec<String>,
}

impl Same {
    fn of_run(spec: &RunSpec) -> Self {
        Self {
            dir: spec.dir.clone(),
            entry: spec.entry.clone(),
            hyper: spec.hyper.clone(),
            data: spec.data.iter().map(|c| format!("{}={}", c.name, c.source)).collect(),
        }
    }
    fn of_trial(trial: &TrialRecord) -> Self {
        Self {
            dir: trial.dir.clone(),
            entry: trial.entry.clone(),
            hyper: trial.hyper.clone(),
            data: trial.data.clone(),
        }
    }
    /// FNV-1a: it stays the same from one toolchain to the next, as addresses must.
    fn id(&self) -> String {
        let dir = self.dir.to_string_lossy();
        let hyper = self.hyper.iter().flat_map(|(k, v)| [k.as_str(), v.as_str()]);
        let parts = [&*dir, &self.entry].into_iter().chain(hyper).chain(self.data.iter().map(String::as_str));
        let text = parts.collect::<Vec<_>>().join("\0");
        let hash =
            text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        format!("{hash:016x}")
    }
}

impl Engine {
    /// The jobs of which something is known, newest first.
    pub async fn jobs(&self) -> Result<Arc<Vec<Job>>> {
        let seq = self.store.seq().await?;
        let mut shelf = self.shelf.jobs.lock().await;
        if let Some((known, jobs)) = &*shelf
            && *known == seq
        {
            return Ok(jobs.clone());
        }
        let jobs = Arc::new(self.read_jobs().await?);
        *shelf = Some((seq, jobs.clone()));
        Ok(jobs)
    }
    /// The newest job of a script folder.
    pub async fn job_of(&self, dir: &Path) -> Result<Option<Job>> {
        Ok(self.jobs().await?.iter().find(|j| j.dir == dir).cloned())
    }
    async fn read_jobs(&self) -> Result<Vec<Job>> {
        let mut jobs: BTreeMap<Same, Job> = BTreeMap::new();
        let new = |same: &Same, at: Timestamp| Job {
            id: same.id(),
            dir: same.dir.clone(),
            entry: same.entry.clone(),
            hyper: same.hyper.clone(),
            trial: None,
            runs: Vec::new(),
            at,
        };
        for trial in self.trials().await? {
            let same = Same::of_trial(&trial);
            let job = jobs.entry(same.clone()).or_insert_with(|| new(&same, trial.at));
            job.at = job.at.max(trial.at);
            if job.trial.as_ref().is_none_or(|t| t.at < trial.at) {
                job.trial = Some(trial);
            }
        }
        for row in self.store.runs().await?.iter() {
            let Some(status) = row.status.as_ref().filter(|s| s.state == RunState::Completed) else { continue };
            let (Some(from), Some(to)) = (status.started, status.ended) else { continue };
            let same = Same::of_run(&row.spec);
            let job = jobs.entry(same.clone()).or_insert_with(|| new(&same, to));
            let ms = i64::try_from(to.duration_since(from).as_millis()).unwrap_or(i64::MAX);
            job.runs.push((row.spec.machine.to_string(), ms.max(1)));
            job.at = job.at.max(to);
        }
        let mut jobs: Vec<Job> = jobs.into_values().collect();
        jobs.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.id.cmp(&b.id)));
        Ok(jobs)
    }
    /// Every trial that is kept, oldest first.
    pub(crate) async fn trials(&self) -> Result<Vec<TrialRecord>> {
        Ok(self.store.fact("trials").await?.unwrap_or_default())
    }
}
