//! The incidents of one shop: what its seats say of them, and whom their answers reach.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::dispatch::SeatLine;
use super::super::input::ForMany;
use super::spoken::Spoken;
use super::{Asks, refusal};
use crate::domain::{ConversationId, Language};
use crate::incidents::{
    Answer, Cluster, ClusterId, Gate, Live, NotAnswered, Settings, StillWaits, Trust,
};
use crate::protocol::ErrorCode;
use crate::understand::{names_order, pii};

/// Texts of one answer, and characters of each.
const TEXTS_MAX: usize = 64;
const TEXT_CHARS_MAX: usize = 2_000;

/// What a shop knows of its incidents, and who is shown it.
pub(super) struct ShopBoard {
    pub(super) gate: Gate,
    pub(super) live: Live,
    pub(super) spoken: Spoken,
    pub(super) watchers: Vec<SeatLine>,
    pub(super) has_changed: bool,
    /// The language that a seat writes the answer for everybody else in.
    pub(super) fallback: Language,
    pub(super) unkept: Unkept,
    /// Whether the file still has what customers asked who were erased since it was written. The next process
    /// would not know: what it reads is nobody's.
    pub(super) unforgotten: bool,
    /// Of which a seat has said that they are none of those that an incident is about.
    pub(super) wrong: Vec<ConversationId>,
}

/// What has changed since it was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Unkept {
    #[default]
    Nothing,
    /// Customers have asked, or nobody has for long.
    Questions,
    /// A seat has said what belongs together, answered or closed an incident, or a customer that what joined
    /// without a seat did not.
    Decisions,
}

impl ShopBoard {
    /// Who was confirmed before a restart and waits still follows on, and gets the answer that there is.
    pub(super) fn keep_promise(&mut self, asks: Asks) -> Option<ForMany> {
        let Asks { conversation, customer, asked_at, waits, language, text, .. } = asks;
        let waits = StillWaits { conversation, customer, language, text, asked_at, waits };
        let (cluster, answer) = self.live.take_promised(waits)?;
        self.has_changed = true;
        self.reach(cluster, &*answer?, [conversation]).pop()
    }

    pub(super) fn returned(&mut self, conversation: ConversationId) {
        let before = self.live.trust();
        if self.live.returned(conversation).is_none() {
            return;
        }
        let is_decision = self.live.trust() != before;
        let unkept = if is_decision { Unkept::Decisions } else { Unkept::Questions };
        self.unkept = self.unkept.max(unkept);
        self.has_changed = true;
    }

    pub(super) fn confirm(
        &mut self,
        incident: ClusterId,
        conversations: &[ConversationId],
        wrong: &[ConversationId],
    ) -> Result<Vec<ForMany>, NotAnswered> {
        self.has_changed = true;
        self.unkept = Unkept::Decisions;
        // A seat says nothing of who does not follow this one: it may be right in another incident, or be no
        // customer of the shop.
        let followers = self.live.get(incident).map(|cluster| &cluster.followers);
        let follows = |id: &&ConversationId| followers.is_some_and(|it| it.contains_key(*id));
        let wrong: Vec<ConversationId> = wrong.iter().filter(follows).copied().collect();
        let answered = self.live.confirm(incident, conversations, &wrong)?;
        wrong.iter().for_each(|conversation| self.spoken.leave(*conversation));
        self.wrong.extend(wrong);
        let answer = self.live.get(incident).and_then(|cluster| cluster.answer.clone());
        let Some(answer) = answer else { return Ok(Vec::new()) };
        Ok(self.reach(incident, &answer, answered))
    }

    /// The answer for each of these, but for whoever waits for it in another language.
    pub(super) fn reach(
        &mut self,
        incident: ClusterId,
        answer: &Answer,
        ids: impl IntoIterator<Item = ConversationId>,
    ) -> Vec<ForMany> {
        let Self { live, spoken, .. } = self;
        let Some(cluster) = live.get(incident) else { return Vec::new() };
        let give = |id| {
            let reads = cluster.followers.get(&id)?.language;
            spoken.give(incident, for_many(cluster, answer, id)?, reads)
        };
        ids.into_iter().filter_map(give).collect()
    }

    pub(super) fn answer(
        &mut self,
        line: &SeatLine,
        incident: ClusterId,
        texts: BTreeMap<Language, String>,
        fallback: Language,
    ) -> Result<Vec<ForMany>, (ErrorCode, String)> {
        if texts.len() > TEXTS_MAX {
            return Err((ErrorCode::TooLarge, format!("more than {TEXTS_MAX} texts")));
        }
        for (language, text) in &texts {
            if text.trim().is_empty() || text.chars().count() > TEXT_CHARS_MAX {
                let message = format!("the text in {language} is empty or too long");
                return Err((ErrorCode::BadFrame, message));
            }
            if is_of_one_account(text) {
                let message = format!(
                    "the text in {language} names an order or personal data, it is for one customer"
                );
                return Err((ErrorCode::Conflict, message));
            }
        }
        let texts = texts.into_iter().map(|(language, text)| (language, text.into())).collect();
        let answer = Arc::new(Answer { seat: line.seat.id.clone(), texts, fallback });
        let reached = self.live.answer(incident, answer.clone()).map_err(refusal)?;
        self.has_changed = true;
        self.unkept = Unkept::Decisions;
        Ok(self.reach(incident, &answer, reached))
    }
}

impl Default for ShopBoard {
    fn default() -> Self {
        Self {
            gate: Gate::default(),
            live: Live::new(Settings::default(), Trust::default()),
            spoken: Spoken::default(),
            watchers: Vec::new(),
            has_changed: false,
            fallback: Language::ENGLISH,
            unkept: Unkept::Nothing,
            unforgotten: false,
            wrong: Vec::new(),
        }
    }
}

/// The answer as it was written for one customer: where there is no text in the customer's language, the
/// one in the fallback language, to be translated.
fn for_many(cluster: &Cluster, answer: &Answer, id: ConversationId) -> Option<ForMany> {
    let follower = cluster.followers.get(&id)?;
    let (language, text) = answer.text_for(follower.language)?;
    Some(ForMany {
        conversation: id,
        incident: cluster.id.0,
        seat: answer.seat.clone(),
        text: text.clone(),
        language,
        translated: None,
        by: follower.by.map_or("first", |by| by.as_str()),
    })
}

/// Whether a text holds what only one customer's account can hold.
fn is_of_one_account(text: &str) -> bool {
    !pii::find(text).is_empty() || names_order(text)
}
