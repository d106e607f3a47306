//! The execution role that SageMaker works under: the one that was chosen, one that is there, or a minimal one of ours.

use crate::aws::Inner;
use crate::names::TAG_OURS;
use crate::retry::call;
use aws_sdk_iam::types::Tag;
use curfew_core::error::Bill;
use curfew_core::{Cx, Error, ErrorKind, RegionName, Result};

/// The role that we make.
pub(crate) const OURS: &str = "curfew-sagemaker";
/// Reviewed documents, shipped as they are (assets/aws/README.md).
pub(crate) const TRUST: &str = include_str!("../../../assets/aws/role-trust.json");
pub(crate) const POLICY: &str = include_str!("../../../assets/aws/role-policy.json");

/// The role's ARN. `make`: create ours where there is none.
pub(crate) async fn find(inner: &Inner, cx: &Cx, region: &RegionName) -> Result<Option<String>> {
    if let Some(role) = inner.settings.role.clone().or_else(|| inner.kept.notes().role) {
        return Ok(Some(role));
    }
    let mut known = inner.known.role.lock().await;
    if known.is_none() {
        *known = pick(all(inner, cx, region).await?);
    }
    Ok(known.clone())
}

/// The role's ARN; ours is created where there is none.
pub(crate) async fn ensure(inner: &Inner, cx: &Cx, region: &RegionName) -> Result<String> {
    if let Some(role) = find(inner, cx, region).await? {
        return Ok(role);
    }
    let arn = create(inner, cx, region).await?;
    *inner.known.role.lock().await = Some(arn.clone());
    Ok(arn)
}

/// ARNs and names of roles that SageMaker may assume.
pub(crate) async fn all(inner: &Inner, cx: &Cx, region: &RegionName) -> Result<Vec<(String, String)>> {
    let iam = inner.at(region).iam.clone();
    let (mut roles, mut marker) = (Vec::new(), None::<String>);
    loop {
        let page = call(cx, "look for an execution role", || iam.list_roles().set_marker(marker.clone()).send());
        let page = page.await.map_err(|e| {
            if e.kind() == ErrorKind::PermissionDenied {
                e.next("Name the execution role on the account's page: its ARN begins with arn:aws:iam::").at("role")
            } else {
                e
            }
        })?;
        for role in page.roles() {
            if role.assume_role_policy_document().is_some_and(trusts_sagemaker) {
                roles.push((role.arn().to_owned(), role.role_name().to_owned()));
            }
        }
        marker = page.marker;
        if !page.is_truncated || marker.is_none() {
            return Ok(roles);
        }
    }
}

/// Does a trust policy, as IAM's answers hold it, let SageMaker in? It is URL-encoded JSON; the principal's name has no
/// character that is encoded.
pub(crate) fn trusts_sagemaker(document: &str) -> bool {
    document.contains("sagemaker.amazonaws.com")
}

/// Ours, else one that AWS's own tools or a class made for this, by name.
fn pick(mut roles: Vec<(String, String)>) -> Option<String> {
    let rank = |name: &str| {
        let lower = name.to_lowercase();
        [OURS, "sagemakerexecutionrole", "amazonsagemaker-executionrole", "labrole"]
            .iter()
            .position(|known| lower == *known || lower.starts_with(known) || lower.ends_with(known))
    };
    roles.retain(|(_, name)| rank(name).is_some() || name.to_lowercase().contains("sagemaker"));
    roles.sort_by_key(|(arn, name)| (rank(name).unwrap_or(usize::MAX), arn.clone()));
    roles.into_iter().next().map(|(arn, _)| arn)
}

/// Makes ours, and gives it its rights. Doing it twice is fine.
pub(crate) async fn create(inner: &Inner, cx: &Cx, region: &RegionName) -> Result<String> {
    let iam = inner.at(region).iam.clone();
    let tag = Tag::builder().key(TAG_OURS).value("curfew").build().map_err(|e| {
        Error::new(ErrorKind::Unknown, "make an execution role", "the request could not be made").caused_by(e)
    })?;
    let made = call(cx, "make an execution role", || {
        iam.create_role()
            .role_name(OURS)
            .assume_role_policy_document(TRUST)
            .description("For training jobs and endpoints that Curfew starts")
            .tags(tag.clone())
            .send()
    });
    match made.await {
        Ok(_) => {}
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
        Err(e) => {
            return Err(e
                .next("Ask for an execution role for SageMaker, and name it on the account's page")
                .at("role")
                .bill(Bill::NothingStarted));
        }
    }
    call(cx, "give the execution role its rights", || {
        iam.put_role_policy().role_name(OURS).policy_name("curfew").policy_document(POLICY).send()
    })
    .await?;
    let role = call(cx, "look at the execution role", || iam.get_role().role_name(OURS).send()).await?;
    let arn = role.role().map(|r| r.arn().to_owned());
    arn.ok_or_else(|| Error::new(ErrorKind::Unknown, "make an execution role", "AWS made a role without a name"))
}

/// A new role is not known everywhere at once (IAM: "eventually consistent"): what was refused because of it is tried
/// again for a while.
pub(crate) fn not_known_yet(error: &Error, role: &str) -> bool {
    error.kind() == ErrorKind::PermissionDenied && error.field() == Some("role") && role.ends_with(&format!("/{OURS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_that_was_made_for_it() {
        let check = |names: &[&str], expect: Option<&str>| {
            let roles = names.iter().map(|n| (format!("arn:aws:iam::1:role/{n}"), (*n).to_owned())).collect();
            assert_eq!(pick(roles).as_deref().map(|a| &a["arn:aws:iam::1:role/".len()..]), expect, "{names:?}");
        };
        check(&["LabRole", "AmazonSageMaker-ExecutionRole-20260101", OURS], Some(OURS));
        check(&["LabRole", "AmazonSageMaker-ExecutionRole-20260101"], Some("AmazonSageMaker-ExecutionRole-20260101"));
        check(&["LabRole", "batch"], Some("LabRole"));
        check(&["batch"], None);
        check(&["my-sagemaker-things"], Some("my-sagemaker-things"));
        check(&[], None);
    }

    #[test]
    fn the_documents_are_json() {
        for text in [TRUST, POLICY] {
            let document: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(document["Version"], "2012-10-17");
        }
    }
}
