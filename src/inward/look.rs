//! One look into a mailbox: what is new there is taken, and what waits is tried again.

use std::io;

use tokio::task::JoinError;

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
/// Letters that a server may refuse in one look: one that refuses more gives none now.
const REFUSED_MAX: usize = 3;

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
    /// A task of the router panicked.
    #[error("a part of the router failed")]
    Broken,
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
    let server = server.map_err(ended)??;
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
        let (session, folder) = open(&self.mailbox, true).await?;
        let progress = self.store(|store, mailbox| store.read(&mailbox)).await?;
        let left = self.mailbox.letters_max;
        let mut look = Look { of: self, session, progress, left, refused: 0 };
        let has_more = look.through(folder).await?;
        look.session.leave().await;
        Ok(has_more)
    }

    /// A look was broken off, which says nothing against the letter that was being read.
    pub(super) async fn broken_off(&self) -> Result<(), LookError> {
        self.store(|store, mailbox| {
            let mut progress = store.read(&mailbox)?;
            progress.broken_off();
            store.write(&progress)
        })
        .await
    }

    /// Does something with the file of the mailbox.
    async fn store<T: Send + 'static>(
        &self,
        does: impl FnOnce(Store, String) -> io::Result<T> + Send + 'static,
    ) -> Result<T, LookError> {
        let ImapMailbox { user, host, port, folder, .. } = &self.mailbox;
        let mailbox = format!("{user} at {host}:{port}, {folder}");
        let store = self.store.clone();
        let done = tokio::task::spawn_blocking(move || does(store, mailbox)).await;
        Ok(done.map_err(ended)??)
    }
}

/// One look, and how far it is.
struct Look<'a> {
    of: &'a Looking,
    session: Session,
    progress: Progress,
    /// Letters that it may still look at.
    left: usize,
    /// Letters that the server did not give it.
    refused: usize,
}

impl Look<'_> {
    /// Whether there is more than this look may take.
    async fn through(&mut self, folder: Folder) -> Result<bool, LookError> {
        if self.progress.go_on(folder.validity) {
            tracing::info!(shop = %self.of.shop, "mailbox is read from its beginning");
            self.keep().await?;
        }
        for letter in self.progress.due(self.of.clock.now()) {
            if self.left == 0 {
                return Ok(true);
            }
            self.left -= 1;
            self.one(letter).await?;
        }
        let ends = folder.next.saturating_sub(1);
        for _ in 0..LISTS_MAX {
            if self.left == 0 || self.progress.next() > ends {
                break;
            }
            let last = self.progress.next().saturating_add(NUMBERS_MAX - 1).min(ends);
            let listed = self.session.letters(self.progress.next()..=last).await?;
            let looked_at = listed.len().min(self.left);
            self.left -= looked_at;
            for (letter, size) in listed.iter().take(looked_at) {
                if *size > LETTER_BYTES_MAX as u64 {
                    self.leave(*letter, EmailTaken::TooLarge, "it is larger than 10 MiB").await?;
                } else {
                    self.one(*letter).await?;
                }
            }
            if looked_at == listed.len() {
                self.progress.settle_up_to(last);
                self.keep().await?;
            }
        }
        Ok(self.progress.next() <= ends)
    }

    /// Takes one letter. It is marked once its owner has kept it, and settled once it is marked: whatever
    /// ends the process, it is fetched again or done. One that ends the process itself does so twice.
    async fn one(&mut self, letter: u32) -> Result<(), LookError> {
        let _fetching = self.of.letters.to_fetch().await;
        let raw = match self.session.letter(letter).await {
            Ok(Some(raw)) => raw,
            Ok(None) => {
                self.progress.settle(letter);
                return self.keep().await;
            }
            Err(error) => return self.not_fetched(letter, error).await,
        };
        if !self.progress.begin(letter) {
            let why = "the process ended twice while it was read";
            return self.leave(letter, EmailTaken::GivenUp, why).await;
        }
        self.keep().await?;
        let place = self.of.letters.place().await;
        let taken = self.of.letters.take(place, raw, Some(self.of.shop.clone())).await;
        self.progress.ended(letter);
        let marked = match taken {
            Ok(taken) => {
                tracing::debug!(shop = %self.of.shop, letter, result = taken.as_str(), "letter");
                let marked = self.mark(letter).await;
                if marked.is_ok() {
                    self.progress.settle(letter);
                }
                marked
            }
            // It stays unread, for a person to see.
            Err(NotTaken::NotForUs(_) | NotTaken::Unknown) => {
                self.progress.settle(letter);
                Ok(())
            }
            Err(NotTaken::Full) => {
                self.wait(letter);
                Ok(())
            }
            Err(NotTaken::Stops) => Err(LookError::Stops),
        };
        self.keep().await?;
        marked
    }

    /// A letter that the server does not give holds up none of the others: one that it refuses waits, one after
    /// which nothing more can be asked for makes so many looks fail.
    async fn not_fetched(&mut self, letter: u32, error: ImapError) -> Result<(), LookError> {
        match error {
            ImapError::Refused(_) => {
                tracing::warn!(shop = %self.of.shop, letter, %error, "letter not fetched");
                self.wait(letter);
                self.keep().await?;
                self.refused += 1;
                if self.refused < REFUSED_MAX { Ok(()) } else { Err(error.into()) }
            }
            ImapError::TooLong | ImapError::NotUnderstood | ImapError::TooMuch => {
                if self.progress.failed(letter, self.of.clock.now()) {
                    self.keep().await?;
                } else {
                    let why = "three looks have failed with it";
                    self.leave(letter, EmailTaken::GivenUp, why).await?;
                }
                Err(error.into())
            }
            error => Err(error.into()),
        }
    }

    /// A letter cannot be taken now.
    fn wait(&mut self, letter: u32) {
        if let Some(letter) = self.progress.wait(letter, self.of.clock.now()) {
            tracing::warn!(shop = %self.of.shop, letter, "letter has waited too long and stays unread");
            self.of.letters.count(EmailTaken::GivenUp);
        }
    }

    /// A letter that cannot be marked is taken nevertheless.
    async fn mark(&mut self, letter: u32) -> Result<(), LookError> {
        let marked = match &self.of.mailbox.move_to {
            Some(folder) => self.session.move_to(letter, folder).await,
            None => self.session.mark(letter).await,
        };
        match marked {
            Err(error @ ImapError::Refused(_)) => {
                tracing::warn!(shop = %self.of.shop, letter, %error, "letter taken, but not marked");
                Ok(())
            }
            marked => Ok(marked?),
        }
    }

    /// Leaves a letter unread, for a person to see.
    async fn leave(
        &mut self,
        letter: u32,
        counted: EmailTaken,
        why: &'static str,
    ) -> Result<(), LookError> {
        tracing::warn!(shop = %self.of.shop, letter, why, "letter stays unread");
        self.of.letters.count(counted);
        self.progress.settle(letter);
        self.keep().await
    }

    async fn keep(&mut self) -> Result<(), LookError> {
        let progress = self.progress.clone();
        self.of.store(move |store, _| store.write(&progress)).await
    }
}

/// A task that panicked is tried again at the next look.
fn ended(error: JoinError) -> LookError {
    if error.is_cancelled() { LookError::Stops } else { LookError::Broken }
}
