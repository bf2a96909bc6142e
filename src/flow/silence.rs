//! Alarms of conversations: a silent customer is asked, then the conversation closes; a closed one
//! is forgotten when its resume window is over.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use crate::automate::{self, Voice};
use crate::domain::{By, Sender, Timestamp};
use crate::metrics::names::{Counter, Outcome};

use super::conversation::{Conversation, Stage};
use super::input::CustomerRef;
use super::lines::Held;
use super::shard::{Cause, Shard};
use super::step::Step;
use super::ticket::{TICKET_KEPT_FOR, ticket_of};
use super::turn::Turn;
use super::understood::note_first_response;

/// What is due for a conversation, and when.
enum Due {
    /// What was held back for another line.
    HeldBack(Box<Held>),
    /// The question after a greeting.
    Question(Timestamp),
    Ask(Timestamp),
    Close(Timestamp),
    Forget(Timestamp),
    /// The ticket has its turn.
    WorkOff(Timestamp),
    /// Nothing, as long as nothing happens.
    Look(Timestamp),
}

impl Due {
    fn at(&self) -> Timestamp {
        match self {
            Self::HeldBack(held) => held.at,
            Self::Question(at)
            | Self::Ask(at)
            | Self::Close(at)
            | Self::Forget(at)
            | Self::WorkOff(at)
            | Self::Look(at) => *at,
        }
    }
}

