//! Error codes and close codes, with their consequences.

use std::time::Duration;

use serde::Serialize;

/// Why a frame or a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Not a frame of this protocol, or not one of this role.
    BadFrame,
    /// Too long or empty.
    TooLarge,
    /// Token or password is wrong.
    Unauthorized,
    /// Known, but not allowed.
    Forbidden,
    /// No such thing for this client.
    NotFound,
    /// The id was used for something else, or the conversation is closed.
    Conflict,
    /// The offer is over.
    OfferExpired,
    /// Another seat took it.
    OfferTaken,
    /// Too many messages.
    RateLimited,
    /// A queue is full.
    Overloaded,
    /// The journal cannot write now.
    Unavailable,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [Self; 11] = [
        Self::BadFrame,
        Self::TooLarge,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::OfferExpired,
        Self::OfferTaken,
        Self::RateLimited,
        Self::Overloaded,
        Self::Unavailable,
    ];

    /// The code as written on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadFrame => "bad_frame",
            Self::TooLarge => "too_large",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::OfferExpired => "offer_expired",
            Self::OfferTaken => "offer_taken",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::Unavailable => "unavailable",
        }
    }

    /// The HTTP status that says the same.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::BadFrame => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict | Self::OfferExpired | Self::OfferTaken => 409,
            Self::TooLarge => 413,
            Self::RateLimited => 429,
            Self::Overloaded | Self::Unavailable => 503,
        }
    }
}

/// Why the server closes a WebSocket. Below 4500 the client may come back by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// The server is restarting.
    Draining,
    /// No frame for too long.
    Silent,
    /// Too much was waiting to be read.
    Slow,
    /// No hello in time.
    HelloTimeout,
    /// Too many connections.
    Overloaded,
    /// Too many bad frames, or no hello.
    BadFrame,
    /// A frame over the limit.
    TooLarge,
    /// A text frame that is not UTF-8.
    NotUtf8,
    /// The token does not verify.
    Unauthorized,
    /// The session has another socket now.
    Superseded,
    /// The frames break RFC 6455, or too many of them are its pings and pongs.
    Protocol,
}

impl CloseCode {
    /// Every code.
    pub const ALL: [Self; 11] = [
        Self::Draining,
        Self::Silent,
        Self::Slow,
        Self::HelloTimeout,
        Self::Overloaded,
        Self::BadFrame,
        Self::TooLarge,
        Self::NotUtf8,
        Self::Unauthorized,
        Self::Superseded,
        Self::Protocol,
    ];

    /// The number in the close frame.
    pub const fn number(self) -> u16 {
        match self {
            Self::Draining => 4000,
            Self::Silent => 4001,
            Self::Slow => 4002,
            Self::HelloTimeout => 4003,
            Self::Overloaded => 4004,
            Self::BadFrame => 4500,
            Self::TooLarge => 4501,
            Self::NotUtf8 => 4502,
            Self::Unauthorized => 4503,
            Self::Superseded => 4504,
            Self::Protocol => 1002,
        }
    }

    /// For a code that many clients get at one moment, the least time after which one may come back: each
    /// is told a time of its own.
    pub const fn back_after(self) -> Option<Duration> {
        match self {
            Self::Draining => Some(Duration::ZERO),
            Self::Overloaded => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// The reason in the close frame.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draining => "draining",
            Self::Silent => "silent",
            Self::Slow => "slow",
            Self::HelloTimeout => "hello_timeout",
            Self::Overloaded => "overloaded",
            Self::BadFrame => "bad_frame",
            Self::TooLarge => "too_large",
            Self::NotUtf8 => "not_utf8",
            Self::Unauthorized => "unauthorized",
            Self::Superseded => "superseded",
            Self::Protocol => "protocol",
        }
    }
}
