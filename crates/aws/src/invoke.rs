//! Asking a model.

use crate::aws::Inner;
use crate::error::from_sdk;
use crate::retry;
use aws_sdk_sagemakerruntime::error::SdkError;
use aws_sdk_sagemakerruntime::operation::invoke_endpoint::InvokeEndpointError;
use aws_sdk_sagemakerruntime::primitives::Blob;
use curfew_core::endpoint::{Invocation, Reply};
use curfew_core::{Cx, EndpointId, Error, ErrorKind, RegionName, Result, say};
use std::time::Instant;

/// The largest body that InvokeEndpoint takes.
const MOST: usize = 25 << 20;

impl Inner {
    pub(crate) async fn invoke(
        &self,
        cx: &Cx,
        region: &RegionName,
        id: &EndpointId,
        request: &Invocation,
    ) -> Result<Reply> {
        if request.body.len() > MOST {
            let what = format!("the input has {}; SageMaker takes 25 MiB", say::bytes(request.body.len() as u64));
            return Err(Error::input("input", what));
        }
        for (field, value) in [("content type", &request.content_type), ("accept", &request.accept)] {
            if value.is_empty() || !value.is_ascii() || value.bytes().any(|b| b.is_ascii_control()) {
                return Err(Error::input("input", format!("the {field} is not one")));
            }
        }
        let client = self.at(region).runtime.clone();
        let mut round = 0;
        loop {
            cx.check("ask the model")?;
            let begun = Instant::now();
            let sent = client
                .invoke_endpoint()
                .endpoint_name(id.as_str())
                .content_type(&request.content_type)
                .accept(&request.accept)
                .body(Blob::new(request.body.clone()))
                .send()
                .await;
            let error = match sent {
                Ok(answer) => {
                    return Ok(Reply {
                        content_type: answer.content_type.unwrap_or_default(),
                        body: answer.body.map(Blob::into_inner).unwrap_or_default(),
                        latency_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                    });
                }
                Err(e) => explain(id, &e),
            };
            round += 1;
            // Asking twice changes nothing; an error of the model itself is final.
            if round > 3 || error.1 || !retry::again(&error.0) {
                return Err(error.0);
            }
            retry::pause(round).await;
        }
    }
}

/// The error, and whether it is the model's own.
fn explain(id: &EndpointId, error: &SdkError<InvokeEndpointError>) -> (Error, bool) {
    if let Some(InvokeEndpointError::ModelError(model)) = error.as_service_error() {
        let status = model.original_status_code().unwrap_or(500);
        let said = model.original_message().unwrap_or_default().trim();
        let said =
            if said.is_empty() { "the model gave an error without a word".into() } else { say::clean(said, 500) };
        let told = if (400..500).contains(&status) {
            Error::input("input", said)
        } else {
            Error::new(ErrorKind::Unavailable, "ask the model", said)
                .next("Read the end of the endpoint's log, which has the whole error")
        };
        return (told.with("endpoint", id).with("status", status), true);
    }
    (from_sdk("ask the model", error).with("endpoint", id), false)
}
