//! Puts the parts together: home, providers, engine.

use crate::out::note;
use curfew_core::{Notice, Result};
use curfew_engine::{Engine, SystemClock, default_home};
use std::sync::Arc;

/// The engine of this home, with every provider.
pub(crate) fn engine() -> Result<Arc<Engine>> {
    let home = default_home()?;
    let setup = curfew_providers::all(&home)?;
    for problem in &setup.problems {
        let notice = Notice::from(problem);
        note(format!("An account could not be connected: {} {}", notice.happened, notice.next));
    }
    Engine::open_with_labs(home, setup.providers, Arc::new(SystemClock), Some(setup.labs))
}
