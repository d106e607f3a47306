//! A machine by name: `cloud[@account]:service:region:machine[:spot]`, of which account, service and region may be left
//! out.

use crate::ids::{AccountId, CloudId};
use crate::money::Money;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// On demand or spot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purchase {
    /// At the list price, until ended.
    OnDemand,
    /// Cheaper, and may be taken away.
    Spot,
}

/// A machine as typed or chosen. What is `None` is filled in from the account's defaults by its provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MachineRef {
    /// `local`, `aws`, `gcp`.
    pub cloud: CloudId,
    /// The account, where the cloud has several here; the first one where `None`.
    pub account: Option<AccountId>,
    /// `ec2`, `sagemaker`, `gce`, `vertex`, in the catalogue's own words.
    pub service: Option<String>,
    /// The region as its cloud writes it.
    pub region: Option<String>,
    /// The type's name; `None` only for `local`.
    pub machine: Option<String>,
    /// On demand or spot.
    pub purchase: Purchase,
}

impl MachineRef {
    /// This computer.
    pub fn local() -> Self {
        "local".parse().expect("a constant that parses")
    }
    /// Is it this computer?
    pub fn is_local(&self) -> bool {
        self.cloud.as_str() == "local"
    }
}

/// What this computer draws at work and what that costs, as its user states it. Kept as JSON in `Home::power`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Power {
    /// Watts at work.
    pub watts: Decimal,
    /// Price of a kilowatt hour.
    pub per_kwh: Money,
    /// When it was stated.
    pub stated: Timestamp,
}

/// Why a text names no machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{text}” is not a machine ({why}); write local, aws:ml.m5.xlarge or aws:ec2:us-east-1:g5.xlarge:spot")]
pub struct BadMachine {
    text: String,
    why: &'static str,
}

impl FromStr for MachineRef {
    type Err = BadMachine;
    fn from_str(text: &str) -> Result<Self, BadMachine> {
        let bad = |why| BadMachine { text: text.chars().take(80).flat_map(char::escape_debug).collect(), why };
        let mut parts: Vec<&str> = text.trim().split(':').collect();
        if parts.iter().any(|p| p.is_empty()) {
            return Err(bad("a part between colons is empty"));
        }
        let word = |c: char| c.is_ascii_alphanumeric() || "-_.+@".contains(c);
        if parts.iter().any(|p| !p.chars().all(word)) {
            return Err(bad("it has a character that no machine name has"));
        }
        let purchase = if parts.last() == Some(&"spot") && parts.len() > 1 {
            parts.pop();
            Purchase::Spot
        } else {
            Purchase::OnDemand
        };
        let (cloud, account) = match parts[0].split_once('@') {
            Some((_, "")) => return Err(bad("the account after the @ is missing")),
            Some((cloud, account)) => (cloud, Some(AccountId(account.to_owned()))),
            None => (parts[0], None),
        };
        if parts[1..].iter().any(|p| p.contains('@')) {
            return Err(bad("an account stands behind its cloud"));
        }
        let cloud = CloudId::new(cloud).map_err(|_| bad("the cloud is written in small letters"))?;
        let own = |s: &str| Some(s.to_owned());
        let (service, region, machine) = match parts[1..] {
            [] if cloud.as_str() == "local" && account.is_none() => (None, None, None),
            [] => return Err(bad("the machine's type is missing")),
            [machine] => (None, None, own(machine)),
            // Regions have a digit after a hyphen (us-east-1, europe-west4); services do not.
            [one, machine] if one.contains('-') => (None, own(one), own(machine)),
            [one, machine] => (own(one), None, own(machine)),
            [service, region, machine] => (own(service), own(region), own(machine)),
            // Vertex keys carry their component: n1-standard-4:training.
            [service, region, machine, component] => {
                (own(service), own(region), Some(format!("{machine}:{component}")))
            }
            _ => return Err(bad("it has too many parts")),
        };
        if cloud.as_str() == "local" && purchase == Purchase::Spot {
            return Err(bad("this computer has no spot price"));
        }
        Ok(Self { cloud, account, service, region, machine, purchase })
    }
}

impl fmt::Display for MachineRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.cloud.to_string();
        if let Some(account) = &self.account {
            text.push('@');
            text.push_str(&account.0);
        }
        for part in [&self.service, &self.region, &self.machine].into_iter().flatten() {
            text.push(':');
            text.push_str(part);
        }
        if self.purchase == Purchase::Spot {
            text.push_str(":spot");
        }
        f.pad(&text)
    }
}

impl Serialize for MachineRef {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for MachineRef {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cloud, service, region, machine, spot.
    type Parts<'a> = (&'a str, Option<&'a str>, Option<&'a str>, Option<&'a str>, bool);

    fn check(text: &str, expect: Option<Parts<'_>>) {
        let got = text.parse::<MachineRef>().ok();
        let got = got.as_ref().map(|m| {
            let p = m.purchase == Purchase::Spot;
            (m.cloud.as_str(), m.service.as_deref(), m.region.as_deref(), m.machine.as_deref(), p)
        });
        assert_eq!(got, expect, "{text}");
        if expect.is_some() {
            let m: MachineRef = text.parse().unwrap();
            assert_eq!(m.to_string().parse::<MachineRef>().unwrap(), m);
        }
    }

    #[test]
    fn written_as_people_write_them() {
        check("local", Some(("local", None, None, None, false)));
        check("aws:ml.m5.xlarge", Some(("aws", None, None, Some("ml.m5.xlarge"), false)));
        check(
            "aws:ec2:us-east-1:g5.xlarge:spot",
            Some(("aws", Some("ec2"), Some("us-east-1"), Some("g5.xlarge"), true)),
        );
        check("aws:us-east-1:g5.xlarge", Some(("aws", None, Some("us-east-1"), Some("g5.xlarge"), false)));
        check(
            "gcp:vertex:us-central1:n1-standard-4:training",
            Some(("gcp", Some("vertex"), Some("us-central1"), Some("n1-standard-4:training"), false)),
        );
        check("aws@123456789012:ml.m5.xlarge", Some(("aws", None, None, Some("ml.m5.xlarge"), false)));
        let there: MachineRef = "aws@123456789012:sagemaker:us-east-1:ml.m5.xlarge:spot".parse().unwrap();
        assert_eq!(there.account, Some(AccountId("123456789012".into())));
        for bad in ["", "aws", "aws:", "AWS:x", "local:spot", "local@me", "aws@:x", "aws:x@y", "a:b:c:d:e:f", "aws:<b>"]
        {
            check(bad, None);
        }
    }
}
