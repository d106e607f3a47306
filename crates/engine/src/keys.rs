//! Keys that end: noted when a cloud refuses them, so that nobody hammers it; told as a gap, and before a price.

use crate::Engine;
use crate::accounts::Key;
use curfew_core::connect::KeyLife;
use curfew_core::curfew::Enforcer;
use curfew_core::provider::{Caution, Provider, Quote};
use curfew_core::{AccountId, CloudId, Cx, ErrorKind, Gap, Result, Timestamp, say};
use jiff::SignedDuration;

/// An account whose keys the cloud does not take any more.
#[derive(Clone, Copy)]
pub(crate) struct Refused {
    pub(crate) since: Timestamp,
    /// When it is worth another try.
    next: Timestamp,
}

/// How often an account is tried whose keys are over. New keys are tried at once.
const AGAIN: SignedDuration = SignedDuration::from_mins(5);

impl Engine {
    /// Notes what an answer says about an account's keys: refused, or good again.
    pub(crate) async fn note_keys<T>(&self, cx: &Cx, cloud: &CloudId, account: &AccountId, answer: &Result<T>) {
        let refused = matches!(answer, Err(e) if e.kind() == ErrorKind::CredentialsExpired);
        if !refused && answer.is_err() {
            return;
        }
        self.note_refused(cx, &(cloud.clone(), account.clone()), refused).await;
    }
    async fn note_refused(&self, cx: &Cx, key: &Key, refused: bool) {
        let now = cx.now();
        let news = {
            let mut all = self.accounts.refused();
            match (refused, all.contains_key(key)) {
                (true, news) => {
                    let since = all.get(key).map_or(now, |r| r.since);
                    all.insert(key.clone(), Refused { since, next: now + AGAIN });
                    !news
                }
                (false, _) => all.remove(key).is_some(),
            }
        };
        if news && let Err(e) = self.accounts_changed(cx).await {
            tracing::warn!(error = ?e, "that keys are over could not be told to the pages");
        }
    }
    /// Is it too early to try this account again, whose keys are over?
    pub(crate) fn keys_rest(&self, now: Timestamp, cloud: &CloudId, account: &AccountId) -> bool {
        // A clock that was set back must not stop the looks.
        let resting = |r: &Refused| r.next > now && r.since <= now;
        self.accounts.refused().get(&(cloud.clone(), account.clone())).is_some_and(resting)
    }
    /// Somebody asks: every account is worth a try.
    pub(crate) fn try_all_keys(&self) {
        for refused in self.accounts.refused().values_mut() {
            refused.next = refused.since;
        }
    }

    /// Gaps of a sweep as they are told: an account whose keys ran out is one gap, not one for each list that this cut
    /// short; one that could not be opened at all is one too.
    pub(crate) async fn tell_cut(&self, cx: &Cx, gaps: Vec<Gap>) -> Vec<Gap> {
        let (cut, mut told): (Vec<Gap>, Vec<Gap>) =
            gaps.into_iter().partition(|g| g.kind == ErrorKind::CredentialsExpired);
        let mut by: Vec<(Key, usize)> = Vec::new();
        for gap in cut {
            let key = (gap.cloud, gap.account);
            match by.iter_mut().find(|(k, _)| *k == key) {
                Some((_, n)) => *n += 1,
                None => by.push((key, 1)),
            }
        }
        for (key, n) in by {
            self.note_refused(cx, &key, true).await;
            let title = self.place(&key.0, &key.1);
            told.push(Gap {
                what: format!("{title}, {}", say::count(n, "list", "lists")),
                reason: format!(
                    "the keys of {title} have run out, so this was not read: what is there goes on and is billed. Paste \
                     new keys or sign in under Accounts, then read everything again"
                ),
                cloud: key.0,
                account: key.1,
                region: None,
                kind: ErrorKind::CredentialsExpired,
            });
        }
        for problem in &self.accounts.now().1.problems {
            let Some(facts) = &problem.facts else { continue };
            let what = format!("{}, all of it", facts.title);
            told.push(Gap::new(&facts.cloud, &facts.account, None, what, &problem.error));
        }
        told
    }

    /// Adds what there is to say when an account's keys may end before something's curfew.
    pub(crate) fn caution_keys(cx: &Cx, provider: &dyn Provider, curfew: Timestamp, quote: &mut Quote) {
        let life = provider.key_life();
        let Some(at) = life.at().filter(|_| life.may_end_before(curfew)) else { return };
        let when = say::when(at, &cx.clock().local());
        let when = if when.starts_with(|c: char| c.is_ascii_digit()) { format!("at {when}") } else { when };
        let over = at <= cx.now();
        let (title, verb) = (provider.title(), if over { "ended" } else { "end" });
        let says = match life {
            KeyLife::Renewed { .. } => {
                format!(
                    "The sign-in to {title} is sure to last until {} only, and this goes home later.",
                    say::when(at, &cx.clock().local())
                )
            }
            KeyLife::AtMost { .. } => {
                format!("The keys of {title} {verb} {when} at the latest, and this goes home later.")
            }
            KeyLife::Until { .. } | KeyLife::NoEnd => {
                format!("The keys of {title} {verb} {when}, and this goes home later.")
            }
        };
        let ends = match &quote.enforcer {
            Enforcer::OnlyWhileOn => "nothing ends it at its curfew",
            _ => "only its own ceiling ends it",
        };
        let risk = format!(
            "From then on it goes on and is billed, Curfew cannot watch it or stop it, and {ends}, until new keys are pasted \
             or you sign in again under Accounts."
        );
        quote.cautions.push(Caution { code: "keys-end".into(), says, risk, ask: false });
    }
}
