//! The question before leaving, as a small window of its own: the panel's window may be hidden when "Quit…" is chosen
//! in the tray, and a half-filled form in it should stay as it is.
//!
//! The page is plain HTML with a form, so it is read by a screen reader and driven by the same tests as every page.

use std::fmt::Write as _;

use axum::Router;
use axum::extract::Form;
use axum::response::Html;
use axum::routing::{get, post};
use serde::Deserialize;

use crate::plain::{document, escape, files};

/// Why it asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The window was closed and no tray would keep it.
    Close,
    /// Quit was chosen.
    Quit,
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Stay as it was.
    Stay,
    /// Hide the window and keep running; starting Curfew again shows it.
    Background,
    /// Leave; what runs here goes on under its supervisors.
    Quit,
    /// Stop what runs here, then leave.
    EndAndQuit,
}

/// What the question's window needs to know.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Why it asks.
    pub question: Question,
    /// Names of what still runs on this computer.
    pub local: Vec<String>,
    /// Whether everything local can be stopped from here.
    pub can_end: bool,
}

#[derive(Deserialize)]
struct Sent {
    answer: Answer,
}

/// The pages of the question's window. `answered` is called once per answer.
pub fn pages(asked: Asked, answered: impl Fn(Answer) + Clone + Send + Sync + 'static) -> Router {
    Router::new()
        .route("/", get(move || async move { Html(page(&asked)) }))
        .route(
            "/answer",
            post(move |Form(sent): Form<Sent>| async move {
                answered(sent.answer);
                Html(document("Curfew", "<main><p>One moment…</p></main>"))
            }),
        )
        .merge(files())
}

/// How many names are listed before the rest is a number.
const LISTED: usize = 5;

fn page(asked: &Asked) -> String {
    let heading = match asked.question {
        Question::Close => "Close the panel?",
        Question::Quit => "Quit Curfew?",
    };
    let mut body = String::new();
    let count = asked.local.len();
    if count > 0 {
        let things = if count == 1 { "1 thing still runs" } else { &format!("{count} things still run") };
        _ = write!(body, "<p>{things} on this computer:</p><ul>");
        for name in asked.local.iter().take(LISTED) {
            _ = write!(body, "<li>{}</li>", escape(name));
        }
        if count > LISTED {
            _ = write!(body, "<li>and {} more</li>", count - LISTED);
        }
        body.push_str(if count == 1 {
            "</ul><p>Without the panel it goes on, and ends at its curfew.</p>"
        } else {
            "</ul><p>Without the panel they go on, and end at their curfew.</p>"
        });
    } else {
        body.push_str("<p>Nothing runs on this computer.</p>");
    }
    if asked.question == Question::Close {
        body.push_str("<p>This desktop shows no tray icons. Kept in the background, Curfew comes back when you start it again.</p>");
    }
    // The safe answer comes first and has the focus.
    let mut buttons = vec![("stay", "Stay", true)];
    if asked.question == Question::Close {
        buttons.push(("background", "Keep in background", false));
    }
    if count > 0 && asked.can_end {
        buttons.push(("end-and-quit", if count == 1 { "End it and quit" } else { "End them and quit" }, false));
    }
    buttons.push((
        "quit",
        match count {
            0 => "Quit",
            1 => "Quit, let it run",
            _ => "Quit, let them run",
        },
        false,
    ));
    let buttons = buttons.iter().fold(String::new(), |mut html, (value, label, first)| {
        let focus = if *first { " id=\"stay\" autofocus" } else { "" };
        _ = write!(html, "<button name=\"answer\" value=\"{value}\"{focus}>{label}</button>");
        html
    });
    document(
        heading,
        &format!("<main><h1>{heading}</h1>{body}</main><form method=\"post\" action=\"/answer\">{buttons}</form>"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(question: Question, local: &[&str], can_end: bool) -> String {
        let local = local.iter().map(|&name| name.to_owned()).collect();
        page(&Asked { question, local, can_end })
    }

    #[test]
    fn what_still_runs_is_named() {
        insta::assert_snapshot!(check(
            Question::Quit,
            &["iris · epoch 3 of 50", "<script>alert(1)</script>\u{7}"],
            true
        ));
        insta::assert_snapshot!(check(Question::Close, &[], true));
        let many = check(Question::Quit, &["a", "b", "c", "d", "e", "f", "g"], false);
        assert!(many.contains("<li>and 2 more</li>") && !many.contains("end-and-quit"), "{many}");
    }
}
