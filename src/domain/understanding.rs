//! What the model reads out of a message, each with a confidence.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Language;

/// A label with how sure the model is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Guess<T> {
    /// The most likely label.
    pub label: T,
    /// Probability that the label is right, 0 to 1.
    pub confidence: f32,
}

/// Everything the router knows about one message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Understanding {
    /// Language the message is written in.
    pub language: Guess<Language>,
    /// What the customer wants.
    pub intent: Guess<Intent>,
    /// How the customer feels.
    pub sentiment: Guess<Sentiment>,
    /// Probability that the customer is leaving the shop, 0 to 1, as far as this message tells.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub leaving: f32,
    /// Personal data in the text, in order of appearance, never overlapping.
    pub pii: Vec<PiiSpan>,
    /// What the message is among the shop's own intents; `None` when the shop has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_intent: Option<OwnIntent>,
    /// Which model had the last word.
    #[serde(default, skip_serializing_if = "Tier::is_fast")]
    pub tier: Tier,
}

impl Understanding {
    /// An understanding that claims nothing: every confidence is zero, so that no threshold is met
    /// and the conversation goes to a person.
    pub fn unknown(language: Language) -> Self {
        Self {
            language: Guess { label: language, confidence: 0.0 },
            intent: Guess { label: Intent::Other, confidence: 0.0 },
            sentiment: Guess { label: Sentiment::Neutral, confidence: 0.0 },
            leaving: 0.0,
            pii: Vec::new(),
            own_intent: None,
            tier: Tier::Fast,
        }
    }
}

/// Records of before this was read are told as they were written.
fn is_zero(value: &f32) -> bool {
    *value == 0.0
}

/// A message among the intents that a shop has trained from its own examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OwnIntent {
    /// A label of the shop's set; `None` when the message asks for nothing that the set knows.
    pub label: Option<Arc<str>>,
    /// Probability that the answer is right, 0 to 1.
    pub confidence: f32,
}

/// The models that may have the last word on a message.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// The one that reads every message, in microseconds.
    #[default]
    Fast,
    /// The sentence encoder, asked when the fast one is not sure.
    Encoder,
}

impl Tier {
    /// The tier as written in metrics and output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Encoder => "encoder",
        }
    }

    fn is_fast(&self) -> bool {
        *self == Self::Fast
    }
}

/// The mood of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sentiment {
    /// Annoyed, angry, disappointed.
    Negative,
    /// Matter of fact.
    Neutral,
    /// Pleased or grateful.
    Positive,
}

impl Sentiment {
    /// Every label, in the order of the model's outputs.
    pub const ALL: [Self; 3] = [Self::Negative, Self::Neutral, Self::Positive];

    /// The label as written on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Negative => "negative",
            Self::Neutral => "neutral",
            Self::Positive => "positive",
        }
    }
}

/// The kind of a piece of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PiiKind {
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A payment card number with a valid check digit.
    Card,
    /// A bank account number with valid check digits.
    Iban,
    /// A national identity number with a valid check digit.
    NationalId,
    /// A postal address.
    Address,
}

/// A stretch of personal data in a message.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PiiSpan {
    /// What kind of data.
    pub kind: PiiKind,
    /// First byte of the stretch.
    pub start: usize,
    /// First byte after it.
    pub end: usize,
    /// Probability that it is what it looks like, 0 to 1.
    pub confidence: f32,
}

impl PiiSpan {
    /// Moves it by `bytes` towards the start of the text; whether it is still in it.
    pub fn move_back(&mut self, bytes: usize) -> bool {
        let is_behind = self.start >= bytes;
        (self.start, self.end) = (self.start.saturating_sub(bytes), self.end.saturating_sub(bytes));
        is_behind
    }
}

/// A text that is no intent of the shipped set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an intent")]
pub struct IntentError(pub String);

