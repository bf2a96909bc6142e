//! The one way out over HTTP: a request and its answer, within one time and so many bytes.
//!
//! Redirects are not followed and no proxy of the environment is used: what is sent goes to the address that
//! was named, and nowhere else.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, Url};
use rustls::CertificateError;

use super::reach::{NoPlace, Place, address_in};
use super::trust::web_config;

/// Why there is no answer. Nothing of the address, the request or the answer is repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebError {
    /// The time is over.
    #[error("no answer in time")]
    Late,
    /// No connection.
    #[error("cannot be reached: {0}")]
    Unreachable(io::ErrorKind),
    /// The address lies in a network that is not to be reached.
    #[error("the address is not a public one")]
    NotPublic,
    /// No TLS, or a certificate that nobody vouches for.
    #[error("TLS failed: {0}")]
    Tls(&'static str),
    /// Not HTTP, or broken off.
    #[error("the connection broke off")]
    Broken,
    /// Larger than it may be.
    #[error("the answer is larger than it may be")]
    TooLarge,
    /// It cannot be asked at all.
    #[error("cannot be asked: {0}")]
    Unusable(String),
}

/// Where a connection may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Wherever the address points to: whoever wrote it runs the router.
    Anywhere,
    /// Not into networks that are not public.
    Public,
}

/// What holds for every call of one [`Web`].
#[derive(Clone, Copy, Debug)]
pub struct WebRules<'a> {
    /// Roots, PEM, that are believed beside those that browsers believe.
    pub roots: Option<&'a [u8]>,
    /// Where connections may lead.
    pub reach: Reach,
    /// Longest from the beginning of a call to the end of its answer.
    pub within: Duration,
    /// Largest body of an answer.
    pub answer_bytes_max: usize,
    /// Connections to one host that are kept open between calls.
    pub idle_max: usize,
}

/// A request. It has no `Debug`: what it says is nobody's to repeat.
#[derive(Clone)]
pub struct WebRequest {
    /// How.
    pub method: Method,
    /// Of what.
    pub url: String,
    /// What stands before the body.
    pub headers: HeaderMap,
    /// What is sent.
    pub body: Bytes,
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct WebAnswer {
    /// Its status.
    pub status: u16,
    /// Who answered, where the connection says so.
    pub from: Option<SocketAddr>,
    /// How long the other side wants to be left alone, where it says so in seconds.
    pub retry_after: Option<Duration>,
    /// Its body.
    pub body: Bytes,
}

/// Asks over HTTP: a [`Web`], or whatever a simulation puts in its place.
pub trait AskWeb: Send + Sync {
    /// Asks once, within the time and the bytes of its rules.
    fn ask(&self, request: WebRequest) -> BoxFuture<'_, Result<WebAnswer, WebError>>;
}

/// Where ways out over HTTP begin: the [`Internet`], or a simulated one.
pub trait OpenWeb: Send + Sync {
    /// A way out under rules of its own.
    ///
    /// # Errors
    /// When there can be none of that kind.
    fn open(&self, rules: &WebRules<'_>) -> Result<Arc<dyn AskWeb>, WebError>;
}

/// The network that this machine is in.
#[derive(Clone, Copy, Debug)]
pub struct Internet;

impl OpenWeb for Internet {
    fn open(&self, rules: &WebRules<'_>) -> Result<Arc<dyn AskWeb>, WebError> {
        Ok(Arc::new(Web::new(rules)?))
    }
}

impl AskWeb for Web {
    fn ask(&self, request: WebRequest) -> BoxFuture<'_, Result<WebAnswer, WebError>> {
        Box::pin(self.ask(request))
    }
}

/// A client of one set of rules; its clones share connections.
#[derive(Clone, Debug)]
pub struct Web {
    client: reqwest::Client,
    reach: Reach,
    answer_bytes_max: usize,
}

impl Web {
    /// A client.
    ///
    /// # Errors
    /// When this machine can make no connection of that kind.
    pub fn new(rules: &WebRules<'_>) -> Result<Self, WebError> {
        let builder = reqwest::Client::builder()
            .tls_backend_preconfigured(web_config(rules.roots))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .timeout(rules.within)
            .pool_max_idle_per_host(rules.idle_max);
        let builder = match rules.reach {
            Reach::Anywhere => builder,
            Reach::Public => builder.dns_resolver(PublicNames),
        };
        let client = builder.build().map_err(|error| WebError::Unusable(error.to_string()))?;
        Ok(Self { client, reach: rules.reach, answer_bytes_max: rules.answer_bytes_max })
    }

    /// Asks once.
    ///
    /// # Errors
    /// When there is no whole answer. Any status is one.
    pub async fn ask(&self, request: WebRequest) -> Result<WebAnswer, WebError> {
        let WebRequest { method, url, headers, body } = request;
        let url: Url = url.parse().map_err(|_| WebError::Unusable("no web address".to_owned()))?;
        // Names are looked at when they are resolved. The parser has brought every way of writing an IPv4
        // address into the usual one.
        let address = url.host_str().and_then(address_in);
        if address.is_some_and(|it| !self.reach.allows(it)) {
            return Err(WebError::NotPublic);
        }
        let asked = self.client.request(method, url).headers(headers).body(body).send().await;
        let mut answer = asked.map_err(|error| why(&error))?;
        let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|value| value.parse().ok()).map(Duration::from_secs);
        let (status, from) = (answer.status().as_u16(), answer.remote_addr());
        let mut body = BytesMut::new();
        while let Some(part) = answer.chunk().await.map_err(|error| why(&error))? {
            if body.len() + part.len() > self.answer_bytes_max {
                return Err(WebError::TooLarge);
            }
            body.extend_from_slice(&part);
        }
        Ok(WebAnswer { status, from, retry_after, body: body.freeze() })
    }
}

