//! The values that split counters: small closed sets.

use crate::domain::Progress;

/// What became of a letter that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailTaken {
    /// It is part of a conversation now.
    Taken,
    /// It is there already.
    Duplicate,
    /// It said that an e-mail of ours was not delivered; the seats are told.
    NotDelivered,
    /// A machine wrote it: nothing follows.
    Automatic,
    /// Its conversation is not known any more.
    Unknown,
    /// There is no room for it now.
    Full,
    /// It cannot be read, or names no conversation.
    NotForUs,
    /// It said that an e-mail of ours is late: nothing follows.
    Delayed,
    /// As many letters are read as may be.
    Busy,
    /// It is larger than is read; it stays in its mailbox.
    TooLarge,
    /// It is not tried again, since it found no room for long, cannot be fetched, or ended the process twice; it
    /// stays in its mailbox.
    GivenUp,
}

impl EmailTaken {
    /// Every one.
    pub const ALL: [Self; 11] = [
        Self::Taken,
        Self::Duplicate,
        Self::NotDelivered,
        Self::Automatic,
        Self::Unknown,
        Self::Full,
        Self::NotForUs,
        Self::Delayed,
        Self::Busy,
        Self::TooLarge,
        Self::GivenUp,
    ];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Duplicate => "duplicate",
            Self::NotDelivered => "not_delivered",
            Self::Automatic => "automatic",
            Self::Unknown => "unknown",
            Self::Full => "full",
            Self::NotForUs => "not_for_us",
            Self::Delayed => "delayed",
            Self::Busy => "busy",
            Self::TooLarge => "too_large",
            Self::GivenUp => "given_up",
        }
    }
}

/// What came of a look into a shop's mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailboxLook {
    /// Everything there was read, up to so many letters.
    Read,
    /// It could not be read to the end.
    Failed,
}

/// What a customer says of a machine's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Helpful {
    /// It helped.
    Yes,
    /// It did not.
    No,
}

impl Helpful {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
        }
    }
}

/// What came of a try to send an e-mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailResult {
    /// The mail server took it.
    Sent,
    /// It was not sent, and is tried again.
    Failed,
    /// The mail server will not take it.
    Refused,
    /// It was tried for as long as it may be.
    GivenUp,
    /// The mail server may have taken it.
    Uncertain,
}

impl std::convert::From<Progress> for EmailResult {
    fn from(progress: Progress) -> Self {
        match progress {
            Progress::Done => Self::Sent,
            Progress::Ending | Progress::Failed { .. } => Self::Failed,
            Progress::Refused => Self::Refused,
            Progress::GivenUp => Self::GivenUp,
            Progress::Uncertain => Self::Uncertain,
        }
    }
}

/// What came of a webhook that was to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookResult {
    /// The hook took it.
    Delivered,
    /// It did not, and is called again.
    Failed,
    /// It was tried for as long as it may be.
    GivenUp,
    /// More waited for the hook than may.
    Dropped,
    /// The shop has no such hook any more.
    Unknown,
    /// Its conversation is not kept any more.
    Unwanted,
    /// The call ended in a mistake of ours; it is tried again as one that failed.
    Panicked,
}

impl WebhookResult {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Delivered,
        Self::Failed,
        Self::GivenUp,
        Self::Dropped,
        Self::Unknown,
        Self::Unwanted,
        Self::Panicked,
    ];

    /// The label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::GivenUp => "given_up",
            Self::Dropped => "dropped",
            Self::Unknown => "unknown",
            Self::Unwanted => "unwanted",
            Self::Panicked => "panicked",
        }
    }
}

/// Why a hook is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookPause {
    /// It says that it is gone.
    Gone,
    /// It has failed too often in a row.
    Failing,
}

impl WebhookPause {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Gone, Self::Failing];

    /// The label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }
}

/// For whom a text is translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TranslatedFor {
    /// A customer.
    Customer,
    /// A seat.
    Seat,
    /// Everybody who asks the same in one language.
    Many,
    /// All customers who read one language: a phrase of the shop.
    Phrase,
}

impl TranslatedFor {
    /// Everybody.
    pub const ALL: [Self; 4] = [Self::Customer, Self::Seat, Self::Many, Self::Phrase];

