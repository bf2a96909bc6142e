use super::super::matter::{JoinedTo, Parted};
use super::*;
use crate::domain::{CustomerId, CustomerKey, CustomerValue, Said, ShopId};

fn conversation() -> Conversation {
    let (shop, customer) = (ShopId::from("demo"), CustomerId::from("v"));
    let opened = Opened {
        shop: shop.clone(),
        customer: customer.clone(),
        verified: None,
        epoch: 1,
        at: Timestamp::from_millis(5),
        locale: None,
        time_zone: None,
        region: None,
        value: CustomerValue::Normal,
    };
    Conversation::new(ConversationId::new(5, CustomerKey::of(&shop, &customer), 1), opened)
}

fn says(conversation: &mut Conversation, seq: u64) {
    let id = MessageId::from_uuid(Uuid::from_u128(seq.into()));
    let text = format!("message {seq}").into();
    let kind = EventKind::Message { from: Sender::Customer, id, text, language: None };
    conversation.apply(&Fact::Event(Event { seq, at: Timestamp::from_millis(seq), kind }));
}

#[test]
fn what_is_told_of_a_message_that_was_lost_is_not_told_of_the_one_that_gets_its_number() {
    let mut conversation = conversation();
    let (at, by) = (Timestamp::from_millis(9), SeatId::from("lucia"));
    let pair = Pair { from: "es".parse().unwrap(), to: "th".parse().unwrap() };
    let said = Said::Anew { text: "of the lost one".into(), by: "engine".into() };
    let (seq, to) = (4, Some(ConversationId::from_uuid(Uuid::from_u128(7))));
    let moved = |seq| Fact::Parted(Parted { at, by: by.clone(), seq, to, last: Some(4) });
    says(&mut conversation, 1);
    says(&mut conversation, 2);

    // Messages 3 and 4 are lost, and what stood behind them is not.
    conversation.apply(&Fact::Understood { seq, understanding: None });
    conversation.apply(&Fact::Translating { seq, pair });
    conversation.apply(&Fact::Translated { seq, translated: Translated { pair, said } });
    conversation.apply(&Fact::MayGoOn(seq));
    let joined = Joined { at, seq, to: JoinedTo::Open, same_order: true };
    conversation.apply(&Fact::Joined(joined));
    conversation.apply(&moved(3));
    conversation.apply(&moved(2));
    says(&mut conversation, 3);
    says(&mut conversation, 4);

    assert!(conversation.translated.is_empty());
    let waits: Vec<_> = conversation.in_flight.iter().map(|it| (it.seq, it.translating)).collect();
    assert_eq!(waits, [1_u64, 2, 3, 4].map(|seq| (seq, None::<Pair>)));
    assert!(conversation.in_flight.iter().all(|message| !message.understood));
    assert_eq!((conversation.held_from, conversation.joined.len()), (None, 0));
    assert_eq!(conversation.moved, [(2, 2)]);
}
