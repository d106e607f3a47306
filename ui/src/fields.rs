//! A submitted form, kept as it was typed: what is shown again after an error is what was there, byte for byte.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::response::Response;
use curfew_core::Error;

/// Names and values in the order in which the page sent them. Names may repeat.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// From an encoded form or query string.
    pub fn parse(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }
    /// Adds a value at the end.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }
    /// The first value under `name`, as typed.
    pub fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str())
    }
    /// The first value under `name` without the blanks around it, if it is there and not blank.
    pub fn get(&self, name: &str) -> Option<&str> {
        Some(self.raw(name).trim()).filter(|v| !v.is_empty())
    }
    /// All values under `name`, as typed, blank ones included, so that the n-th key and the n-th value stay together.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }
    /// Is a box of that name ticked?
    pub fn on(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
    /// A whole number under `name`, if one was typed.
    pub fn number<T: std::str::FromStr>(&self, name: &'static str, what: &str) -> Result<Option<T>, Error> {
        let wrong = |text| Error::input(name, format!("“{}” is not {what}", curfew_core::say::clean(text, 40)));
        self.get(name).map(|text| text.parse().map_err(|_| wrong(text))).transpose()
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Response;
    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let bytes = Bytes::from_request(request, state).await.map_err(axum::response::IntoResponse::into_response)?;
        Ok(Self::parse(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_as_typed() {
        let form = Fields::parse(b"name=+a%00%3Cb%3E+&k=x&v=1&k=&v=2&n=7&n2=seven");
        assert_eq!(form.raw("name"), " a\0<b> ");
        assert_eq!(form.get("name"), Some("a\0<b>"));
        assert_eq!(form.all("k").zip(form.all("v")).collect::<Vec<_>>(), [("x", "1"), ("", "2")]);
        assert_eq!(form.number::<u32>("n", "a number").unwrap(), Some(7));
        assert_eq!(form.number::<u32>("gone", "a number").unwrap(), None);
        assert_eq!(form.number::<u32>("n2", "a number of epochs").unwrap_err().field(), Some("n2"));
    }
}
