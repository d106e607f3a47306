//! What accounts may do and are set up with: the reads of it, and the changes with their intents.

use crate::{Engine, new_intent, runs};
use curfew_core::access::{Access, Chosen, Part, Regions};
use curfew_core::intent::Verb;
use curfew_core::provider::Provider;
use curfew_core::{AccountId, CloudId, Cx, Error, ErrorKind, Gap, Result};
use jiff::SignedDuration;
use std::sync::Arc;

/// How old the list of enabled regions may be: switching one on is rare, and a sweep asks again after a day.
const REGIONS_GOOD_FOR: SignedDuration = SignedDuration::from_hours(24);

impl Engine {
    /// An account with rights of its own; `NotFound` where none is connected, `Unsupported` for this computer.
    pub fn account_at(&self, cloud: &CloudId, account: &AccountId) -> Result<Arc<dyn Provider>> {
        let provider = self.provider(cloud, account)?.clone();
        access(&*provider)?;
        Ok(provider)
    }

    /// The one account that `text` means: its number, `aws:123456789012`, its title; without a text, the only one there is.
    pub fn find_account(&self, text: Option<&str>) -> Result<Arc<dyn Provider>> {
        const WHAT: &str = "find the account";
        let providers = self.providers();
        let with_rights = providers.iter().filter(|p| p.access().is_some());
        let meant = |p: &&Arc<dyn Provider>| {
            text.is_none_or(|t| p.account().0 == t || p.title() == t || format!("{}:{}", p.cloud(), p.account()) == t)
        };
        let found: Vec<_> = with_rights.filter(meant).collect();
        match found.as_slice() {
            [one] => Ok((*one).clone()),
            [] => Err(match text {
                Some(text) => {
                    let shown = curfew_core::say::clean(text, 60);
                    Error::new(ErrorKind::NotFound, WHAT, format!("no account “{shown}” is connected"))
                }
                None => Error::new(ErrorKind::NotFound, WHAT, "no account at a cloud is connected")
                    .next("Put keys or a profile into the environment, as for the cloud's own tools"),
            }),
            several => {
                let names: Vec<_> = several.iter().map(|p| p.account().to_string()).collect();
                Err(Error::input("account", format!("there are several accounts: {}; name one", names.join(", "))))
            }
        }
    }

    /// Makes ours of a part of the set-up. The intent is in the journal first.
    pub async fn set_up(&self, cx: &Cx, provider: &dyn Provider, part: Part) -> Result<Chosen> {
        let access = access(provider)?;
        let target = access.part(part).ours;
        let intent = runs::intent(cx, new_intent(), Verb::SetUp, provider, &target, &part, None)?;
        self.store.open_intent(&intent, &self.owner).await?;
        let made = access.make(cx, part).await;
        self.store.close_intent(&intent.id, cx.now(), if made.is_ok() { "made" } else { "not made" }).await?;
        made
    }

    /// Which regions to read, asked for again once a day. What could not be asked is a gap beside what was known.
    pub(crate) async fn regions_of(&self, cx: &Cx, provider: &dyn Provider) -> (Option<Regions>, Option<Gap>) {
        let Some(access) = provider.access() else { return (None, None) };
        match access.regions(cx, REGIONS_GOOD_FOR).await {
            Ok(regions) => (Some(regions), None),
            Err(e) => {
                let known = access.regions_known();
                // Where the user has said which to read, the others are left out on purpose.
                let asked = known.limited_by.is_some();
                let gap = Gap::new(provider.cloud(), provider.account(), None, "which regions are enabled", &e);
                (Some(known), (!asked).then_some(gap))
            }
        }
    }
}

/// The part of a provider that knows rights.
pub(crate) fn access(provider: &dyn Provider) -> Result<&dyn Access> {
    provider.access().ok_or_else(|| {
        let what = format!("{} has no rights to look up", provider.title());
        Error::new(ErrorKind::Unsupported, "look at the account", what)
    })
}
