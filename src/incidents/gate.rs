//! Which questions one answer may serve at all: nothing that needs a look into somebody's account.

use std::collections::BTreeSet;

use crate::domain::{Intent, Sensed, Understanding};

use super::bound::{Bound, Told};
use super::words::{Sign, Words, plain};

/// Longest text that is looked at; a longer one tells a story of its own.
pub const CHARS_MAX: usize = 240;
/// Longest text in a script of syllables or words, whose characters say more.
const DENSE_CHARS_MAX: usize = 100;
/// Digits in one run from which on a number is an order, a parcel or a person.
const DIGITS_MIN: usize = 5;
/// Confidence from which on an intent says anything. Below it the model says as good as nothing: reports of
/// incidents are not what it was trained on.
const INTENT_SURE: f32 = 0.8;
/// Confidence beyond which an intent is not believed any more.
const INTENT_SURE_MAX: f32 = 0.999_999;
/// Log-odds above the bar from which on a question is not looked at. Below them it may be in doubt.
const DOUBT_MAX: f32 = 6.0;

/// Why a question is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Barred {
    /// The shop has no list of generic intents.
    Off,
    /// It names personal data, an order or a parcel.
    Entity,
    /// It sounds like the customer's own matter, and a word says so.
    Word(Sign),
    /// No word says so, but it sounds like the customer's own matter.
    Bound,
    /// Its intent is one that the shop's list leaves out, or speaks of an account where nothing else says that it
    /// does not.
    Intent(Intent),
    /// The customer is a VIP, surely complains or is about to leave, or has asked for a person.
    Person,
    /// It is long.
    Long,
    /// Nobody has written the words of its language.
    Language,
}

impl Barred {
    /// The reason as written in evidence and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Entity => "entity",
            Self::Word(sign) => sign.as_str(),
            Self::Bound => "bound",
            Self::Intent(_) => "intent",
            Self::Person => "person",
            Self::Long => "long",
            Self::Language => "language",
        }
    }
}

/// Lets generic questions of one shop through.
#[derive(Clone, Debug)]
pub struct Gate {
    generic: BTreeSet<Intent>,
}

/// What a shop's answers never need an account for, unless it says otherwise.
pub const GENERIC: [Intent; 21] = [
    Intent::TrackOrder,
    Intent::DeliveryTime,
    Intent::ShippingOptions,
    Intent::CustomsDuties,
    Intent::PlaceOrder,
    Intent::ReturnPolicy,
    Intent::WarrantyRepair,
    Intent::PaymentFailed,
    Intent::PaymentMethods,
    Intent::Discount,
    Intent::ProductQuestion,
    Intent::StockAvailability,
    Intent::AccountAccess,
    Intent::Newsletter,
    Intent::DataPrivacy,
    Intent::TalkToHuman,
    Intent::Greeting,
    Intent::ThanksBye,
    Intent::Feedback,
    Intent::BulkBusiness,
    Intent::Other,
];

/// A question that the gate has let through.
#[derive(Clone, Debug, PartialEq)]
pub struct Passed {
    /// In the form in which it is compared.
    pub plain: String,
    /// Log-odds that it is its writer's own matter, above those from which on it is taken for that. Below 0 it may
    /// be what many ask; above, it may follow an open incident that it is much alike (`lean.rs`).
    pub doubt: f32,
}

/// A question with all that the gate asks about it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// As it was typed.
    pub text: &'a str,
    /// What the model read out of it.
    pub understanding: &'a Understanding,
    /// Whether it names what looks like an order number.
    pub names_order: bool,
    /// Whether the customer is a VIP, surely complains or is about to leave, or has asked for a person.
    pub needs_person: bool,
}

impl Default for Gate {
    fn default() -> Self {
        Self::new(GENERIC)
    }
}

impl Gate {
    /// A gate for the questions with these intents.
    pub fn new(generic: impl IntoIterator<Item = Intent>) -> Self {
        Self { generic: generic.into_iter().collect() }
    }

    /// Asks what needs no model.
    ///
    /// # Errors
    /// When nothing may be let through, or not this text.
    pub fn may_pass(&self, text: &str) -> Result<(), Barred> {
        if self.generic.is_empty() {
            return Err(Barred::Off);
        }
        if is_long(text) {
            return Err(Barred::Long);
        }
        if has_number(text) {
            return Err(Barred::Entity);
        }
        Ok(())
    }

    /// Lets a question through. `sensed` is what an encoder makes of it, where one was asked.
    ///
    /// # Errors
    /// When something in it may need a look into the customer's account.
    pub fn pass(&self, asked: &Asked<'_>, sensed: Option<&Sensed>) -> Result<Passed, Barred> {
        self.may_pass(asked.text)?;
        let Understanding { language, intent, pii, .. } = asked.understanding;
        if !pii.is_empty() || asked.names_order {
            return Err(Barred::Entity);
        }
        if asked.needs_person {
            return Err(Barred::Person);
        }
        let is_of_account =
            intent.confidence >= INTENT_SURE && !self.generic.contains(&intent.label);
        if is_of_account && GENERIC.contains(&intent.label) {
            // Nobody needs an account for it, but the shop wants no incident of it.
            return Err(Barred::Intent(intent.label));
        }
        let text = plain(asked.text);
        let words = Words::likely(*language, &text);
        if words.is_empty() {
            return Err(Barred::Language);
        }
        let told = Told::of(asked.text, &text, &words);
        let by_itself = Bound::embedded().doubt(&told, sensed);
        let by_intent = if is_of_account { log_odds(intent.confidence) } else { 0.0 };
        let doubt = by_itself + by_intent;
        if doubt < 0.0 {
            return Ok(Passed { plain: text, doubt });
        }
        match told.sign() {
            _ if by_itself < 0.0 && doubt >= DOUBT_MAX => Err(Barred::Intent(intent.label)),
            // Where a word says so it is in no doubt.
            Some(sign) => Err(Barred::Word(sign)),
            None if doubt < DOUBT_MAX => Ok(Passed { plain: text, doubt }),
            // Nor is what is no number.
            None => Err(Barred::Bound),
        }
    }
}

