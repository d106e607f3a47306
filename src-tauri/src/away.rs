//! The window while nobody sees it: in the tray it is not hidden but ended, and WebKit's processes with it, as soon as
//! nothing would be lost by that. "Open" makes it anew, on the page and at the place where it was.

use std::sync::Mutex;
use std::time::Duration;

use serde::Deserialize;
use tauri::WebviewWindow;

/// The expression that asks a page what would be lost with it.
const ASK: &str = include_str!("away.js");
/// How long a page may take to answer. One that does not answer is left as it is.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a page that holds something unsent is asked again: what was on its way may have been answered.
pub(crate) const AGAIN: Duration = Duration::from_secs(30);

/// What the page says.
#[derive(Debug, Deserialize)]
struct Said {
    /// Something typed, chosen or on its way would be lost.
    held: bool,
    /// Its session storage.
    kept: Vec<(String, String)>,
    /// How far it is scrolled, in CSS pixels.
    at: (f64, f64),
}

/// Where a window goes on that is made anew.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Resume {
    /// The page, root-relative.
    pub(crate) path: String,
    kept: Vec<(String, String)>,
    at: (f64, f64),
}

impl Resume {
    /// A page as it comes.
    pub(crate) fn at(path: impl Into<String>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    /// A script that gives the page what it had, run before the page's own. For the first page only: a reload, or another
    /// page, finds its session storage as it left it.
    pub(crate) fn script(&self) -> Option<String> {
        if self.kept.is_empty() && self.at == (0.0, 0.0) {
            return None;
        }
        // JSON is JavaScript, and an initialization script is never parsed as HTML.
        let kept = serde_json::to_string(&self.kept).ok()?;
        let (x, y) = self.at;
        Some(format!(
            "(() => {{ try {{
  if (sessionStorage.getItem('curfew-resumed')) return;
  for (const [name, value] of {kept}) sessionStorage.setItem(name, value);
  sessionStorage.setItem('curfew-resumed', 'yes');
}} catch {{ return; }}
addEventListener('load', () => scrollTo({x}, {y}), {{ once: true }}); }})()"
        ))
    }
}

fn understood(answer: &str, path: String) -> Option<Resume> {
    let said: Said = serde_json::from_str(answer).ok()?;
    let kept = said.kept.into_iter().filter(|(name, _)| name != "curfew-resumed").collect();
    (!said.held).then_some(Resume { path, kept, at: said.at })
}

/// Where to go on, if the window's page may be ended now; `None` if something would be lost, or if it does not answer.
pub(crate) async fn ask(window: &WebviewWindow) -> Option<Resume> {
    let path = crate::scheme::path(&window.url().ok().filter(crate::scheme::is_panel)?);
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = Mutex::new(Some(tell));
    window
        .eval_with_callback(ASK, move |answer| {
            if let Some(tell) = tell.lock().ok().and_then(|mut tell| tell.take()) {
                _ = tell.send(answer);
            }
        })
        .ok()?;
    let answer = tokio::time::timeout(PATIENCE, told).await.ok()?.ok()?;
    understood(&answer, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_that_holds_nothing_is_ended() {
        let check = |answer: &str, expect: Option<&str>| {
            assert_eq!(
                understood(answer, "/runs/1".to_owned()).map(|resume| resume.path).as_deref(),
                expect,
                "{answer}"
            );
        };
        check(r#"{"held": false, "kept": [], "at": [0, 0]}"#, Some("/runs/1"));
        check(r#"{"held": true, "kept": [], "at": [0, 0]}"#, None);
        // No answer is not "nothing".
        check("", None);
        check("null", None);
        check(r#"{"kept": [], "at": [0, 0]}"#, None);
    }

    #[test]
    fn what_a_page_kept_is_data() {
        let answer =
            r#"{"held": false, "kept": [["curfew-resumed", "yes"], ["a", "'</script>\u2028"]], "at": [0, 120.5]}"#;
        let resume = understood(answer, "/".to_owned()).unwrap();
        let script = resume.script().unwrap();
        assert!(script.contains(r#"of [["a","'</script>"#) && script.contains("scrollTo(0, 120.5)"), "{script}");
        assert_eq!(Resume::at("/").script(), None);
    }
}
