//! Token, connection, hello, welcome, and what to ask for again.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use super::cursor::Cursor;
use super::{Link, Role};
use crate::client::frame::{self, Frame, Standing};
use crate::client::session::{self, Refused};
use crate::client::socket;
use crate::stats::{Count, Measure};
use crate::verify::End;

/// Tokens are good for 10 minutes.
const TOKEN_AGE_MAX: Duration = Duration::from_secs(9 * 60);
/// Longest wait for `welcome`.
const WELCOME_WAIT: Duration = Duration::from_secs(10);

impl Link {
    /// Token, connection, hello, welcome; None after a failure, with the next try scheduled.
    pub(super) async fn connect(&mut self) -> Option<Vec<Standing>> {
        let began = Instant::now();
        // A second hello follows when the first answer named something that has to be asked for
        // from its start, a third when that in turn was not all.
        for _ in 0..3 {
            if let Err(refused) = self.get_token().await {
                self.refused_session(&refused);
                return None;
            }
            let welcome = match self.shake_hands().await {
                Ok(welcome) => welcome,
                Err(why) => {
                    match why {
                        Some(code) => self.closed(code),
                        None => self.lost("connect"),
                    }
                    return None;
                }
            };
            if self.needs_another_hello(&welcome) {
                self.socket = None;
                continue;
            }
            self.failures = 0;
            self.retry_at = None;
            let measure = if self.was_connected {
                self.shared.stats.count(Count::Reconnected);
                Measure::Resume
            } else {
                Measure::Connect
            };
            self.was_connected = true;
            self.connected_at = Instant::now();
            self.shared.stats.record(measure, began.elapsed());
            return Some(welcome.standings);
        }
        self.lost("no_stable_welcome");
        None
    }

    async fn get_token(&mut self) -> Result<(), Refused> {
        if self.token.as_ref().is_some_and(|(_, got)| got.elapsed() < TOKEN_AGE_MAX) {
            return Ok(());
        }
        let session = match &self.role {
            Role::Customer { visitor } => {
                session::widget(&self.shared.target, visitor.as_deref()).await?
            }
            Role::Seat { user, password } => {
                session::seat(&self.shared.target, user, password).await?
            }
        };
        if let (Role::Customer { visitor }, Some(given)) = (&mut self.role, session.visitor)
            && visitor.as_deref() != Some(&given)
        {
            self.identity = Some(self.shared.add_identity(&given));
            *visitor = Some(given);
        }
        self.token = Some((session.token, Instant::now()));
        Ok(())
    }

    fn refused_session(&mut self, refused: &Refused) {
        match refused {
            Refused::Answer { code, retry_after, .. } => {
                self.shared.stats.error(code);
                self.back_off();
                if let Some(wait) = retry_after {
                    self.retry_at = Some(Instant::now() + *wait);
                }
            }
            Refused::Transport(_) => self.lost("connect"),
        }
    }

    /// The close code, if there was one, when it fails.
    async fn shake_hands(&mut self) -> Result<Welcome, Option<u16>> {
        let path = match self.role {
            Role::Customer { .. } => "/v1/widget",
            Role::Seat { .. } => "/v1/seat",
        };
        let mut socket = match socket::open(&self.shared.target, path).await {
            Ok(socket) => socket,
            Err(why) => {
                self.back_after = socket::retry_after(&why);
                return Err(None);
            }
        };
        let last_seq: Vec<_> = self
            .cursors
            .iter()
            .map(|(conversation, cursor)| (*conversation, cursor.last))
            .collect();
        let token = self.token.as_ref().map_or("", |(token, _)| token.as_str());
        let hello = frame::hello(token, self.session, &last_seq);
        self.last_sent = Instant::now();
        socket.send(Message::text(hello)).await.map_err(|_| None)?;

        let until = Instant::now() + WELCOME_WAIT;
        let welcome = loop {
            match timeout_at(until, socket.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => {
                    let frame = Frame::decode(text.as_str()).map_err(|_| None)?;
                    match &*frame.kind_of_frame {
                        "welcome" => break Welcome::new(&frame, !last_seq.is_empty()),
                        "error" => {
                            self.shared.stats.error(frame.code.as_deref().unwrap_or("no_code"));
                        }
                        "closing" => {
                            self.back_after = frame.retry_after_ms.map(Duration::from_millis);
                        }
                        _ => {}
                    }
                }
                Ok(Some(Ok(Message::Close(close)))) => {
                    return Err(Some(close.map_or(1005, |close| u16::from(close.code))));
                }
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(_)) | None) | Err(_) => return Err(None),
            }
        };
        self.session = welcome.session.or(self.session);
        self.heartbeat = welcome.heartbeat;
        self.last_heard = Instant::now();
        self.socket = Some(socket);
        Ok(welcome)
    }

    /// Brings what is followed in line with what the server has; true when it has to be asked for
    /// something else than this hello did.
    fn needs_another_hello(&mut self, welcome: &Welcome) -> bool {
        let listed = |conversation: &Uuid| {
            welcome.standings.iter().any(|standing| standing.conversation == *conversation)
        };
        let mut again = false;
        if welcome.asked && welcome.recovered {
            self.shared.stats.count(Count::Resumed);
        }
        if welcome.asked && !welcome.recovered {
            let gone: Vec<Uuid> =
                self.cursors.keys().filter(|followed| !listed(followed)).copied().collect();
            for conversation in &gone {
                self.shared.recorder.end_view(*conversation, self.viewer, End::Left);
                self.cursors.remove(conversation);
            }
            if gone.is_empty() {
                self.shared.stats.count(Count::NotRecovered);
                for (conversation, cursor) in &mut self.cursors {
                    self.shared.recorder.restart(*conversation, self.viewer);
                    *cursor = Cursor::default();
                }
            }
            again |= !self.cursors.is_empty();
        }
        for standing in &welcome.standings {
            let conversation = standing.conversation;
            if !self.cursors.contains_key(&conversation) && !self.past.contains(&conversation) {
                // Opened or assigned just before the connection broke: its beginning was missed.
                self.shared.recorder.begin_view(conversation, self.viewer);
                self.cursors.insert(conversation, Cursor::default());
                again = true;
            }
        }
        again
    }
}

struct Welcome {
    session: Option<Uuid>,
    heartbeat: Duration,
    recovered: bool,
    /// Whether the hello named anything.
    asked: bool,
    standings: Vec<Standing>,
}

impl Welcome {
    fn new(frame: &Frame<'_>, asked: bool) -> Self {
        Self {
            session: frame.session,
            heartbeat: Duration::from_millis(frame.heartbeat_ms.unwrap_or(5_000).max(100)),
            recovered: frame.recovered,
            asked,
            standings: frame.conversations.clone(),
        }
    }
}