impl Shard {
    /// When [`Self::on_timer`] next has work.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let alarm = self.alarms.peek().map(|Reverse((at, _))| *at);
        let awaited =
            self.second_looks.next_deadline().into_iter().chain(self.awaited.next_deadline());
        alarm.into_iter().chain(awaited).min()
    }

    /// Does what is due.
    pub fn on_timer(&mut self, now: Timestamp, caused_at: Instant, turn: &mut Turn) {
        self.give_up_second_looks(now, turn);
        self.give_up_translations(Cause { now, at: caused_at }, turn);
        while let Some(Reverse((at, id))) = self.alarms.peek().copied() {
            if at > now {
                break;
            }
            self.alarms.pop();
            let Some(mut conversation) = self.conversations.remove(&id) else { continue };
            if conversation.alarm_at != at {
                self.conversations.insert(id, conversation);
                continue;
            }
            let mut due = self.due(&conversation, now);
            if due.at() <= now {
                match due {
                    Due::Forget(_) => {
                        self.remember_ids_of(&conversation);
                        self.forget(&conversation);
                        continue;
                    }
                    Due::Close(_) => {
                        self.close_silent(Cause { now, at: caused_at }, &mut conversation, turn);
                    }
                    Due::WorkOff(_) => {
                        self.work_off(Cause { now, at: caused_at }, &mut conversation, turn);
                    }
                    Due::Ask(_) => self.ask_if_there(now, &mut conversation, turn),
                    Due::HeldBack(held) => {
                        let cause = Cause { now, at: caused_at };
                        self.say_held_back(cause, *held, &mut conversation, turn);
                    }
                    Due::Question(_) => self.ask_for_question(now, &mut conversation, turn),
                    Due::Look(_) => {}
                }
                due = self.due(&conversation, now);
            }
            let soonest = now + Duration::from_millis(1);
            let latest = match due {
                // Nothing happens in it any more.
                Due::Forget(at) => at,
                // Never later than one silence from now: whatever is said meanwhile, its own alarm
                // then cannot be missed.
                Due::HeldBack(_)
                | Due::Question(_)
                | Due::Ask(_)
                | Due::Close(_)
                | Due::WorkOff(_)
                | Due::Look(_) => now + self.settings.customer_silence_ask,
            };
            let at = due.at();
            self.set_alarm(&mut conversation, at.clamp(soonest, latest.max(soonest)));
            self.conversations.insert(id, conversation);
        }
        self.write_ids_let_go_of(now, turn);
    }

    fn due(&mut self, conversation: &Conversation, now: Timestamp) -> Due {
        if let Some(held) = self.held_back(now, conversation) {
            return Due::HeldBack(Box::new(held));
        }
        let settings = &self.settings;
        let last = conversation.events.last().map_or(conversation.opened.at, |event| event.at);
        match &conversation.stage {
            Stage::Closed { at } => self.due_of_closed(conversation, *at, now),
            Stage::Ticketed if ticket_is_over(conversation, last, now) => Due::Close(now),
            // One of before tickets were worked off has its turn at once.
            Stage::Ticketed => Due::WorkOff(conversation.ticket_due.unwrap_or(last)),
            Stage::Open if conversation.has_only_greeted() => {
                Due::Question(self.asks_for_question_at(conversation, last))
            }
            // A ticket that was answered for many by e-mail may be answered for as long as one.
            Stage::Open if is_answered_ticket(conversation) => Due::Close(last + TICKET_KEPT_FOR),
            Stage::Open => Due::Close(last + settings.customer_silence_close),
            Stage::Owned(_) if conversation.unanswered_since.is_none() => {
                if conversation.asked_if_there {
                    // The question is the last event: the rest of the time counts from it.
                    let asked = settings.customer_silence_ask;
                    Due::Close(last + settings.customer_silence_close.saturating_sub(asked))
                } else {
                    Due::Ask(last + settings.customer_silence_ask)
                }
            }
            // The scheduler's timers are running.
            Stage::Waiting(_) | Stage::Owned(_) => Due::Look(now + settings.customer_silence_ask),
        }
    }

    /// What is due for a conversation that ended at `at`, and when.
    fn due_of_closed(&self, conversation: &Conversation, at: Timestamp, now: Timestamp) -> Due {
        if conversation.owed.iter().any(|it| self.is_carried_out(it)) {
            // An e-mail or a webhook is on its way.
            Due::Look(now + self.settings.customer_silence_ask)
        } else if conversation.email.is_some() {
            // An e-mail may be answered.
            Due::Forget(at + self.keeps_answerable(conversation))
        } else {
            Due::Forget(at + self.keeps_closed(conversation))
        }
    }

    /// When a customer who said hello is asked for the question: while he types, up to as long again.
    fn asks_for_question_at(
        &self,
        conversation: &Conversation,
        greeted_at: Timestamp,
    ) -> Timestamp {
        let at = greeted_at + self.settings.greeting_wait;
        let typed_at = conversation.typed_at.filter(|typed_at| *typed_at > greeted_at);
        let typing = typed_at.map_or(at, |typed_at| at.max(typed_at + automate::TYPING_LASTS));
        typing.min(at + self.settings.greeting_wait)
    }

    /// How long a conversation is kept after its end: what its region says, else its shop, else for as
    /// long as it can be resumed.
    fn keeps_closed(&self, conversation: &Conversation) -> Duration {
        self.shop_keeps_closed(conversation).unwrap_or(self.settings.resume_for)
    }

    fn shop_keeps_closed(&self, conversation: &Conversation) -> Option<Duration> {
        let shop = self.shops.get(&conversation.opened.shop)?;
        shop.keeps_closed_of(conversation.opened.region.as_ref())
    }

    /// The same for one whose e-mails may be answered. What the shop says is the longest.
    fn keeps_answerable(&self, conversation: &Conversation) -> Duration {
        let usual = self.settings.resume_for.max(TICKET_KEPT_FOR);
        self.shop_keeps_closed(conversation).unwrap_or(usual)
    }

    /// Has closed conversations looked at sooner that are kept for a shorter time from now on. One that is
    /// kept for longer is looked at when it would have been, and then again.
    pub(super) fn look_at_closed(&mut self, now: Timestamp) {
        let sooner = self.conversations.values().filter_map(|conversation| {
            let Stage::Closed { at } = conversation.stage else { return None };
            let due = self.due_of_closed(conversation, at, now).at();
            (due < conversation.alarm_at).then_some((due, conversation.id))
        });
        let sooner: Vec<_> = sooner.collect();
        for (due, id) in sooner {
            if let Some(conversation) = self.conversations.get_mut(&id) {
                conversation.alarm_at = due;
                self.alarms.push(Reverse((due, id)));
            }
        }
    }

    fn ask_if_there(&mut self, now: Timestamp, conversation: &mut Conversation, turn: &mut Turn) {
        let Some(shop) = self.shop(&conversation.opened.shop) else { return };
        let language = conversation.language();
        let timers = &self.settings;
        let closes_in = timers.customer_silence_close.saturating_sub(timers.customer_silence_ask);
        let mut step = Step::new(conversation, now);
        let write = |voice: &Voice<'_>| automate::still_there(voice, closes_in);
        self.speak(now, (&shop, language), write, &mut step, turn);
        step.finish(turn);
    }

    /// The question has not come by itself: the machine asks for it.
    fn ask_for_question(
        &mut self,
        now: Timestamp,
        conversation: &mut Conversation,
        turn: &mut Turn,
    ) {
        let Some(shop) = self.shop(&conversation.opened.shop) else { return };
        let unsure = conversation
            .latest
            .as_ref()
            .is_none_or(|latest| latest.language.confidence < shop.answering.language_confidence);
        let locale = conversation.opened.locale.filter(|_| unsure);
        let language = locale.unwrap_or_else(|| conversation.language());
        turn.counts.push(Counter::Outcome(Outcome::Asked));
        let mut step = Step::new(conversation, now);
        note_first_response(now, step.conversation, turn);
        let text = self.speak(now, (&shop, language), automate::question, &mut step, turn);
        let seq = step.conversation.seq();
        self.answer_by_email(now, seq, (Sender::Machine, &text), &mut step, turn);
        step.finish(turn);
    }

    fn close_silent(&mut self, cause: Cause, conversation: &mut Conversation, turn: &mut Turn) {
        if let Some(shop) = self.shop(&conversation.opened.shop) {
            let language = conversation.language();
            let mut step = Step::new(conversation, cause.now);
            let write = |voice: &Voice<'_>| automate::closed_by_silence(voice).to_owned();
            self.speak(cause.now, (&shop, language), write, &mut step, turn);
            step.finish(turn);
        }
        self.close(cause, conversation, By::Silence, turn);
    }

    /// Takes a conversation off the list of its customer, for whom nothing of it is sealed any more.
    pub(super) fn forget(&mut self, conversation: &Conversation) {
        self.released.push(conversation.id);
        let customer = CustomerRef {
            shop: conversation.opened.shop.clone(),
            id: conversation.opened.customer.clone(),
        };
        if let Some(entry) = self.customers.get_mut(&customer) {
            entry.conversations.retain(|id| *id != conversation.id);
            if entry.links.is_empty() && entry.conversations.is_empty() {
                self.customers.remove(&customer);
            }
        }
    }
}

