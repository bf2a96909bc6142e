//! Every metric of the product, in one place: a name that is not here does not compile.

use crate::domain::{Tier, Untranslated, Work};

pub use super::labels::*;

/// A counter, by the label it is split by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Messages acknowledged, by who sent them.
    Acknowledged(From),
    /// Frames, messages and connections refused, by the error code.
    Refused(crate::protocol::ErrorCode),
    /// Connections and sign-ins over what an address or a shop may have.
    Limited(Limit),
    /// Frames that were refused because too much waited, by the kind of work.
    Shed(Work),
    /// Connections closed by the server, by the close code.
    Closed(crate::protocol::CloseCode),
    /// Messages that were a redelivery or a repeat.
    Repeated(Repeat),
    /// How conversations were answered or ended.
    Outcome(Outcome),
    /// Seats' answers to offers.
    Offer(OfferAnswer),
    /// Messages for which understanding came too late or failed.
    NotUnderstood,
    /// A customer got the answer that a seat wrote for everybody who asks the same.
    AnsweredForMany,
    /// Questions that a machine has answered and that were not compared with incidents: there was too much to do.
    NotCompared,
    /// Customers said whether a machine's answer helped.
    FoundHelpful(Helpful),
    /// Messages that were understood, by the tier that had the last word.
    Understood(Tier),
    /// Messages that the fast tier was not sure of, by what became of the question to the encoder.
    Encoder(SecondLook),
    /// Questions that were compared with others where an encoder helps, by why it did not.
    Sensed(Option<Unsensed>),
    /// Sets of a shop's own intents that were to be loaded anew.
    OwnIntents(SetReload),
    /// Attempts to write the journal that failed.
    JournalFailed,
    /// Conversations that a supervisor must look at.
    Escalated,
    /// Conversations that wait for a supervisor's approval.
    Held,
    /// Conversations that a supervisor approved.
    Approved,
    /// Conversations that a supervisor gave to a seat.
    AssignedBySupervisor,
    /// Conversations taken from their owners, by the reason.
    TakenBack(TakenFrom),
    /// Conversations that ended while they waited.
    LeftQueue,
    /// Promises of the scheduler that its audit found broken.
    PromiseBroken,
    /// Attempts to load the shops anew.
    ShopsReloaded(ShopsReload),
    /// Frames about the floor to supervisors who watch it.
    FloorShown(FloorShown),
    /// Tries to send e-mails, by what came of them.
    Email(EmailResult),
    /// Tickets that went back to the queue.
    TicketWorkedOff,
    /// Letters that came in.
    EmailCame(EmailTaken),
    /// Texts that were to be translated, by for whom and why they were not.
    Translated(TranslatedFor, Option<Untranslated>),
    /// Looks into the mailboxes of shops.
    MailboxLooked(MailboxLook),
    /// Webhooks, by what came of them.
    Webhook(WebhookResult),
    /// Hooks that were left alone, by why.
    WebhookPaused(WebhookPause),
}

/// A histogram; all in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Histogram {
    /// From the frame's arrival to its acknowledgement leaving for the socket.
    Ack,
    /// The checks of one message at the door: its rate, its size, its shop.
    AdmissionCheck,
    /// What its shard does with one input until it is ready to be written: ids compared, numbered.
    FlowHandle,
    /// What its shard does with one understood message: a repeat, an answer, or a place in the queue.
    FlowDecide,
    /// One journal commit as its shard sees it.
    JournalCommit,
    /// Waiting for a thread of the fast tier.
    UnderstandQueue,
    /// The fast tier cuts one message into features.
    UnderstandTokenise,
    /// The fast tier reads one message.
    UnderstandInfer,
    /// Waiting for the encoder.
    EncoderQueue,
    /// The encoder cuts one batch into tokens.
    EncoderTokenise,
    /// The encoder reads one batch.
    EncoderInfer,
    /// From the event that freed a seat, or brought a conversation, to the offer in the seat's outbox.
    Offer,
    /// From the customer's question to the machine's answer.
    FirstResponseMachine,
    /// From the customer's question to the seat's first message.
    FirstResponsePerson,
    /// From wanting a translation to its answer.
    Translate,
    /// Events in one turn of a shard (a count, not seconds).
    BatchSize,
}

/// A level that goes up and down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gauge {
    /// Open widget sockets.
    WidgetConnections,
    /// Open seat sockets.
    SeatConnections,
    /// Conversations held in memory.
    Conversations,
    /// Conversations waiting for a seat.
    Waiting,
    /// 1 while the journal can write.
    JournalHealthy,
    /// Mailboxes of shops that cannot be read.
    MailboxesFailing,
    /// Hooks of shops that fail or are gone.
    WebhooksPaused,
}