/// What a customer wants: the 33 labels of the shipped model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// Where is my order or parcel now; tracking number; has it shipped yet.
    TrackOrder,
    /// Tracking says delivered but nothing came, or the promised date is long past and the parcel seems lost.
    NotReceived,
    /// How long delivery takes in general, before or without a particular order.
    DeliveryTime,
    /// Which countries, carriers or speeds are offered and what shipping costs.
    ShippingOptions,
    /// Import tax, VAT, customs clearance, parcel held by customs.
    CustomsDuties,
    /// Correct or change the delivery address of an order.
    ChangeAddress,
    /// Change what is in an order that has not shipped: size, colour, quantity, add or drop an item.
    ChangeOrder,
    /// Cancel an order, or what cancelling costs.
    CancelOrder,
    /// Wants to buy or needs help to get an order through, payment not being the obstacle.
    PlaceOrder,
    /// Wants the money back for a particular order.
    RequestRefund,
    /// A refund was promised or requested: where is it.
    RefundStatus,
    /// Whether, how and until when things can be returned, who pays for it.
    ReturnPolicy,
    /// Swap a delivered item for another size, colour or unit.
    ExchangeItem,
    /// The item arrived broken, defective or stopped working soon after.
    DamagedItem,
    /// Received something other than ordered, or part of the order is missing.
    WrongItem,
    /// Guarantee, repair, spare parts for something owned for a while.
    WarrantyRepair,
    /// Payment declined, stuck, taken twice or for the wrong amount.
    PaymentFailed,
    /// Which means of payment or currencies are accepted, instalments.
    PaymentMethods,
    /// Needs an invoice, receipt or tax document.
    Invoice,
    /// Coupons, promo codes, price match, sale dates.
    Discount,
    /// Material, size, compatibility, use of a product.
    ProductQuestion,
    /// In stock, restock date, where sold.
    StockAvailability,
    /// Wholesale, reselling, partnership, large quantities at a trade price.
    BulkBusiness,
    /// Cannot log in, password, verification code.
    AccountAccess,
    /// Open, close, edit or merge an account.
    AccountChange,
    /// Subscribe to or stop marketing messages.
    Newsletter,
    /// What personal data is held, export or delete it, legal request about data.
    DataPrivacy,
    /// Angry about the service or the shop as such; wants to complain.
    Complaint,
    /// Praise, a review, a suggestion.
    Feedback,
    /// Wants a person, an agent, a phone number or opening hours of support.
    TalkToHuman,
    /// Only a greeting or an opener without a question.
    Greeting,
    /// Only thanks, ok or goodbye.
    ThanksBye,
    /// None of these: off topic, spam, unreadable.
    Other,
}

impl Intent {
    /// Every label, in the order of the model's outputs.
    pub const ALL: [Self; 33] = [
        Self::TrackOrder,
        Self::NotReceived,
        Self::DeliveryTime,
        Self::ShippingOptions,
        Self::CustomsDuties,
        Self::ChangeAddress,
        Self::ChangeOrder,
        Self::CancelOrder,
        Self::PlaceOrder,
        Self::RequestRefund,
        Self::RefundStatus,
        Self::ReturnPolicy,
        Self::ExchangeItem,
        Self::DamagedItem,
        Self::WrongItem,
        Self::WarrantyRepair,
        Self::PaymentFailed,
        Self::PaymentMethods,
        Self::Invoice,
        Self::Discount,
        Self::ProductQuestion,
        Self::StockAvailability,
        Self::BulkBusiness,
        Self::AccountAccess,
        Self::AccountChange,
        Self::Newsletter,
        Self::DataPrivacy,
        Self::Complaint,
        Self::Feedback,
        Self::TalkToHuman,
        Self::Greeting,
        Self::ThanksBye,
        Self::Other,
    ];

    /// The label as written in configuration, corpus and wire frames.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TrackOrder => "track_order",
            Self::NotReceived => "not_received",
            Self::DeliveryTime => "delivery_time",
            Self::ShippingOptions => "shipping_options",
            Self::CustomsDuties => "customs_duties",
            Self::ChangeAddress => "change_address",
            Self::ChangeOrder => "change_order",
            Self::CancelOrder => "cancel_order",
            Self::PlaceOrder => "place_order",
            Self::RequestRefund => "request_refund",
            Self::RefundStatus => "refund_status",
            Self::ReturnPolicy => "return_policy",
            Self::ExchangeItem => "exchange_item",
            Self::DamagedItem => "damaged_item",
            Self::WrongItem => "wrong_item",
            Self::WarrantyRepair => "warranty_repair",
            Self::PaymentFailed => "payment_failed",
            Self::PaymentMethods => "payment_methods",
            Self::Invoice => "invoice",
            Self::Discount => "discount",
            Self::ProductQuestion => "product_question",
            Self::StockAvailability => "stock_availability",
            Self::BulkBusiness => "bulk_business",
            Self::AccountAccess => "account_access",
            Self::AccountChange => "account_change",
            Self::Newsletter => "newsletter",
            Self::DataPrivacy => "data_privacy",
            Self::Complaint => "complaint",
            Self::Feedback => "feedback",
            Self::TalkToHuman => "talk_to_human",
            Self::Greeting => "greeting",
            Self::ThanksBye => "thanks_bye",
            Self::Other => "other",
        }
    }
}

impl FromStr for Intent {
    type Err = IntentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|intent| intent.as_str() == text);
        found.ok_or_else(|| IntentError(text.to_owned()))
    }
}

impl fmt::Display for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Sentiment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
