//! Calls to a provider; no text of a customer goes there.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Method, header};
use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::config::shop::WebAddress;
use crate::runtime::{Reach, Web, WebError, WebRequest, WebRules};

/// Largest answer. The documents of large providers have some 20 KiB.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Calls at a time, to all providers together: those of eight shops that take all that a shop may.
pub const CALLS_MAX: usize = 128;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// As many calls are open as may be.
    #[error("too many calls at once")]
    Busy,
    /// The provider did not answer.
    #[error(transparent)]
    Web(#[from] WebError),
    /// Another status than 200; a redirect is one too.
    #[error("answered with status {0}")]
    Status(u16),
}

/// What a call carries.
pub(super) enum Call<'a> {
    /// Asks for a document.
    Get,
    /// Asks with an access token.
    GetAs(&'a str),
    /// Sends a form, with the text of the `Authorization` header where there is one.
    Post { form: String, authorization: Option<String> },
}

/// The way to one provider.
#[derive(Clone)]
pub(super) struct Way {
    web: Result<Web, WebError>,
    calls: Arc<Semaphore>,
}

impl Way {
    /// `roots` are believed beside those that browsers believe.
    pub fn new(roots: Option<&[u8]>, within: Duration, calls: Arc<Semaphore>) -> Self {
        let rules = WebRules {
            roots,
            // Whoever writes a shop's file decides whom it asks; many providers are in the house.
            reach: Reach::Anywhere,
            within,
            answer_bytes_max: ANSWER_BYTES_MAX,
            idle_max: 0,
        };
        Self { web: Web::new(&rules), calls }
    }

    /// The body of a good answer.
    pub async fn call(&self, to: &WebAddress, call: Call<'_>) -> Result<Bytes, FetchError> {
        let _permit = self.calls.try_acquire().map_err(|_| FetchError::Busy)?;
        let answer = self.web.as_ref().map_err(Clone::clone)?.ask(request(to, call)).await?;
        if answer.status != 200 {
            return Err(FetchError::Status(answer.status));
        }
        Ok(answer.body)
    }
}

fn request(to: &WebAddress, call: Call<'_>) -> WebRequest {
    let (method, authorization, form) = match call {
        Call::Get => (Method::GET, None, None),
        Call::GetAs(token) => (Method::GET, Some(format!("Bearer {token}")), None),
        Call::Post { form, authorization } => (Method::POST, authorization, Some(form)),
    };
    let mut headers = HeaderMap::new();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::ACCEPT, json);
    // An access token with odd letters is left out, and refused there.
    if let Some(mut value) = authorization.and_then(|it| HeaderValue::try_from(it).ok()) {
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    if form.is_some() {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
    }
    let body = form.map_or_else(Bytes::new, Bytes::from);
    WebRequest { method, url: to.as_str().to_owned(), headers, body }
}
