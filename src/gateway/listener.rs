//! Accepts connections and serves HTTP on each until it ends or becomes a WebSocket.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::metrics::names::Counter;
use crate::protocol::ErrorCode;

use super::Gateway;
use super::clients::Accepted;
use super::problem::Refused;
use super::retry;
use super::stream::{Reading, Stream};

/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Headers of a request.
const HEADERS_MAX: usize = 64;
/// Least wait of a client that met a full router.
const FULL_FOR: Duration = Duration::from_secs(1);

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
    /// Who may connect how often.
    pub door: Door,
}

/// How the connections of an address are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// By the address that they come from.
    Strangers,
    /// All together: whoever manages the router is not locked out by his own machine.
    Management,
}

/// Serves until `drain` is cancelled, then accepts nothing more.
pub async fn serve(gateway: Arc<Gateway>, served: Served, drain: CancellationToken) {
    let Served { listener, router, tls, connections_max, door } = served;
    let connections = Arc::new(Semaphore::new(connections_max));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = drain.cancelled() => return,
        };
        let (stream, peer) = match accepted {
            Ok((stream, peer)) => (stream, peer.ip()),
            Err(error) => {
                // Out of files, or the peer is gone already: neither is a reason to stop.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        match let_in(&gateway, &connections, door, peer) {
            Ok(accepted) => {
                let (gateway, router, tls) = (gateway.clone(), router.clone(), tls.clone());
                tokio::spawn(async move {
                    if let Some(stream) = secured(&gateway, stream, tls).await {
                        http(gateway, stream, router, Arc::new(accepted)).await;
                    }
                });
            }
            Err(refused) => refuse(&gateway, stream, &refused),
        }
    }
}

fn let_in(
    gateway: &Gateway,
    connections: &Arc<Semaphore>,
    door: Door,
    peer: IpAddr,
) -> Result<Accepted, Refused> {
    let permit = connections.clone().try_acquire_owned().map_err(|_| {
        let wait = retry::later(FULL_FOR, gateway.sockets.len(), rand::random());
        Refused::for_a_while(ErrorCode::Overloaded, "too many connections", wait)
    })?;
    match door {
        Door::Strangers => gateway.accept(peer, permit),
        Door::Management => Ok(Accepted::uncounted(peer, permit)),
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

async fn http(gateway: Arc<Gateway>, stream: Stream, router: Router, accepted: Arc<Accepted>) {
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(accepted.clone());
        router.clone().oneshot(request)
    });
    let stream = Reading::new(stream, gateway.limits.peer_dead_after);
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

fn refuse(gateway: &Gateway, mut stream: TcpStream, refused: &Refused) {
    gateway.metrics.count(Counter::Refused(refused.code()));
    let answer = refused.at_the_door();
    tokio::spawn(async move {
        let told =
            tokio::time::timeout(Duration::from_secs(1), stream.write_all(answer.as_bytes()));
        // Whether it was heard makes no difference.
        let _ = told.await;
    });
}
