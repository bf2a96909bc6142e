//! A customer's connection without the bookkeeping of [`super::link`]: for floods and for idle
//! connections, where the harness must cost as little as it can.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use super::frame::{self, Frame};
use super::session::{self, Refused, Target};
use super::socket::{self, Socket};

/// Connections that are opened at the same time.
const OPENING: usize = 64;
/// Tries for each connection: the router may ask to wait.
const TRIES: u32 = 6;
const WELCOME_WAIT: Duration = Duration::from_secs(10);

/// Opens `count` connections with `enter`, a bounded number at a time.
///
/// # Errors
/// With the first connection that could not be opened.
pub async fn open_all<F, Fut>(
    count: usize,
    enter: F,
    mut opened: impl FnMut(u64),
) -> Result<Vec<Socket>>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<Socket>> + Send + 'static,
{
    let gate = Arc::new(Semaphore::new(OPENING));
    let mut opening = JoinSet::new();
    for _ in 0..count {
        let (gate, entering) = (gate.clone(), enter());
        opening.spawn(async move {
            let _turn = gate.acquire_owned().await;
            entering.await
        });
    }
    let mut sockets = Vec::with_capacity(count);
    while let Some(socket) = opening.join_next().await {
        sockets.push(socket??);
        opened(sockets.len() as u64);
    }
    Ok(sockets)
}

/// A new customer: session, connection, hello, welcome.
///
/// # Errors
/// When the router refuses for good or does not answer.
pub async fn enter(target: Arc<Target>) -> Result<Socket> {
    let mut last = None;
    for attempt in 0..TRIES {
        let backoff = Duration::from_millis(200 << attempt);
        let session = match session::widget(&target, None).await {
            Ok(session) => session,
            Err(Refused::Answer { status, code, retry_after })
                if matches!(code.as_str(), "rate_limited" | "overloaded") =>
            {
                last = Some(format!("session: status {status}, code {code}"));
                sleep(retry_after.unwrap_or(backoff)).await;
                continue;
            }
            Err(refused) => bail!("the session was refused: {refused}"),
        };
        match welcome(&target, &session.token).await {
            Ok(socket) => return Ok(socket),
            Err(why) => last = Some(format!("{why:#}")),
        }
        sleep(backoff).await;
    }
    bail!("no connection after {TRIES} tries: {}", last.unwrap_or_default())
}

async fn welcome(target: &Target, token: &str) -> Result<Socket> {
    let mut socket = socket::open(target, "/v1/widget").await?;
    socket.send(Message::text(frame::hello(token, None, &[]))).await?;
    let welcomed = async {
        while let Some(message) = socket.next().await {
            match message? {
                Message::Text(text) if Frame::decode(text.as_str())?.kind_of_frame == "welcome" => {
                    return Ok(());
                }
                Message::Close(close) => bail!("closed instead of a welcome: {close:?}"),
                _ => {}
            }
        }
        bail!("the connection ended before the welcome")
    };
    timeout(WELCOME_WAIT, welcomed).await.context("no welcome within 10 s")??;
    Ok(socket)
}

/// Writes frames of a fixed size with texts of which no two are alike.
#[derive(Debug)]
pub struct Writer {
    state: u64,
    number: u64,
    frame_bytes: usize,
}

/// Words of shop conversations, so that the texts look like some and are in several languages.
const WORDS: [&str; 48] = [
    "order",
    "parcel",
    "refund",
    "where",
    "when",
    "broken",
    "size",
    "colour",
    "delivery",
    "address",
    "pedido",
    "paquete",
    "reembolso",
    "donde",
    "cuando",
    "roto",
    "talla",
    "envio",
    "gracias",
    "cupon",
    "commande",
    "colis",
    "remboursement",
    "quand",
    "casse",
    "taille",
    "livraison",
    "adresse",
    "merci",
    "Bestellung",
    "Paket",
    "Erstattung",
    "wann",
    "kaputt",
    "Lieferung",
    "danke",
    "pesanan",
    "paket",
    "kapan",
    "rusak",
    "ukuran",
    "alamat",
    "ordine",
    "pacco",
    "rimborso",
    "quando",
    "rotto",
    "grazie",
];

impl Writer {
    /// Writers with different numbers write different texts.
    pub fn new(number: u64, frame_bytes: usize) -> Self {
        let state = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        Self { state, number: number << 32, frame_bytes }
    }

    fn draw(&mut self) -> u64 {
        // xorshift: quick, and good enough to pick words.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    /// A `send` frame; one allocation.
    pub fn send(&mut self, id: Uuid, conversation: Option<Uuid>) -> String {
        const END: &str = r#""}"#;
        let mut out = String::with_capacity(self.frame_bytes);
        let _ = write!(out, r#"{{"type":"send","id":"{id}","conversation":"#);
        match conversation {
            Some(conversation) => {
                let _ = write!(out, r#""{conversation}""#);
            }
            None => out.push_str("null"),
        }
        out.push_str(r#","text":""#);
        self.number += 1;
        let _ = write!(out, "{}", self.number);
        let text_end = self.frame_bytes.saturating_sub(END.len());
        while out.len() < text_end {
            out.push(' ');
            let word = WORDS[(self.draw() >> 33) as usize % WORDS.len()];
            let room = text_end.saturating_sub(out.len()).min(word.len());
            out.push_str(&word[..room]);
        }
        // A text may not end with the space that filled its last byte; it may, but then it is not
        // the size that was asked for once somebody trims it.
        if out.ends_with(' ') {
            out.pop();
            out.push('.');
        }
        out.push_str(END);
        out
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn frames_have_the_size_asked_for_and_no_two_texts_are_alike() {
        let mut seen = BTreeSet::new();
        for number in 0..20 {
            let mut writer = Writer::new(number, 256);
            for at in 0..200 {
                let conversation = (at > 0).then(|| Uuid::from_u128(9));
                let frame = writer.send(Uuid::from_u128(u128::from(at + 1_u64)), conversation);

                assert_eq!(frame.len(), 256);
                let value: serde_json::Value = serde_json::from_str(&frame).expect("JSON");
                assert!(seen.insert(value["text"].as_str().expect("a text").to_owned()));
            }
        }
    }
}
