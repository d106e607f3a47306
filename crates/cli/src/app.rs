//! Puts the parts together: home, providers, engine.

use curfew_core::Result;
use curfew_engine::{Engine, SystemClock, default_home};
use std::sync::Arc;

/// The engine of this home, with every provider.
pub(crate) fn engine() -> Result<Arc<Engine>> {
    let home = default_home()?;
    let setup = curfew_providers::all(&home)?;
    Engine::open_with_labs(home, setup.providers, Arc::new(SystemClock), Some(setup.labs))
}
