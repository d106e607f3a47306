//! A page in Chromium.

use serde_json::{Map, Value, json};

use crate::driver::Driver;
use crate::page::{Look, Page};
use crate::serve::Served;

/// Opens the panel's first page in Chromium.
pub async fn chromium(panel: &Served, look: Look) -> Page {
    let page = blank(look).await;
    page.go(&panel.address).await;
    page
}

async fn blank(look: Look) -> Page {
    let room = tempfile::Builder::new().prefix("curfew-chromium-").tempdir().expect("a folder can be made");
    let driver = Driver::start("chromedriver", room.path(), &[("LANG", "en_US.UTF-8")]).await;
    let mut arguments = vec![
        "--headless=new".to_owned(),
        "--disable-gpu".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--disable-background-networking".to_owned(),
        "--no-first-run".to_owned(),
        "--lang=en-US".to_owned(),
        // A page that reaches out fails here as it would on a plane.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1".to_owned(),
        format!("--user-data-dir={}", room.path().join("profile").display()),
        format!("--window-size={},{}", look.width, look.height),
    ];
    if rustix::process::geteuid().is_root() {
        arguments.push("--no-sandbox".to_owned());
    }
    let mut capabilities = Map::new();
    capabilities.insert("browserName".to_owned(), json!("chrome"));
    capabilities.insert("goog:chromeOptions".to_owned(), json!({ "args": arguments }));
    capabilities.insert("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" }));
    let client = driver.session(capabilities).await;
    let page = Page::chromium(client, driver, room);
    page.look(look).await;
    page
}

/// The faults in the browser's own log: errors of scripts, refused loads, violations of the policy.
pub(crate) fn faults(log: &Value) -> Vec<String> {
    let entries = log.as_array().map(Vec::as_slice).unwrap_or_default();
    entries
        .iter()
        .filter(|entry| {
            let text = entry["message"].as_str().unwrap_or_default();
            entry["level"] == "SEVERE" || text.contains("Content Security Policy")
        })
        .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
        .collect()
}
