//! The door of `curfew serve`: who may come in over loopback.
//!
//! Any page in any browser on this computer can send requests to 127.0.0.1, and any user of it can connect. So a
//! request must name this server (against DNS rebinding), prove that it saw the printed address (token, then a cookie),
//! and, where it changes something, come from one of our own pages (Origin).
//!
//! The desktop window needs none of this: nobody else can reach `panel://`.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::{Layer, Service, ServiceExt as _};

/// The layer for a server on `port` of 127.0.0.1 whose printed address carries `?token=…`. Put it outermost, so that
/// static files are behind it too.
///
/// # Panics
/// If `token` is empty or holds anything but letters, digits, `-` and `_`: it goes into a cookie and a URL as it is.
pub fn layer(token: impl Into<String>, port: u16) -> Guard {
    let token = token.into();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    assert!(!token.is_empty() && token.bytes().all(plain), "a token is made of letters, digits, - and _");
    Guard(Arc::new(Door { token, port }))
}

/// See [`layer`].
#[derive(Clone)]
pub struct Guard(Arc<Door>);

struct Door {
    token: String,
    port: u16,
}

/// What the door says to a request.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Known by its cookie.
    Enter,
    /// Known by the token in its address: give it the cookie.
    Welcome,
    /// No, and why.
    Refuse(StatusCode, &'static str),
}

impl Door {
    /// Cookies are shared by all ports of a host, so the name carries the port: two panels do not lock each other out.
    fn cookie_name(&self) -> String {
        format!("curfew-{}", self.port)
    }

    fn judge(&self, method: &Method, query: Option<&str>, headers: &HeaderMap) -> Verdict {
        let own = [format!("127.0.0.1:{}", self.port), format!("localhost:{}", self.port)];
        let text = |name| headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
        if !text(HOST).is_some_and(|host| own.iter().any(|o| o == host)) {
            return Verdict::Refuse(StatusCode::MISDIRECTED_REQUEST, "This is not the address of a Curfew panel.");
        }
        if method != Method::GET && method != Method::HEAD {
            // Browsers send Origin with every POST; what sends none is no page of ours.
            let from = text(ORIGIN).and_then(|o| o.strip_prefix("http://"));
            if !from.is_some_and(|origin| own.iter().any(|o| o == origin)) {
                return Verdict::Refuse(
                    StatusCode::FORBIDDEN,
                    "Only the panel's own pages may change something here. Nothing was changed.",
                );
            }
        }
        let name = self.cookie_name();
        let cookies = headers.get_all(COOKIE).iter().filter_map(|v| v.to_str().ok());
        let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        if pairs.any(|(n, value)| n == name && same(value, &self.token)) {
            return Verdict::Enter;
        }
        let mut asked = form_urlencoded::parse(query.unwrap_or("").as_bytes());
        if asked.any(|(n, value)| n == "token" && same(&value, &self.token)) {
            return Verdict::Welcome;
        }
        Verdict::Refuse(
            StatusCode::UNAUTHORIZED,
            "This panel needs its token. Open the whole address that “curfew serve” printed, with ?token=… at its end.",
        )
    }
}

/// Compares in a time that does not tell how much of it was right.
fn same(given: &str, token: &str) -> bool {
    let (given, token) = (given.as_bytes(), token.as_bytes());
    let differs = token.iter().enumerate().fold(0, |acc, (i, t)| acc | (t ^ given.get(i).unwrap_or(&0)));
    std::hint::black_box(differs) == 0 && given.len() == token.len()
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;
    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { door: self.0.clone(), inner }
    }
}

/// A service behind the door.
#[derive(Clone)]
pub struct Guarded<S> {
    door: Arc<Door>,
    inner: S,
}

impl<S> Service<Request> for Guarded<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // Readiness is awaited on the clone that answers.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (door, inner) = (self.door.clone(), self.inner.clone());
        Box::pin(async move {
            match door.judge(request.method(), request.uri().query(), request.headers()) {
                Verdict::Enter => inner.oneshot(request).await,
                Verdict::Welcome => {
                    // Not a redirect to an address without the token: a Strict cookie set on the way is not sent along
                    // when the first click came from elsewhere. The page takes the token out of the address bar.
                    let mut response = inner.oneshot(request).await?;
                    let cookie = format!("{}={}; Path=/; HttpOnly; SameSite=Strict", door.cookie_name(), door.token);
                    if let Ok(value) = HeaderValue::from_str(&cookie) {
                        response.headers_mut().append(SET_COOKIE, value);
                    }
                    Ok(response)
                }
                Verdict::Refuse(status, why) => {
                    let mut response = Response::new(Body::from(format!("{why}\n")));
                    *response.status_mut() = status;
                    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
                    crate::headers::add(response.headers_mut());
                    Ok(response)
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "s3cret-token_9";

    /// `headers` as `name: value` lines.
    fn check(method: &str, query: &str, headers: &[&str], expect: u16) {
        let door = Door { token: TOKEN.into(), port: 4000 };
        let mut map = HeaderMap::new();
        for line in headers {
            let (name, value) = line.split_once(": ").unwrap();
            map.append(axum::http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        }
        let got = match door.judge(&method.parse().unwrap(), Some(query), &map) {
            Verdict::Enter => 0,
            Verdict::Welcome => 1,
            Verdict::Refuse(status, _) => status.as_u16(),
        };
        assert_eq!(got, expect, "{method} ?{query} {headers:?}");
    }

    #[test]
    fn who_may_come_in() {
        let host = "host: 127.0.0.1:4000";
        let cookie = "cookie: other=1; curfew-4000=s3cret-token_9";
        check("GET", "token=s3cret-token_9", &[host], 1);
        check("GET", "a=b&token=s3cret-token_9", &["host: localhost:4000"], 1);
        check("GET", "", &[host, cookie], 0);
        check("GET", "", &[host], 401);
        check("GET", "token=", &[host], 401);
        check("GET", "token=s3cret-token_", &[host], 401);
        check("GET", "token=s3cret-token_99", &[host], 401);
        check("GET", "", &[host, "cookie: curfew-4001=s3cret-token_9"], 401);
        check("GET", "", &[host, "cookie: curfew-4000=wrong"], 401);
        // Rebinding: a foreign name that resolves to loopback.
        check("GET", "token=s3cret-token_9", &["host: evil.example:4000"], 421);
        check("GET", "token=s3cret-token_9", &["host: 127.0.0.1:4001"], 421);
        check("GET", "token=s3cret-token_9", &[], 421);
        // Another site's form.
        check("POST", "", &[host, cookie, "origin: http://127.0.0.1:4000"], 0);
        check("POST", "", &[host, cookie, "origin: http://localhost:4000"], 0);
        check("POST", "", &[host, cookie, "origin: http://evil.example"], 403);
        check("POST", "", &[host, cookie, "origin: http://127.0.0.1:4001"], 403);
        check("POST", "", &[host, cookie, "origin: null"], 403);
        check("POST", "", &[host, cookie], 403);
        check("DELETE", "", &[host, cookie], 403);
    }
}