impl Counter {
    /// Every counter, so that all of them exist from the start with the value 0.
    pub fn all() -> Vec<Self> {
        use crate::protocol::{CloseCode, ErrorCode};
        let mut all = vec![
            Self::Acknowledged(From::Customer),
            Self::Acknowledged(From::Seat),
            Self::Repeated(Repeat::Redelivered),
            Self::Repeated(Repeat::SaidAgain),
            Self::Repeated(Repeat::Joined),
            Self::Outcome(Outcome::Machine),
            Self::Outcome(Outcome::Asked),
            Self::Outcome(Outcome::Seat),
            Self::Outcome(Outcome::Ticket),
            Self::Outcome(Outcome::ClosedByCustomer),
            Self::Outcome(Outcome::ClosedBySeat),
            Self::Outcome(Outcome::ClosedBySilence),
            Self::Outcome(Outcome::ClosedBySupervisor),
            Self::Outcome(Outcome::ClosedWithShop),
            Self::Outcome(Outcome::ClosedByErasure),
            Self::Offer(OfferAnswer::Made),
            Self::Offer(OfferAnswer::Accepted),
            Self::Offer(OfferAnswer::Declined),
            Self::Offer(OfferAnswer::Expired),
            Self::Offer(OfferAnswer::Cancelled),
            Self::NotUnderstood,
            Self::AnsweredForMany,
            Self::NotCompared,
            Self::FoundHelpful(Helpful::Yes),
            Self::FoundHelpful(Helpful::No),
            Self::Understood(Tier::Fast),
            Self::Understood(Tier::Encoder),
            Self::Encoder(SecondLook::Answered),
            Self::Encoder(SecondLook::Full),
            Self::Encoder(SecondLook::OverBudget),
            Self::Encoder(SecondLook::Late),
            Self::Encoder(SecondLook::Failed),
            Self::OwnIntents(SetReload::Loaded),
            Self::OwnIntents(SetReload::Refused),
            Self::JournalFailed,
            Self::Escalated,
            Self::Held,
            Self::Approved,
            Self::AssignedBySupervisor,
            Self::TakenBack(TakenFrom::SeatGone),
            Self::TakenBack(TakenFrom::Silent),
            Self::TakenBack(TakenFrom::Transferred),
            Self::TakenBack(TakenFrom::Supervisor),
            Self::TakenBack(TakenFrom::ShiftEnded),
            Self::LeftQueue,
            Self::PromiseBroken,
            Self::ShopsReloaded(ShopsReload::Taken),
            Self::ShopsReloaded(ShopsReload::Refused),
            Self::FloorShown(FloorShown::Full),
            Self::FloorShown(FloorShown::Changes),
            Self::Email(EmailResult::Sent),
            Self::Email(EmailResult::Failed),
            Self::Email(EmailResult::Refused),
            Self::Email(EmailResult::GivenUp),
            Self::Email(EmailResult::Uncertain),
            Self::TicketWorkedOff,
            Self::MailboxLooked(MailboxLook::Read),
            Self::MailboxLooked(MailboxLook::Failed),
        ];
        for who in TranslatedFor::ALL {
            all.push(Self::Translated(who, None));
            all.extend(Untranslated::ALL.map(|why| Self::Translated(who, Some(why))));
        }
        all.push(Self::Sensed(None));
        all.extend(Unsensed::ALL.map(|why| Self::Sensed(Some(why))));
        all.extend(EmailTaken::ALL.map(Self::EmailCame));
        all.extend(WebhookResult::ALL.map(Self::Webhook));
        all.extend(WebhookPause::ALL.map(Self::WebhookPaused));
        all.extend(ErrorCode::ALL.map(Self::Refused));
        all.extend(CloseCode::ALL.map(Self::Closed));
        all.extend(Limit::ALL.map(Self::Limited));
        all.extend(Work::ALL.map(Self::Shed));
        all
    }

