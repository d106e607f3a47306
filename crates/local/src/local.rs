//! The provider object.

use crate::python::Pythons;
use crate::settings::{Launcher, Settings};
use crate::{kinds, offers};
use curfew_core::provider::{Kind, Offers, Provider, Serving, Training};
use curfew_core::{AccountId, CloudId, Error, ErrorKind, Home, RegionName, Result};
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
            home,
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
        blocking("list the machines", move || {
            Ok(curfew_core::Sweep::whole(vec![offers::this_computer(&inner.settings)]))
        })
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
