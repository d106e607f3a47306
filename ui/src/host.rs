//! What a page cannot do itself. The desktop does it natively; `curfew serve` has only the browser.

use async_trait::async_trait;
use curfew_core::{Error, ErrorKind, Result, RunId};
use std::path::PathBuf;

/// The surroundings that pages are shown in.
#[async_trait]
pub trait Host: Send + Sync {
    /// Can it show a dialog to choose a folder or file? Where not, paths are typed and "Choose…" is absent.
    fn can_pick(&self) -> bool;
    /// Can it save a file where the user says? Where not, files are downloads.
    fn can_save(&self) -> bool;
    /// Asks for a folder. `None`: the user closed the dialog.
    async fn pick_folder(&self, title: &str) -> Result<Option<PathBuf>>;
    /// Asks for a file with one of these endings (none: any). `None`: the user closed the dialog.
    async fn pick_file(&self, title: &str, endings: &[&str]) -> Result<Option<PathBuf>>;
    /// Asks where to save `bytes`, proposing `name`, and saves. `None`: the user closed the dialog.
    async fn save(&self, name: &str, bytes: &[u8]) -> Result<Option<PathBuf>>;
    /// Asks where to save a file, proposing `name`; the caller writes it. `None`: the user closed the dialog.
    async fn save_where(&self, name: &str) -> Result<Option<PathBuf>>;
    /// Opens an address in the user's browser. Called only with addresses that [`may_open`] allows.
    async fn open_url(&self, url: &str) -> Result<()>;
    /// Can it show a run in a small window of its own? Where not, "Pop out" is absent.
    fn can_pop_out(&self) -> bool {
        false
    }
    /// Shows a run in the monitor, a window and process of its own, which stays when the panel is closed.
    async fn pop_out(&self, _run: &RunId) -> Result<()> {
        Err(in_a_browser("open the monitor").next("Open this page in another window of the browser"))
    }
    /// Shows a notification.
    async fn notify(&self, title: &str, body: &str) -> Result<()>;
    /// Does the app start with the user's session? `None` where that cannot be had (in a browser).
    fn autostart(&self) -> Option<bool> {
        None
    }
    /// Makes it start with the user's session, or not.
    async fn set_autostart(&self, _on: bool) -> Result<()> {
        Err(Error::new(ErrorKind::Unsupported, "change autostart", "this panel is a page in a browser")
            .next("Open the desktop app to let it start by itself"))
    }
}

/// Addresses that a page may ask the host to open: the clouds' own consoles, and servers on this computer.
pub fn may_open(url: &str) -> bool {
    const CONSOLES: [&str; 4] = [
        "https://console.aws.amazon.com/",
        "https://signin.aws.amazon.com/",
        "https://console.cloud.google.com/",
        "https://accounts.google.com/",
    ];
    if url.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return false;
    }
    if CONSOLES.iter().any(|start| url.starts_with(start)) {
        return true;
    }
    // Regional consoles: https://eu-west-1.console.aws.amazon.com/…
    if let Some((host, _)) = url.strip_prefix("https://").and_then(|rest| rest.split_once('/')) {
        let region = host.strip_suffix(".console.aws.amazon.com");
        if region.is_some_and(|r| r.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')) {
            return true;
        }
    }
    // Where one signs in to IAM Identity Center: https://device.sso.eu-west-1.amazonaws.com/…, https://NAME.awsapps.com/start…
    if let Some((host, path)) = url.strip_prefix("https://").and_then(|rest| rest.split_once('/')) {
        let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let device = host.strip_prefix("device.sso.").and_then(|h| h.strip_suffix(".amazonaws.com"));
        let portal = host.strip_suffix(".awsapps.com").filter(|_| path.starts_with("start"));
        if device.or(portal).is_some_and(word) {
            return true;
        }
    }
    let local = url.strip_prefix("http://127.0.0.1:").or_else(|| url.strip_prefix("http://localhost:"));
    local.is_some_and(|rest| {
        let port = rest.split(['/', '?', '#']).next().unwrap_or("");
        port.parse::<u16>().is_ok_and(|p| p > 0)
    })
}

/// The host of `curfew serve`: typed paths, downloads, nothing else.
pub struct Browser;

fn in_a_browser(operation: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, operation, "this panel is a page in a browser, which cannot do this")
}

#[async_trait]
impl Host for Browser {
    fn can_pick(&self) -> bool {
        false
    }
    fn can_save(&self) -> bool {
        false
    }
    async fn pick_folder(&self, _: &str) -> Result<Option<PathBuf>> {
        Err(in_a_browser("choose a folder").next("Type or paste the folder's path"))
    }
    async fn pick_file(&self, _: &str, _: &[&str]) -> Result<Option<PathBuf>> {
        Err(in_a_browser("choose a file").next("Type or paste the file's path"))
    }
    async fn save(&self, _: &str, _: &[u8]) -> Result<Option<PathBuf>> {
        Err(in_a_browser("save a file").next("Download it instead"))
    }
    async fn save_where(&self, _: &str) -> Result<Option<PathBuf>> {
        Err(in_a_browser("save a file").next("Download it instead"))
    }
    async fn open_url(&self, _: &str) -> Result<()> {
        Err(in_a_browser("open the address").next("Copy the address and open it yourself"))
    }
    async fn notify(&self, _: &str, _: &str) -> Result<()> {
        Err(in_a_browser("show a notification"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_opened() {
        let check = |url: &str, expect: bool| assert_eq!(may_open(url), expect, "{url}");
        check("https://console.aws.amazon.com/sagemaker/home?region=eu-west-1", true);
        check("https://eu-west-1.console.aws.amazon.com/sagemaker/home", true);
        check("https://console.cloud.google.com/vertex-ai", true);
        check("http://127.0.0.1:8080/ping", true);
        check("http://localhost:8080", true);
        check("https://device.sso.eu-west-1.amazonaws.com/?user_code=ABCD-EFGH", true);
        check("https://d-9067642ac7.awsapps.com/start/#/device?user_code=ABCD-EFGH", true);
        check("https://device.sso.evil.example/?user_code=ABCD-EFGH", false);
        check("https://evil.example/device.sso.eu-west-1.amazonaws.com/", false);
        check("https://a.b.awsapps.com/start", false);
        check("https://a@evil.example#.awsapps.com/start", false);
        check("https://x.awsapps.com/other", false);
        check("https://console.aws.amazon.com.evil.example/", false);
        check("https://evil.example/.console.aws.amazon.com/", false);
        check("https://evil.example?.console.aws.amazon.com/", false);
        check("https://a@evil.example#.console.aws.amazon.com/", false);
        check("http://127.0.0.1:80@evil.example/", false);
        check("http://127.0.0.1.evil.example/", false);
        check("http://localhost:0/", false);
        check("file:///etc/passwd", false);
        check("javascript:alert(1)", false);
        check("https://console.aws.amazon.com/\nx", false);
        check("", false);
    }
}
