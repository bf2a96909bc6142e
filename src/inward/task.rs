//! Looks into the mailbox of each shop that has one, again and again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::shop::ImapMailbox;
use crate::domain::ShopId;
use crate::flow::Shops;
use crate::metrics::Metrics;
use crate::metrics::names::{Counter, Gauge, MailboxLook};
use crate::runtime::Clock;

use super::letters::Letters;
use super::look::{LookError, Looking};
use super::pause;
use super::store::Store;

/// Everything that reading mailboxes works with.
#[derive(Clone)]
pub struct Mailboxes {
    /// Where letters go.
    pub letters: Letters,
    /// The data folder, which keeps how far they are read.
    pub data: PathBuf,
    /// The time.
    pub clock: Clock,
    /// What is measured.
    pub metrics: Arc<Metrics>,
}

/// A mailbox that is looked into.
struct Running {
    mailbox: ImapMailbox,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// Ends at once: what was begun is fetched again, or was done.
    async fn end(self) {
        self.stop.cancel();
        // One that panicked has ended as well.
        let _ = self.task.await;
    }
}

impl Mailboxes {
    /// Works until `drain` is cancelled, on the mailboxes of the shops as they are last told.
    pub async fn run(self, mut shops: watch::Receiver<Shops>, drain: CancellationToken) {
        let mut running: BTreeMap<ShopId, Running> = BTreeMap::new();
        loop {
            let mut wanted = mailboxes(&shops.borrow_and_update());
            for (shop, it) in std::mem::take(&mut running) {
                if wanted.get(&shop) == Some(&it.mailbox) && !it.task.is_finished() {
                    wanted.remove(&shop);
                    running.insert(shop, it);
                } else {
                    it.end().await;
                }
            }
            for (shop, mailbox) in wanted {
                let stop = CancellationToken::new();
                let (this, of_task) = (self.clone(), (shop.clone(), mailbox.clone()));
                let task = tokio::spawn(this.watch(of_task, stop.clone()));
                running.insert(shop, Running { mailbox, stop, task });
            }
            tokio::select! {
                changed = shops.changed() => if changed.is_err() { break },
                () = drain.cancelled() => break,
            }
        }
        for it in running.into_values() {
            it.end().await;
        }
    }

    /// Looks into one mailbox until it is told to stop.
    async fn watch(self, (shop, mailbox): (ShopId, ImapMailbox), stop: CancellationToken) {
        let every = mailbox.every;
        let store = Store::of(&self.data, &shop);
        let (letters, clock) = (self.letters.clone(), self.clock);
        let looking = Looking { shop: shop.clone(), mailbox, letters, store, clock };
        let (mut failures, mut pause) = (0, pause::first(every, rand::random()));
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => break,
            }
            let looked = tokio::select! {
                looked = looking.look() => looked,
                () = stop.cancelled() => {
                    if let Err(error) = looking.broken_off().await {
                        tracing::warn!(%shop, %error, "progress not kept");
                    }
                    break;
                }
            };
            pause = match looked {
                Ok(has_more) => {
                    self.looked(&shop, &mut failures, MailboxLook::Read);
                    if has_more { Duration::ZERO } else { pause::after(every, 0, 0.0) }
                }
                Err(LookError::Stops) => break,
                Err(error) => {
                    tracing::warn!(%shop, %error, "mailbox not read");
                    self.looked(&shop, &mut failures, MailboxLook::Failed);
                    pause::after(every, failures, rand::random())
                }
            };
        }
        if failures > 0 {
            self.metrics.shift(Gauge::MailboxesFailing, -1);
        }
    }

    /// Counts a look, and how many mailboxes cannot be read now.
    fn looked(&self, shop: &ShopId, failures: &mut u32, look: MailboxLook) {
        self.metrics.count(Counter::MailboxLooked(look));
        match look {
            MailboxLook::Read => {
                if std::mem::take(failures) > 0 {
                    tracing::info!(%shop, "mailbox is read again");
                    self.metrics.shift(Gauge::MailboxesFailing, -1);
                }
            }
            MailboxLook::Failed => {
                *failures = failures.saturating_add(1);
                if *failures == 1 {
                    self.metrics.shift(Gauge::MailboxesFailing, 1);
                }
            }
        }
    }
}

fn mailboxes(shops: &Shops) -> BTreeMap<ShopId, ImapMailbox> {
    let of_shop = |(id, shop): (&ShopId, &Arc<_>)| -> Option<(ShopId, ImapMailbox)> {
        let shop: &crate::config::shop::Shop = shop;
        Some((id.clone(), shop.email.imap.clone()?))
    };
    shops.iter().filter_map(of_shop).collect()
}
