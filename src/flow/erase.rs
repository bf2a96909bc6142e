//! A customer who is erased: everything that he said, and that it was him. The conversations stay, with
//! their ids and the order of what happened, until they are forgotten like others.

use std::time::{Duration, Instant};

use smallvec::SmallVec;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::domain::{By, ConversationId, CustomerId, ShopId};
use crate::protocol::CloseCode;

use super::dispatch::Dispatch;
use super::fact::Fact;
use super::input::CustomerRef;
use super::personal::ErasedAt;
use super::shard::{Cause, Shard};
use super::step::Step;
use super::task::ShardTask;
use super::turn::Turn;

/// Longest that an erasure waits for files that know of the customer: shorter than `tradewind erase` waits for
/// the answer.
const FILES_WAIT_MAX: Duration = Duration::from_secs(4);

/// Asks for the erasure of a customer.
#[derive(Debug)]
pub struct Erase {
    /// Of which shop.
    pub shop: ShopId,
    /// Of whom.
    pub whom: Whom,
    /// Gets what was erased once it is durable, the keys are gone from the disk, and no file knows of it any
    /// more. Dropped when the keys could not be destroyed, or a file could not be written in time.
    pub reply: oneshot::Sender<ErasedCustomer>,
}

/// Who is erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// A customer by his id.
    Customer(CustomerId),
    /// Whoever began a conversation.
    Conversation(ConversationId),
}

/// What was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErasedCustomer {
    /// Conversations in memory, with those of erasures of the same customer that were not finished.
    pub conversations: u64,
    /// Those of them of which records lie on disk that were written before there were keys.
    pub unsealed: u64,
    /// Keys that were destroyed, those of conversations that were forgotten before included.
    pub keys: u64,
}

/// An erasure whose facts are to be made durable.
#[derive(Debug)]
pub struct Erasing {
    /// Whose keys go; `None` when there is nobody.
    pub(super) customer: Option<CustomerRef>,
    /// Those that it ends.
    pub(super) conversations: SmallVec<[ConversationId; 4]>,
    /// Those that ended by erasures of the same customer which are not finished: it finishes them too.
    pub(super) unfinished: SmallVec<[ConversationId; 4]>,
    /// Keys from this number on belong to what the customer says afterwards; found before anything of
    /// the same turn is sealed.
    pub(super) below: Option<u64>,
    pub(super) reply: oneshot::Sender<ErasedCustomer>,
}

/// A conversation that an erasure has ended, until nothing is left of its customer.
#[derive(Clone, Debug)]
pub(super) struct EndedByErasure {
    /// Who began it.
    of: CustomerRef,
    /// Whether records of it lie on disk that were written before there were keys.
    is_unsealed: bool,
}

/// Those who were told to forget a customer, each of whom answers once it has.
#[derive(Debug, Default)]
pub(super) struct Forgetting {
    /// They hold it in memory alone.
    memory: Vec<oneshot::Receiver<()>>,
    /// They answer once they have written their files.
    files: Vec<oneshot::Receiver<()>>,
}

impl Forgetting {
    /// Whether everybody has forgotten, and no file says anything of him any more. Where one cannot be
    /// written it is not, and who asks again waits anew.
    pub(super) async fn done(self) -> bool {
        let Self { memory, files } = self;
        for it in memory {
            // What is gone holds nothing.
            let _ = it.await;
        }
        let written = async {
            for it in files {
                it.await?;
            }
            Ok::<(), oneshot::error::RecvError>(())
        };
        matches!(timeout(FILES_WAIT_MAX, written).await, Ok(Ok(())))
    }
}

impl ShardTask {
    /// Tells everything in memory that holds what customers said, or who they are, beside the owner of
    /// their conversations. Whoever builds such a thing adds a line here; each answers once it has forgotten.
    pub(super) fn forget_elsewhere(
        &self,
        caused_at: Instant,
        customer: &CustomerRef,
        conversations: &[ConversationId],
    ) -> Forgetting {
        let (done, scheduler) = oneshot::channel();
        self.dispatcher.tell(Dispatch::Forget(conversations.to_vec(), done), caused_at);
        let translated = self.interpreter.forget(customer.shop.clone(), conversations.to_vec());
        let untold = self.effects.forget(conversations.to_vec());
        Forgetting {
            memory: vec![scheduler, translated, untold],
            files: vec![self.incidents.forget(customer.clone())],
        }
    }
}

impl Shard {
    /// Erases a customer and ends his conversations.
    pub(super) fn erase(&mut self, cause: Cause, erase: Erase, turn: &mut Turn) {
        let Erase { shop, whom, reply } = erase;
        let customer = match whom {
            Whom::Customer(id) => Some(CustomerRef { shop, id }),
            Whom::Conversation(id) => self.who_began(id).filter(|found| found.shop == shop),
        };
        let entry = customer.as_ref().and_then(|customer| self.customers.remove(customer));
        let entry = entry.unwrap_or_default();
        for id in &entry.conversations {
            self.erase_conversation(cause, *id, turn);
        }
        // What the page still shows is loaded anew, and is not there.
        let links = entry.links.iter().map(|link| (link.outbox.clone(), CloseCode::Draining));
        turn.closing.extend(links);
        let before = self.unfinished.iter();
        let his = before.filter(|(_, ended)| Some(&ended.of) == customer.as_ref());
        let unfinished = his.map(|(id, _)| *id).collect();
        if let Some(customer) = &customer {
            let of = || EndedByErasure { of: customer.clone(), is_unsealed: false };
            self.unfinished.extend(entry.conversations.iter().map(|id| (*id, of())));
        }
        let conversations = entry.conversations.iter().copied().collect();
        turn.erasing.push(Erasing { customer, conversations, unfinished, below: None, reply });
    }

