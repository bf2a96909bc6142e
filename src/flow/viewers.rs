//! Who sees a conversation, and in which order.
//!
//! A viewer gets events strictly by number. The socket that sent a message gets the acknowledgement
//! in place of the event, so it too sees every number once. An acknowledgement may run ahead of the
//! model, but never ahead of an event that its socket has not got yet.

use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;
use uuid::Uuid;

use crate::deliver::{Frame, Outbox};
use crate::domain::{ConversationId, Event, EventKind, MessageId, Sender, Translated};
use crate::metrics::names::{Counter, From};
use crate::protocol::{CloseCode, EventFrame, Held, Note, ServerFrame, encode};

use super::conversation::{Conversation, TakenBy};
use super::fact::Noted;
use super::in_flight::{InFlight, Origin};
use super::input::{Attach, Attached, CustomerRef, Link, SeatRef, Viewer};
use super::shard::Shard;
use super::translated::translations_until;
use super::turn::{Delivery, Timing, Turn};
use super::unkept::Unkept;

impl Shard {
    /// Passes on what the conversations touched in this turn have for their viewers and their shop's own
    /// systems.
    pub fn pass_on(&mut self, turn: &mut Turn) {
        self.want_webhooks(turn);
        let mut touched = std::mem::take(&mut turn.touched);
        touched.sort_unstable();
        touched.dedup();
        for id in touched {
            if let Some(mut conversation) = self.conversations.remove(&id) {
                self.pass_on_events(&mut conversation, turn);
                acknowledge_ahead(&mut conversation, self.settings.ack_level, turn);
                self.conversations.insert(id, conversation);
            }
        }
    }

    /// Passes on every event that no message without understanding stands before.
    pub(super) fn pass_on_events(&self, conversation: &mut Conversation, turn: &mut Turn) {
        while let Some(event) = conversation.event(conversation.passed_on + 1).cloned() {
            let mut origins = SmallVec::new();
            if let Some(at) = conversation.in_flight.iter().position(|m| m.seq == event.seq) {
                if !conversation.in_flight[at].is_ready() {
                    return;
                }
                origins = conversation.in_flight.remove(at).origins;
                acknowledge(conversation, &event, &origins, self.settings.ack_level, turn);
            }
            conversation.passed_on = event.seq;
            self.show(conversation, &event, &origins, turn);
        }
    }

    /// Sends one event to every viewer but the sockets it came from.
    fn show(
        &self,
        conversation: &mut Conversation,
        event: &Event,
        origins: &[Origin],
        turn: &mut Turn,
    ) {
        let shop = &conversation.opened.shop;
        let customers = self.customer_links(shop, &conversation.opened.customer);
        let seats = match &conversation.seat_viewer {
            Some(seat) => self.seat_links(shop, seat),
            None => &[],
        };
        // Of several assignments on their way, the last is the viewer's.
        if event.seq == conversation.seat_sees_after
            && let Some(taken_by) = conversation.taken_by.take()
        {
            deliver(seats, None, &accepted(conversation, taken_by), turn);
        }
        // The history in `accepted` holds everything up to the assignment.
        let seats = if event.seq > conversation.seat_sees_after { seats } else { &[] };
        // What a customer says was translated while something before it was held back.
        let seats: &[Link] = if is_for_seats_only(conversation, event) && !seats.is_empty() {
            deliver(seats, None, &event_frame(conversation, event, For::Seat), turn);
            &[]
        } else {
            seats
        };
        let mut others = customers
            .iter()
            .chain(seats)
            .filter(|link| !origins.iter().any(|at| Arc::ptr_eq(&at.outbox, &link.outbox)))
            .peekable();
        if others.peek().is_some() {
            let frame = event_frame(conversation, event, For::Customer);
            for link in others {
                turn.deliveries.push(Delivery::Frame(link.outbox.clone(), frame.clone()));
            }
        }
    }

    /// Adds a viewer and tells it what it missed.
    pub(super) fn attach(&mut self, attach: Attach, turn: &mut Turn) {
        self.attach_to_kept(attach, &Unkept::default(), turn);
    }

