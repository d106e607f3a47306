//! Talks to the model server on this computer.

use serde::Deserialize;
use std::time::{Duration, Instant};
use ureq::Agent;
use ureq::http::Response;

/// The largest answer that is taken, in bytes; SageMaker's own limit is 6 MB for real-time answers.
const LARGEST_ANSWER: u64 = 256 << 20;

fn agent(limit: Duration) -> Agent {
    // No proxy: the server is on the loopback, whatever HTTP_PROXY says.
    Agent::config_builder().timeout_global(Some(limit)).http_status_as_error(false).proxy(None).build().into()
}

/// Does it answer that its model is loaded? `Err`: why it did not answer.
pub(crate) fn ping(url: &str, limit: Duration) -> Result<bool, String> {
    agent(limit).get(format!("{url}/ping")).call().map(|r| r.status() == 200).map_err(|e| e.to_string())
}

/// What the server counts. Only what is shown is named.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Stats {
    pub requests: u64,
    pub errors: u64,
    #[serde(default)]
    pub last_request_ms: Option<i64>,
    #[serde(default)]
    pub latency_ms: Latency,
    #[serde(default)]
    pub rss_bytes: Option<u64>,
}

/// Of recent requests.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Latency {
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p99: Option<f64>,
}

/// Its counts now.
pub(crate) fn stats(url: &str, limit: Duration) -> Option<Stats> {
    let mut response = agent(limit).get(format!("{url}/stats")).call().ok()?;
    let body = response.body_mut().with_config().limit(1 << 20).read_to_vec().ok()?;
    serde_json::from_slice(&body).ok()
}

/// An answer to a request.
pub(crate) struct Answer {
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
    pub took: Duration,
}

/// Why there is no answer.
pub(crate) enum NoAnswer {
    /// Not in time. The model may still be at it.
    Timeout,
    /// Nobody there, or the connection broke.
    Broken(String),
}

/// Asks the model.
pub(crate) fn invoke(
    url: &str,
    content_type: &str,
    accept: &str,
    body: &[u8],
    limit: Duration,
) -> Result<Answer, NoAnswer> {
    let started = Instant::now();
    let request = agent(limit).post(format!("{url}/invocations"));
    let request = request.header("content-type", content_type).header("accept", accept);
    let mut response = request.send(body).map_err(no_answer)?;
    let status = response.status().as_u16();
    let content_type = header(&response, "content-type");
    let body = response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_vec().map_err(no_answer)?;
    Ok(Answer { status, content_type, body, took: started.elapsed() })
}

fn header<T>(response: &Response<T>, name: &str) -> String {
    response.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or("application/octet-stream").to_owned()
}

fn no_answer(e: ureq::Error) -> NoAnswer {
    match e {
        ureq::Error::Timeout(_) => NoAnswer::Timeout,
        other => NoAnswer::Broken(other.to_string()),
    }
}