    /// Notes of which conversations that erasures end records lie on disk in plain text. While a key is
    /// there it tells; an erasure that is asked for again comes when all are destroyed.
    pub(super) fn note_unsealed(&mut self, conversations: impl Iterator<Item = ConversationId>) {
        for id in conversations {
            if let Some(ended) = self.unfinished.get_mut(&id) {
                ended.is_unsealed = true;
            }
        }
    }

    /// How many of these conversations have records on disk in plain text.
    pub(super) fn unsealed(&self, ended: &[ConversationId]) -> usize {
        let known = ended.iter().filter_map(|id| self.unfinished.get(id));
        known.filter(|ended| ended.is_unsealed).count()
    }

    /// Nothing is left of who began these conversations.
    pub(super) fn erasure_finished(&mut self, conversations: &[ConversationId]) {
        for id in conversations {
            self.unfinished.remove(id);
        }
    }

    /// Who began a conversation, also where the erasure that ended it is not finished.
    fn who_began(&self, id: ConversationId) -> Option<CustomerRef> {
        let known = self.customer_of(id);
        let known = known.map(|(shop, id)| CustomerRef { shop: shop.clone(), id: id.clone() });
        known.or_else(|| self.unfinished.get(&id).map(|ended| ended.of.clone()))
    }

    fn erase_conversation(&mut self, cause: Cause, id: ConversationId, turn: &mut Turn) {
        let Some(mut conversation) = self.conversations.remove(&id) else { return };
        self.close(cause, &mut conversation, By::Erasure, turn);
        let epoch = conversation.epoch + 1;
        let mut step = Step::new(&mut conversation, cause.now);
        step.fact(Fact::Erased(ErasedAt { at: cause.now }));
        // Whoever holds what it was loads it anew.
        step.fact(Fact::Epoch(epoch));
        step.finish(turn);
        self.second_looks.forget(id);
        self.awaited.forget(id);
        self.released.push(id);
        self.conversations.insert(id, conversation);
    }

    /// Ends a conversation whose key was destroyed while the router stood still.
    pub(super) fn close_if_erased(&mut self, cause: Cause, id: ConversationId, turn: &mut Turn) {
        if self.conversations.get(&id).is_none_or(|it| it.is_closed() || !it.opened.is_erased()) {
            return;
        }
        let Some(mut conversation) = self.conversations.remove(&id) else { return };
        self.close(cause, &mut conversation, By::Erasure, turn);
        self.conversations.insert(id, conversation);
    }

    /// Conversations that are erased or no longer here: nothing more is sealed with their keys.
    pub fn take_released(&mut self) -> Vec<ConversationId> {
        std::mem::take(&mut self.released)
    }

    /// Who began a conversation; `None` when it is not here or erased.
    pub fn customer_of(&self, id: ConversationId) -> Option<(&ShopId, &CustomerId)> {
        let opened = &self.conversations.get(&id)?.opened;
        (!opened.is_erased()).then_some((&opened.shop, &opened.customer))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::silence::tests::{opened, settings};
    use super::*;
    use crate::config::shop::Shop;

    #[test]
    fn who_asks_again_is_told_as_well_of_what_lies_on_the_disk_in_plain_text() {
        let shop = Shop::embedded_demo();
        let opened = opened(&shop);
        let cause = Cause { now: opened.at, at: Instant::now() };
        let customer = opened.customer.clone();
        let shops = Arc::new([(shop.id.clone(), Arc::new(shop))].into_iter().collect());
        let mut shard = Shard::new(settings(), shops, 7);
        let (mut turn, shop) = (Turn::default(), opened.shop.clone());
        let id = shard.open(opened);
        let mut erase = |shard: &mut Shard| {
            let (reply, _) = oneshot::channel();
            let whom = Whom::Customer(customer.clone());
            shard.erase(cause, Erase { shop: shop.clone(), whom, reply }, &mut turn);
            let Erasing { conversations, unfinished, .. } = turn.erasing.pop().expect("one");
            (conversations.to_vec(), unfinished.to_vec())
        };

        assert_eq!(erase(&mut shard), (vec![id], Vec::new()));
        shard.note_unsealed([id].into_iter());
        assert_eq!(shard.unsealed(&[id]), 1);
        assert_eq!(erase(&mut shard), (Vec::new(), vec![id]), "it was not finished");
        assert_eq!(shard.unsealed(&[id]), 1);

        shard.erasure_finished(&[id]);
        assert_eq!(erase(&mut shard), (Vec::new(), Vec::new()));
        assert_eq!(shard.unsealed(&[id]), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_forgotten_whom_a_file_knows_that_is_not_written_in_time() {
        let forgetting = || {
            let ((memory, in_memory), (file, in_file)) = (oneshot::channel(), oneshot::channel());
            let forgetting = Forgetting { memory: vec![in_memory], files: vec![in_file] };
            (memory, file, tokio::spawn(forgetting.done()))
        };

        let (memory, file, told) = forgetting();
        memory.send(()).expect("it is waited for");
        file.send(()).expect("it is waited for");
        assert!(told.await.expect("an answer"));

        let (memory, file, gone) = forgetting();
        drop(memory);
        file.send(()).expect("it is waited for");
        assert!(gone.await.expect("an answer"), "what is gone holds nothing in memory");

        let (memory, file, gone) = forgetting();
        memory.send(()).expect("it is waited for");
        drop(file);
        assert!(!gone.await.expect("an answer"), "a file stays where it is");

        let began = tokio::time::Instant::now();
        let (memory, _file, late) = forgetting();
        memory.send(()).expect("it is waited for");
        assert!(!late.await.expect("an answer"));
        assert!(began.elapsed() >= FILES_WAIT_MAX);
    }
}
