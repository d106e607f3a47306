//! The execution role of ours. Roles have no region: it is listed in the account's home region.

use super::endpoints::fine;
use super::{At, Sheet, not_billed, step, unknown_step};
use crate::clock::timestamp;
use crate::names::TAG_OURS;
use crate::retry::call;
use crate::role::OURS;
use async_trait::async_trait;
use curfew_core::resource::{Evidence, KindSheet, Resource};
use curfew_core::{ErrorKind, Result};

pub(super) struct Roles;

#[async_trait]
impl Sheet for Roles {
    fn sheet(&self) -> KindSheet {
        KindSheet { id: "role", one: "role of Curfew's", many: "roles of Curfew's", bills_idle: false, order: 210 }
    }

    async fn ids(&self, at: &At<'_>) -> Result<Vec<String>> {
        Ok(if *at.region == at.inner.home { vec![OURS.to_owned()] } else { Vec::new() })
    }

    async fn read(&self, at: &At<'_>, name: &str) -> Result<Option<Resource>> {
        if name != OURS || *at.region != at.inner.home {
            return Ok(None);
        }
        let role = call(at.cx, "look at the role", || at.clients.iam.get_role().role_name(name).send()).await;
        let role = match role {
            Ok(role) => role,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let Some(found) = role.role().filter(|r| r.tags().iter().any(|t| t.key() == TAG_OURS)) else { return Ok(None) };
        let mut role = at.resource(name, name);
        role.state = "there".into();
        role.created = Some(timestamp(found.create_date()));
        role.rate = not_billed("a role costs nothing");
        role.so_far = curfew_core::Cost::NotBilled { note: "a role costs nothing".into() };
        role.evidence.push(Evidence::NeededBy { what: "training jobs and endpoints work under it".into() });
        role.steps.push(step("rights", "Take its rights away"));
        role.steps.push(step("delete", "Delete the role"));
        found.role_id().clone_into(&mut role.fingerprint);
        Ok(Some(role))
    }

    async fn remove(&self, at: &At<'_>, name: &str, verb: &str) -> Result<()> {
        match verb {
            "rights" => fine(
                call(at.cx, "take the role's rights away", || {
                    at.clients.iam.delete_role_policy().role_name(name).policy_name("curfew").send()
                })
                .await
                .map(drop),
            ),
            "delete" => {
                let gone = call(at.cx, "delete the role", || at.clients.iam.delete_role().role_name(name).send()).await;
                *at.inner.known.role.lock().await = None;
                fine(gone.map(drop))
            }
            other => Err(unknown_step(other)),
        }
    }
}
