//! Calls to a provider; no text of a customer goes there. One request on one connection, within one time
//! and so many bytes; redirects are not followed.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Method, Request, header};
use bytes::BytesMut;
use futures_util::StreamExt;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

use crate::config::shop::WebAddress;

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
    /// The time is over.
    #[error("no answer in time")]
    Late,
    /// No connection.
    #[error("cannot be reached: {0}")]
    Unreachable(std::io::ErrorKind),
    /// No TLS, or a certificate that nobody vouches for.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// Not HTTP, or broken off.
    #[error("the connection broke off")]
    Broken,
    /// Over [`ANSWER_BYTES_MAX`].
    #[error("the answer is larger than 256 KiB")]
    TooLarge,
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

/// The way out, for one set of roots.
#[derive(Clone)]
pub(super) struct Web {
    tls: TlsConnector,
    timeout: Duration,
    calls: Arc<Semaphore>,
}

impl Web {
    /// `roots` are believed beside those that browsers believe.
    pub fn new(roots: Option<&[u8]>, timeout: Duration, calls: Arc<Semaphore>) -> Self {
        let mut store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let own = roots.into_iter().flat_map(CertificateDer::pem_slice_iter);
        // They were read once when the shop was loaded.
        store.add_parsable_certificates(own.filter_map(Result::ok));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has the suites of TLS 1.2 and 1.3")
            .with_root_certificates(store)
            .with_no_client_auth();
        Self { tls: TlsConnector::from(Arc::new(config)), timeout, calls }
    }

    /// The body of a good answer.
    pub async fn call(&self, to: &WebAddress, call: Call<'_>) -> Result<Bytes, FetchError> {
        let _permit = self.calls.try_acquire().map_err(|_| FetchError::Busy)?;
        let answer = tokio::time::timeout(self.timeout, self.connect_and_call(to, call));
        answer.await.map_err(|_| FetchError::Late)?
    }

    async fn connect_and_call(&self, to: &WebAddress, call: Call<'_>) -> Result<Bytes, FetchError> {
        let request = request(to, call);
        let stream = TcpStream::connect((to.host(), to.port())).await;
        let stream = stream.map_err(|error| FetchError::Unreachable(error.kind()))?;
        if !to.is_https() {
            return exchange(stream, request).await;
        }
        let name = ServerName::try_from(to.host().to_owned());
        let name = name.map_err(|_| FetchError::Tls("no such name".to_owned()))?;
        let stream = self.tls.connect(name, stream).await;
        exchange(stream.map_err(|error| FetchError::Tls(error.to_string()))?, request).await
    }
}

fn request(to: &WebAddress, call: Call<'_>) -> Request<Body> {
    let (method, authorization, form) = match call {
        Call::Get => (Method::GET, None, None),
        Call::GetAs(token) => (Method::GET, Some(format!("Bearer {token}")), None),
        Call::Post { form, authorization } => (Method::POST, authorization, Some(form)),
    };
    let mut request = Request::new(form.clone().map_or_else(Body::empty, Body::from));
    *request.method_mut() = method;
    *request.uri_mut() = to.path().parse().unwrap_or_default();
    let headers = request.headers_mut();
    let mut set = |name, value: &str| {
        // An access token with odd letters is left out, and refused there.
        if let Ok(mut value) = HeaderValue::from_str(value) {
            value.set_sensitive(name == header::AUTHORIZATION);
            headers.insert(name, value);
        }
    };
    set(header::HOST, to.authority());
    set(header::ACCEPT, "application/json");
    set(header::CONNECTION, "close");
    if let Some(authorization) = &authorization {
        set(header::AUTHORIZATION, authorization);
    }
    if form.is_some() {
        set(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    request
}

async fn exchange<S>(stream: S, request: Request<Body>) -> Result<Bytes, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|_| FetchError::Broken)?;
    let answer = async {
        let answer = sender.send_request(request).await.map_err(|_| FetchError::Broken)?;
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(FetchError::Status(status));
        }
        read(Body::new(answer.into_body())).await
    };
    // The connection is driven here and goes with the call: no task is left behind.
    let mut connection = std::pin::pin!(connection);
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        _ = &mut connection => answer.await,
    }
}

async fn read(body: Body) -> Result<Bytes, FetchError> {
    let mut read = BytesMut::new();
    let mut body = body.into_data_stream();
    while let Some(part) = body.next().await {
        let part = part.map_err(|_| FetchError::Broken)?;
        if read.len() + part.len() > ANSWER_BYTES_MAX {
            return Err(FetchError::TooLarge);
        }
        read.extend_from_slice(&part);
    }
    Ok(read.freeze())
}
