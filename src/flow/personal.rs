//! What of records and conversations is somebody's own: what people said and who they are. It can be
//! taken out and given back; what stays tells what happened, in which order, and says itself that the
//! rest is missing.

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::automate::Mood;
use crate::domain::{
    CustomerId, CustomerValue, Effect, Email, EventKind, Language, Outward, RegionId, Said,
    Timestamp, Translated, Understanding,
};
use crate::schedule::{AboutCustomer, DecisionRecord};

use super::conversation::{Conversation, Stage};
use super::fact::{Fact, Opened, Record};
use super::owed::OwedEffects;

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
    owed: Vec<OwedEffects>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sources: Vec<Arc<str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    regions: Vec<Option<RegionId>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    decided: Vec<Option<AboutCustomer>>,
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
    Owed(&'a mut OwedEffects),
    /// What a machine's answer was taken from: an order, or what was asked about.
    Source(&'a mut Arc<str>),
    Region(&'a mut Option<RegionId>),
    Decided(&'a mut Arc<DecisionRecord>),
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
            Fact::Wanted(Effect { what: Outward::Email(email), .. }) => of_email(email, &mut look),
            Fact::Wanted(Effect { what: Outward::Webhook(_), .. }) => {}
            Fact::Waits(contact) | Fact::Aside(contact) => {
                look(Place::Region(&mut contact.region));
            }
            Fact::Decided(decision) => look(Place::Decided(decision)),
            Fact::Translated { translated, .. } => of_translated(translated, &mut look),
            Fact::Translating { .. }
            | Fact::TicketDue(_)
            | Fact::Progressed(_)
            | Fact::MayGoOn(_)
            | Fact::SaidAll
            | Fact::OfItsOwn
            | Fact::Joined(_)
            | Fact::Parted(_)
            | Fact::Delivered(_)
            | Fact::Epoch(_)
            | Fact::AskedForPerson
            | Fact::Owned { .. }
            | Fact::Erased(_) => {}
        }
    }
}

fn of_email(email: &mut Email, look: &mut impl FnMut(Place<'_>)) {
    let Email { from_name: _, to, subject, text, automatic: _, reply_to: _ } = email;
    [to, subject, text].into_iter().for_each(|it| look(Place::Text(it)));
}

fn of_event(kind: &mut EventKind, look: &mut impl FnMut(Place<'_>)) {
    match kind {
        EventKind::Message { text, .. } => look(Place::Text(text)),
        EventKind::AnsweredByMachine { source } => look(Place::Source(source)),
        EventKind::Queued { .. }
        | EventKind::Assigned { .. }
        | EventKind::Ticket { .. }
        | EventKind::Transferred { .. }
        | EventKind::FoundHelpful { .. }
        | EventKind::Rated { .. }
        | EventKind::Closed { .. } => {}
    }
}

fn of_translated(translated: &mut Translated, look: &mut impl FnMut(Place<'_>)) {
    if let Said::Anew { text, by: _ } = &mut translated.said {
        look(Place::Text(text));
    }
}

/// The same for the state of a conversation, and for what was decided about it.
fn of_conversation(
    conversation: &mut Conversation,
    decided: &mut [Arc<DecisionRecord>],
    mut look: impl FnMut(Place<'_>),
) {
    look(Place::Who(&mut conversation.opened));
    conversation.events.iter_mut().for_each(|event| of_event(&mut event.kind, &mut look));
    conversation.notes.iter_mut().for_each(|note| look(Place::Text(&mut note.text)));
    look(Place::Read(&mut conversation.latest));
    look(Place::Mood(&mut conversation.mood));
    look(Place::Address(&mut conversation.email));
    look(Place::Owed(&mut conversation.owed));
    conversation.machine_sources.iter_mut().for_each(|source| look(Place::Source(source)));
    match &mut conversation.stage {
        Stage::Waiting(contact) => look(Place::Region(&mut contact.region)),
        Stage::Owned(owned) => look(Place::Region(&mut owned.contact.region)),
        Stage::Open | Stage::Ticketed | Stage::Closed { .. } => {}
    }
    conversation.aside.iter_mut().for_each(|place| look(Place::Region(&mut place.region)));
    conversation.translated.values_mut().for_each(|it| of_translated(it, &mut look));
    decided.iter_mut().for_each(|decision| look(Place::Decided(decision)));
}

/// Whether an e-mail was erased before it was sent.
pub(super) fn is_erased(effect: &Effect) -> bool {
    matches!(&effect.what, Outward::Email(email) if *email.to == *ERASED_TEXT)
}

/// What stands where the source of an answer was: its kind tells nothing of a customer.
fn without_key(source: &str) -> Arc<str> {
    match source.split_once('/') {
        Some((kind, _)) => format!("{kind}/{ERASED_TEXT}").into(),
        None => source.into(),
    }
}

/// Whether something in a record is personal.
pub(super) fn is_personal(record: &Record) -> bool {
    record.facts.iter().any(|fact| match fact {
        Fact::Opened(_) | Fact::Noted(_) | Fact::ReachableAt(_) => true,
        Fact::Wanted(effect) => !effect.is_webhook(),
        Fact::Event(event) => {
            matches!(event.kind, EventKind::Message { .. } | EventKind::AnsweredByMachine { .. })
        }
        Fact::Understood { understanding, .. } => understanding.is_some(),
        Fact::Waits(contact) | Fact::Aside(contact) => contact.region.is_some(),
        Fact::Decided(decision) => decision.is_about_customer(),
        Fact::Translated { translated, .. } => matches!(translated.said, Said::Anew { .. }),
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

    /// Takes it out of a conversation and of what was decided about it.
    pub(super) fn out_of_conversation(
        conversation: &mut Conversation,
        decided: &mut [Arc<DecisionRecord>],
    ) -> Self {
        let mut personal = Self::default();
        of_conversation(conversation, decided, |place| personal.take(place));
        personal
    }

    /// Gives back what was taken out of this record.
    pub(super) fn into_record(self, record: &mut Record) -> Result<(), Misfit> {
        let mut giving = Giving::new(self);
        of_record(record, |place| giving.give(place));
        giving.done()
    }

    pub(super) fn into_conversation(
        self,
        conversation: &mut Conversation,
        decided: &mut [Arc<DecisionRecord>],
    ) -> Result<(), Misfit> {
        let mut giving = Giving::new(self);
        of_conversation(conversation, decided, |place| giving.give(place));
        giving.done()
    }

    fn take(&mut self, place: Place<'_>) {
        match place {
            Place::Text(text) => self.texts.push(std::mem::replace(text, ERASED.clone())),
            Place::Read(read) => self.read.push(read.take()),
            Place::Mood(mood) => self.moods.push(std::mem::take(mood)),
            Place::Address(address) => self.addresses.push(address.take()),
            Place::Owed(owed) => {
                // What the shop's own systems are told holds nothing of anybody.
                let webhooks = owed.iter().filter(|it| it.effect.is_webhook()).cloned().collect();
                self.owed.push(std::mem::replace(owed, webhooks));
            }
            Place::Source(source) => {
                let erased = without_key(source);
                self.sources.push(std::mem::replace(source, erased));
            }
            Place::Region(region) => self.regions.push(region.take()),
            Place::Decided(decision) => {
                self.decided.push(match decision.is_about_customer() {
                    true => Arc::make_mut(decision).take_about_customer(),
                    false => None,
                });
            }
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
    owed: std::vec::IntoIter<OwedEffects>,
    sources: std::vec::IntoIter<Arc<str>>,
    regions: std::vec::IntoIter<Option<RegionId>>,
    decided: std::vec::IntoIter<Option<AboutCustomer>>,
    fits: bool,
}

impl Giving {
    fn new(personal: Personal) -> Self {
        let Personal { who, texts, read, moods, addresses, owed, sources, regions, decided } =
            personal;
        Self {
            who: who.into_iter(),
            texts: texts.into_iter(),
            read: read.into_iter(),
            moods: moods.into_iter(),
            addresses: addresses.into_iter(),
            owed: owed.into_iter(),
            sources: sources.into_iter(),
            regions: regions.into_iter(),
            decided: decided.into_iter(),
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
            Place::Owed(owed) => {
                self.owed.next().or(Some(OwedEffects::default())).map(|it| *owed = it)
            }
            // Sealed before these were: they stand where they stood.
            Place::Source(source) => return put(source, self.sources.next()),
            Place::Region(region) => return put(region, self.regions.next()),
            Place::Decided(decision) => {
                if let Some(about) = self.decided.next().flatten() {
                    Arc::make_mut(decision).give_about_customer(about);
                }
                return;
            }
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
            && self.owed.next().is_none()
            && self.sources.next().is_none()
            && self.regions.next().is_none()
            && self.decided.next().is_none();
        if self.fits && is_empty { Ok(()) } else { Err(Misfit) }
    }
}

fn put<T>(place: &mut T, taken: Option<T>) {
    if let Some(taken) = taken {
        *place = taken;
    }
}

impl Record {
    /// What is left of a record that is not sealed when it is erased where it lies, in at most `len` bytes:
    /// all but what is personal, or, where that has no room, what happened alone. `None` when neither has.
    pub fn erased_within(&self, len: usize) -> Option<Self> {
        let whole = self.clone().erased();
        let mut bare = whole.clone();
        bare.facts.retain(|fact| {
            // The conversation ends with the next start, whatever it waited for.
            matches!(fact, Fact::Opened(_) | Fact::Event(_) | Fact::Epoch(_) | Fact::Erased(_))
        });
        let mut empty = bare.clone();
        of_record(&mut empty, |place| {
            if let Place::Text(text) | Place::Source(text) = place {
                *text = Arc::from("");
            }
        });
        [whole, bare, empty].into_iter().find(|record| record.encode().len() <= len)
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
