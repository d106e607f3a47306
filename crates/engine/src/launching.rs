//! What a launch asks its provider for besides, and how far its uploads have come.

use crate::Engine;
use crate::input::FieldErrors;
use crate::runs::not_seen;
use crate::store::RunRow;
use curfew_core::cx::Progress;
use curfew_core::provider::Training;
use curfew_core::run::{RunHandle, RunOption, RunState};
use curfew_core::{Cost, Curfew, Cx, Enforcer, Error, MachineRef, Result, RunId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

impl Engine {
    /// Launches, and meanwhile keeps in the store how far the uploads have come, for every page and command to show.
    pub(crate) async fn tell_of_launch(&self, cx: &Cx, row: &mut RunRow, training: &dyn Training) -> Result<RunHandle> {
        const EVERY: std::time::Duration = std::time::Duration::from_millis(500);
        let spec = row.spec.clone();
        let newest = Arc::new(Mutex::new(None::<Progress>));
        let at = newest.clone();
        let cx = cx.telling(Arc::new(move |progress| {
            *at.lock().expect("nothing panics while it is held") = Some(progress.clone());
        }));
        let mut launching = training.launch(&cx, &spec);
        let mut told = None;
        loop {
            // What could not be told does not stop it.
            if let Ok(result) = tokio::time::timeout(EVERY, &mut launching).await {
                return result;
            }
            let now = newest.lock().expect("nothing panics while it is held").clone();
            if now == told {
                continue;
            }
            told = now;
            if let Err(e) = self.note_progress(row, told.as_ref()).await {
                tracing::warn!(run = %spec.id, error = ?e, "how far it has come could not be kept");
            }
        }
    }

    async fn note_progress(&self, row: &mut RunRow, told: Option<&Progress>) -> Result<()> {
        let stopping = self.is_stopping(&row.spec.id).await?;
        let Some(status) = &mut row.status else { return Ok(()) };
        // While something is missing nothing can have begun; once all is there, it may have.
        let missing = told.is_some_and(|told| told.done < told.total);
        let not_begun = || "it has not begun".to_owned();
        status.so_far = if missing { Cost::NotBilled { note: not_begun() } } else { Cost::Unknown { why: not_seen() } };
        status.rate = if missing { Cost::NotBilled { note: not_begun() } } else { Cost::Unknown { why: not_seen() } };
        status.curfew = Some(Curfew { at: row.spec.curfew, enforcer: Enforcer::OnlyWhileOn });
        status.progress = told.cloned();
        status.detail = told.map(ToString::to_string);
        if stopping {
            status.state = RunState::Stopping;
        }
        self.store.put_run(row).await
    }

    /// Has somebody, here or in another process, asked it to end meanwhile?
    async fn is_stopping(&self, id: &RunId) -> Result<bool> {
        let kept = self.store.run(id).await?.and_then(|row| row.status);
        Ok(kept.is_some_and(|status| status.state == RunState::Stopping))
    }

    /// What can be asked for with a run at a machine's provider.
    pub fn options_of_runs(&self, machine: &MachineRef) -> Result<&'static [RunOption]> {
        let training_at = self.training_for(machine)?;
        Ok(training_at.part().options())
    }

    /// The options that were typed, checked against what the machine's provider has.
    pub(crate) fn run_options(
        &self,
        machine: Option<&MachineRef>,
        typed: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, FieldErrors> {
        let typed = typed.iter().map(|(k, v)| (k.trim(), v.trim())).filter(|(_, v)| !v.is_empty());
        let Some(machine) = machine else { return Ok(BTreeMap::new()) };
        let training_at = self.training_for(machine)?;
        let (provider, training) = (training_at.provider(), training_at.part());
        let (mut options, mut errors) = (BTreeMap::new(), Vec::new());
        for (name, value) in typed {
            let shown = curfew_core::say::clean(value, 60);
            let Some(option) = training.options().iter().find(|o| o.name == name) else {
                let known: Vec<&str> = training.options().iter().map(|o| o.name).collect();
                let name = curfew_core::say::clean(name, 40);
                let error = Error::input("options", format!("{} has no option “{name}” for a run", provider.title()));
                errors.push(if known.is_empty() { error } else { error.next(format!("It has: {}", known.join(", "))) });
                continue;
            };
            let choices: Vec<&str> = option.choices.iter().map(|c| c.0).collect();
            if !choices.is_empty() && !choices.contains(&value) {
                let what = format!("{}: “{shown}” is none of {}", option.title.to_lowercase(), choices.join(", "));
                errors.push(Error::input(option.name, what));
                continue;
            }
            options.insert(name.to_owned(), value.to_owned());
        }
        if errors.is_empty() { Ok(options) } else { Err(FieldErrors(errors)) }
    }
}
