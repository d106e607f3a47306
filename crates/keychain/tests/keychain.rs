//! With a real Secret Service and without one. Each runs in a process of its own, since the store is opened once in one:
//! this test binary starts itself under `scripts/with-keychain`, and under a bus on which nobody answers.

use curfew_core::connect::{Kept, Secret, Secrets};
use curfew_keychain::Keychain;
use std::path::Path;
use std::process::Command;

const PLANTED: &str = "planted-secret-0123456789";

/// Runs one of the ignored tests below, as `start` would start it.
fn within(mut start: Command, test: &str) {
    start.arg(std::env::current_exe().unwrap()).args(["--exact", test, "--ignored", "--nocapture"]);
    let out = start.env_remove("CURFEW_NO_KEYCHAIN").output().expect("it starts");
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && said.contains("1 passed"), "{test}: {said}");
    assert!(!said.contains(PLANTED), "a secret was said");
}

#[test]
fn with_and_without_a_keychain() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let has = |program: &str| Command::new("which").arg(program).output().is_ok_and(|o| o.status.success());
    assert!(has("dbus-run-session") && has("gnome-keyring-daemon"), "install dbus and gnome-keyring, as ./test does");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/with-keychain");
    within(Command::new(script), "where_one_answers");
    let mut nobody = Command::new("env");
    nobody.args(["DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent/bus", "XDG_RUNTIME_DIR=/nonexistent"]);
    within(nobody, "where_none_answers");
    let mut empty = Command::new("dbus-run-session");
    empty.args(["--", "env", "XDG_DATA_DIRS=/nonexistent"]);
    within(empty, "where_none_answers");
}

#[test]
#[ignore = "started by with_and_without_a_keychain"]
fn where_one_answers() {
    let (here, elsewhere) = (Keychain::of(Path::new("/a")), Keychain::of(Path::new("/b")));
    assert_eq!(here.get("aws 1").unwrap(), None);
    assert_eq!(here.put("aws 1", &Secret::new(PLANTED)), Kept::Keychain);
    // Another process of this home, and another home.
    assert_eq!(Keychain::of(Path::new("/a")).get("aws 1").unwrap(), Some(Secret::new(PLANTED)));
    assert_eq!(elsewhere.get("aws 1").unwrap(), None);
    assert_eq!(here.put("aws 1", &Secret::new("new")), Kept::Keychain);
    assert_eq!(here.get("aws 1").unwrap(), Some(Secret::new("new")));
    elsewhere.remove("aws 1").unwrap();
    assert_eq!(here.get("aws 1").unwrap(), Some(Secret::new("new")));
    here.remove("aws 1").unwrap();
    here.remove("aws 1").unwrap();
    assert_eq!(Keychain::of(Path::new("/a")).get("aws 1").unwrap(), None);
}

#[test]
#[ignore = "started by with_and_without_a_keychain"]
fn where_none_answers() {
    let here = Keychain::of(Path::new("/a"));
    let Kept::ThisSession(why) = here.put("aws 1", &Secret::new(PLANTED)) else { panic!("there is no keychain") };
    assert!(!why.is_empty() && !why.contains(PLANTED));
    assert_eq!(here.get("aws 1").unwrap(), Some(Secret::new(PLANTED)));
    assert_ne!(Keychain::of(Path::new("/a")).get("aws 1").ok().flatten(), Some(Secret::new(PLANTED)), "not beyond it");
    here.remove("aws 1").unwrap();
    assert_eq!(here.get("aws 1").ok().flatten(), None);
    // What may lie in a keychain that does not answer is not said to be gone.
    assert!(here.remove("aws 2").is_err());
}
