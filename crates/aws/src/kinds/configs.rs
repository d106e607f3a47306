//! Endpoint configurations: cost nothing, and are in the way of nobody but a tidy account.

use super::endpoints::fine;
use super::{At, Sheet, last_used, not_billed, step, unknown_step};
use crate::clock::timestamp;
use crate::retry::call;
use async_trait::async_trait;
use curfew_core::resource::{Evidence, KindSheet, Resource};
use curfew_core::{ErrorKind, Result};

pub(super) struct Configs;

#[async_trait]
impl Sheet for Configs {
    fn sheet(&self) -> KindSheet {
        KindSheet {
            id: "endpoint-config",
            one: "endpoint configuration",
            many: "endpoint configurations",
            bills_idle: false,
            order: 20,
        }
    }

    async fn ids(&self, at: &At<'_>) -> Result<Vec<String>> {
        let (mut names, mut token) = (Vec::new(), None::<String>);
        loop {
            let page = call(at.cx, "list the endpoint configurations", || {
                at.clients.sagemaker.list_endpoint_configs().max_results(100).set_next_token(token.clone()).send()
            })
            .await?;
            names.extend(page.endpoint_configs().iter().filter_map(|c| c.endpoint_config_name()).map(str::to_owned));
            token = page.next_token;
            if token.is_none() {
                return Ok(names);
            }
        }
    }

    async fn read(&self, at: &At<'_>, name: &str) -> Result<Option<Resource>> {
        let found = call(at.cx, "look at the endpoint configuration", || {
            at.clients.sagemaker.describe_endpoint_config().endpoint_config_name(name).send()
        });
        let found = match found.await {
            Ok(found) => found,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let mut config = at.resource(name, name);
        config.state = "there".into();
        config.created = found.creation_time().map(timestamp);
        config.rate = not_billed("a configuration costs nothing");
        config.so_far = curfew_core::Cost::NotBilled { note: "a configuration costs nothing".into() };
        at.tagged(&mut config, found.endpoint_config_arn().unwrap_or_default()).await?;
        // Endpoints of ours have the name of their configuration.
        let used =
            call(at.cx, "look at the endpoint", || at.clients.sagemaker.describe_endpoint().endpoint_name(name).send());
        match used.await {
            Ok(_) => config.evidence.push(Evidence::NeededBy { what: format!("the endpoint {name} uses it") }),
            Err(e) if e.kind() == ErrorKind::NotFound && config.intent.is_some() => {
                config.evidence.push(Evidence::Orphan { of: format!("its endpoint {name} is gone") });
            }
            Err(e) if e.kind() == ErrorKind::NotFound => {
                config.evidence.extend(config.created.map(|t| last_used(t, "when it was made")));
                config.evidence.push(Evidence::UsageUnknown { why: "another endpoint may use it".into() });
            }
            Err(e) => return Err(e),
        }
        config.steps.push(step("delete", "Delete the configuration"));
        config.fingerprint = config.created.map(|t| t.to_string()).unwrap_or_default();
        Ok(Some(config))
    }

    async fn remove(&self, at: &At<'_>, name: &str, verb: &str) -> Result<()> {
        match verb {
            "delete" => fine(
                call(at.cx, "delete the endpoint configuration", || {
                    at.clients.sagemaker.delete_endpoint_config().endpoint_config_name(name).send()
                })
                .await
                .map(drop),
            ),
            other => Err(unknown_step(other)),
        }
    }
}