    /// The name of the counter of such texts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Customer => "tradewind_translate_for_customers_total",
            Self::Seat => "tradewind_translate_for_seats_total",
            Self::Many => "tradewind_translate_for_many_total",
            Self::Phrase => "tradewind_translate_phrases_total",
        }
    }
}

/// What an address or a shop may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Connections of one address.
    AddressConnections,
    /// Connections, sign-ins and upgrades a second of one address.
    AddressHandshakes,
    /// Sign-ins of one address that wait for their password to be checked.
    AddressSignIns,
    /// Connections of one shop.
    ShopConnections,
    /// Sign-ins and hellos a second of one shop.
    ShopHandshakes,
    /// Sign-ins of one shop that wait for their password to be checked.
    ShopSignIns,
}

impl Limit {
    /// Every limit.
    pub const ALL: [Self; 6] = [
        Self::AddressConnections,
        Self::AddressHandshakes,
        Self::AddressSignIns,
        Self::ShopConnections,
        Self::ShopHandshakes,
        Self::ShopSignIns,
    ];

    /// The word that stands for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AddressConnections => "address_connections",
            Self::AddressHandshakes => "address_handshakes",
            Self::AddressSignIns => "address_sign_ins",
            Self::ShopConnections => "shop_connections",
            Self::ShopHandshakes => "shop_handshakes",
            Self::ShopSignIns => "shop_sign_ins",
        }
    }
}

/// What a frame about the floor holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloorShown {
    /// Every row.
    Full,
    /// What has changed.
    Changes,
}

/// How loading the shops anew went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShopsReload {
    /// They are in force.
    Taken,
    /// They have mistakes: the old ones stay.
    Refused,
}

/// Who sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// A customer.
    Customer,
    /// A seat.
    Seat,
}

/// Kinds of repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// The same id again.
    Redelivered,
    /// The same customer said the same again.
    SaidAgain,
    /// Another connection of a customer with an open conversation.
    Joined,
}

/// What became of a question to the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondLook {
    /// It answered in time.
    Answered,
    /// As many messages waited for it as may.
    Full,
    /// It had used up its share of the time.
    OverBudget,
    /// It did not answer in time.
    Late,
    /// It failed.
    Failed,
}

/// Why a question is compared with others without its vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsensed {
    /// As many waited for the encoder as may.
    Full,
    /// It had used up its share of the time.
    OverBudget,
    /// It did not answer in time.
    Late,
    /// It does not read texts of this length to their end.
    Long,
    /// It failed.
    Failed,
}

impl Unsensed {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Full, Self::OverBudget, Self::Late, Self::Long, Self::Failed];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::OverBudget => "over_budget",
            Self::Late => "late",
            Self::Long => "long",
            Self::Failed => "failed",
        }
    }
}

/// What became of a set of a shop's own intents that was to be loaded anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetReload {
    /// It took the place of the old one.
    Loaded,
    /// It cannot be used; the old one stays.
    Refused,
}

/// What became of a conversation's first question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A machine answered.
    Machine,
    /// A machine asked back.
    Asked,
    /// A seat took it.
    Seat,
    /// A ticket was given.
    Ticket,
    /// The customer ended it.
    ClosedByCustomer,
    /// The seat ended it.
    ClosedBySeat,
    /// Silence ended it.
    ClosedBySilence,
    /// A supervisor ended it.
    ClosedBySupervisor,
    /// Its shop is no longer served.
    ClosedWithShop,
    /// The customer was erased.
    ClosedByErasure,
}

/// What a seat did with an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferAnswer {
    /// It was sent.
    Made,
    /// The seat took it.
    Accepted,
    /// The seat gave it back.
    Declined,
    /// The seat stayed silent.
    Expired,
    /// The conversation needed it no more.
    Cancelled,
}

/// Why an owner lost a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenFrom {
    /// It lost its connection.
    SeatGone,
    /// It left the customer without an answer.
    Silent,
    /// It handed it on.
    Transferred,
    /// A supervisor took it.
    Supervisor,
    /// Its shift has ended and a colleague was free.
    ShiftEnded,
}
