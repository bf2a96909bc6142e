//! One look into a mailbox: what is new there is taken, and what waits is tried again.

use std::io;

use crate::config::shop::ImapMailbox;
use crate::domain::ShopId;
use crate::metrics::names::EmailTaken;
use crate::runtime::Clock;

use super::letters::{LETTER_BYTES_MAX, Letters, NotTaken};
use super::progress::Progress;
use super::server::{MailboxServer, ServerError};
use super::session::{Folder, ImapError, Session};
use super::store::Store;

/// Numbers that are asked about at a time. Most of them are of letters that are gone.
const NUMBERS_MAX: u32 = 1_000;
/// Times that is done in one look.
const LISTS_MAX: usize = 100;

/// Why a look did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The server cannot be used as it is set up.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The mailbox cannot be read.
    #[error(transparent)]
    Imap(#[from] ImapError),
    /// How far it is read cannot be kept.
    #[error("the data folder cannot be written: {0}")]
    Data(#[from] io::Error),
    /// The router stops.
    #[error("the router stops")]
    Stops,
}

/// A mailbox of a shop, and where its letters go.
#[derive(Clone)]
pub(super) struct Looking {
    pub(super) shop: ShopId,
    pub(super) mailbox: ImapMailbox,
    pub(super) letters: Letters,
    pub(super) store: Store,
    pub(super) clock: Clock,
}

/// Opens a mailbox as it will be read, and changes nothing there.
///
/// # Errors
/// Why it could not be read.
pub async fn try_mailbox(mailbox: &ImapMailbox) -> Result<(), LookError> {
    let (session, _) = open(mailbox, false).await?;
    session.leave().await;
    Ok(())
}

async fn open(mailbox: &ImapMailbox, to_change: bool) -> Result<(Session, Folder), LookError> {
    // The roots of the system are many files.
    let set_up = mailbox.clone();
    let server = tokio::task::spawn_blocking(move || MailboxServer::of(&set_up)).await;
    let server = server.map_err(|_| LookError::Stops)??;
    let mut session = Session::open(&server).await?;
    if let Some(other) = &mailbox.move_to {
        if !session.can("MOVE") {
            return Err(ImapError::NotOffered("MOVE: leave out move_to").into());
        }
        session.must_have(other).await?;
    }
    let folder = session.folder(&mailbox.folder, to_change).await?;
    Ok((session, folder))
}

impl Looking {
    /// Takes what there is, up to so many letters. Whether there is more.
    pub(super) async fn look(&self) -> Result<bool, LookError> {
        let (mut session, folder) = open(&self.mailbox, true).await?;
        let mut progress = self.read().await?;
        if progress.go_on(folder.validity) {
            tracing::info!(shop = %self.shop, "mailbox is read from its beginning");
            progress = self.keep(progress).await?;
        }
        let mut left = self.mailbox.letters_max;
        for letter in progress.waiting() {
            progress = self.one(&mut session, letter, progress).await?;
        }
        let ends = folder.next.saturating_sub(1);
        for _ in 0..LISTS_MAX {
            if left == 0 || progress.next() > ends || !progress.has_room() {
                break;
            }
            let last = progress.next().saturating_add(NUMBERS_MAX - 1).min(ends);
            let listed = session.letters(progress.next()..=last).await?;
            let looked_at = listed.len().min(left);
            left -= looked_at;
            for (letter, size) in listed.iter().take(looked_at) {
                if !progress.has_room() {
                    break;
                }
                progress = match *size > LETTER_BYTES_MAX as u64 {
                    true => self.too_large(*letter, progress).await?,
                    false => self.one(&mut session, *letter, progress).await?,
                };
            }
            if looked_at == listed.len() && progress.has_room() {
                progress.settle_up_to(last);
                progress = self.keep(progress).await?;
            }
        }
        session.leave().await;
        Ok(progress.next() <= ends && progress.has_room())
    }

    /// Takes one letter. It is marked once its owner has kept it, and settled once it is marked: whatever
    /// ends the process, it is fetched again or done.
    async fn one(
        &self,
        session: &mut Session,
        letter: u32,
        mut progress: Progress,
    ) -> Result<Progress, LookError> {
        let Some(raw) = session.letter(letter).await? else {
            progress.settle(letter);
            return self.keep(progress).await;
        };
        let place = self.letters.place().await;
        match self.letters.take(place, raw, Some(self.shop.clone())).await {
            Ok(taken) => {
                tracing::debug!(shop = %self.shop, letter, result = taken.as_str(), "letter");
                self.mark(session, letter).await?;
                progress.settle(letter);
            }
            // It stays unread, for a person to see.
            Err(NotTaken::NotForUs(_) | NotTaken::Unknown) => progress.settle(letter),
            Err(NotTaken::Full) => {
                if !progress.wait(letter, self.clock.now()) {
                    tracing::warn!(shop = %self.shop, letter, "letter found no room and is given up");
                    self.letters.count(EmailTaken::GivenUp);
                }
            }
            Err(NotTaken::Stops) => return Err(LookError::Stops),
        }
        self.keep(progress).await
    }

    /// A letter that cannot be marked is taken nevertheless.
    async fn mark(&self, session: &mut Session, letter: u32) -> Result<(), LookError> {
        let marked = match &self.mailbox.move_to {
            Some(folder) => session.move_to(letter, folder).await,
            None => session.mark(letter).await,
        };
        match marked {
            Err(error @ ImapError::Refused(_)) => {
                tracing::warn!(shop = %self.shop, letter, %error, "letter taken, but not marked");
                Ok(())
            }
            marked => Ok(marked?),
        }
    }

    async fn too_large(&self, letter: u32, mut progress: Progress) -> Result<Progress, LookError> {
        tracing::warn!(shop = %self.shop, letter, "letter is larger than 10 MiB and stays unread");
        self.letters.count(EmailTaken::TooLarge);
        progress.settle(letter);
        self.keep(progress).await
    }

    async fn read(&self) -> Result<Progress, LookError> {
        let ImapMailbox { user, host, port, folder, .. } = &self.mailbox;
        let mailbox = format!("{user} at {host}:{port}, {folder}");
        let store = self.store.clone();
        let read = tokio::task::spawn_blocking(move || store.read(&mailbox)).await;
        Ok(read.map_err(|_| LookError::Stops)??)
    }

    async fn keep(&self, progress: Progress) -> Result<Progress, LookError> {
        let store = self.store.clone();
        let kept = tokio::task::spawn_blocking(move || store.write(&progress).map(|()| progress));
        Ok(kept.await.map_err(|_| LookError::Stops)??)
    }
}
