//! One way to call AWS: the SDK's own retries first, then ours, with the caller's deadline and cancel flag in between.

use crate::error::from_sdk;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use curfew_core::{Cx, Error, ErrorKind, Result};
use std::future::Future;
use std::time::Duration;

/// Rounds of ours; each is up to three attempts of the SDK's.
const ROUNDS: u32 = 4;

/// Calls until it works, the answer is final, or enough has been tried. Only for calls that may be made twice: reads,
/// deletions, and creations whose name or condition makes the second one harmless.
pub(crate) async fn call<T, E, F>(cx: &Cx, operation: &'static str, mut make: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let mut round = 0;
    loop {
        cx.check(operation)?;
        let error = match make().await {
            Ok(answer) => return Ok(answer),
            Err(e) => from_sdk(operation, &e),
        };
        round += 1;
        if round >= ROUNDS || !again(&error) {
            return Err(error);
        }
        pause(round).await;
    }
}

/// Is it worth another round?
pub(crate) fn again(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Throttled | ErrorKind::Unavailable | ErrorKind::Timeout)
}

/// Longer from round to round.
pub(crate) async fn pause(round: u32) {
    tokio::time::sleep(Duration::from_millis(100 << round.min(6))).await;
}
