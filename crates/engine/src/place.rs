//! Where this user's Curfew lies.

use curfew_core::{Error, ErrorKind, Home, Result};
use etcetera::BaseStrategy;
use std::path::PathBuf;

/// `CURFEW_HOME`, else the platform's data folder (`~/.local/share/curfew` on Linux).
pub fn default_home() -> Result<Home> {
    if let Some(dir) = std::env::var_os("CURFEW_HOME").filter(|d| !d.is_empty()) {
        let dir = std::path::absolute(PathBuf::from(&dir))
            .map_err(|e| Error::io("find Curfew's folder", "CURFEW_HOME", e))?;
        return Ok(Home::at(dir));
    }
    let base = etcetera::choose_base_strategy().map_err(|e| {
        Error::new(ErrorKind::NotFound, "find Curfew's folder", "the home folder is not known")
            .next("Set CURFEW_HOME to a folder that you can write to")
            .caused_by(e)
    })?;
    Ok(Home::at(base.data_dir().join("curfew")))
}
