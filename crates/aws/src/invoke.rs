//! Asking a model.

use crate::aws::Inner;
use crate::error::from_sdk;
use crate::retry::{self, call};
use crate::serving::{Places, mode};
use aws_sdk_sagemakerruntime::error::SdkError;
use aws_sdk_sagemakerruntime::operation::invoke_endpoint::InvokeEndpointError;
use aws_sdk_sagemakerruntime::primitives::Blob;
use curfew_core::endpoint::{Asked, Invocation, Reply, Ticket};
use curfew_core::{Cx, EndpointId, Error, ErrorKind, RegionName, Result, say};
use jiff::SignedDuration;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The largest bodies that SageMaker takes: at once, of a serverless endpoint, and of one that answers later.
const MOST: usize = 25 << 20;
const MOST_SERVERLESS: usize = 4 << 20;
const MOST_LATER: usize = 1 << 30;
/// How long an answer that comes later is waited for where somebody waits: SageMaker gives a request at most an hour.
const LATEST: SignedDuration = SignedDuration::from_hours(1);

fn check(request: &Invocation, most: usize) -> Result<()> {
    if request.body.len() > most {
        let (has, most) = (say::bytes(request.body.len() as u64), say::bytes(most as u64));
        return Err(Error::input("input", format!("the input has {has}; SageMaker takes {most} here")));
    }
    for (field, value) in [("content type", &request.content_type), ("accept", &request.accept)] {
        if value.is_empty() || !value.is_ascii() || value.bytes().any(|b| b.is_ascii_control()) {
            return Err(Error::input("input", format!("the {field} is not one")));
        }
    }
    Ok(())
}

impl Inner {
    pub(crate) async fn ask(
        &self,
        cx: &Cx,
        region: &RegionName,
        id: &EndpointId,
        request: &Invocation,
    ) -> Result<Asked> {
        let mode = self.endpoint_record(cx, region, id).await?.map(|r| r.spec.mode).unwrap_or_default();
        if mode::is_async(&mode) {
            return self.ask_for_later(cx, region, id, request).await.map(Asked::Later);
        }
        let most = if mode::is_serverless(&mode) { MOST_SERVERLESS } else { MOST };
        check(request, most)?;
        self.invoke_now(cx, region, id, request).await.map(Asked::Answered)
    }

    /// Asks, and waits also for an answer that comes later.
    pub(crate) async fn invoke(
        &self,
        cx: &Cx,
        region: &RegionName,
        id: &EndpointId,
        request: &Invocation,
    ) -> Result<Reply> {
        let ticket = match self.ask(cx, region, id, request).await? {
            Asked::Answered(reply) => return Ok(reply),
            Asked::Later(ticket) => ticket,
        };
        let limit = cx.now() + LATEST;
        loop {
            if let Some(reply) = self.answer(cx, region, id, &ticket.id).await? {
                return Ok(reply);
            }
            cx.check("wait for the answer")?;
            if cx.now() > limit {
                let what = format!("there is no answer after {}", say::duration(LATEST));
                return Err(Error::new(ErrorKind::Timeout, "wait for the answer", what).with("place", &ticket.place));
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Puts the question into the bucket and hands its place to the endpoint.
    async fn ask_for_later(
        &self,
        cx: &Cx,
        region: &RegionName,
        id: &EndpointId,
        request: &Invocation,
    ) -> Result<Ticket> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        check(request, MOST_LATER)?;
        let places = Places::of(id);
        let gone = || Error::new(ErrorKind::NotFound, "ask the endpoint", format!("AWS has no endpoint {id}"));
        let store = self.store_with(cx, region, &places.folder).await?.ok_or_else(gone)?;
        let asked = cx.now();
        let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let name = format!("{}-{process}-{count}", asked.as_millisecond());
        let key = format!("{}{name}", places.questions);
        store.put(cx, &key, request.body.clone()).await?;
        let client = self.at(region).runtime.clone();
        // Asked twice where an answer was lost: there are two answers then, and the first one's ticket is not known.
        let taken = call(cx, "ask the model", || {
            client
                .invoke_endpoint_async()
                .endpoint_name(id.as_str())
                .content_type(&request.content_type)
                .accept(&request.accept)
                .input_location(store.uri(&key))
                .inference_id(&name)
                .send()
        });
        let taken = taken.await.map_err(|e| e.with("endpoint", id))?;
        let place = taken.output_location.unwrap_or_default();
        let below = |uri: &str, folder: &str| uri.strip_prefix(&store.uri(folder)).map(str::to_owned);
        let answer = below(&place, &places.answers).ok_or_else(|| {
            Error::new(ErrorKind::Unknown, "ask the model", "AWS puts the answer where it was not asked to")
                .with("place", &place)
        })?;
        let failure = below(&taken.failure_location.unwrap_or_default(), &places.failures).unwrap_or_default();
        Ok(Ticket { id: format!("{}~{answer}~{failure}", asked.as_millisecond()), place })
    }

    /// What lies where the answer or the failure was to be.
    pub(crate) async fn answer(
        &self,
        cx: &Cx,
        region: &RegionName,
        id: &EndpointId,
        ticket: &str,
    ) -> Result<Option<Reply>> {
        let (asked, answer, failure) = parts(ticket)?;
        let places = Places::of(id);
        let Some(store) = self.store_with(cx, region, &places.folder).await? else {
            return Err(Error::new(ErrorKind::NotFound, "fetch the answer", format!("AWS has no endpoint {id}")));
        };
        if let Some((body, content_type)) = store.get_typed(cx, &format!("{}{answer}", places.answers)).await? {
            let latency_ms = u64::try_from(cx.now().as_millisecond() - asked).unwrap_or(0);
            return Ok(Some(Reply { content_type, body, latency_ms }));
        }
        if !failure.is_empty()
            && let Some(said) = store.get(cx, &format!("{}{failure}", places.failures)).await?
        {
            let said = String::from_utf8_lossy(&said).trim().to_owned();
            let said = if said.is_empty() { "the model gave an error without a word".into() } else { said };
            return Err(Error::new(ErrorKind::Unavailable, "fetch the answer", say::clean(&said, 500))
                .retry(curfew_core::Retry::Never)
                .next("Read the end of the endpoint's log, which has the whole error")
                .with("endpoint", id));
        }
        if store.size(cx, &places.record).await?.is_none() {
            let what = format!("the endpoint {id} and its answers have been removed");
            return Err(Error::new(ErrorKind::NotFound, "fetch the answer", what));
        }
        Ok(None)
    }

    async fn invoke_now(&self, cx: &Cx, region: &RegionName, id: &EndpointId, request: &Invocation) -> Result<Reply> {
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

/// When it was asked, in milliseconds since 1970, and the names of answer and failure.
fn parts(ticket: &str) -> Result<(i64, &str, &str)> {
    let name = |text: &str| text.len() <= 200 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    let mut fields = ticket.split('~');
    let read = (|| {
        let (asked, answer, failure) = (fields.next()?.parse().ok()?, fields.next()?, fields.next()?);
        (fields.next().is_none() && !answer.is_empty() && name(answer) && name(failure))
            .then_some((asked, answer, failure))
    })();
    read.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "fetch the answer", "this is no ticket of an answer"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets() {
        assert_eq!(parts("17~a.out~b-error.out").unwrap(), (17, "a.out", "b-error.out"));
        assert_eq!(parts("17~a.out~").unwrap(), (17, "a.out", ""));
        for bad in ["", "17", "x~a~b", "17~../a~b", "17~a~b~c", "17~~b", "17~a/b~c"] {
            assert!(parts(bad).is_err(), "{bad}");
        }
    }
}
