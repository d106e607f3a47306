//! The provider object.

use crate::python::Pythons;
use crate::settings::{self, Launcher, Settings};
use crate::{kinds, offers, power};
use curfew_core::machine::Power;
use curfew_core::money::{Cost, HourlyRate, Money};
use curfew_core::provider::{Kind, Offers, Provider, Serving, Training};
use curfew_core::{AccountId, CloudId, Error, ErrorKind, Home, RegionName, Result};
use jiff::SignedDuration;
use std::sync::Arc;

/// This computer.
pub struct Local {
    pub(crate) inner: Arc<Inner>,
    kinds: Vec<Box<dyn Kind>>,
}

/// What every part of it needs.
pub(crate) struct Inner {
    pub home: Home,
    pub launcher: Launcher,
    pub settings: Settings,
    pub pythons: Pythons,
    pub cloud: CloudId,
    pub account: AccountId,
    pub region: RegionName,
}

impl Local {
    /// This computer with everything under `home`, an absolute path. Touches nothing yet.
    pub fn new(home: Home, launcher: Launcher, settings: Settings) -> Result<Self> {
        settings.check()?;
        if !home.root().is_absolute() {
            return Err(Error::new(ErrorKind::InvalidInput, "open the home", "CURFEW_HOME has to be an absolute path"));
        }
        let inner = Arc::new(Inner {
            home: resolved(home),
            launcher,
            settings,
            pythons: Pythons::default(),
            cloud: CloudId::new("local").expect("a constant that is a name"),
            account: AccountId("this-computer".into()),
            region: RegionName::new("here").expect("a constant that is a name"),
        });
        Ok(Self { kinds: kinds::all(&inner), inner })
    }
}

impl Local {
    /// States power draw and tariff, or takes them back; every process with this home counts with them from then on.
    pub fn set_power(&self, power: Option<&Power>) -> Result<()> {
        power::write(&self.inner.home, power)
    }
}

impl Inner {
    /// What an hour of work costs now.
    pub(crate) fn rate(&self) -> Cost<HourlyRate> {
        settings::rate_of(self.power().as_ref())
    }
    /// What `time` of work costs.
    pub(crate) fn so_far(&self, time: SignedDuration) -> Cost<Money> {
        self.rate().map(|rate| rate.over(time))
    }
    pub(crate) fn power(&self) -> Option<Power> {
        self.settings.power.clone().or_else(|| power::read(&self.home))
    }
}

/// The home without links in its path, as far as it is there: processes are known to be of a home by its path.
fn resolved(home: Home) -> Home {
    let mut there = home.root();
    while let Some(parent) = there.parent() {
        if let Ok(real) = there.canonicalize() {
            let rest = home.root().strip_prefix(there).unwrap_or(std::path::Path::new(""));
            // Joining nothing would add a slash.
            return Home::at(if rest.as_os_str().is_empty() { real } else { real.join(rest) });
        }
        there = parent;
    }
    home
}

impl Provider for Local {
    fn cloud(&self) -> &CloudId {
        &self.inner.cloud
    }
    fn account(&self) -> &AccountId {
        &self.inner.account
    }
    fn title(&self) -> String {
        "This computer".into()
    }
    fn regions(&self) -> Vec<RegionName> {
        vec![self.inner.region.clone()]
    }
    fn offers(&self) -> Option<&dyn Offers> {
        Some(self)
    }
    fn training(&self) -> Option<&dyn Training> {
        Some(self)
    }
    fn serving(&self) -> Option<&dyn Serving> {
        Some(self)
    }
    fn kinds(&self) -> &[Box<dyn Kind>] {
        &self.kinds
    }
}

#[async_trait::async_trait]
impl Offers for Local {
    async fn machines(&self, cx: &curfew_core::Cx) -> Result<curfew_core::Sweep<curfew_core::provider::Machine>> {
        cx.check("list the machines")?;
        let inner = self.inner.clone();
        blocking("list the machines", move || Ok(curfew_core::Sweep::whole(vec![offers::this_computer(inner.rate())])))
            .await
    }
}

/// Runs what touches disk and processes where it holds up nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    operation: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => {
            Err(Error::new(ErrorKind::Unknown, operation, "a part of Curfew broke while doing this").caused_by(e))
        }
    }
}
