//! Which seat a message asks for, and how soon.

use crate::config::shop::Shop;
use crate::domain::{CustomerId, CustomerValue, Priority, SkillId, Understanding};

use super::mood::Mood;

/// The customer as the shop's own server has signed it.
#[derive(Clone, Copy, Debug, Default)]
pub struct KnownCustomer<'a> {
    /// The shop's user id.
    pub id: Option<&'a CustomerId>,
    /// How much the customer is worth.
    pub value: CustomerValue,
}

/// The skill and the priority that a message asks for. `mood` includes the message.
///
/// What is pressing and what the customer is worth each raise the priority by one class; how much
/// a class weighs, and that nobody starves by it, is the scheduler's.
pub fn needs(
    understanding: &Understanding,
    mood: &Mood,
    customer: KnownCustomer<'_>,
    shop: &Shop,
) -> (SkillId, Priority) {
    let intent = understanding.intent.label;
    let rules = &shop.priorities;
    let urgency = mood.urgency(rules);
    let presses = urgency.is_moved || urgency.complains || urgency.may_leave;
    let is_urgent = presses || rules.raised_intents.contains(&intent);
    let is_vip = customer.value == CustomerValue::Vip
        || customer.id.is_some_and(|id| rules.vip_customers.contains(id));

    let priority = match (is_urgent, customer.value) {
        _ if is_vip => Priority::Vip,
        (true, CustomerValue::High) => Priority::Vip,
        (true, _) | (_, CustomerValue::High) => Priority::Raised,
        (false, _) => Priority::Normal,
    };
    (shop.skills.skill_for(intent).clone(), priority)
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
            pii: Vec::new(),
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
            needs(&understood, &mood_of(&understood), KnownCustomer::default(), &shop).1
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

        let nobody = KnownCustomer::default();
        let known = KnownCustomer { id: Some(&important), ..nobody };
        assert_eq!(needs(&calm, &mood, nobody, &shop), (SkillId::from("care"), Priority::Raised));
        assert_eq!(needs(&calm, &mood, known, &shop).1, Priority::Vip);
    }

    #[test]
    fn worth_and_mood_each_raise_the_priority_by_one_class() {
        let shop = Shop::embedded_demo();
        let priority = |sentiment, value| {
            let understood = understood(Intent::Invoice, sentiment, 0.9);
            let customer = KnownCustomer { id: None, value };
            needs(&understood, &mood_of(&understood), customer, &shop).1
        };
        let (calm, angry) = (Sentiment::Neutral, Sentiment::Negative);

        assert_eq!(priority(calm, CustomerValue::Normal), Priority::Normal);
        assert_eq!(priority(calm, CustomerValue::High), Priority::Raised);
        assert_eq!(priority(angry, CustomerValue::Normal), Priority::Raised);
        assert_eq!(priority(angry, CustomerValue::High), Priority::Vip);
        assert_eq!(priority(calm, CustomerValue::Vip), Priority::Vip);
    }
}
