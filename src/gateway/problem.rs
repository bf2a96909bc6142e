//! Refusals of HTTP requests.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::protocol::ErrorCode;
use crate::protocol::session::Problem;

use super::retry;

/// A refused request.
#[derive(Debug)]
pub struct Refused {
    code: ErrorCode,
    detail: String,
    retry_after_ms: Option<u64>,
}

impl Refused {
    /// A refusal that trying again does not change.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), retry_after_ms: None }
    }

    /// A refusal that may be gone in a while.
    pub fn for_a_while(code: ErrorCode, detail: impl Into<String>, wait: Duration) -> Self {
        Self { code, detail: detail.into(), retry_after_ms: Some(retry::millis(wait)) }
    }

    /// Its code.
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// The answer before a request was read: the connection ends with it.
    pub fn at_the_door(&self) -> String {
        let status = self.status();
        let wait = self.retry_after_ms.unwrap_or_default().div_ceil(1_000);
        format!(
            "HTTP/1.1 {} {}\r\nRetry-After: {wait}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            status.as_u16(),
            status.canonical_reason().unwrap_or("Refused"),
        )
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = self.status();
        let problem = Problem {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Refused"),
            status: status.as_u16(),
            code: self.code,
            detail: &self.detail,
            retry_after_ms: self.retry_after_ms,
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (status, body).into_response();
        let json = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        if let Some(wait_ms) = self.retry_after_ms {
            let seconds = HeaderValue::from(wait_ms.div_ceil(1_000));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}
