//! Reading the keychain without waiting for its user: a locked one asks for a password, and nobody may be there to type it.
//! What comes later is taken in then.

use curfew_core::connect::{Secret, Secrets};
use curfew_core::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// An unlocked keychain answers within milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);
const WHAT: &str = "read the keychain";

/// What a keychain says; its error in parts, since several may wait for one answer.
type Answer = Result<Option<Secret>, (ErrorKind, String, Option<String>)>;

struct Read {
    answer: watch::Receiver<Option<Answer>>,
    /// Somebody has gone on without it.
    late: Arc<AtomicBool>,
}

/// Reads that go on, and how many came late.
#[derive(Default)]
pub(super) struct Keychain {
    reads: Mutex<HashMap<String, Read>>,
    came: Arc<AtomicU64>,
}

impl Keychain {
    /// Another number whenever something that was waited for in vain has come.
    pub(super) fn stamp(&self) -> u64 {
        self.came.load(Ordering::Acquire)
    }

    pub(super) async fn get(&self, secrets: &Arc<dyn Secrets>, name: String) -> Result<Option<Secret>> {
        let reads = || self.reads.lock().expect("nothing panics while it is held");
        let (mut answer, late) = {
            let mut reads = reads();
            // It is one keychain: while it keeps one waiting, another need not wait too.
            let locked = reads.values().any(|r| r.late.load(Ordering::Acquire) && r.answer.borrow().is_none());
            if locked {
                return Err(locked_error());
            }
            let read = reads.entry(name.clone()).or_insert_with(|| self.begin(secrets.clone(), name.clone()));
            (read.answer.clone(), read.late.clone())
        };
        let came = tokio::time::timeout(PATIENCE, answer.wait_for(Option::is_some)).await;
        let came = came.map(|answer| answer.ok().and_then(|answer| answer.clone()));
        let Ok(answer) = came else {
            late.store(true, Ordering::Release);
            // It came just now, and its thread did not see that it was late.
            if answer.borrow().is_some() {
                self.came.fetch_add(1, Ordering::Release);
            }
            return Err(locked_error());
        };
        reads().remove(&name);
        match answer {
            Some(Ok(secret)) => Ok(secret),
            Some(Err((kind, message, next))) => {
                let error = Error::new(kind, WHAT, message);
                Err(match next {
                    Some(next) => error.next(next),
                    None => error,
                })
            }
            None => Err(Error::new(ErrorKind::Unknown, WHAT, "its thread ended early")),
        }
    }

    /// A thread of its own, which may hang for as long as its user likes, also when the runtime ends.
    fn begin(&self, secrets: Arc<dyn Secrets>, name: String) -> Read {
        let (send, answer) = watch::channel(None);
        let late = Arc::new(AtomicBool::new(false));
        let (came, was_late) = (self.came.clone(), late.clone());
        std::thread::spawn(move || {
            let got =
                secrets.get(&name).map_err(|e| (e.kind(), e.message().to_owned(), e.next_step().map(str::to_owned)));
            send.send_replace(Some(got));
            if was_late.load(Ordering::Acquire) {
                came.fetch_add(1, Ordering::Release);
            }
        });
        Read { answer, late }
    }
}

fn locked_error() -> Error {
    Error::new(ErrorKind::Unavailable, WHAT, "the keychain is locked")
        .next("Unlock the keychain of your desktop; the account comes back by itself then. Or paste its keys again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_core::connect::Kept;
    use std::sync::Condvar;

    /// Answers once it is unlocked.
    #[derive(Default)]
    struct Locked(Mutex<bool>, Condvar);

    impl Secrets for Locked {
        fn put(&self, _: &str, _: &Secret) -> Kept {
            Kept::Keychain
        }
        fn get(&self, name: &str) -> Result<Option<Secret>> {
            let _open = self.1.wait_while(self.0.lock().unwrap(), |open| !*open).unwrap();
            Ok(Some(Secret::new(name)))
        }
        fn remove(&self, _: &str) -> Result<()> {
            Ok(())
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_locked_keychain_keeps_nobody_waiting() {
        let locked = Arc::new(Locked::default());
        let secrets: Arc<dyn Secrets> = locked.clone();
        let keychain = Keychain::default();
        let told = |error: Error| (error.kind(), error.message().to_owned());
        let wanted = (ErrorKind::Unavailable, "the keychain is locked".to_owned());
        assert_eq!(told(keychain.get(&secrets, "one".into()).await.unwrap_err()), wanted);
        let begun = std::time::Instant::now();
        assert_eq!(told(keychain.get(&secrets, "other".into()).await.unwrap_err()), wanted);
        assert!(begun.elapsed() < PATIENCE, "the second one does not wait anew");
        let before = keychain.stamp();

        *locked.0.lock().unwrap() = true;
        locked.1.notify_all();
        while keychain.stamp() == before {
            tokio::task::yield_now().await;
        }
        for name in ["one", "other", "one"] {
            let got = keychain.get(&secrets, name.into()).await.unwrap();
            assert_eq!(got, Some(Secret::new(name)));
        }
        assert_eq!(keychain.stamp(), before + 1, "what is not late changes nothing");
    }
}
