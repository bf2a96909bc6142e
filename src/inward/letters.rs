//! The way of a letter into its conversation, the same whether it was brought or fetched.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::channels::email::{Incoming, IncomingKind, NotForUs, ReplyAddresses, read};
use crate::domain::ShopId;
use crate::flow::{Envelope, FromEmail, Input, Owners};
use crate::metrics::Metrics;
use crate::metrics::names::{Counter, EmailTaken};

/// Largest letter, attachments included: they are not kept, but they come along.
pub const LETTER_BYTES_MAX: usize = 10 << 20;
/// Letters that are held and read at a time: 80 MiB of them, on as many threads at most.
pub const READING_MAX: usize = 8;

/// Letters that are fetched and held at a time, of all mailboxes: 160 MiB while they come in.
pub const FETCHING_MAX: usize = 8;

/// Takes letters in.
#[derive(Clone)]
pub struct Letters {
    owners: Owners,
    replies: ReplyAddresses,
    metrics: Arc<Metrics>,
    text_bytes_max: usize,
    places: Arc<Semaphore>,
    fetching: Arc<Semaphore>,
}

/// The right to hold a letter; it is free again once the letter was read, or was taken.
#[derive(Debug)]
pub struct Place(#[expect(dead_code, reason = "held, not looked at")] OwnedSemaphorePermit);

/// Why a letter is not part of a conversation.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// It never will be.
    #[error(transparent)]
    NotForUs(#[from] NotForUs),
    /// It never will be.
    #[error("its conversation is not known any more")]
    Unknown,
    /// Not now.
    #[error("no room for it now")]
    Full,
    /// Not any more in this process.
    #[error("the router stops")]
    Stops,
}

impl Letters {
    /// Takes letters to signed addresses for `owners`; of their texts `text_bytes_max` at most.
    pub fn new(
        owners: Owners,
        replies: ReplyAddresses,
        metrics: Arc<Metrics>,
        text_bytes_max: usize,
    ) -> Self {
        let places = Arc::new(Semaphore::new(READING_MAX));
        let fetching = Arc::new(Semaphore::new(FETCHING_MAX));
        Self { owners, replies, metrics, text_bytes_max, places, fetching }
    }

    /// A place for a letter that is brought; `None`, counted, while as many are read as may be.
    pub fn place_now(&self) -> Option<Place> {
        let place = self.places.clone().try_acquire_owned();
        if place.is_err() {
            self.count(EmailTaken::Busy);
        }
        place.ok().map(Place)
    }

    /// Waits for a place.
    pub(super) async fn place(&self) -> Place {
        let place = self.places.clone().acquire_owned().await;
        Place(place.expect("nobody closes it"))
    }

    /// Waits until a letter may be fetched: mailboxes have places of their own, since a slow one keeps what is
    /// brought from nothing.
    pub(super) async fn to_fetch(&self) -> Place {
        let place = self.fetching.clone().acquire_owned().await;
        Place(place.expect("nobody closes it"))
    }

    /// Takes a letter into its conversation, which is one of `shop` where that is given. What became of it is
    /// durable when this returns.
    ///
    /// # Errors
    /// Why it is part of none.
    pub async fn take(
        &self,
        place: Place,
        raw: Bytes,
        shop: Option<ShopId>,
    ) -> Result<EmailTaken, NotTaken> {
        let Incoming { conversation, id, kind } = self.read(place, raw).await?;
        let text = match kind {
            IncomingKind::Written(text) => Some(text.into()),
            IncomingKind::NotDelivered => None,
            IncomingKind::Delayed => return Ok(self.count(EmailTaken::Delayed)),
            IncomingKind::Automatic => return Ok(self.count(EmailTaken::Automatic)),
        };
        let (reply, taken) = oneshot::channel();
        let input = Input::Email(FromEmail { conversation, shop, id, text, reply });
        let envelope = Envelope { caused_at: Instant::now(), input };
        let owner = self.owners.of_conversation(conversation);
        self.owners.offer(owner, envelope).map_err(|_| NotTaken::Full)?;
        match taken.await.map_err(|_| NotTaken::Stops)? {
            EmailTaken::Full => Err(NotTaken::Full),
            EmailTaken::Unknown => Err(NotTaken::Unknown),
            taken => Ok(taken),
        }
    }

    /// Reads a letter away from the sockets' threads: a large one takes long.
    async fn read(&self, place: Place, raw: Bytes) -> Result<Incoming, NotTaken> {
        let (replies, text_bytes_max) = (self.replies.clone(), self.text_bytes_max);
        let reading = tokio::task::spawn_blocking(move || {
            let read = read(&raw, &replies, text_bytes_max);
            drop((raw, place));
            read
        });
        match reading.await {
            Ok(Ok(incoming)) => Ok(incoming),
            Ok(Err(error)) => {
                self.count(EmailTaken::NotForUs);
                Err(error.into())
            }
            Err(ended) if ended.is_cancelled() => Err(NotTaken::Stops),
            Err(_) => {
                self.count(EmailTaken::NotForUs);
                Err(NotForUs::NoLetter.into())
            }
        }
    }

    pub(super) fn count(&self, taken: EmailTaken) -> EmailTaken {
        self.metrics.count(Counter::EmailCame(taken));
        taken
    }
}
