//! Puts the parts together: home, providers, engine.

use crate::out::note;
use curfew_core::{Clock, Notice, Result};
use curfew_engine::{Engine, Opening, SystemClock, default_home};
use std::sync::Arc;

/// The engine of this home, with this computer and every account.
pub(crate) fn engine() -> Result<Arc<Engine>> {
    let home = default_home()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let setup = curfew_providers::all(&home, &clock)?;
    for problem in &setup.opened.problems {
        let notice = Notice::from(&*problem.error);
        let which = problem.facts.as_ref().map_or("An account", |f| f.title.as_str());
        note(format!("{which} could not be connected: {} {}", notice.happened, notice.next));
    }
    let opening = Opening {
        providers: setup.providers,
        connectors: setup.connectors,
        opened: setup.opened,
        labs: Some(setup.labs),
    };
    Engine::open_with(home, opening, clock)
}
