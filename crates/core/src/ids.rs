//! Typed ids. Each wraps text that is safe in a path, a tag and a URL segment: `[a-z0-9-]`, at most 63 characters,
//! which is what SageMaker (`[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}`) and Google labels both accept.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a text cannot be an id or a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "“{shown}” cannot be a name: use 1 to 63 small letters, digits and hyphens, with a letter or digit at both ends"
)]
pub struct BadName {
    /// The text, with control characters made visible, cut at 80 characters.
    pub shown: String,
}

/// Checks that `text` can be a name that every cloud accepts.
pub fn check_name(text: &str) -> std::result::Result<(), BadName> {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let good = (1..=63).contains(&bytes.len())
        && bytes.iter().all(|&b| inner(b) || b == b'-')
        && inner(bytes[0])
        && inner(bytes[bytes.len() - 1]);
    if good { Ok(()) } else { Err(BadName { shown: text.chars().take(80).flat_map(char::escape_debug).collect() }) }
}

/// Makes a name out of any text ("My Run!" → "my-run"); `None` where nothing usable is left.
pub fn to_name(text: &str) -> Option<String> {
    let mut name = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
        if name.len() >= 50 {
            break;
        }
    }
    let name = name.trim_matches('-').to_owned();
    (!name.is_empty()).then_some(name)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);
        impl $name {
            /// Takes a text that is already a valid name.
            pub fn new(text: impl Into<String>) -> std::result::Result<Self, BadName> {
                let text = text.into();
                check_name(&text)?;
                Ok(Self(text))
            }
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl std::str::FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> std::result::Result<Self, BadName> {
                Self::new(text)
            }
        }
        // An id read back from a file goes through the same check: a tampered run folder cannot name `../..`.
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
                Self::new(String::deserialize(d)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

id! {
    /// A training run of ours, on whatever provider.
    RunId
}
id! {
    /// An endpoint of ours. Its name is its id: a cloud knows endpoints by name.
    EndpointId
}
id! {
    /// One intent in the journal; also the idempotency token and the `curfew:intent` tag of what it creates.
    IntentId
}
id! {
    /// A lab session.
    LabId
}
id! {
    /// A frozen removal plan.
    PlanId
}
id! {
    /// A cloud: `local`, `aws`, `gcp`. Text, so that a new cloud needs no new variant anywhere.
    CloudId
}
id! {
    /// A region as its cloud writes it (`us-east-1`, `europe-west4`); this computer has the one region `here`.
    RegionName
}

/// An account at a cloud, as the cloud writes it: twelve digits, a project id, or `this-computer`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(pub String);

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, good: bool) {
        assert_eq!(RunId::new(text).is_ok(), good, "{text:?}");
    }

    #[test]
    fn names() {
        check("iris-7f3a", true);
        check("a", true);
        check("", false);
        check("-a", false);
        check("a-", false);
        check("../../etc", false);
        check("A", false);
        check("a\u{7}b", false);
        check(&"a".repeat(64), false);
        assert_eq!(to_name("My <b>Run</b>!\u{1b}[0m").as_deref(), Some("my-b-run-b-0m"));
        assert_eq!(to_name("…"), None);
        assert!(serde_json::from_str::<RunId>("\"../x\"").is_err());
    }
}
