//! What of records and conversations is somebody's own: what people said and who they are. It can be
//! taken out and given back; what stays tells what happened, in which order, and says itself that the
//! rest is missing.

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::automate::Mood;
use crate::domain::{
    CustomerId, CustomerValue, Email, EventKind, Language, RegionId, Timestamp, Understanding,
};

use super::conversation::Conversation;
use super::effects::Owed;
use super::fact::{Fact, Opened, Record};

/// What stands where a text was.
pub const ERASED_TEXT: &str = "[erased]";

static ERASED: LazyLock<Arc<str>> = LazyLock::new(|| ERASED_TEXT.into());

/// What was taken out, each kind in the order in which it stood.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Personal {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    who: Vec<Who>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    texts: Vec<Arc<str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    read: Vec<Option<Understanding>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    moods: Vec<Mood>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<Option<Arc<str>>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    owed: Vec<Vec<Owed>>,
}

/// Who began a conversation.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Who {
    customer: CustomerId,
    verified: Option<CustomerId>,
    locale: Option<Language>,
    time_zone: Option<Arc<str>>,
    region: Option<RegionId>,
    value: CustomerValue,
}

/// What was taken out of something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what is sealed belongs to another record")]
pub struct Misfit;

/// One place that holds something personal.
enum Place<'a> {
    Who(&'a mut Opened),
    Text(&'a mut Arc<str>),
    Read(&'a mut Option<Understanding>),
    Mood(&'a mut Mood),
    Address(&'a mut Option<Arc<str>>),
    Owed(&'a mut Vec<Owed>),
}

/// Goes over the personal places of a record, always in the same order.
fn of_record(record: &mut Record, mut look: impl FnMut(Place<'_>)) {
    for fact in &mut record.facts {
        // No wildcard: who adds a fact says here what of it is somebody's own.
        match fact {
            Fact::Opened(opened) => look(Place::Who(opened)),
            Fact::Event(event) => of_event(&mut event.kind, &mut look),
            Fact::Understood { understanding, .. } => look(Place::Read(understanding)),
            Fact::Noted(note) => look(Place::Text(&mut note.text)),
            Fact::ReachableAt(address) => look(Place::Text(address)),
            Fact::Wanted(effect) => of_email(&mut effect.email, &mut look),
            Fact::Aside(_)
            | Fact::TicketDue(_)
            | Fact::Progressed(_)
            | Fact::Epoch(_)
            | Fact::AskedForPerson
            | Fact::Waits(_)
            | Fact::Owned { .. }
            | Fact::Decided(_)
            | Fact::Erased(_) => {}
        }
    }
}

fn of_email(email: &mut Email, look: &mut impl FnMut(Place<'_>)) {
    let Email { from_name: _, to, subject, text, automatic: _ } = email;
    [to, subject, text].into_iter().for_each(|it| look(Place::Text(it)));
}

fn of_event(kind: &mut EventKind, look: &mut impl FnMut(Place<'_>)) {
    match kind {
        EventKind::Message { text, .. } => look(Place::Text(text)),
        EventKind::Queued { .. }
        | EventKind::Assigned { .. }
        | EventKind::AnsweredByMachine { .. }
        | EventKind::Ticket { .. }
        | EventKind::Transferred { .. }
        | EventKind::FoundHelpful { .. }
        | EventKind::Rated { .. }
        | EventKind::Closed { .. } => {}
    }
}

/// The same for the state of a conversation.
fn of_conversation(conversation: &mut Conversation, mut look: impl FnMut(Place<'_>)) {
    look(Place::Who(&mut conversation.opened));
    conversation.events.iter_mut().for_each(|event| of_event(&mut event.kind, &mut look));
    conversation.notes.iter_mut().for_each(|note| look(Place::Text(&mut note.text)));
    look(Place::Read(&mut conversation.latest));
    look(Place::Mood(&mut conversation.mood));
    look(Place::Address(&mut conversation.email));
    look(Place::Owed(&mut conversation.owed));
}

/// Whether something in a record is personal.
pub(super) fn is_personal(record: &Record) -> bool {
    record.facts.iter().any(|fact| match fact {
        Fact::Opened(_) | Fact::Noted(_) | Fact::ReachableAt(_) | Fact::Wanted(_) => true,
        Fact::Event(event) => matches!(event.kind, EventKind::Message { .. }),
        Fact::Understood { understanding, .. } => understanding.is_some(),
        _ => false,
    })
}

impl Personal {
    /// Takes out what is personal in a record; `None` when nothing is.
    pub(super) fn out_of_record(record: &mut Record) -> Option<Self> {
        let mut personal = Self::default();
        of_record(record, |place| personal.take(place));
        (personal != Self::default()).then_some(personal)
    }

    pub(super) fn out_of_conversation(conversation: &mut Conversation) -> Self {
        let mut personal = Self::default();
        of_conversation(conversation, |place| personal.take(place));
        personal
    }

    /// Gives back what was taken out of this record.
    pub(super) fn into_record(self, record: &mut Record) -> Result<(), Misfit> {
        let mut giving = Giving::new(self);
        of_record(record, |place| giving.give(place));
        giving.done()
    }

    pub(super) fn into_conversation(self, conversation: &mut Conversation) -> Result<(), Misfit> {
        let mut giving = Giving::new(self);
        of_conversation(conversation, |place| giving.give(place));
        giving.done()
    }

    fn take(&mut self, place: Place<'_>) {
        match place {
            Place::Text(text) => self.texts.push(std::mem::replace(text, ERASED.clone())),
            Place::Read(read) => self.read.push(read.take()),
            Place::Mood(mood) => self.moods.push(std::mem::take(mood)),
            Place::Address(address) => self.addresses.push(address.take()),
            Place::Owed(owed) => self.owed.push(std::mem::take(owed)),
            Place::Who(opened) => self.who.push(Who {
                customer: std::mem::replace(&mut opened.customer, CustomerId::from("")),
                verified: opened.verified.take(),
                locale: opened.locale.take(),
                time_zone: opened.time_zone.take(),
                region: opened.region.take(),
                value: std::mem::replace(&mut opened.value, CustomerValue::Normal),
            }),
        }
    }
}

/// Gives back in the order of taking.
struct Giving {
    who: std::vec::IntoIter<Who>,
    texts: std::vec::IntoIter<Arc<str>>,
    read: std::vec::IntoIter<Option<Understanding>>,
    moods: std::vec::IntoIter<Mood>,
    addresses: std::vec::IntoIter<Option<Arc<str>>>,
    owed: std::vec::IntoIter<Vec<Owed>>,
    fits: bool,
}

impl Giving {
    fn new(Personal { who, texts, read, moods, addresses, owed }: Personal) -> Self {
        Self {
            who: who.into_iter(),
            texts: texts.into_iter(),
            read: read.into_iter(),
            moods: moods.into_iter(),
            addresses: addresses.into_iter(),
            owed: owed.into_iter(),
            fits: true,
        }
    }

    fn give(&mut self, place: Place<'_>) {
        let given = match place {
            Place::Text(text) => self.texts.next().map(|it| *text = it),
            Place::Read(read) => self.read.next().map(|it| *read = it),
            Place::Mood(mood) => self.moods.next().map(|it| *mood = it),
            // Sealed before conversations had them.
            Place::Address(address) => self.addresses.next().or(Some(None)).map(|it| *address = it),
            Place::Owed(owed) => self.owed.next().or(Some(Vec::new())).map(|it| *owed = it),
            Place::Who(opened) => self.who.next().map(|who| {
                let Who { customer, verified, locale, time_zone, region, value } = who;
                (opened.customer, opened.verified, opened.value) = (customer, verified, value);
                (opened.locale, opened.time_zone, opened.region) = (locale, time_zone, region);
            }),
        };
        self.fits &= given.is_some();
    }

    fn done(mut self) -> Result<(), Misfit> {
        let is_empty = self.who.next().is_none()
            && self.texts.next().is_none()
            && self.read.next().is_none()
            && self.moods.next().is_none()
            && self.addresses.next().is_none()
            && self.owed.next().is_none();
        if self.fits && is_empty { Ok(()) } else { Err(Misfit) }
    }
}

impl Opened {
    /// Whether nobody knows any more whose it was.
    pub fn is_erased(&self) -> bool {
        self.customer.as_str().is_empty()
    }
}

/// That everything personal in a conversation was taken out for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedAt {
    /// When.
    pub at: Timestamp,
}
