//! How often which account is looked at: this computer each second, a cloud as often as its provider says.

use crate::Engine;
use curfew_core::{AccountId, CloudId, Cx, Timestamp};
use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

type Account = (CloudId, AccountId);

/// When each account was looked at, and when it was last asked for runs that the store does not know.
#[derive(Default)]
pub(crate) struct Pace(Mutex<HashMap<Account, (Timestamp, u32)>>);

/// Every so many looks, runs and endpoints that others started are looked for.
const ADOPT_EVERY: u32 = 12;

/// Which accounts to look at now.
pub(crate) struct Due {
    looks: Option<HashSet<Account>>,
    adopts: Option<HashSet<Account>>,
}

impl Due {
    /// All of them: somebody asked.
    pub(crate) const fn all() -> Self {
        Self { looks: None, adopts: None }
    }
    pub(crate) fn is_due(&self, cloud: &CloudId, account: &AccountId) -> bool {
        self.looks.as_ref().is_none_or(|l| l.contains(&(cloud.clone(), account.clone())))
    }
    pub(crate) fn adopts(&self, cloud: &CloudId, account: &AccountId) -> bool {
        self.adopts.as_ref().is_none_or(|l| l.contains(&(cloud.clone(), account.clone())))
    }
}

impl Engine {
    /// Which accounts are due by the clock. Counts as a look at them.
    pub(crate) fn due(&self, cx: &Cx) -> Due {
        let now = cx.now();
        let mut seen = self.pace.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (mut looks, mut adopts) = (HashSet::new(), HashSet::new());
        for provider in self.providers().iter() {
            let account = (provider.cloud().clone(), provider.account().clone());
            // Keys that are over are not tried each few seconds.
            if self.keys_rest(now, &account.0, &account.1) {
                continue;
            }
            let every = provider.look_every();
            let (last, count) = seen.get(&account).copied().unwrap_or((Timestamp::MIN, 0));
            // A clock that was set back must not stop the looks.
            let due = last == Timestamp::MIN || now.duration_since(last) >= every || last > now;
            // What is looked at each turn is due, however short the last turn was.
            if due || every.as_secs() <= 1 {
                if count.is_multiple_of(ADOPT_EVERY) {
                    adopts.insert(account.clone());
                }
                seen.insert(account.clone(), (now, count.wrapping_add(1)));
                looks.insert(account);
            }
        }
        Due { looks: Some(looks), adopts: Some(adopts) }
    }
}
