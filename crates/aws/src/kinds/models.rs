//! SageMaker models: a name for an image and an archive. They cost nothing; the archive lies in S3 and is counted there.

use super::endpoints::fine;
use super::{At, Sheet, last_used, not_billed, step, unknown_step};
use crate::clock::timestamp;
use crate::retry::call;
use async_trait::async_trait;
use curfew_core::resource::{Evidence, KindSheet, Resource};
use curfew_core::{ErrorKind, Result};

pub(super) struct Models;

#[async_trait]
impl Sheet for Models {
    fn sheet(&self) -> KindSheet {
        KindSheet { id: "model", one: "SageMaker model", many: "SageMaker models", bills_idle: false, order: 30 }
    }

    async fn ids(&self, at: &At<'_>) -> Result<Vec<String>> {
        let (mut names, mut token) = (Vec::new(), None::<String>);
        loop {
            let page = call(at.cx, "list the models", || {
                at.clients.sagemaker.list_models().max_results(100).set_next_token(token.clone()).send()
            })
            .await?;
            names.extend(page.models().iter().filter_map(|m| m.model_name()).map(str::to_owned));
            token = page.next_token;
            if token.is_none() {
                return Ok(names);
            }
        }
    }

    async fn read(&self, at: &At<'_>, name: &str) -> Result<Option<Resource>> {
        let found = call(at.cx, "look at the model", || at.clients.sagemaker.describe_model().model_name(name).send());
        let found = match found.await {
            Ok(found) => found,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let mut model = at.resource(name, name);
        model.state = "there".into();
        model.created = found.creation_time().map(timestamp);
        model.rate = not_billed("a model's entry costs nothing; its archive is counted with its run");
        model.so_far = curfew_core::Cost::NotBilled { note: "a model's entry costs nothing".into() };
        at.tagged(&mut model, found.model_arn().unwrap_or_default()).await?;
        let used = call(at.cx, "look at the endpoint", || {
            at.clients.sagemaker.describe_endpoint_config().endpoint_config_name(name).send()
        });
        match used.await {
            Ok(_) => model.evidence.push(Evidence::NeededBy { what: format!("the configuration {name} uses it") }),
            Err(e) if e.kind() == ErrorKind::NotFound && model.intent.is_some() => {
                model
                    .evidence
                    .push(Evidence::Orphan { of: format!("the endpoint {name} that it was made for is gone") });
            }
            Err(e) if e.kind() == ErrorKind::NotFound => {
                model.evidence.extend(model.created.map(|t| last_used(t, "when it was made")));
                model.evidence.push(Evidence::UsageUnknown { why: "other configurations may use it".into() });
            }
            Err(e) => return Err(e),
        }
        model.steps.push(step("delete", "Delete the model's entry; its archive stays"));
        model.fingerprint = model.created.map(|t| t.to_string()).unwrap_or_default();
        Ok(Some(model))
    }

    async fn remove(&self, at: &At<'_>, name: &str, verb: &str) -> Result<()> {
        match verb {
            "delete" => fine(
                call(at.cx, "delete the model", || at.clients.sagemaker.delete_model().model_name(name).send())
                    .await
                    .map(drop),
            ),
            other => Err(unknown_step(other)),
        }
    }
}
