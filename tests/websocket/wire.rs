//! The bytes of RFC 6455, made and read by hand: nothing here shares code with the server.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for anything before a case fails.
const PATIENCE: Duration = Duration::from_secs(20);
const NOTHING_CAME: &str = "nothing came in time";
/// Any mask but zero: an unmasked payload would not be read as text.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub const FIN: u8 = 0x80;
pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xa;

/// How the length of a frame is written.
#[derive(Clone, Copy)]
pub enum Length {
    Shortest,
    In16Bits,
    In64Bits,
}

/// A masked frame as a client sends it; `first` is its first byte.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    frame_with(first, payload, Length::Shortest, Some(MASK))
}

/// The same without a mask, which no client may send.
pub fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    frame_with(first, payload, Length::Shortest, None)
}

pub fn frame_with(first: u8, payload: &[u8], length: Length, mask: Option<[u8; 4]>) -> Vec<u8> {
    let length = match (length, payload.len()) {
        (Length::Shortest, 126..=0xffff) => Length::In16Bits,
        (Length::Shortest, 0x1_0000..) => Length::In64Bits,
        (length, _) => length,
    };
    let mut bytes = head(first, payload.len() as u64, length, mask.is_some());
    let mask_bytes = mask.unwrap_or_default();
    if mask.is_some() {
        bytes.extend_from_slice(&mask_bytes);
    }
    bytes.extend(payload.iter().zip(mask_bytes.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// The first bytes of a frame, without mask and payload.
pub fn head(first: u8, len: u64, length: Length, is_masked: bool) -> Vec<u8> {
    let masked = if is_masked { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match length {
        Length::Shortest => bytes.push(masked | len as u8),
        Length::In16Bits => {
            bytes.push(masked | 126);
            bytes.extend_from_slice(&(len as u16).to_be_bytes());
        }
        Length::In64Bits => {
            bytes.push(masked | 127);
            bytes.extend_from_slice(&len.to_be_bytes());
        }
    }
    bytes
}

/// The payload of a close frame.
pub fn close_payload(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

/// A frame of the server.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    /// FIN, the reserved bits and the opcode.
    pub first: u8,
    pub payload: Vec<u8>,
}

/// A TCP connection to the server.
pub struct Wire(TcpStream);

impl Wire {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a bound");
        stream.set_write_timeout(Some(PATIENCE)).expect("a bound");
        stream.set_nodelay(true).expect("small pieces travel alone");
        Self(stream)
    }

    /// Sends bytes. A server that has heard enough may have hung up: what it said tells more.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// Sends no more, and still reads.
    pub fn half_close(&mut self) {
        self.0.shutdown(Shutdown::Write).expect("an open connection");
    }

    /// Whether nothing comes for so long.
    pub fn is_quiet_for(&mut self, wait: Duration) -> bool {
        self.0.set_read_timeout(Some(wait)).expect("a bound");
        let came = self.0.peek(&mut [0]);
        self.0.set_read_timeout(Some(PATIENCE)).expect("a bound");
        came.is_err_and(|error| told(&error) == NOTHING_CAME)
    }

    /// The next frame; `None` at a clean end.
    ///
    /// # Errors
    /// When the connection was reset, nothing came in time, or a frame is one that no server may send.
    pub fn frame(&mut self) -> Result<Option<Frame>, String> {
        let mut start = [0; 2];
        match self.0.read(&mut start[..1]) {
            Ok(0) => return Ok(None),
            Ok(_) => self.exact(&mut start[1..])?,
            Err(error) => return Err(told(&error)),
        }
        let [first, second] = start;
        if second & 0x80 != 0 {
            return Err("a server must not mask".to_owned());
        }
        let len = match second {
            126 => u64::from(u16::from_be_bytes(self.array()?)),
            127 => u64::from_be_bytes(self.array()?),
            len => len.into(),
        };
        if first & 0x0f >= 8 && (len > 125 || first & FIN == 0) {
            return Err("a control frame that is long or in parts".to_owned());
        }
        let mut payload = vec![0; usize::try_from(len).expect("a length that fits")];
        self.exact(&mut payload)?;
        Ok(Some(Frame { first, payload }))
    }

    /// Status, header lines and body of an answer; `None` when the server hung up without one.
    pub fn answer(&mut self) -> Option<(u16, Vec<String>)> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match self.0.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                Ok(_) => return None,
                Err(error) => panic!("{} after {:?}", told(&error), String::from_utf8_lossy(&head)),
            }
        }
        let head = String::from_utf8(head).expect("a head of text");
        let mut lines = head.trim_end().split("\r\n").map(str::to_owned);
        let first = lines.next().expect("a first line");
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let headers: Vec<String> = lines.map(|line| line.to_ascii_lowercase()).collect();
        let length = headers.iter().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().expect("a length"))];
        self.exact(&mut body).expect("the body");
        Some((status.expect("a status"), headers))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        self.exact(&mut bytes)?;
        Ok(bytes)
    }

    fn exact(&mut self, bytes: &mut [u8]) -> Result<(), String> {
        self.0.read_exact(bytes).map_err(|error| told(&error))
    }
}

fn told(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => NOTHING_CAME.to_owned(),
        kind => format!("the connection broke: {kind}"),
    }
}
