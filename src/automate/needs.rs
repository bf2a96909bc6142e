//! Which seat a message asks for, and how soon.

use crate::config::shop::Shop;
use crate::domain::{CustomerId, Priority, SkillId, Understanding};

use super::mood::Mood;

/// The skill and the priority that a message asks for. `mood` includes the message, `verified` is the customer's user id as the
/// shop's own server signed it.
pub fn needs(
    understanding: &Understanding,
    mood: &Mood,
    verified: Option<&CustomerId>,
    shop: &Shop,
) -> (SkillId, Priority) {
    let intent = understanding.intent.label;
    let rules = &shop.priorities;
    let urgency = mood.urgency(rules);
    let presses = urgency.is_moved || urgency.complains || urgency.may_leave;

    let priority = if verified.is_some_and(|id| rules.vip_customers.contains(id)) {
        Priority::Vip
    } else if presses || rules.raised_intents.contains(&intent) {
        Priority::Raised
    } else {
        Priority::Normal
    };
    let skill = shop.own_label(understanding).map(|(_, skill)| skill);
    (skill.unwrap_or_else(|| shop.skills.skill_for(intent)).clone(), priority)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Guess, Intent, Language, Sentiment};

    fn understood(intent: Intent, sentiment: Sentiment, confidence: f32) -> Understanding {
        Understanding {
            language: Guess { label: Language::ENGLISH, confidence: 1.0 },
            intent: Guess { label: intent, confidence: 0.9 },
            sentiment: Guess { label: sentiment, confidence },
            ..Understanding::unknown(Language::ENGLISH)
        }
    }

    fn mood_of(understanding: &Understanding) -> Mood {
        let mut mood = Mood::default();
        mood.hear(1, understanding);
        mood
    }

    #[test]
    fn a_mood_raises_the_priority_only_when_the_model_is_sure() {
        let shop = Shop::embedded_demo();
        let priority = |confidence| {
            let understood = understood(Intent::Invoice, Sentiment::Negative, confidence);
            needs(&understood, &mood_of(&understood), None, &shop).1
        };

        assert_eq!(priority(0.9), Priority::Raised);
        assert_eq!(priority(0.3), Priority::Normal);
    }

    #[test]
    fn a_verified_important_customer_goes_first_and_the_skill_follows_the_intent() {
        let mut shop = Shop::embedded_demo();
        let important = CustomerId::from("u-1");
        shop.priorities.vip_customers.push(important.clone());
        let calm = understood(Intent::Complaint, Sentiment::Neutral, 0.9);

        let mood = mood_of(&calm);

        assert_eq!(needs(&calm, &mood, None, &shop), (SkillId::from("care"), Priority::Raised));
        assert_eq!(needs(&calm, &mood, Some(&important), &shop).1, Priority::Vip);
    }
}
