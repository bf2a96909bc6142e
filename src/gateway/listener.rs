//! Accepts connections and serves HTTP on each until it ends or becomes a WebSocket.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::metrics::names::Counter;
use crate::protocol::ErrorCode;

use super::Gateway;
use super::stream::Stream;

/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Headers of a request.
const HEADERS_MAX: usize = 64;
/// What a connection over the limit is told before it is closed.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 0\r\n\
    Connection: close\r\n\r\n";

/// Leave to hold one connection; it travels with the connection, into the WebSocket as well.
pub type Permit = Arc<OwnedSemaphorePermit>;

/// An address that is served.
pub struct Served {
    /// Where connections come in.
    pub listener: TcpListener,
    /// What answers them.
    pub router: Router,
    /// Speaks TLS, where there is one.
    pub tls: Option<TlsAcceptor>,
    /// Most connections at a time: this address's own, so that a flood of one leaves the other open.
    pub connections_max: usize,
}

/// Serves until `drain` is cancelled, then accepts nothing more.
pub async fn serve(gateway: Arc<Gateway>, served: Served, drain: CancellationToken) {
    let Served { listener, router, tls, connections_max } = served;
    let connections = Arc::new(Semaphore::new(connections_max));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = drain.cancelled() => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of files, or the peer is gone already: neither is a reason to stop.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                continue;
            }
        };
        match connections.clone().try_acquire_owned() {
            Ok(permit) => {
                let permit = Arc::new(permit);
                let (gateway, router, tls) = (gateway.clone(), router.clone(), tls.clone());
                tokio::spawn(async move {
                    if let Some(stream) = secured(&gateway, stream, tls).await {
                        http(gateway, stream, router, permit).await;
                    }
                });
            }
            Err(_) => refuse(&gateway, stream),
        }
    }
}

/// The stream that is spoken on; `None` when the peer is gone, or does not shake hands in time.
async fn secured(gateway: &Gateway, stream: TcpStream, tls: Option<TlsAcceptor>) -> Option<Stream> {
    // Acknowledgements are small and wait for nothing: Nagle's algorithm would hold them back.
    stream.set_nodelay(true).ok()?;
    let Some(tls) = tls else { return Some(Stream::Plain(stream)) };
    let shaken = tokio::time::timeout(gateway.limits.handshake, tls.accept(stream)).await;
    match shaken {
        Ok(Ok(stream)) => Some(Stream::Tls(Box::new(stream))),
        Ok(Err(error)) => {
            tracing::trace!(%error, "no TLS");
            None
        }
        Err(_) => None,
    }
}

async fn http(gateway: Arc<Gateway>, stream: Stream, router: Router, permit: Permit) {
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(permit.clone());
        router.clone().oneshot(request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(gateway.limits.handshake)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::trace!(%error, "connection ended");
    }
}

fn refuse(gateway: &Gateway, mut stream: TcpStream) {
    gateway.metrics.count(Counter::Refused(ErrorCode::Overloaded));
    tokio::spawn(async move {
        let told = tokio::time::timeout(std::time::Duration::from_secs(1), stream.write_all(FULL));
        // Whether it was heard makes no difference.
        let _ = told.await;
    });
}
