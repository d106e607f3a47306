//! What was really tried in this session: each call of ours is noted by its action, whether it worked or was refused.

use super::rights;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextMut, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use curfew_core::access::RightsHint;
use curfew_core::{AccountId, CloudId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// How a call last went.
#[derive(Debug, Clone)]
pub(crate) struct Try {
    pub when: Instant,
    pub worked: bool,
}

/// By action.
#[derive(Debug, Clone)]
pub(crate) struct Tried {
    account: AccountId,
    seen: Arc<Mutex<HashMap<&'static str, Try>>>,
}

/// Codes of "you may not", over all services. Expired keys and bad requests say nothing about rights.
pub(crate) const REFUSALS: &[&str] =
    &["AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"];

/// On answers of a client of ours, for `error.rs` to know what was called and for whom.
const OPERATION: &str = "x-curfew-operation";
const ACCOUNT: &str = "x-curfew-account";

impl Tried {
    pub(crate) fn new(account: AccountId) -> Self {
        Self { account, seen: Arc::default() }
    }
    pub(crate) fn of(&self, action: &str) -> Option<Try> {
        self.seen.lock().expect("nothing panics while it is held").get(action).cloned()
    }
    pub(crate) fn note(&self, action: &'static str, worked: bool) {
        let entry = Try { when: Instant::now(), worked };
        self.seen.lock().expect("nothing panics while it is held").insert(action, entry);
    }
}

/// What a refused call's answer tells: where to look up the right.
pub(crate) fn hint(answer: &HttpResponse, said: &str) -> Option<RightsHint> {
    let account = answer.headers().get(ACCOUNT)?.to_owned();
    // AWS often names the action that is missing, which may be another than the call's own: iam:PassRole.
    let named = action_in(said).map(str::to_owned);
    let action = named.or_else(|| rights::action_of(answer.headers().get(OPERATION)?).map(str::to_owned));
    let level = action.as_deref().and_then(rights::level_of);
    Some(RightsHint { cloud: CloudId::new("aws").ok()?, account: AccountId(account), action, level })
}

/// `sagemaker:CreateEndpoint` in "… is not authorized to perform: sagemaker:CreateEndpoint on resource: …".
fn action_in(said: &str) -> Option<&str> {
    let rest = said.split_once("not authorized to perform: ")?.1;
    let action = rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == ':' || c == '-')).next()?;
    let (service, name) = action.split_once(':')?;
    (!service.is_empty() && !name.is_empty() && action.len() <= 120).then_some(action)
}

#[dyn_dispatch_hint]
impl Intercept for Tried {
    fn name(&self) -> &'static str {
        "curfew: what was tried"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(metadata) = config.load::<Metadata>() {
            let headers = context.response_mut().headers_mut();
            headers.insert(OPERATION, metadata.name().to_owned());
            headers.insert(ACCOUNT, self.account.0.clone());
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let action = config.load::<Metadata>().and_then(|m| rights::action_of(m.name()));
        let (Some(action), Some(answer)) = (action, context.response()) else { return Ok(()) };
        if answer.status().is_success() {
            self.note(action, true);
            return Ok(());
        }
        let body = String::from_utf8_lossy(answer.body().bytes().unwrap_or_default());
        let kind = answer.headers().get("x-amzn-errortype").unwrap_or_default();
        if let Some(action) = refused(action, kind, &body) {
            self.note(action, false);
        }
        Ok(())
    }
}

/// Which of our actions an answer refuses, if it does.
fn refused(action: &'static str, kind: &str, body: &str) -> Option<&'static str> {
    let code = |text: &str| REFUSALS.iter().any(|code| text.contains(code));
    if !code(kind) && !code(body) {
        return None;
    }
    match action_in(body) {
        None => Some(action),
        Some(named) => rights::RIGHTS.iter().find(|r| r.action == named).map(|r| r.action),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_refuses() {
        let check = |kind: &str, body: &str, expect: Option<&str>| {
            assert_eq!(refused("sagemaker:CreateTrainingJob", kind, body), expect, "{kind} {body}");
        };
        let sentence = "{\"Message\":\"User: arn:aws:iam::1:user/a is not authorized to perform: iam:PassRole on resource: \
                        arn:aws:iam::1:role/x because no identity-based policy allows the iam:PassRole action\"}";
        check("AccessDeniedException", sentence, Some("iam:PassRole"));
        check(
            "",
            "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
            Some("sagemaker:CreateTrainingJob"),
        );
        check("ValidationException", "{\"message\":\"no\"}", None);
        check("ThrottlingException", "", None);
        check("ExpiredTokenException", "{\"message\":\"expired\"}", None);
        // An action that we never need says nothing about ours.
        check("AccessDenied", "User is not authorized to perform: kms:Decrypt on x", None);
    }
}