    /// As [`Self::attach`], but tells only what is on disk; gives whether that is less than there is.
    /// Such a viewer has to come back once the rest is on disk: frames of it went to the viewers of
    /// before.
    pub(super) fn attach_to_kept(
        &mut self,
        attach: Attach,
        unkept: &Unkept,
        turn: &mut Turn,
    ) -> bool {
        let Attach { viewer, link, resume, reply } = attach;
        if link.outbox.is_closed() {
            return false;
        }
        let (Viewer::Customer(CustomerRef { shop, .. }) | Viewer::Seat(SeatRef { shop, .. })) =
            &viewer;
        if !self.shops.contains_key(shop) {
            // It went while the socket was opening. Without an answer that closes, and whoever comes
            // back is told.
            return false;
        }
        let links = match &viewer {
            Viewer::Customer(customer) => {
                &mut self.customers.entry(customer.clone()).or_default().links
            }
            Viewer::Seat(seat) => &mut self.seats.entry(seat.clone()).or_default().links,
        };
        supersede(links, link.session);
        let outbox = link.outbox.clone();
        links.push(link);
        let ids = self.viewed_by(&viewer);

        let mut attached = Attached::default();
        for id in &ids {
            let Some(conversation) = self.conversations.get_mut(id) else { continue };
            attached.is_in_conversation |= !conversation.is_closed();
            let on_disk = unkept.on_disk(*id);
            // Who owns it, and whether it began, may be what is not on disk.
            if on_disk == 0 || matches!(viewer, Viewer::Seat(_)) && unkept.concerns(*id) {
                continue;
            }
            let seq = conversation.seq().min(on_disk);
            attached.held.push(Held { seq, ..conversation.held() });
            let Some(last_seq) = resume.last_seq.get(id) else { continue };
            if *last_seq <= seq {
                attached.recovered += 1;
                let is_seat = matches!(viewer, Viewer::Seat(_));
                let who = if is_seat { For::Seat } else { For::Customer };
                if is_seat {
                    attached.missed.extend(translations_until(conversation, *last_seq));
                }
                missed(conversation, who, *last_seq..on_disk, &mut attached.missed);
                if is_seat && !conversation.joined.is_empty() {
                    attached.missed.push(encode(&conversation.joined_frame()).into());
                }
                // What was acknowledged ahead to the socket before is not news to this one.
                let had = conversation.in_flight.iter_mut().filter(|m| m.seq <= *last_seq);
                had.for_each(|message| {
                    message.origins.push(Origin { outbox: outbox.clone(), acknowledged: true });
                });
            }
        }
        turn.deliveries.push(Delivery::Attached(reply, attached));
        ids.iter().any(|id| unkept.concerns(*id))
    }

    fn viewed_by(&self, viewer: &Viewer) -> SmallVec<[ConversationId; 8]> {
        let ids = match viewer {
            Viewer::Customer(customer) => {
                self.customers.get(customer).map(|c| c.conversations.iter().copied().collect())
            }
            Viewer::Seat(seat) => {
                self.seats.get(seat).map(|views| views.owned.iter().copied().collect())
            }
        };
        ids.unwrap_or_default()
    }
}

/// The `accepted` frame for the seat that a conversation was assigned to; it may have ended since.
fn accepted(conversation: &Conversation, taken_by: TakenBy) -> Frame {
    let zone = conversation.opened.time_zone.as_deref();
    let passed_on = usize::try_from(conversation.passed_on).unwrap_or(usize::MAX);
    let history = conversation.events.iter().take(passed_on);
    let frame = ServerFrame::Accepted {
        offer: match taken_by {
            TakenBy::Accepting(offer) => Some(offer),
            TakenBy::Supervisor => None,
        },
        conversation: conversation.id,
        epoch: conversation.epoch,
        fence: conversation.last_fence,
        history: history
            .map(|event| {
                let frame = EventFrame::new(conversation.id, conversation.epoch, event, zone);
                frame.translated(translation(conversation, event, For::Seat)).tagged()
            })
            .collect(),
        notes: conversation.notes.iter().map(|note| note_of(conversation.id, note)).collect(),
        joins: conversation.joins(),
    };
    encode(&frame).into()
}

/// A note as seats get it.
pub(super) fn note_of(conversation: ConversationId, note: &Noted) -> Note<'_> {
    Note { conversation, at: note.at, seat: &note.seat, text: &note.text }
}

/// Closes the older socket of a session that comes back on a new one.
fn supersede(links: &mut SmallVec<[Link; 1]>, session: Uuid) {
    links.retain(|link| {
        if link.session == session {
            link.outbox.close(CloseCode::Superseded);
        }
        !link.outbox.is_closed()
    });
}

/// The events after `last_seq` that other viewers have had and that are on disk; later ones follow
/// live.
fn missed(conversation: &Conversation, who: For, seqs: Range<u64>, frames: &mut Vec<Frame>) {
    let from = usize::try_from(seqs.start).unwrap_or(usize::MAX);
    let to = usize::try_from(conversation.passed_on.min(seqs.end)).unwrap_or(usize::MAX);
    let events = conversation.events.get(from..to.min(conversation.events.len()));
    frames.extend(events.unwrap_or_default().iter().map(|e| event_frame(conversation, e, who)));
}

