//! Whose keys these are, and whose policies decide what they may do.

use crate::aws::Inner;
use crate::retry::call;
use curfew_core::access::Who;
use curfew_core::{Cx, Error, ErrorKind, Result};

/// A caller, by its ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Principal {
    /// The account itself.
    Root,
    /// A user; its name.
    User(String),
    /// A session of a role; the role's name and the session's.
    Session { role: String, session: String },
    /// A session of a user (GetFederationToken); its name.
    Federated(String),
    /// None of these.
    Other,
}

impl Principal {
    /// Reads the ARN that AWS answers to "who am I".
    pub(crate) fn of(arn: &str) -> Self {
        // arn:PARTITION:iam|sts::ACCOUNT:REST
        let mut parts = arn.splitn(6, ':');
        let (service, rest) = (parts.nth(2).unwrap_or_default(), parts.nth(2).unwrap_or_default());
        let last = |text: &str| text.rsplit('/').next().unwrap_or(text).to_owned();
        match (service, rest.split_once('/')) {
            ("iam", None) if rest == "root" => Self::Root,
            ("iam", Some(("user", name))) => Self::User(last(name)),
            ("sts", Some(("assumed-role", rest))) => {
                let (role, session) = rest.split_once('/').unwrap_or((rest, ""));
                Self::Session { role: role.to_owned(), session: session.to_owned() }
            }
            ("sts", Some(("federated-user", name))) => Self::Federated(last(name)),
            _ => Self::Other,
        }
    }

    fn says(&self) -> String {
        match self {
            Self::Root => "The account's root user".into(),
            Self::User(name) => format!("The user {name}"),
            Self::Session { role, session } => match role.strip_prefix("AWSReservedSSO_") {
                // AWSReservedSSO_PERMISSIONSET_0123456789abcdef
                Some(set) => {
                    format!("{session}, signed in with {}", set.rsplit_once('_').map_or(set, |(name, _)| name))
                }
                None => format!("A session of the role {role}"),
            },
            Self::Federated(name) => format!("A temporary session of {name}"),
            Self::Other => "A principal of a kind that Curfew does not know".into(),
        }
    }

    fn caution(&self) -> Option<String> {
        (*self == Self::Root).then(|| {
            "The root user can do everything in the account, close it too, and nothing in the account can hold it back. \
             Make a user or role for this work, and put these keys away."
                .into()
        })
    }
}

/// Whose policies a simulation looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// This user or role.
    Arn(String),
    /// Nobody's: why, in a sentence without its full stop.
    None(String),
}

impl Inner {
    /// Whose keys these are; asks AWS.
    pub(crate) async fn who(&self, cx: &Cx) -> Result<Who> {
        let arn = self.caller(cx).await?;
        let principal = Principal::of(&arn);
        Ok(Who { account: self.account.clone(), says: principal.says(), caution: principal.caution(), principal: arn })
    }

    /// The caller's ARN.
    pub(crate) async fn caller(&self, cx: &Cx) -> Result<String> {
        const WHAT: &str = "ask AWS whose keys these are";
        let sts = self.at(&self.home).sts.clone();
        let answer = call(cx, WHAT, || sts.get_caller_identity().send()).await?;
        let arn = answer.arn().unwrap_or_default();
        // Keys may have been exchanged under a profile's name since the account was connected.
        if answer.account().is_some_and(|account| account != self.account.0) {
            let other = answer.account().unwrap_or_default();
            let what = format!("these keys now belong to the account {other}, and not to {}", self.account);
            return Err(Error::new(ErrorKind::Conflict, WHAT, what).next("Open Curfew again, or choose other keys"));
        }
        Ok(arn.to_owned())
    }

    /// The user or role behind the caller. A session's ARN lacks the role's path (SSO's roles have one), so the role is
    /// looked up.
    pub(crate) async fn source(&self, cx: &Cx, caller: &str) -> Source {
        match Principal::of(caller) {
            Principal::User(_) => Source::Arn(caller.to_owned()),
            Principal::Session { role, .. } => {
                let iam = self.at(&self.home).any_iam.clone();
                match call(cx, "look at the role", || iam.get_role().role_name(&role).send()).await {
                    Ok(found) => match found.role() {
                        Some(found) => Source::Arn(found.arn().to_owned()),
                        None => Source::None(format!("AWS does not tell the path of the role {role}")),
                    },
                    // Most roles have no path. One that has is not found by this guess, which is then said.
                    Err(e) if e.kind() == ErrorKind::PermissionDenied && !role.starts_with("AWSReservedSSO_") => {
                        Source::Arn(self.names(&self.home).iam(&format!("role/{role}")))
                    }
                    Err(e) => Source::None(format!("the role {role} could not be looked at: {}", e.message())),
                }
            }
            Principal::Root => Source::None("IAM does not simulate the root user".into()),
            Principal::Federated(_) | Principal::Other => {
                Source::None("IAM simulates users and roles only, and these keys are of another kind".into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arn: &str, expect: &Principal, says: &str) {
        let principal = Principal::of(arn);
        assert_eq!((&principal, principal.says().as_str()), (expect, says), "{arn}");
    }

    #[test]
    fn callers() {
        let session = |role: &str, session: &str| Principal::Session { role: role.into(), session: session.into() };
        check("arn:aws:iam::123456789012:root", &Principal::Root, "The account's root user");
        check("arn:aws:iam::123456789012:user/ada", &Principal::User("ada".into()), "The user ada");
        check("arn:aws:iam::123456789012:user/lab/x/ada", &Principal::User("ada".into()), "The user ada");
        check(
            "arn:aws:sts::123456789012:assumed-role/LabRole/i-0123",
            &session("LabRole", "i-0123"),
            "A session of the role LabRole",
        );
        check(
            "arn:aws-us-gov:sts::123456789012:assumed-role/AWSReservedSSO_Power_User_0123456789abcdef/ada@lab.org",
            &session("AWSReservedSSO_Power_User_0123456789abcdef", "ada@lab.org"),
            "ada@lab.org, signed in with Power_User",
        );
        check(
            "arn:aws:sts::123456789012:federated-user/bob",
            &Principal::Federated("bob".into()),
            "A temporary session of bob",
        );
        check("", &Principal::Other, "A principal of a kind that Curfew does not know");
        assert!(Principal::Root.caution().is_some() && Principal::User("ada".into()).caution().is_none());
    }
}
