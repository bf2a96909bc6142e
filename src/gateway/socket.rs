//! A WebSocket with the rules of the protocol around it: text frames only, everything else named.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::admission::{Bucket, Rate};
use crate::deliver::Frame;
use crate::protocol::{CloseCode, ServerFrame, encode};
use crate::runtime::Clock;

use super::retry;
use super::stream::Stream;

/// How long a peer may take to read a close frame and to hang up.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// Pings and pongs of RFC 6455 that a peer may send in a second, and at once. Browsers send none,
/// libraries one in 20 s. Each ping leaves a pong that waits until it is read, where neither the
/// outbox nor the time of a write sees it.
const CONTROL_FRAMES_PER_S: u32 = 1;
const CONTROL_FRAMES_BURST: u32 = 10;

/// The socket of one connection.
pub struct Socket {
    stream: Box<WebSocketStream<Stream>>,
    write_max: Duration,
    control_frames: Bucket,
    control_rate: Rate,
    clock: Clock,
}

/// What came in.
#[derive(Debug)]
pub enum Received {
    /// A frame of the protocol.
    Text(Utf8Bytes),
    /// A binary message.
    Binary,
    /// The peer is gone, or has said goodbye.
    Gone,
    /// The peer broke a rule for which the socket closes.
    Broken(CloseCode),
}

impl Socket {
    /// A socket whose peer must read within `write_max` what is written.
    pub fn new(stream: Box<WebSocketStream<Stream>>, write_max: Duration, clock: Clock) -> Self {
        let control_rate = Rate::new(CONTROL_FRAMES_PER_S, CONTROL_FRAMES_BURST);
        let control_rate = control_rate.expect("neither constant is zero");
        Self { stream, write_max, control_frames: Bucket::default(), control_rate, clock }
    }

    /// Waits for the next message; pings are answered on the way, as long as they are few. Cancelling
    /// loses nothing.
    pub async fn next(&mut self) -> Received {
        loop {
            return match self.stream.next().await {
                Some(Ok(Message::Text(text))) => Received::Text(text),
                Some(Ok(Message::Binary(_))) => Received::Binary,
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                    let taken = self.control_frames.take(self.control_rate, self.clock.now());
                    if taken.is_ok() {
                        continue;
                    }
                    Received::Broken(CloseCode::Protocol)
                }
                Some(Err(Error::Capacity(_))) => Received::Broken(CloseCode::TooLarge),
                Some(Err(Error::Utf8(_))) => Received::Broken(CloseCode::NotUtf8),
                Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => {
                    Received::Gone
                }
                Some(Err(Error::Protocol(_))) => Received::Broken(CloseCode::Protocol),
                None | Some(Ok(Message::Close(_)) | Err(_)) => Received::Gone,
            };
        }
    }

    /// Writes frames and flushes once, unless `cut` comes first. What was begun then stays to be written
    /// before the close.
    ///
    /// # Errors
    /// When the peer is gone, or does not read in time.
    pub async fn write(
        &mut self,
        frames: &mut Vec<Frame>,
        cut: impl Future<Output = ()>,
    ) -> Result<(), Unwritten> {
        let stream = &mut self.stream;
        let write = async move {
            for frame in frames.drain(..) {
                stream.feed(Message::Text(frame)).await?;
            }
            stream.flush().await
        };
        tokio::select! {
            biased;
            wrote = tokio::time::timeout(self.write_max, write) => match wrote {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(Unwritten::Gone),
                Err(_) => Err(Unwritten::Slow),
            },
            () = cut => Err(Unwritten::Slow),
        }
    }

    /// Closes with a code, after the time to come back where there is one, and waits a little for the
    /// peer to have read it.
    pub async fn close(mut self, code: CloseCode, retry_after: Option<Duration>) {
        if let Some(wait) = retry_after {
            let (reason, retry_after_ms) = (code.as_str(), retry::millis(wait));
            let closing = encode(&ServerFrame::Closing { reason, retry_after_ms });
            // A peer to whom it cannot be written gets no close frame either.
            let _ = self.write(&mut vec![closing.into()], tokio::time::sleep(CLOSE_MAX)).await;
        }
        let frame = CloseFrame { code: code.number().into(), reason: code.as_str().into() };
        // The close frame of a slow reader stands behind what it has not read: it gets the time in which
        // a peer is taken for alive. Whoever does not answer is dropped.
        let within = if code == CloseCode::Slow { self.write_max } else { CLOSE_MAX };
        let close = async {
            // A pong that is still owed would otherwise follow the close frame.
            if self.stream.flush().await.is_ok()
                && WebSocketStream::close(&mut self.stream, Some(frame)).await.is_ok()
            {
                while let Some(Ok(_)) = self.stream.next().await {}
                self.hang_up().await;
            }
        };
        let _ = tokio::time::timeout(within, close).await;
    }

    /// Parts from a peer that is [`Received::Gone`]: its close frame, if there was one, is answered.
    pub async fn part(mut self) {
        let part = async {
            if self.stream.flush().await.is_ok() {
                self.hang_up().await;
            }
        };
        let _ = tokio::time::timeout(CLOSE_MAX, part).await;
    }

    /// Ends the connection from this side and passes over what still comes from the other. Dropped with
    /// bytes that nobody read, it would be reset, and the peer might never see the close frame.
    async fn hang_up(&mut self) {
        let stream = self.stream.get_mut();
        let mut unread = [0; 1024];
        if stream.shutdown().await.is_ok() {
            while stream.read(&mut unread).await.is_ok_and(|bytes| bytes > 0) {}
        }
    }
}

/// Why frames did not get out.
#[derive(Debug)]
pub enum Unwritten {
    /// The peer is gone.
    Gone,
    /// The peer does not read.
    Slow,
}

impl Unwritten {
    /// The code to close with; `None` when nobody is there to read it.
    pub const fn close_code(&self) -> Option<CloseCode> {
        match self {
            Self::Gone => None,
            Self::Slow => Some(CloseCode::Slow),
        }
    }
}
