//! After a restart: work that was begun goes on where the journal says it stopped.

use std::time::Instant;

use crate::domain::{ConversationId, Timestamp};
use crate::schedule::{Command, Scheduler};

use super::conversation::Stage;
use super::fact::{Fact, Record};
use super::shard::{Cause, Shard};
use super::turn::Turn;

impl Shard {
    /// Lets the scheduler remember the decisions in a record that was restored, so that they can be
    /// explained as before. Of an erased customer it forgets them.
    pub fn recall(&self, record: &Record, scheduler: &mut Scheduler) {
        let id = record.conversation;
        let Some(conversation) = self.conversations.get(&id) else { return };
        for fact in &record.facts {
            match fact {
                Fact::Decided(decision) => {
                    scheduler.recall(&conversation.opened.shop, id, decision.clone());
                }
                Fact::Erased(_) => scheduler.forget(id),
                _ => {}
            }
        }
    }

    /// Puts restored conversations back to work: those that waited wait again at their old place,
    /// owners are named to the scheduler, and messages that nobody has looked at are understood now.
    /// What is open in a shop that is not served any more ends. Call it once, after the last
    /// [`Self::restore`].
    pub fn resume(&mut self, now: Timestamp, caused_at: Instant, turn: &mut Turn) {
        let mut ids: Vec<ConversationId> = self.conversations.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            self.close_if_not_served(Cause { now, at: caused_at }, id, turn);
            self.close_if_erased(Cause { now, at: caused_at }, id, turn);
            let Some(mut conversation) = self.conversations.remove(&id) else { continue };
            self.note_unanswered(&conversation);
            if !conversation.is_closed() {
                conversation.remember_recent(&self.settings.dedup);
            }
            match &conversation.stage {
                Stage::Waiting(contact) => {
                    turn.commands.push((Command::Rejoin((**contact).clone()), caused_at));
                }
                Stage::Owned(owned) => {
                    let command = Command::Restore {
                        contact: self.contact_of(now, &conversation),
                        seat: owned.seat.clone(),
                        fence: owned.fence,
                        since: conversation.owned_since(),
                        replied: owned.replied,
                    };
                    turn.commands.push((command, caused_at));
                    if owned.replied && conversation.unanswered_since.is_some() {
                        // The owner's time to answer runs anew: how much was left is not kept.
                        let command = Command::CustomerSpoke { conversation: id };
                        turn.commands.push((command, caused_at));
                    }
                    self.own(&conversation);
                }
                Stage::Open | Stage::Ticketed | Stage::Closed { .. } => {}
            }
            self.ask_again(now, &conversation, turn);
            let unread = conversation.in_flight.iter().filter(|message| !message.understood);
            let unread =
                unread.filter_map(|it| self.to_understand(&conversation, it.seq, caused_at));
            turn.to_understand.extend(unread);
            if conversation.held_from.is_some() {
                self.set_alarm(&mut conversation, now);
            } else if conversation.has_only_greeted() {
                let greeted_at = conversation.events.last().map(|event| event.at);
                let at = greeted_at.unwrap_or_default() + self.settings.greeting_wait;
                self.set_alarm(&mut conversation, at);
            }
            self.resume_effects(&conversation, turn);
            self.resume_translations(Cause { now, at: caused_at }, &mut conversation, turn);
            turn.touched.push(id);
            self.conversations.insert(id, conversation);
        }
    }
}
