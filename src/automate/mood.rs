//! How a customer has felt over the messages of a conversation, and how pressing that is.
//!
//! A mood rises at once, for nobody should have to be angry twice, and calms down slowly. It counts
//! as high from one threshold on and stays so until it falls under a lower one, so that a doubtful
//! or polite message between angry ones does not move the conversation to and fro. Everything is
//! drawn from calibrated probabilities.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::config::shop::Priorities;
use crate::domain::{Guess, Intent, Sentiment, Understanding, few};

/// Messages that are remembered. What is older has faded.
const TURNS_MAX: usize = 12;
/// Part of the way to a calmer message that a mood goes with it.
const CALMING: f32 = 0.3;
/// A high mood ends under this part of the threshold that it began at. One calm message takes less
/// than that away, see [`CALMING`].
const ENDS_UNDER: f32 = 0.5;
/// Probability from which a complaint or the loss of a customer is pressing.
const RISK_HIGH: f32 = 0.5;
/// Probability from which a complaint or the loss of a customer is a matter of its own. From [`RISK_HIGH`] on plain
/// reports of a failure are among them, which many ask (docs/decisions/0050).
const RISK_SURE: f32 = 0.9;

/// What the customer's messages were like, the latest last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mood {
    /// Number of the latest message.
    heard: u64,
    #[serde(deserialize_with = "few")]
    turns: SmallVec<[Turn; 2]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Turn {
    intent: Guess<Intent>,
    sentiment: Guess<Sentiment>,
    /// Probability that the customer is leaving.
    #[serde(default)]
    leaving: f32,
}

/// What a mood means for a shop.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Urgency {
    /// Whether the customer has a mood that the shop treats as urgent.
    pub is_moved: bool,
    /// Whether the customer complains about the shop as such.
    pub complains: bool,
    /// Whether the shop is about to lose the customer.
    pub may_leave: bool,
    /// Whether either is so sure that the customer needs a person, whatever many ask.
    pub needs_person: bool,
}

impl Mood {
    /// Takes in the message with the number `seq`. One that it has had changes nothing, nor does one
    /// that the model could not read.
    pub fn hear(&mut self, seq: u64, understanding: &Understanding) {
        let Understanding { intent, sentiment, leaving, .. } = understanding;
        if seq <= self.heard || sentiment.confidence <= 0.0 {
            return;
        }
        self.heard = seq;
        if self.turns.len() == TURNS_MAX {
            // The calmer of the two oldest: what made a mood high must not be forgotten while what
            // came after it still keeps it so.
            let anger = |turn: &Turn| turn.feels(&[Sentiment::Negative]);
            let calmer = usize::from(anger(&self.turns[1]) < anger(&self.turns[0]));
            self.turns.remove(calmer);
        }
        self.turns.push(Turn { intent: *intent, sentiment: *sentiment, leaving: *leaving });
    }

    /// What the mood means under the rules of a shop.
    pub fn urgency(&self, rules: &Priorities) -> Urgency {
        let mut moved = Level::default();
        let [mut complaint, mut sure_complaint] = [Level::default(); 2];
        let [mut leaving, mut surely_leaving] = [Level::default(); 2];
        for turn in &self.turns {
            moved.hear(turn.feels(&rules.raised_sentiments), rules.sentiment_confidence);
            complaint.hear(turn.wants(Intent::Complaint), RISK_HIGH);
            sure_complaint.hear(turn.wants(Intent::Complaint), RISK_SURE);
            leaving.hear(turn.leaving, RISK_HIGH);
            surely_leaving.hear(turn.leaving, RISK_SURE);
        }
        let cares_for_anger = rules.raised_sentiments.contains(&Sentiment::Negative);
        let cares_for_complaints = rules.raised_intents.contains(&Intent::Complaint);
        Urgency {
            is_moved: moved.is_high,
            complains: complaint.is_high && cares_for_complaints,
            may_leave: leaving.is_high && cares_for_anger,
            needs_person: sure_complaint.is_high && cares_for_complaints
                || surely_leaving.is_high && cares_for_anger,
        }
    }
}

impl Turn {
    /// Probability of one of the moods. What the best guess leaves is shared by the other labels.
    fn feels(&self, moods: &[Sentiment]) -> f32 {
        let Guess { label, confidence } = self.sentiment;
        let others = moods.iter().filter(|mood| **mood != label).count();
        let left = (1.0 - confidence) / (Sentiment::ALL.len() - 1) as f32;
        others as f32 * left + if moods.contains(&label) { confidence } else { 0.0 }
    }

    /// Probability of an intent, as far as the best guess tells.
    fn wants(&self, intent: Intent) -> f32 {
        if self.intent.label == intent { self.intent.confidence } else { 0.0 }
    }
}

/// A value that rises at once and calms down slowly, with two thresholds.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    value: f32,
    is_high: bool,
}