/// Gives of the addresses of a name those that are public.
struct PublicNames;

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let place = Place { host: name.as_str(), port: 0, reach: Reach::Public };
            Ok(Box::new(place.addresses().await?.into_iter()) as Addrs)
        })
    }
}

fn why(error: &reqwest::Error) -> WebError {
    if let Some(error) = cause(error) {
        return error;
    }
    match error {
        error if error.is_timeout() => WebError::Late,
        error if error.is_connect() => WebError::Unreachable(io::ErrorKind::Other),
        error if error.is_builder() => WebError::Unusable("no such request".to_owned()),
        _ => WebError::Broken,
    }
}

/// Why there is no TLS, in words of our own: those of the error repeat names that the other side chose, as
/// many as it likes.
pub(super) const fn no_tls(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(error) => match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the certificate has expired"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the certificate is not valid yet"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the certificate is for another name"
            }
            CertificateError::UnknownIssuer => "nobody who is believed vouches for the certificate",
            CertificateError::Revoked => "the certificate was revoked",
            _ => "the certificate is not valid",
        },
        rustls::Error::AlertReceived(_) => "the other side refuses",
        rustls::Error::PeerIncompatible(_) => "no version or suite in common",
        rustls::Error::InvalidMessage(_) => "the other side does not speak it",
        _ => "it was broken off",
    }
}

/// What lies at the bottom of an error of a connection.
fn cause(error: &reqwest::Error) -> Option<WebError> {
    let is_connect = error.is_connect();
    let mut next: Option<&(dyn Error + 'static)> = error.source();
    let mut unreachable = None;
    while let Some(error) = next {
        match error.downcast_ref::<NoPlace>() {
            Some(NoPlace::NotPublic) => return Some(WebError::NotPublic),
            Some(NoPlace::Unknown) => return Some(WebError::Unreachable(io::ErrorKind::NotFound)),
            None => {}
        }
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Some(WebError::Tls(no_tls(error)));
        }
        next = match error.downcast_ref::<io::Error>() {
            // What it holds is not among its sources.
            Some(error) => {
                let is_late = error.kind() == io::ErrorKind::TimedOut;
                unreachable = Some(WebError::Unreachable(error.kind()))
                    .filter(|_| is_connect && !is_late)
                    .or(unreachable);
                error.get_ref().map(|inner| inner as &(dyn Error + 'static))
            }
            None => error.source(),
        };
    }
    unreachable
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    const RULES: WebRules<'_> = WebRules {
        roots: None,
        reach: Reach::Anywhere,
        within: Duration::from_secs(30),
        answer_bytes_max: 16,
        idle_max: 0,
    };

    fn get(url: impl Into<String>) -> WebRequest {
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        WebRequest { method: Method::GET, url: url.into(), headers, body }
    }

    /// Answers one request with `answer`.
    async fn server(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it listens");
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut head = [0; 1024];
            let _ = stream.read(&mut head).await;
            stream.write_all(answer.as_bytes()).await.expect("written");
        });
        format!("http://{address}/")
    }

    #[tokio::test]
    async fn an_answer_is_one_whatever_its_status_and_a_redirect_is_not_followed() {
        let web = Web::new(&RULES).expect("a client");
        let moved = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nRetry-After: 7\r\n\
                     Content-Length: 2\r\n\r\nno";

        let url = server(moved).await;
        let answer = web.ask(get(url.clone())).await.expect("an answer");

        assert_eq!((answer.status, &answer.body[..]), (302, &b"no"[..]));
        let from = answer.from.expect("who answered");
        assert_eq!(format!("http://{from}/"), url);
        assert_eq!(answer.retry_after, Some(Duration::from_secs(7)));
    }

    #[tokio::test]
    async fn what_is_wrong_has_a_name() {
        let web = Web::new(&RULES).expect("a client");
        let short = Web::new(&WebRules { within: Duration::from_millis(50), ..RULES });
        let large = "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\nfar more than fit";
        let cut = "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\nless";
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let closed = nobody.local_addr().expect("it listens");
        drop(nobody);

        let silent = format!("http://{}/", silent.local_addr().expect("it listens"));
        assert_eq!(web.ask(get(server(large).await)).await.unwrap_err(), WebError::TooLarge);
        assert_eq!(web.ask(get(server(cut).await)).await.unwrap_err(), WebError::Broken);
        assert_eq!(
            web.ask(get(server("what?\r\n\r\n").await)).await.unwrap_err(),
            WebError::Broken
        );
        let refused = WebError::Unreachable(io::ErrorKind::ConnectionRefused);
        assert_eq!(web.ask(get(format!("http://{closed}/"))).await.unwrap_err(), refused);
        let plain = server("HTTP/1.1 200 OK\r\n\r\n").await.replace("http:", "https:");
        assert!(matches!(web.ask(get(plain)).await, Err(WebError::Tls(_))));
        assert_eq!(short.expect("a client").ask(get(silent)).await.unwrap_err(), WebError::Late);
        assert!(matches!(web.ask(get("nowhere")).await, Err(WebError::Unusable(_))));
    }

    #[tokio::test]
    async fn networks_that_are_not_public_are_reached_by_no_way_of_writing_them() {
        let web = Web::new(&WebRules { reach: Reach::Public, ..RULES }).expect("a client");

        for url in [
            "http://127.0.0.1:1/",
            "http://localhost:1/",
            "http://2130706433:1/",
            "http://0x7f.1:1/",
            "http://[::1]:1/",
            "http://[::ffff:10.0.0.1]:1/",
            "http://169.254.169.254/latest/meta-data",
        ] {
            assert_eq!(web.ask(get(url)).await.unwrap_err(), WebError::NotPublic, "{url}");
        }
    }
}
