//! What a restart must find again, beyond conversations, places and owners.

use std::path::Path;
use std::time::Duration;

use tradewind::domain::{Guess, Intent, Priority, SeatId, Sentiment, Timestamp, TransferTarget};
use tradewind::flow::{Conversation, CustomerAct, Fact, Record, SeatAct};
use tradewind::journal::look;
use tradewind::protocol::Resume;
use tradewind::schedule::Command;

use super::world::{MINUTE, Socket, World, conversation_of, customer, kinds, shop, text};

/// The middle of the night of the only seat that speaks Korean.
fn night_of_the_korean_seat(world: &mut World) -> Socket {
    world.says.language.label = "ko".parse().expect("a language");
    world.now = Timestamp::from_millis(1_795_626_000_000);
    world.customer("min")
}

fn accept(world: &mut World, seat: &Socket, name: &str) -> u64 {
    let offer = text(&seat.last("offer"), "offer").parse().expect("an id");
    world.schedule(Command::Accept { shop: shop(), seat: SeatId::from(name), offer });
    seat.last("accepted")["fence"].as_u64().expect("a number")
}

#[test]
fn a_transfer_still_goes_where_it_was_sent_after_a_restart() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &seat);
    world.seat_acts(&seat, conversation, SeatAct::Transfer(TransferTarget::Skill("orders".into())));

    let after = world.restarted();

    assert_eq!(world.scheduler.queue(&shop(), 1)[0].skill.as_str(), "orders");
    assert_eq!(after.scheduler.queue(&shop(), 1)[0].skill.as_str(), "orders");
}

#[test]
fn a_silent_customer_is_not_asked_twice_because_of_a_restart() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &seat);
    world.reply(&seat, conversation, "¿Cuál es su número de pedido?");
    world.pass(10 * MINUTE);

    let mut after = world.restarted();
    after.seat("lucia");
    let ana = after.customer("ana");
    after.pass(5 * MINUTE);

    assert_eq!(ana.last("event")["kind"], "closed");
}

#[test]
fn who_has_asked_for_a_person_gets_no_machine_after_a_restart() {
    let mut world = World::new();
    let min = night_of_the_korean_seat(&mut world);
    world.says.intent = Guess { label: Intent::ReturnPolicy, confidence: 0.99 };
    world.say(&min, "반품은 언제까지 가능한가요");
    let answered = min.frames();
    assert_eq!(kinds(&answered).last().map(String::as_str), Some("answered_by_machine"));
    world.act(&min, CustomerAct::Person(conversation_of(&answered[0])));
    assert!(kinds(&min.frames()).contains(&"ticket".to_owned()));

    let mut after = world.restarted();
    after.says.intent.label = Intent::PaymentMethods;
    let min = after.customer("min");
    after.say(&min, "어떤 카드로 결제할 수 있나요");

    let seen = kinds(&min.frames());
    assert!(!seen.contains(&"answered_by_machine".to_owned()), "{seen:?}");
}

/// The priority that a conversation last waited with.
fn last_priority(world: &World) -> Option<Priority> {
    let facts = world.journal.iter().flat_map(|record| Record::decode(record).expect("one").facts);
    let waits = facts.filter_map(|fact| match fact {
        Fact::Waits(contact) => Some(contact.priority),
        _ => None,
    });
    waits.last()
}

#[test]
fn anger_outlasts_one_calm_message_and_a_restart() {
    let mut world = World::new();
    let min = night_of_the_korean_seat(&mut world);
    world.says.intent.label = Intent::TrackOrder;
    world.says.sentiment = Guess { label: Sentiment::Negative, confidence: 0.9 };
    world.say(&min, "도대체 언제 와요 진짜 화나네");
    assert!(kinds(&min.frames()).contains(&"ticket".to_owned()));

    let mut after = world.restarted();
    let records = after.journal.len();
    after.says.sentiment = Guess { label: Sentiment::Neutral, confidence: 0.95 };
    let min = after.customer("min");
    after.say(&min, "주문번호는 TW-10482 입니다");

    assert!(after.journal.len() > records);
    assert_eq!(last_priority(&after), Some(Priority::Raised));
    // Somebody who was never angry waits a turn.
    let jun = after.customer("jun");
    after.say(&jun, "주문번호는 TW-10483 입니다");
    assert_eq!(last_priority(&after), Some(Priority::Normal));
}

#[test]
fn what_is_said_again_is_known_again_after_a_restart() {
    let mut world = World::new();
    let min = night_of_the_korean_seat(&mut world);
    world.say(&min, "환불해 주세요 제발 도와주세요");
    assert!(kinds(&min.frames()).contains(&"ticket".to_owned()));

    let mut after = world.restarted();
    let min = after.customer("min");
    after.say(&min, "환불해 주세요 제발 도와주세요!");

    assert_eq!(kinds(&min.frames()), ["ack"]);
}

#[test]
fn an_owner_who_owes_an_answer_still_owes_it_after_a_restart() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &seat);
    world.reply(&seat, conversation, "Hola, dígame.");
    world.say(&ana, "mi pedido llegó roto");

    let mut after = world.restarted();
    let seat = after.seat("lucia");
    // The seat reads its conversation again and says nothing.
    let resumed = after.shard.is_owned_by(conversation, &seat.seat_ref());
    assert!(resumed);
    after.pass(Duration::from_secs(91));

    assert_eq!(seat.last("taken_back")["reason"], "silent");
}

#[test]
fn the_fence_of_a_conversation_grows_over_a_restart() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    world.say(&ana, "quiero mi dinero de vuelta");
    let first = accept(&mut world, &seat, "lucia");
    let conversation = *world.conversations().first().expect("one");
    world.seat_acts(&seat, conversation, SeatAct::Transfer(TransferTarget::Skill("orders".into())));

    let mut after = world.restarted();
    let seat = after.seat("lucia");
    let second = accept(&mut after, &seat, "lucia");

    assert!(second > first, "{second} after {first}");
}

#[test]
fn an_epoch_that_began_with_damage_lasts_when_the_damage_is_gone() {
    let mut world = World::new();
    let ana = world.customer("ana");
    world.say(&ana, "hola");

    world.begin_epoch();

    let mut after = world.restarted();
    let held = after.attach(customer("ana"), Resume::default()).attached().held;
    assert_eq!(held[0].epoch, 2);
}

/// What was kept by version 0.1.0 is understood now. `TRADEWIND_WRITE_GOLDEN=1` writes the files of a
/// new version.
#[test]
fn what_an_earlier_version_kept_gives_the_conversations_of_its_journal() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journal_golden/records");
    let mut world = World::new();
    for entry in look(&folder).expect("the golden journal").replay {
        let (_, payload) = entry.expect("it is whole");
        assert!(world.shard.restore(&Record::decode(&payload).expect("a record")));
    }
    let ids = world.conversations();
    assert_eq!(ids.len(), 2);

    for id in ids {
        let kept = world.shard.keep(id).expect("it is there");
        let path = folder.join(format!("{id}.kept"));
        if std::env::var_os("TRADEWIND_WRITE_GOLDEN").is_some() {
            std::fs::write(&path, &kept).expect("written");
        }
        let golden = std::fs::read(&path).expect("the golden file");

        let text = |kept: &[u8]| format!("{:#?}", Conversation::decode_kept(kept).expect("one"));
        assert_eq!(text(&golden), text(&kept));
    }
}
