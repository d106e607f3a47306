//! The one list of providers.
//!
//! A feature per provider, so that tests of pages build with `local` alone.

use curfew_core::connect::{Connector, Opened};
use curfew_core::provider::Provider;
use curfew_core::{Clock, Cx, Home, Result};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Every provider of this home, and what comes with them.
pub struct Setup {
    /// This computer. Others come and go with their accounts.
    pub providers: Vec<Arc<dyn Provider>>,
    /// How accounts are connected, one for each cloud.
    pub connectors: Vec<Arc<dyn Connector>>,
    /// The accounts that are connected already, and what could not be.
    pub opened: Opened,
    /// The folder with the guided labs, one folder each.
    pub labs: PathBuf,
}

/// Puts the list together. Writes the runners and labs out for Python, if that has not been done.
///
/// Supervisors are started from the running program, which has to answer to `supervise` (see [`supervise`]).
#[cfg(feature = "local")]
pub fn all(home: &Home, clock: &Arc<dyn Clock>) -> Result<Setup> {
    let launcher = curfew_local::Launcher::this_program()?;
    let local = curfew_local::Local::new(home.clone(), launcher, curfew_local::Settings::default())?;
    let assets = curfew_local::assets::ensure(home)?;
    let mut setup = clouds(home, clock);
    setup.providers.insert(0, Arc::new(local));
    setup.labs = assets.join("labs");
    Ok(setup)
}

/// Puts the list together; without this computer there are no labs on disk.
#[cfg(not(feature = "local"))]
pub fn all(home: &Home, clock: &Arc<dyn Clock>) -> Result<Setup> {
    Ok(clouds(home, clock))
}

/// The clouds, with the accounts that are connected or need no set-up.
#[cfg_attr(not(feature = "aws"), expect(unused_mut, unused_variables, reason = "nothing is added without a cloud"))]
fn clouds(home: &Home, clock: &Arc<dyn Clock>) -> Setup {
    let mut setup =
        Setup { providers: Vec::new(), connectors: Vec::new(), opened: Opened::default(), labs: home.assets() };
    let cx = Cx::new(clock.clone());
    #[cfg(feature = "aws")]
    {
        let secrets = Arc::new(curfew_keychain::Keychain::of(home.root()));
        let aws = Arc::new(curfew_aws::Connections::of(home, secrets));
        setup.opened = aws.open_now(&cx);
        setup.connectors.push(aws);
    }
    setup
}

/// Does what logs under this target handle keys and tokens? SDKs and keychains name them at their most talkative.
pub fn handles_secrets(target: &str) -> bool {
    const THESE: &[&str] = &["aws", "hyper", "h2", "rustls", "zbus", "secret_service", "keyring"];
    THESE.iter().any(|name| target.starts_with(name)) || target.contains("keyring_store")
}

/// What a program does when its first argument is `supervise`; `args` are those behind it.
#[cfg(feature = "local")]
pub fn supervise(args: impl IntoIterator<Item = std::ffi::OsString>) -> ExitCode {
    curfew_local::supervise::main(args)
}

/// Without this computer as a provider there is nothing to supervise.
#[cfg(not(feature = "local"))]
pub fn supervise(_args: impl IntoIterator<Item = std::ffi::OsString>) -> ExitCode {
    ExitCode::from(2)
}