/// Acknowledges messages whose event still waits for the model, as long as their own socket has got
/// everything before them.
fn acknowledge_ahead(conversation: &mut Conversation, level: &'static str, turn: &mut Turn) {
    let mut ahead_of: Option<Arc<Outbox>> = None;
    let expected = conversation.passed_on + 1..;
    let mut acknowledged: SmallVec<[(MessageId, u64, Arc<Outbox>); 4]> = SmallVec::new();
    for (at, expected) in (0..conversation.in_flight.len()).zip(expected) {
        let InFlight { seq, origins, .. } = &mut conversation.in_flight[at];
        let seq = *seq;
        let [origin] = origins.as_mut_slice() else { break };
        let same_socket = ahead_of.as_ref().is_none_or(|first| Arc::ptr_eq(first, &origin.outbox));
        if seq != expected || !same_socket {
            break;
        }
        let outbox = origin.outbox.clone();
        if !std::mem::replace(&mut origin.acknowledged, true)
            && let Some(EventKind::Message { id, .. }) = conversation.event(seq).map(|e| &e.kind)
        {
            acknowledged.push((*id, seq, outbox.clone()));
        }
        ahead_of = Some(outbox);
    }
    for (id, seq, origin) in acknowledged {
        push_ack(conversation, id, seq, &origin, level, turn);
    }
}

fn acknowledge(
    conversation: &Conversation,
    event: &Event,
    origins: &[Origin],
    level: &'static str,
    turn: &mut Turn,
) {
    let EventKind::Message { id, .. } = &event.kind else { return };
    for origin in origins.iter().filter(|origin| !origin.acknowledged) {
        push_ack(conversation, *id, event.seq, &origin.outbox, level, turn);
    }
}

/// Acknowledges a message that is sent again: at once, unless its socket has not got yet what stands
/// before it.
pub(super) fn acknowledge_again(
    conversation: &mut Conversation,
    id: MessageId,
    seq: u64,
    origin: &Arc<Outbox>,
    level: &'static str,
    turn: &mut Turn,
) {
    let in_flight = conversation.in_flight.iter_mut().find(|message| message.seq == seq);
    if in_flight.is_none_or(|message| message.sent_by(origin)) {
        push_ack(conversation, id, seq, origin, level, turn);
    }
}

fn push_ack(
    conversation: &Conversation,
    id: MessageId,
    seq: u64,
    origin: &Arc<Outbox>,
    level: &'static str,
    turn: &mut Turn,
) {
    let Held { conversation, epoch, .. } = conversation.held();
    let ack = ServerFrame::Ack { id, conversation, epoch, seq, level };
    turn.deliveries.push(Delivery::Frame(origin.clone(), encode(&ack).into()));
}

/// Who views.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    Customer,
    Seat,
}

fn event_frame(conversation: &Conversation, event: &Event, who: For) -> Frame {
    let zone = conversation.opened.time_zone.as_deref();
    let frame = EventFrame::new(conversation.id, conversation.epoch, event, zone);
    encode(&ServerFrame::Event(frame.translated(translation(conversation, event, who)))).into()
}

/// Whether a message has a translation that customers do not get.
fn is_for_seats_only(conversation: &Conversation, event: &Event) -> bool {
    let of = |who| translation(conversation, event, who).is_some();
    of(For::Seat) && !of(For::Customer)
}

/// What was made of a message in another language. What a customer has said is translated for seats only.
fn translation<'a>(
    conversation: &'a Conversation,
    event: &Event,
    who: For,
) -> Option<&'a Translated> {
    let is_theirs = matches!(event.kind, EventKind::Message { from: Sender::Customer, .. });
    let is_for_them = who == For::Seat || !is_theirs;
    conversation.translated.get(&event.seq).filter(|_| is_for_them)
}

/// Puts a frame into the outboxes of `links`, but for the one it came from.
pub(super) fn deliver(
    links: &[Link],
    origin: Option<&Arc<Outbox>>,
    frame: &Frame,
    turn: &mut Turn,
) {
    for link in links {
        if origin.is_none_or(|origin| !Arc::ptr_eq(origin, &link.outbox)) {
            turn.deliveries.push(Delivery::Frame(link.outbox.clone(), frame.clone()));
        }
    }
}

/// Counts an accepted message and times its acknowledgement.
pub(super) fn count_message(from: From, caused_at: std::time::Instant, turn: &mut Turn) {
    turn.counts.push(Counter::Acknowledged(from));
    turn.timings.push((Timing::Ack, caused_at));
}
