//! Native notifications with actions, where a notification server answers.

use std::sync::Arc;

use notify_rust::{Notification, NotificationResponse, Timeout};

use crate::Desk;
use crate::bus::Notifications;

/// A notification. Names from the cloud may be in it: it is shown as text, whatever it contains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// One line: what happened.
    pub title: String,
    /// What it means for the bill, and the next step.
    pub body: String,
    /// The page that a click on the notification opens, root-relative.
    pub path: String,
    /// Buttons: a label and the page it opens. Nothing is changed from a notification; what changes something is a
    /// page that asks.
    pub actions: Vec<(String, String)>,
    /// Stays until it is closed. For what costs money while it waits.
    pub urgent: bool,
}

/// Shows a note; `false` if nobody is there to show it.
pub(crate) async fn show(desk: &Arc<Desk>, note: Note) -> bool {
    let Some(server) = desk.bus().await.notifications().await else { return false };
    let handle = match draw(&note, server).show_async().await {
        Ok(handle) => handle,
        Err(error) => {
            tracing::warn!(%error, title = note.title, "the notification was not shown");
            return false;
        }
    };
    let desk = Arc::clone(desk);
    tokio::spawn(async move {
        handle
            .wait_for_action_async(move |response| {
                if let Some(path) = opens(&note, response) {
                    desk.show(Some(path));
                }
            })
            .await;
    });
    true
}

fn draw(note: &Note, server: Notifications) -> Notification {
    let mut notification = Notification::new();
    notification.appname("Curfew").icon("curfew").summary(&plain(&note.title));
    let body = plain(&note.body);
    notification.body(&if server.markup { escape(&body) } else { body });
    if server.actions {
        notification.action("default", "Open Curfew");
        for (n, (label, _)) in note.actions.iter().enumerate() {
            notification.action(&n.to_string(), &plain(label));
        }
    }
    if note.urgent {
        notification.timeout(Timeout::Never);
    }
    notification
}

/// The page that a response opens.
fn opens<'a>(note: &'a Note, response: &NotificationResponse) -> Option<&'a str> {
    match response {
        NotificationResponse::Default => Some(&note.path),
        NotificationResponse::Action(id) => {
            id.parse::<usize>().ok().and_then(|n| note.actions.get(n)).map(|(_, path)| path.as_str())
        }
        NotificationResponse::Closed(_) | NotificationResponse::Reply(_) => None,
    }
}

/// D-Bus refuses a string with a NUL, and a terminal-like server may act on the rest.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note() -> Note {
        Note {
            title: "iris\u{0} ended".to_owned(),
            body: "<b>iris</b> & co\ncost $1".to_owned(),
            path: "/runs/1".to_owned(),
            actions: vec![("Extend…".to_owned(), "/runs/1/extend".to_owned())],
            urgent: true,
        }
    }

    /// Body and actions as the server gets them.
    fn check(server: Notifications, body: &str, actions: &[&str]) {
        let drawn = draw(&note(), server);
        assert_eq!((drawn.summary.as_str(), drawn.body.as_str()), ("iris  ended", body));
        assert_eq!(drawn.actions, actions);
    }

    #[test]
    fn names_are_data_and_buttons_need_a_server_that_has_them() {
        check(Notifications { actions: false, markup: false }, "<b>iris</b> & co\ncost $1", &[]);
        check(
            Notifications { actions: true, markup: true },
            "&lt;b&gt;iris&lt;/b&gt; &amp; co\ncost $1",
            &["default", "Open Curfew", "0", "Extend…"],
        );
    }

    #[test]
    fn an_answer_opens_its_page() {
        let check =
            |response: NotificationResponse, expect: Option<&str>| assert_eq!(opens(&note(), &response), expect);
        check(NotificationResponse::Default, Some("/runs/1"));
        check(NotificationResponse::Action("0".to_owned()), Some("/runs/1/extend"));
        check(NotificationResponse::Action("1".to_owned()), None);
        check(NotificationResponse::Action("__closed".to_owned()), None);
    }
}