    /// Name, and the label that splits it.
    pub const fn name(self) -> (&'static str, Option<(&'static str, &'static str)>) {
        match self {
            Self::Acknowledged(from) => (
                "tradewind_gateway_messages_acknowledged_total",
                Some((
                    "from",
                    match from {
                        From::Customer => "customer",
                        From::Seat => "seat",
                    },
                )),
            ),
            Self::Refused(code) => {
                ("tradewind_gateway_refused_total", Some(("reason", code.as_str())))
            }
            Self::Limited(limit) => {
                ("tradewind_admission_limited_total", Some(("limit", limit.as_str())))
            }
            Self::Shed(work) => ("tradewind_admission_shed_total", Some(("work", work.as_str()))),
            Self::Closed(code) => {
                ("tradewind_gateway_closed_total", Some(("reason", code.as_str())))
            }
            Self::Repeated(kind) => (
                "tradewind_dedup_repeats_total",
                Some((
                    "kind",
                    match kind {
                        Repeat::Redelivered => "redelivered",
                        Repeat::SaidAgain => "said_again",
                        Repeat::Joined => "joined",
                    },
                )),
            ),
            Self::Outcome(outcome) => (
                "tradewind_flow_outcomes_total",
                Some((
                    "outcome",
                    match outcome {
                        Outcome::Machine => "machine",
                        Outcome::Asked => "asked",
                        Outcome::Seat => "seat",
                        Outcome::Ticket => "ticket",
                        Outcome::ClosedByCustomer => "closed_by_customer",
                        Outcome::ClosedBySeat => "closed_by_seat",
                        Outcome::ClosedBySilence => "closed_by_silence",
                        Outcome::ClosedBySupervisor => "closed_by_supervisor",
                        Outcome::ClosedWithShop => "closed_with_shop",
                        Outcome::ClosedByErasure => "closed_by_erasure",
                    },
                )),
            ),
            Self::Offer(answer) => (
                "tradewind_schedule_offers_total",
                Some((
                    "answer",
                    match answer {
                        OfferAnswer::Made => "made",
                        OfferAnswer::Accepted => "accepted",
                        OfferAnswer::Declined => "declined",
                        OfferAnswer::Expired => "expired",
                        OfferAnswer::Cancelled => "cancelled",
                    },
                )),
            ),
            Self::NotUnderstood => ("tradewind_understand_failed_total", None),
            Self::AnsweredForMany => ("tradewind_flow_answered_for_many_total", None),
            Self::NotCompared => ("tradewind_flow_incident_not_compared_total", None),
            Self::FoundHelpful(helpful) => {
                ("tradewind_flow_found_helpful_total", Some(("helpful", helpful.as_str())))
            }
            Self::Understood(tier) => {
                ("tradewind_understand_messages_total", Some(("tier", tier.as_str())))
            }
            Self::Encoder(result) => (
                "tradewind_understand_encoder_total",
                Some((
                    "result",
                    match result {
                        SecondLook::Answered => "answered",
                        SecondLook::Full => "full",
                        SecondLook::OverBudget => "over_budget",
                        SecondLook::Late => "late",
                        SecondLook::Failed => "failed",
                    },
                )),
            ),
            Self::Sensed(why) => {
                let result = match why {
                    None => "compared",
                    Some(why) => why.as_str(),
                };
                ("tradewind_flow_incident_vectors_total", Some(("result", result)))
            }
            Self::OwnIntents(result) => (
                "tradewind_understand_own_intents_reloads_total",
                Some((
                    "result",
                    match result {
                        SetReload::Loaded => "loaded",
                        SetReload::Refused => "refused",
                    },
                )),
            ),
            Self::JournalFailed => ("tradewind_journal_failed_total", None),
            Self::Escalated => ("tradewind_schedule_escalated_total", None),
            Self::Held => ("tradewind_schedule_held_total", None),
            Self::Approved => ("tradewind_schedule_approved_total", None),
            Self::AssignedBySupervisor => ("tradewind_schedule_assigned_by_supervisor_total", None),
            Self::TakenBack(from) => (
                "tradewind_schedule_taken_back_total",
                Some((
                    "reason",
                    match from {
                        TakenFrom::SeatGone => "seat_gone",
                        TakenFrom::Silent => "silent",
                        TakenFrom::Transferred => "transferred",
                        TakenFrom::Supervisor => "supervisor",
                        TakenFrom::ShiftEnded => "shift_ended",
                    },
                )),
            ),
            Self::LeftQueue => ("tradewind_schedule_left_queue_total", None),
            Self::PromiseBroken => ("tradewind_schedule_promises_broken_total", None),
            Self::FloorShown(what) => (
                "tradewind_flow_floor_frames_total",
                Some((
                    "what",
                    match what {
                        FloorShown::Full => "full",
                        FloorShown::Changes => "changes",
                    },
                )),
            ),
            Self::Email(result) => (
                "tradewind_outward_emails_total",
                Some((
                    "result",
                    match result {
                        EmailResult::Sent => "sent",
                        EmailResult::Failed => "failed",
                        EmailResult::Refused => "refused",
                        EmailResult::GivenUp => "given_up",
                        EmailResult::Uncertain => "uncertain",
                    },
                )),
            ),
            Self::EmailCame(taken) => {
                ("tradewind_flow_emails_came_total", Some(("result", taken.as_str())))
            }
            Self::Translated(who, why) => {
                let result = match why {
                    None => "translated",
                    Some(why) => why.as_str(),
                };
                (who.name(), Some(("result", result)))
            }
            Self::MailboxLooked(look) => (
                "tradewind_inward_mailbox_looks_total",
                Some((
                    "result",
                    match look {
                        MailboxLook::Read => "read",
                        MailboxLook::Failed => "failed",
                    },
                )),
            ),
            Self::Webhook(result) => {
                ("tradewind_outward_webhooks_total", Some(("result", result.as_str())))
            }
            Self::WebhookPaused(why) => {
                ("tradewind_outward_webhook_pauses_total", Some(("reason", why.as_str())))
            }
            Self::TicketWorkedOff => ("tradewind_flow_tickets_worked_off_total", None),
            Self::ShopsReloaded(result) => (
                "tradewind_config_shops_reloads_total",
                Some((
                    "result",
                    match result {
                        ShopsReload::Taken => "taken",
                        ShopsReload::Refused => "refused",
                    },
                )),
            ),
        }
    }
}

