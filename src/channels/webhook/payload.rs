//! The body of a webhook.

use serde::Serialize;

use crate::domain::{
    By, ConversationId, CustomerId, Event, EventKind, HookEvent, SeatId, Sender, ShopId, Timestamp,
    TransferTarget,
};

/// What a test event is called; no shop can ask for it.
const TEST_EVENT: &str = "webhook.test";

/// A conversation of which something is told.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Of which shop.
    pub shop: &'a ShopId,
    /// Which.
    pub conversation: ConversationId,
    /// When it began.
    pub opened_at: Timestamp,
    /// What happened in it; number `n` stands at `n - 1`.
    pub events: &'a [Event],
    /// The shop's own id of the customer, where it is told.
    pub customer: Option<&'a CustomerId>,
    /// Whether what was said is told.
    pub with_text: bool,
}

#[derive(Serialize)]
struct Payload<'a> {
    r#type: HookEvent,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    shop: &'a ShopId,
    conversation: ConversationId,
    seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<&'a CustomerId>,
    #[serde(flatten)]
    more: More<'a>,
}

/// What is told beside the place, by what happened.
#[derive(Serialize)]
#[serde(untagged)]
enum More<'a> {
    Nothing {},
    Assigned {
        seat: &'a SeatId,
    },
    Answered {
        by: Sender,
        waited_ms: u64,
    },
    Transferred {
        to: &'a TransferTarget,
    },
    Ticketed {
        reference: &'a str,
        opens_at: Option<String>,
    },
    FoundHelpful {
        helpful: bool,
    },
    Rated {
        score: u8,
    },
    Closed {
        by: By,
    },
    Message {
        from: Sender,
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<&'a str>,
    },
}

/// The body that tells `event`, which is number `seq` of the conversation; the same whenever it is asked for,
/// but for what was erased meanwhile. `None` when the conversation holds no such event.
pub fn payload(told: &Told<'_>, event: HookEvent, seq: u64) -> Option<Vec<u8>> {
    let (at, more) = match event {
        HookEvent::Opened => (told.opened_at, More::Nothing {}),
        event => {
            let index = usize::try_from(seq.checked_sub(1)?).ok()?;
            let happened = told.events.get(index)?;
            (happened.at, more(told, event, happened)?)
        }
    };
    let Told { shop, conversation, customer, .. } = *told;
    let data = Data { shop, conversation, seq, customer, more };
    let payload = Payload { r#type: event, timestamp: at.to_rfc3339(), data };
    Some(serde_json::to_vec(&payload).expect("it holds only types that JSON has"))
}

fn more<'a>(told: &Told<'a>, event: HookEvent, happened: &'a Event) -> Option<More<'a>> {
    Some(match (event, &happened.kind) {
        (HookEvent::Assigned, EventKind::Assigned { seat }) => More::Assigned { seat },
        (HookEvent::Answered, EventKind::Message { from, .. }) => {
            More::Answered { by: *from, waited_ms: waited_ms(told, happened.at) }
        }
        (HookEvent::Answered, EventKind::AnsweredByMachine { .. }) => {
            More::Answered { by: Sender::Machine, waited_ms: waited_ms(told, happened.at) }
        }
        (HookEvent::Transferred, EventKind::Transferred { to }) => More::Transferred { to },
        (HookEvent::Ticketed, EventKind::Ticket { reference, opens_at }) => {
            More::Ticketed { reference, opens_at: opens_at.map(Timestamp::to_rfc3339) }
        }
        (HookEvent::FoundHelpful, EventKind::FoundHelpful { helpful }) => {
            More::FoundHelpful { helpful: *helpful }
        }
        (HookEvent::Rated, EventKind::Rated { score }) => More::Rated { score: *score },
        (HookEvent::Closed, EventKind::Closed { by }) => More::Closed { by: *by },
        (
            HookEvent::MessageReceived | HookEvent::MessageSent,
            EventKind::Message { from, text, .. },
        ) => More::Message { from: *from, text: told.with_text.then_some(&**text) },
        _ => return None,
    })
}

/// How long the customer had waited since the first thing that he said.
fn waited_ms(told: &Told<'_>, until: Timestamp) -> u64 {
    let asked = told
        .events
        .iter()
        .find(|event| matches!(event.kind, EventKind::Message { from: Sender::Customer, .. }));
    let waited = until.since(asked.map_or(told.opened_at, |event| event.at));
    u64::try_from(waited.as_millis()).unwrap_or(u64::MAX)
}

/// The body of a test event: nothing happened, and nobody said anything.
pub fn test_payload(shop: &ShopId, now: Timestamp) -> Vec<u8> {
    let data = serde_json::json!({ "shop": shop });
    let payload = serde_json::json!({
        "type": TEST_EVENT,
        "timestamp": now.to_rfc3339(),
        "data": data,
    });
    payload.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::MessageId;
    use serde_json::{Value, json};
    use uuid::Uuid;

    fn conversation() -> Vec<Event> {
        let message = |from, text: &str| EventKind::Message {
            from,
            id: MessageId::from_uuid(Uuid::nil()),
            text: text.into(),
            language: None,
        };
        let kinds = [
            message(Sender::Customer, "my card 4111 was charged twice"),
            EventKind::Assigned { seat: SeatId::from("mai") },
            message(Sender::Seat, "I am looking into it"),
            EventKind::Closed { by: By::Seat },
        ];
        let event = |(seq, kind)| Event { seq, at: Timestamp::from_millis(seq * 1_500), kind };
        (1..).zip(kinds).map(event).collect()
    }

    fn told(events: &[Event], with_text: bool, event: HookEvent, seq: u64) -> Option<Value> {
        let shop = ShopId::from("demo");
        let told = Told {
            shop: &shop,
            conversation: ConversationId::from_uuid(Uuid::from_u128(7)),
            opened_at: Timestamp::from_millis(1_000),
            events,
            customer: None,
            with_text,
        };
        let body = payload(&told, event, seq)?;
        Some(serde_json::from_slice(&body).expect("JSON"))
    }

    #[test]
    fn a_payload_says_what_happened_where_and_when() {
        let events = conversation();
        let about = |event, seq| told(&events, false, event, seq).expect("a payload");

        assert_eq!(
            about(HookEvent::Closed, 4),
            json!({
                "type": "conversation.closed",
                "timestamp": "1970-01-01T00:00:06.000Z",
                "data": {
                    "shop": "demo",
                    "conversation": "00000000-0000-0000-0000-000000000007",
                    "seq": 4,
                    "by": "seat",
                },
            })
        );
        assert_eq!(about(HookEvent::Opened, 0)["timestamp"], "1970-01-01T00:00:01.000Z");
        assert_eq!(about(HookEvent::Assigned, 2)["data"]["seat"], "mai");
        assert_eq!(about(HookEvent::Answered, 3)["data"]["waited_ms"], 3_000);
    }

    #[test]
    fn what_was_said_is_told_only_where_the_shop_wants_it() {
        let events = conversation();

        let without = told(&events, false, HookEvent::MessageReceived, 1).expect("a payload");
        let with = told(&events, true, HookEvent::MessageReceived, 1).expect("a payload");

        assert!(!without.to_string().contains("4111"), "{without}");
        assert_eq!(with["data"]["text"], "my card 4111 was charged twice");
    }

    #[test]
    fn nothing_is_told_of_what_is_not_there() {
        let events = conversation();

        assert_eq!(told(&events, true, HookEvent::Closed, 5), None);
        assert_eq!(told(&events, true, HookEvent::Closed, 1), None);
    }
}
