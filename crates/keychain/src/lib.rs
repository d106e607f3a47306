//! Secrets in the system's keychain (Secret Service, macOS Keychain, Windows Credential Manager), or in this process's
//! memory where there is none. The only room that names the keychain's crate.
//!
//! Invariant: a secret is in no file of ours, in no error and in no log.

use curfew_core::connect::{Kept, Secret, Secrets};
use curfew_core::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Under which name all our entries stand in the keychain.
const SERVICE: &str = "Curfew";

/// The keychain as one home uses it.
pub struct Keychain {
    /// Several homes of one user (of tests, of two projects) keep apart what they keep.
    home: String,
    here: Mutex<HashMap<String, Secret>>,
    /// `CURFEW_NO_KEYCHAIN`: keep nothing beyond this session.
    off: bool,
}

impl Keychain {
    /// The keychain of the home at this folder. Touches nothing yet.
    pub fn of(home: &Path) -> Self {
        let off = std::env::var_os("CURFEW_NO_KEYCHAIN").is_some_and(|v| !v.is_empty());
        Self { home: home.to_string_lossy().into_owned(), here: Mutex::default(), off }
    }
    fn here(&self) -> MutexGuard<'_, HashMap<String, Secret>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn entry(&self, name: &str) -> keyring::Result<keyring::Entry> {
        keyring::Entry::new(SERVICE, &format!("{name} of {}", self.home))
    }
    fn probe(&self) -> keyring::Result<()> {
        let entry = self.entry("probe")?;
        entry.set_password("probe")?;
        entry.delete_credential()
    }
    /// Writes and reads back: opening the store succeeds on a locked keychain too, and only a write tells.
    fn write(&self, name: &str, secret: &Secret) -> keyring::Result<bool> {
        let entry = self.entry(name)?;
        entry.set_password(secret.expose())?;
        Ok(entry.get_password()? == secret.expose())
    }
}

/// What went wrong, without what the error may carry: some of its kinds hold the bytes that were read.
fn why(error: &keyring::Error) -> &'static str {
    use keyring::Error as E;
    match error {
        E::NoDefaultStore | E::PlatformFailure(_) => "no keychain answers on this computer",
        E::NoStorageAccess(_) => "the keychain is locked, or does not let Curfew in",
        E::TooLong(..) => "the keychain takes no secret of this length",
        E::BadEncoding(_) | E::BadDataFormat(..) => "the keychain holds something else under Curfew's name",
        _ => "the keychain refused",
    }
}

impl Secrets for Keychain {
    fn put(&self, name: &str, secret: &Secret) -> Kept {
        let reason = if self.off {
            "CURFEW_NO_KEYCHAIN is set"
        } else {
            match self.write(name, secret) {
                Ok(true) => {
                    self.here().remove(name);
                    return Kept::Keychain;
                }
                Ok(false) => "the keychain did not give back what it was given",
                Err(e) => why(&e),
            }
        };
        tracing::info!(reason, "a secret is kept in memory, and not in the keychain");
        self.here().insert(name.to_owned(), secret.clone());
        Kept::ThisSession(reason.to_owned())
    }
    fn get(&self, name: &str) -> Result<Option<Secret>> {
        if let Some(secret) = self.here().get(name) {
            return Ok(Some(secret.clone()));
        }
        if self.off {
            return Ok(None);
        }
        match self.entry(name).and_then(|e| e.get_password()) {
            Ok(text) => Ok(Some(Secret::new(text))),
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(e) => Err(Error::new(ErrorKind::Unavailable, "read the keychain", why(&e))
                .next("Unlock the keychain of your desktop, or paste the keys again")),
        }
    }
    fn remove(&self, name: &str) -> Result<()> {
        // What is in memory is there because the keychain did not take it.
        let was_here = self.here().remove(name).is_some();
        let told = |why: &str| {
            Error::new(ErrorKind::Unavailable, "take the keys out of the keychain", why)
                .next("Unlock the keychain, or remove the entry “Curfew” with your desktop's own program for passwords")
        };
        if self.off {
            return if was_here {
                Ok(())
            } else {
                Err(told("CURFEW_NO_KEYCHAIN is set, so the keychain was not asked"))
            };
        }
        let delete = || self.entry(name).and_then(|e| e.delete_credential());
        let removed = match delete() {
            // A locked keychain says so of everything. A write has it unlocked, or tells that it is locked.
            Err(keyring::Error::NoEntry) => self.probe().and_then(|()| delete()),
            other => other,
        };
        match removed {
            Ok(()) | Err(keyring::Error::NoEntry) => Ok(()),
            Err(_) if was_here => Ok(()),
            Err(e) => Err(told(why(&e))),
        }
    }
}