/// Whether a ticket has waited as long as tickets do, after the last word and after the time that it is
/// promised for. Later times that it is put off to do not count: it would wait for ever.
fn ticket_is_over(conversation: &Conversation, last: Timestamp, now: Timestamp) -> bool {
    let promised = ticket_of(conversation).and_then(|(_, opens_at)| opens_at);
    last.max(promised.unwrap_or(last)) + TICKET_KEPT_FOR <= now
}

fn is_answered_ticket(conversation: &Conversation) -> bool {
    let Conversation { aside, ticket_due, email, .. } = conversation;
    aside.is_some() && ticket_due.is_some() && email.is_some()
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::super::fact::Opened;
    use super::super::input::{Envelope, Input};
    use super::super::shard::{Settings, Shops};
    use super::*;
    use crate::config::shop::Shop;
    use crate::dedup;
    use crate::domain::{CustomerId, CustomerValue};

    const MINUTE: Duration = Duration::from_secs(60);

    pub fn settings() -> Settings {
        Settings {
            ack_level: "durable",
            conversations_max: 10,
            messages_per_conversation_max: 50,
            resume_for: 60 * MINUTE,
            greeting_wait: Duration::from_secs(4),
            lines_wait_max: Duration::ZERO,
            joins_for: 30 * MINUTE,
            customer_silence_ask: 10 * MINUTE,
            customer_silence_close: 15 * MINUTE,
            dedup: dedup::Settings::default(),
            delivered: dedup::DeliveredLimits::default(),
            email: None,
        }
    }

    /// What begins a conversation of somebody.
    pub fn opened(shop: &Shop) -> Opened {
        Opened {
            shop: shop.id.clone(),
            customer: CustomerId::from("v"),
            verified: None,
            epoch: 1,
            at: Timestamp::from_millis(1_000_000),
            locale: None,
            time_zone: None,
            region: None,
            value: CustomerValue::Normal,
        }
    }

    #[test]
    fn shops_that_come_again_and_again_leave_no_alarms_behind_for_what_has_ended() {
        let shop = Shop::embedded_demo();
        let opened = opened(&shop);
        let ended_at = opened.at + MINUTE;
        let shops: Shops = Arc::new([(shop.id.clone(), Arc::new(shop))].into_iter().collect());
        let mut shard = Shard::new(settings(), shops.clone(), 7);
        let id = shard.open(opened);
        let conversation = shard.conversations.get_mut(&id).expect("it is there");
        conversation.stage = Stage::Closed { at: ended_at };
        let (caused_at, mut turn) = (Instant::now(), Turn::default());

        let now = ended_at + 30 * MINUTE;
        shard.on_timer(now, caused_at, &mut turn);
        for _ in 0..100 {
            let input = Input::Shops(shops.clone());
            shard.handle(now, Envelope { caused_at, input }, &mut turn);
            shard.on_timer(now, caused_at, &mut turn);
        }
        assert!(shard.alarms.len() <= 2, "{} alarms", shard.alarms.len());
        assert_eq!(shard.len(), 1);

        shard.on_timer(ended_at + 60 * MINUTE, caused_at, &mut turn);
        assert!(shard.is_empty() && shard.alarms.is_empty(), "it is forgotten in time");
    }
}