impl Level {
    fn hear(&mut self, value: f32, high: f32) {
        let calmer = self.value + CALMING * (value - self.value);
        self.value = if value > self.value { value } else { calmer };
        self.is_high = self.value >= if self.is_high { high * ENDS_UNDER } else { high };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Language;
    use proptest::prelude::*;

    fn rules() -> Priorities {
        Priorities {
            raised_intents: vec![Intent::Complaint],
            raised_sentiments: vec![Sentiment::Negative],
            sentiment_confidence: 0.6,
            vip_customers: Vec::new(),
        }
    }

    fn said(intent: Intent, sentiment: Sentiment, confidence: f32) -> Understanding {
        Understanding {
            language: Guess { label: Language::ENGLISH, confidence: 1.0 },
            intent: Guess { label: intent, confidence: 0.9 },
            sentiment: Guess { label: sentiment, confidence },
            ..Understanding::unknown(Language::ENGLISH)
        }
    }

    fn angry(confidence: f32) -> Understanding {
        said(Intent::TrackOrder, Sentiment::Negative, confidence)
    }

    fn calm(confidence: f32) -> Understanding {
        said(Intent::TrackOrder, Sentiment::Neutral, confidence)
    }

    /// The urgency after each message.
    fn over(messages: &[Understanding]) -> Vec<Urgency> {
        let mut mood = Mood::default();
        (1..)
            .zip(messages)
            .map(|(seq, message)| {
                mood.hear(seq, message);
                mood.urgency(&rules())
            })
            .collect()
    }

    fn moved(messages: &[Understanding]) -> Vec<bool> {
        over(messages).iter().map(|urgency| urgency.is_moved).collect()
    }

    #[test]
    fn anger_counts_at_once_and_fades_over_several_calm_messages() {
        let moods = moved(&[angry(0.9), calm(0.9), calm(0.9), calm(0.9), calm(0.9), calm(0.9)]);

        assert_eq!(moods, [true, true, true, true, false, false]);
        assert_eq!(moved(&[calm(0.9), angry(0.7)]), [false, true]);
    }

    #[test]
    fn a_mood_that_doubtful_messages_keep_up_outlasts_what_is_remembered() {
        let mut messages = vec![angry(0.7)];
        messages.extend(vec![angry(0.55); 2 * TURNS_MAX]);

        assert!(moved(&messages).into_iter().all(|is_moved| is_moved));
    }

    #[test]
    fn a_message_that_is_known_or_could_not_be_read_changes_nothing() {
        let mut mood = Mood::default();
        mood.hear(4, &angry(0.9));
        let before = mood.clone();

        mood.hear(4, &angry(0.9));
        mood.hear(5, &calm(0.0));

        assert_eq!(mood, before);
    }

    #[test]
    fn a_complaint_lasts_beyond_the_order_number_that_follows_it() {
        let complaint = said(Intent::Complaint, Sentiment::Neutral, 0.9);

        let urgency = over(&[complaint, calm(0.9)]);

        assert_eq!(urgency.iter().map(|it| it.complains).collect::<Vec<_>>(), [true, true]);
    }

    #[test]
    fn who_speaks_of_leaving_may_leave_until_several_messages_later_and_anger_alone_is_no_sign() {
        let leaves = Understanding { leaving: 0.8, ..calm(0.9) };
        let risks = |messages: &[Understanding]| {
            over(messages).iter().map(|urgency| urgency.may_leave).collect::<Vec<_>>()
        };

        let calmed = [leaves, calm(0.9), calm(0.9), calm(0.9), calm(0.9)];

        assert_eq!(risks(&calmed), [true, true, true, true, false]);
        assert_eq!(risks(&vec![angry(0.9); 4]), [false; 4]);
    }

    #[test]
    fn who_complains_or_may_leave_needs_a_person_whatever_many_ask_from_a_higher_probability_on() {
        let leaves = |leaving| over(&[Understanding { leaving, ..calm(0.9) }])[0];
        let complains = |confidence| {
            let intent = Guess { label: Intent::Complaint, confidence };
            over(&[Understanding { intent, ..calm(0.9) }])[0]
        };

        let (leaving, complaining) =
            ([0.4, 0.89, 0.9].map(leaves), [0.4, 0.89, 0.9].map(complains));

        assert_eq!(leaving.map(|it| it.may_leave), [false, true, true]);
        assert_eq!(complaining.map(|it| it.complains), [false, true, true]);
        for urgency in [leaving, complaining] {
            assert_eq!(urgency.map(|it| it.needs_person), [false, false, true]);
        }
    }

    #[test]
    fn a_shop_that_does_not_care_for_moods_is_not_moved() {
        let indifferent =
            Priorities { raised_intents: vec![], raised_sentiments: vec![], ..rules() };
        let mut mood = Mood::default();
        for seq in 1..=6 {
            let complaint = said(Intent::Complaint, Sentiment::Negative, 1.0);
            mood.hear(seq, &Understanding { leaving: 1.0, ..complaint });
        }

        assert_eq!(mood.urgency(&indifferent), Urgency::default());
    }

    proptest! {
        #[test]
        fn one_calm_message_between_angry_ones_does_not_lower_it(
            before in prop::collection::vec(0.6_f32..=1.0, 1..6),
            calmness in 0.34_f32..=1.0,
            label in prop::sample::select(vec![Sentiment::Neutral, Sentiment::Positive]),
            after in 0.34_f32..=1.0,
        ) {
            let mut messages: Vec<_> = before.into_iter().map(angry).collect();
            messages.push(said(Intent::TrackOrder, label, calmness));
            messages.push(angry(after));

            prop_assert!(moved(&messages).into_iter().all(|is_moved| is_moved));
        }

        #[test]
        fn confidences_around_the_threshold_change_it_once_at_most(
            confidences in prop::collection::vec(0.5_f32..0.7, 2..40),
        ) {
            let messages: Vec<_> = confidences.into_iter().map(angry).collect();

            let moods = moved(&messages);
            let changes = moods.windows(2).filter(|pair| pair[0] != pair[1]).count();

            prop_assert!(changes <= 1, "{moods:?}");
        }

        #[test]
        fn any_history_is_bounded(
            history in prop::collection::vec((0..3_usize, 0..33_usize, 0.0_f32..=1.0), 0..60),
        ) {
            let mut mood = Mood::default();
            for (seq, (sentiment, intent, confidence)) in (1..).zip(history) {
                mood.hear(seq, &said(Intent::ALL[intent], Sentiment::ALL[sentiment], confidence));
            }

            prop_assert!(mood.turns.len() <= TURNS_MAX);
            mood.urgency(&rules());
        }
    }
}
