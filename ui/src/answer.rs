//! How answers leave: pages, where to go next, and errors as pages or as parts of one.

use crate::App;
use crate::pages::Html;
use crate::pages::fault::{Fault, Notice as NoticePart};
use crate::pages::parts::Told;
use crate::views;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use curfew_core::{Error, ErrorKind};

/// What a handler answers.
pub(crate) type Answer = Result<Response, Failed>;

/// An error on its way to a page.
pub(crate) struct Failed(Error);

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

/// The notice of a failed handler, for [`show_faults`] to draw.
#[derive(Clone)]
struct Pending {
    told: Told,
    missing: bool,
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        // Here is the one place where an error that reaches a page is logged.
        let status = status(self.0.kind());
        if status.is_server_error() {
            tracing::warn!(error = ?self.0, "a page's request failed");
        } else {
            tracing::debug!(error = ?self.0, "a page's request was refused");
        }
        let mut response = status.into_response();
        let missing = self.0.kind() == ErrorKind::NotFound;
        response.extensions_mut().insert(Pending { told: Told::from(&self.0), missing });
        response
    }
}

/// The status code of a kind of error.
pub(crate) fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::InvalidInput => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::AlreadyExists | ErrorKind::Conflict | ErrorKind::Locked | ErrorKind::PortInUse => {
            StatusCode::CONFLICT
        }
        ErrorKind::PermissionDenied | ErrorKind::CredentialsExpired | ErrorKind::Policy | ErrorKind::Quota => {
            StatusCode::FORBIDDEN
        }
        ErrorKind::Throttled => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::Capacity | ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
        ErrorKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
        ErrorKind::Corrupt | ErrorKind::MissingProgram | ErrorKind::Cancelled | ErrorKind::Unknown => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

const HX_REQUEST: HeaderName = HeaderName::from_static("hx-request");
const HX_TARGET: HeaderName = HeaderName::from_static("hx-target");
const HX_RETARGET: HeaderName = HeaderName::from_static("hx-retarget");
const HX_RESWAP: HeaderName = HeaderName::from_static("hx-reswap");
const HX_LOCATION: HeaderName = HeaderName::from_static("hx-location");

/// Draws errors: a page where a page was asked for, a notice in the page or the open dialog where htmx asked.
pub(crate) async fn show_faults(State(app): State<App>, request: Request, next: Next) -> Response {
    let part = request.headers().contains_key(HX_REQUEST);
    let in_dialog = request.headers().get(HX_TARGET).is_some_and(|t| t == "dialog");
    let response = next.run(request).await;
    let pending = response.extensions().get::<Pending>().cloned();
    let unknown = response.status() == StatusCode::NOT_FOUND || response.status() == StatusCode::METHOD_NOT_ALLOWED;
    let typed = response.headers().contains_key(axum::http::header::CONTENT_TYPE);
    let Pending { told, missing } = match pending {
        Some(pending) => pending,
        // The router's own answer to an address that it does not know.
        None if unknown && !typed => {
            let error = Error::new(ErrorKind::NotFound, "open the page", "there is no such page here")
                .next("Choose a section on the left");
            Pending { told: Told::from(&error), missing: true }
        }
        None => return response,
    };
    let status = response.status();
    if part {
        let drawn = if in_dialog {
            let dialog = crate::pages::dialog::Confirm {
                title: "This could not be done".into(),
                leaves: "Close",
                told: vec![told],
                ..Default::default()
            };
            Html::of(&dialog)
        } else {
            Html::of(&NoticePart { told })
        };
        let mut response = (status, drawn).into_response();
        let target = if in_dialog { "#dialog" } else { "#notices" };
        response.headers_mut().insert(HX_RETARGET, HeaderValue::from_static(target));
        response.headers_mut().insert(HX_RESWAP, HeaderValue::from_static("innerHTML"));
        return response;
    }
    let title = if missing { "Not found" } else { "This page cannot be shown" };
    let shell = match app.shell("", title, "").await {
        Ok(shell) => shell,
        Err(_) => views::shell::bare(app.engine().clock().local(), title),
    };
    (status, Html::of(&Fault { shell, title: title.into(), told })).into_response()
}

/// What a request has begun to change is brought to its end, also when the page that asked is closed or leaves: a server
/// drops a handler whose connection ends, and a launch dropped half way would be started and not known.
pub(crate) async fn finish(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(panicked) => {
            tracing::error!(%panicked, "a request stopped");
            let text =
                "This request stopped before its end. Whether it was carried out is not known yet; look at the list.\n";
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

/// A POST is done: the page goes on to `path`, root-relative.
pub(crate) fn go(path: &str) -> Response {
    debug_assert!(path.starts_with('/') && !path.starts_with("//"), "{path} is not root-relative");
    // Ids are letters, digits and hyphens, so a path of ours is always a header value.
    let value = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    let mut headers = HeaderMap::new();
    headers.insert(HX_LOCATION, value);
    (headers, axum::response::Html(String::new())).into_response()
}

/// A form with errors in it, as typed.
pub(crate) fn unprocessable(part: &impl askama::Template) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, Html::of(part)).into_response()
}