impl Histogram {
    /// Every histogram.
    pub const ALL: [Self; 16] = [
        Self::Ack,
        Self::AdmissionCheck,
        Self::FlowHandle,
        Self::FlowDecide,
        Self::JournalCommit,
        Self::UnderstandQueue,
        Self::UnderstandTokenise,
        Self::UnderstandInfer,
        Self::EncoderQueue,
        Self::EncoderTokenise,
        Self::EncoderInfer,
        Self::Offer,
        Self::FirstResponseMachine,
        Self::FirstResponsePerson,
        Self::Translate,
        Self::BatchSize,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ack => "tradewind_gateway_ack_seconds",
            Self::AdmissionCheck => "tradewind_admission_check_seconds",
            Self::FlowHandle => "tradewind_flow_handle_seconds",
            Self::FlowDecide => "tradewind_flow_decide_seconds",
            Self::JournalCommit => "tradewind_journal_commit_seconds",
            Self::UnderstandQueue => "tradewind_understand_queue_seconds",
            Self::UnderstandTokenise => "tradewind_understand_tokenise_seconds",
            Self::UnderstandInfer => "tradewind_understand_infer_seconds",
            Self::EncoderQueue => "tradewind_understand_encoder_queue_seconds",
            Self::EncoderTokenise => "tradewind_understand_encoder_tokenise_seconds",
            Self::EncoderInfer => "tradewind_understand_encoder_infer_seconds",
            Self::Offer => "tradewind_schedule_offer_seconds",
            Self::FirstResponseMachine => "tradewind_flow_first_response_machine_seconds",
            Self::FirstResponsePerson => "tradewind_flow_first_response_person_seconds",
            Self::Translate => "tradewind_translate_seconds",
            Self::BatchSize => "tradewind_flow_batch_inputs",
        }
    }

    /// Upper ends of its buckets. Those of first responses hold 15 s, the goal, and 45 s, where
    /// customers wait today.
    pub const fn buckets(self) -> &'static [f64] {
        match self {
            Self::FirstResponseMachine | Self::FirstResponsePerson => {
                &[0.05, 0.25, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 45.0, 60.0, 120.0, 300.0, 600.0]
            }
            Self::UnderstandTokenise | Self::UnderstandInfer => {
                &[1e-6, 2.5e-6, 5e-6, 1e-5, 2e-5, 4e-5, 8e-5, 1.6e-4, 3.2e-4, 1e-3, 5e-3, 2.5e-2]
            }
            Self::AdmissionCheck | Self::FlowHandle | Self::FlowDecide => {
                &[1e-7, 2.5e-7, 5e-7, 1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 1e-4, 1e-3, 1e-2]
            }
            Self::BatchSize => &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0],
            Self::EncoderTokenise | Self::EncoderInfer => {
                &[1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 0.1, 0.5, 2.5]
            }
            Self::Ack
            | Self::JournalCommit
            | Self::UnderstandQueue
            | Self::EncoderQueue
            | Self::Translate
            | Self::Offer => &[
                1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0,
                2.5, 5.0, 10.0,
            ],
        }
    }
}

impl Gauge {
    /// Every gauge.
    pub const ALL: [Self; 7] = [
        Self::WidgetConnections,
        Self::SeatConnections,
        Self::Conversations,
        Self::Waiting,
        Self::JournalHealthy,
        Self::MailboxesFailing,
        Self::WebhooksPaused,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WidgetConnections => "tradewind_gateway_widget_connections",
            Self::SeatConnections => "tradewind_gateway_seat_connections",
            Self::Conversations => "tradewind_flow_conversations",
            Self::Waiting => "tradewind_schedule_waiting",
            Self::JournalHealthy => "tradewind_journal_healthy",
            Self::MailboxesFailing => "tradewind_inward_mailboxes_failing",
            Self::WebhooksPaused => "tradewind_outward_webhooks_paused",
        }
    }
}
