//! Opening a WebSocket with settings that suit many small frames.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::session::Target;

/// One open connection.
pub type Socket = WebSocketStream<TcpStream>;

/// Longest wait for the handshake; the router closes unfinished ones after 5 s.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);

/// Opens `path` on the router.
///
/// # Errors
/// When the connection or the handshake fails or takes longer than 10 s.
pub async fn open(target: &Target, path: &str) -> Result<Socket> {
    timeout(HANDSHAKE_WAIT, handshake(target, path)).await.context("no handshake within 10 s")?
}

async fn handshake(target: &Target, path: &str) -> Result<Socket> {
    let stream = TcpStream::connect(target.address).await.context("connecting")?;
    stream.set_nodelay(true)?;
    let request = format!("ws://{}{path}", target.host).into_client_request()?;
    // 4 KiB instead of the default 128 KiB: the frames are small, and a thousand large buffers
    // would drive the server, which shares this machine, out of the cache.
    let config = WebSocketConfig::default().read_buffer_size(4096).max_message_size(Some(8 << 20));
    let (socket, _) =
        tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await?;
    Ok(socket)
}

/// The wait that a refused handshake asks for.
pub fn retry_after(why: &anyhow::Error) -> Option<Duration> {
    let Some(Error::Http(answer)) = why.downcast_ref() else { return None };
    let seconds = answer.headers().get("retry-after")?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
