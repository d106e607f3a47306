//! An error as a person reads it: what happened, what it means for the bill, the next step, and details on request.

use crate::access::RightsHint;
use crate::error::{Bill, Error, ErrorKind};
use serde::{Deserialize, Serialize};

/// What is shown for an error, on a page, in the terminal and in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// One sentence.
    pub happened: String,
    /// What it means for the bill, one sentence.
    pub bill: String,
    /// What to do next, one sentence.
    pub next: String,
    /// Facts for whoever digs deeper, a line each. No secret.
    pub details: Vec<String>,
    /// The form field or option at fault.
    pub field: Option<String>,
    /// The kind, for JSON.
    pub kind: ErrorKind,
    /// Where the missing right can be looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rights: Option<RightsHint>,
}

impl From<&Error> for Notice {
    fn from(error: &Error) -> Self {
        let bill = match error.bill_effect() {
            Bill::NothingStarted => "Nothing was started, so nothing new costs money.",
            Bill::StillRunning => "What was running is still running and may still cost money.",
            Bill::NotKnown => "It is not known yet whether this was carried out; Curfew looks again and tells you.",
            Bill::NotAffected => "This does not change what you pay.",
        };
        let next = match error.kind() {
            ErrorKind::InvalidInput => "Correct it and try again; what you typed is kept.",
            ErrorKind::NotFound => "Check the name or path.",
            ErrorKind::AlreadyExists => "Choose another name.",
            ErrorKind::Conflict => "Look at it again, then decide.",
            ErrorKind::PermissionDenied => "Ask whoever owns it for the right to do this.",
            ErrorKind::CredentialsExpired => "Sign in again under Settings.",
            ErrorKind::Quota => "Ask for more, or choose a machine that your quota allows.",
            ErrorKind::Capacity => "Try another region or machine, or try again later.",
            ErrorKind::Throttled | ErrorKind::Unavailable => "Wait a little and try again.",
            ErrorKind::Timeout => "Wait until its state is shown before you try again.",
            ErrorKind::DiskFull => "Free some disk space (Sweep shows what Curfew keeps), then try again.",
            ErrorKind::Corrupt => "Restore the file from a copy, or remove it.",
            ErrorKind::Locked => "Close the other Curfew, or wait until it is done.",
            ErrorKind::MissingProgram => "Install it, then try again.",
            ErrorKind::PortInUse => "Choose another port, or end what uses it.",
            ErrorKind::Policy => "Choose something your team's policy allows, or ask your lead.",
            ErrorKind::Unsupported => "Choose another place to do this.",
            ErrorKind::Cancelled => "Start it again if you still want it.",
            ErrorKind::Unknown => "Read the details; try again, and report it if it stays.",
        };
        let mut details: Vec<String> = error.context().iter().map(|(k, v)| format!("{k}: {v}")).collect();
        details.push(format!("while trying to {}", error.operation()));
        let mut cause = std::error::Error::source(error);
        while let Some(c) = cause {
            details.push(c.to_string());
            cause = c.source();
        }
        Self {
            happened: sentence(error.message()),
            bill: bill.into(),
            next: error.next_step().map_or_else(|| next.into(), sentence),
            details,
            field: error.field().map(Into::into),
            kind: error.kind(),
            rights: error.rights().cloned(),
        }
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
    let text = format!("{first}{}", chars.as_str());
    if text.ends_with(['.', '!', '?', '…', ':']) { text } else { text + "." }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_what_the_bill_and_the_next_step() {
        let error =
            Error::input("curfew", "the curfew 2020-01-01 22:00 is in the past").with("now", "2026-11-21 10:00");
        insta::assert_json_snapshot!(Notice::from(&error), @r#"
        {
          "happened": "The curfew 2020-01-01 22:00 is in the past.",
          "bill": "Nothing was started, so nothing new costs money.",
          "next": "Correct it and try again; what you typed is kept.",
          "details": [
            "now: 2026-11-21 10:00",
            "while trying to check the input"
          ],
          "field": "curfew",
          "kind": "invalid_input"
        }
        "#);
    }
}