fn log_odds(probability: f32) -> f32 {
    let probability = probability.min(INTENT_SURE_MAX);
    (probability / (1.0 - probability)).ln()
}

fn is_long(text: &str) -> bool {
    let chars = text.chars().count();
    let dense =
        text.chars().filter(|c| matches!(c, '\u{3041}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'));
    // Mostly such characters: each says two or three letters of other scripts.
    let max = if dense.count() * 2 > chars { DENSE_CHARS_MAX } else { CHARS_MAX };
    chars > max
}

/// Whether a run of digits is as long as an order number; single spaces and hyphens between digits are part
/// of it.
fn has_number(text: &str) -> bool {
    let (mut digits, mut was_digit) = (0, false);
    for c in text.chars() {
        let is_digit = c.is_numeric();
        match c {
            _ if is_digit => digits += 1,
            '-' | ' ' if was_digit => {}
            _ => digits = 0,
        }
        was_digit = is_digit;
        if digits >= DIGITS_MIN {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Guess;

    fn pass(language: &str, text: &str) -> Result<Passed, Barred> {
        pass_by(&Gate::default(), language, text, (Intent::Other, 0.4))
    }

    fn pass_by(
        gate: &Gate,
        language: &str,
        text: &str,
        (label, confidence): (Intent, f32),
    ) -> Result<Passed, Barred> {
        let mut understanding = Understanding::unknown(language.parse().expect("a language"));
        understanding.intent = Guess { label, confidence };
        understanding.language.confidence = 1.0;
        let asked =
            Asked { text, understanding: &understanding, names_order: false, needs_person: false };
        gate.pass(&asked, None)
    }

    #[test]
    fn what_many_ask_passes_and_what_is_ones_own_does_not() {
        let passed = pass("en", "Is the website down?").expect("many ask it");
        assert_eq!(passed.plain, " is the website down ");
        assert!(passed.doubt < 0.0, "{}", passed.doubt);
        for (language, text, barred) in [
            ("en", "is it down or only my account?", Barred::Word(Sign::Own)),
            ("es", "por la huelga, devuelvan el dinero", Barred::Word(Sign::Money)),
            ("ru", "обращусь в суд из-за сайта", Barred::Word(Sign::Legal)),
            ("zh", "网站坏了，我的包裹呢", Barred::Word(Sign::Own)),
            ("en", "site down, parcel 00340434161094?", Barred::Entity),
            ("en", "site down, 4471 2093 5518?", Barred::Entity),
            ("fi", "onko sivusto alhaalla?", Barred::Language),
        ] {
            assert_eq!(pass(language, text), Err(barred), "{text}");
        }
    }

    #[test]
    fn a_shop_without_generic_intents_has_no_incidents() {
        let understanding = Understanding::unknown(crate::domain::Language::ENGLISH);
        let asked = Asked {
            text: "is the site down?",
            understanding: &understanding,
            names_order: false,
            needs_person: false,
        };

        assert_eq!(Gate::new([]).pass(&asked, None), Err(Barred::Off));
    }

    #[test]
    fn an_intent_of_accounts_speaks_against_a_question_by_how_sure_it_is() {
        let gate = Gate::default();
        let pass = |confidence| {
            pass_by(&gate, "en", "Is the website down?", (Intent::RequestRefund, confidence))
        };
        let doubt = |confidence| pass(confidence).expect("so much is in doubt at most").doubt;

        let unsure = doubt(0.5);

        assert_eq!(unsure, self::pass("en", "Is the website down?").expect("passes").doubt);
        assert!((doubt(0.9) - unsure - 2.197).abs() < 0.01, "log-odds of 0.9");
        assert_eq!(pass(1.0), Err(Barred::Intent(Intent::RequestRefund)));
    }

    #[test]
    fn an_intent_that_the_list_of_the_shop_leaves_out_is_barred_where_it_is_sure() {
        let gate = Gate::new([Intent::DeliveryTime]);
        let pass = |confidence| {
            pass_by(&gate, "en", "Is the website down?", (Intent::PlaceOrder, confidence))
        };

        assert!(pass(0.79).is_ok());
        assert_eq!(pass(0.8), Err(Barred::Intent(Intent::PlaceOrder)));
    }

    #[test]
    fn a_story_is_barred() {
        assert_eq!(pass("en", &"the site ".repeat(40)), Err(Barred::Long));
    }

    #[test]
    fn what_no_word_decides_is_let_through_in_doubt() {
        let passed = pass("en", "deliver the sofa upstairs").expect("no word says so");

        assert!((0.0..DOUBT_MAX).contains(&passed.doubt), "{}", passed.doubt);
    }
}
