//! What a restart must find again, beyond conversations, places and owners.

use std::path::Path;
use std::time::Duration;

use tradewind::config::shop::Shop;
use tradewind::domain::{
    ConversationId, Guess, Intent, Pair, Priority, Said, SeatId, SeatState, Sentiment, ShopId,
    Timestamp, TransferTarget, Translated, Untranslated,
};
use tradewind::flow::{CustomerAct, Fact, Kept, Record, SeatAct};
use tradewind::journal::look;
use tradewind::protocol::Resume;
use tradewind::schedule::{Command, Decision, Totals};

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
fn what_a_snapshot_says_of_a_message_that_was_lost_is_not_taken_for_the_next_one() {
    let kept = |world: &World, id| match Kept::decode(&world.shard.keep(id).expect("it is there")) {
        Ok(Kept::Conversation(kept)) => *kept,
        other => panic!("no conversation: {other:?}"),
    };
    let mut world = World::new();
    let ana = world.customer("ana");
    world.say(&ana, "hola");
    let [id] = world.conversations()[..] else { panic!("one conversation") };
    let mut of_before = kept(&world, id);
    let lost = of_before.conversation.seq() + 1;
    let pair = Pair { from: "es".parse().expect("one"), to: "th".parse().expect("one") };
    let said = Said::AsWritten(Untranslated::Late);
    of_before.conversation.translated.insert(lost, Translated { pair, said });
    of_before.conversation.held_from = Some(lost);

    let mut after = World::new();
    after.shard.restore_kept(of_before);

    let conversation = kept(&after, id).conversation;
    assert!(conversation.translated.is_empty());
    assert_eq!(conversation.held_from, None);
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
    // Who has handed it on is asked again only after a while, restart or not.
    after.pass(MINUTE);
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
    assert!(epoch_of(&mut after) > 1);
}

fn epoch_of(world: &mut World) -> u32 {
    world.attach(customer("ana"), Resume::default()).attached().held[0].epoch
}

#[test]
fn an_epoch_is_not_begun_again_when_the_record_of_it_was_lost_as_well() {
    let mut world = World::new();
    let ana = world.customer("ana");
    world.say(&ana, "hola");
    let without_epoch = world.journal.len();
    world.begin_epoch();
    let first = epoch_of(&mut world);

    world.journal.truncate(without_epoch);
    let mut after = world.started_from_journal(vec![Shop::embedded_demo()]);
    after.pass(MINUTE);
    after.begin_epoch();

    assert!(epoch_of(&mut after) > first);
}

#[test]
fn an_epoch_is_not_begun_again_when_its_record_was_lost_in_one_conversation_and_no_time_has_passed()
{
    let mut world = World::new();
    let ana = world.customer("ana");
    world.say(&ana, "hola");
    let ben = world.customer("ben");
    world.say(&ben, "hola");
    world.begin_epoch();
    let first = epoch_of(&mut world);

    let of_ana = conversation_of(&ana.last("ack"));
    world.journal.retain(|payload| {
        let record = Record::decode(payload).expect("it was written");
        record.conversation != of_ana || !matches!(record.facts[..], [Fact::Epoch(_)])
    });
    let mut after = world.started_from_journal(vec![Shop::embedded_demo()]);
    after.begin_epoch();

    assert!(epoch_of(&mut after) > first);
}

/// An explanation but for where it stands, in the bytes that a seat gets.
fn explained(world: &World, conversation: ConversationId) -> Vec<u8> {
    let explanation = world.scheduler.explain(conversation).expect("it is remembered");
    serde_json::to_vec(&explanation).expect("JSON")
}

#[test]
fn what_was_decided_is_explained_after_a_restart_as_before() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    let owned = world.owned(&ana, &seat);
    world.reply(&seat, owned, "Lo miro ahora.");
    let closed = {
        let ben = world.customer("ben");
        let conversation = world.owned(&ben, &seat);
        world.seat_acts(&seat, conversation, SeatAct::Close);
        conversation
    };
    world.pass(Duration::from_secs(7));

    let after = world.restarted();

    for conversation in [owned, closed] {
        let steps = world.scheduler.explain(conversation).expect("one").records.len();
        assert!(steps >= 2, "{steps}");
        assert_eq!(explained(&after, conversation), explained(&world, conversation));
    }
}

#[test]
fn a_seat_that_declined_is_not_asked_again_at_once_because_of_a_restart() {
    let mut world = World::new();
    let lucia = world.seat("lucia");
    let ana = world.customer("ana");
    world.say(&ana, "quiero mi dinero de vuelta");
    let offer = text(&lucia.last("offer"), "offer").parse().expect("an id");
    world.schedule(Command::Decline { shop: shop(), seat: SeatId::from("lucia"), offer });
    world.pass(Duration::from_secs(1));

    let mut after = world.restarted();
    let lucia = after.seat("lucia");

    assert!(!kinds(&lucia.frames()).contains(&"offer".to_owned()), "it has just said no");
    after.pass(Duration::from_secs(6));
    assert!(kinds(&lucia.frames()).contains(&"offer".to_owned()), "the back-off is over");
}

#[test]
fn what_was_open_in_a_shop_that_is_not_served_any_more_is_closed_and_stays_so() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let (ana, eva) = (world.customer("ana"), world.customer("eva"));
    let owned = world.owned(&ana, &seat);
    world.schedule(Command::SetState {
        shop: shop(),
        seat: SeatId::from("lucia"),
        state: SeatState::Away,
    });
    world.say(&eva, "quiero mi dinero de vuelta");
    let waiting = conversation_of(&eva.last("ack"));
    let mut other = Shop::embedded_demo();
    other.id = ShopId::from("other");

    let gone = world.restarted_with(vec![other]);
    assert_eq!(gone.scheduler.totals(), Totals::default(), "nobody waits for nobody");
    let mut back = gone.restarted();

    assert_eq!(back.scheduler.totals(), Totals::default());
    for (name, conversation) in [("ana", owned), ("eva", waiting)] {
        let last_seq = [(conversation, 0)].into_iter().collect();
        let socket = back.attach(customer(name), Resume { session: None, last_seq });
        let missed = socket.attached().missed;
        let last: serde_json::Value =
            serde_json::from_str(missed.last().expect("events")).expect("JSON");
        assert_eq!((text(&last, "kind"), text(&last, "by")), ("closed", "shop"));
    }
}

/// Four customers with a seat, without one, handed on and gone.
fn middle_of_a_day() -> World {
    let mut world = World::new();
    let lucia = world.seat("lucia");
    let [ana, ben, cy, dia, eva] =
        ["ana", "ben", "cy", "dia", "eva"].map(|name| world.customer(name));
    let owned = world.owned(&ana, &lucia);
    world.reply(&lucia, owned, "Lo miro ahora.");
    let moved = world.owned(&ben, &lucia);
    world.owned(&cy, &lucia);
    world.pass(Duration::from_secs(3));
    world.say(&dia, "quiero mi dinero de vuelta");
    world.pass(Duration::from_secs(3));
    world.says.sentiment = Guess { label: Sentiment::Negative, confidence: 0.99 };
    world.say(&eva, "quiero mi dinero de vuelta ya");
    world.says.sentiment.label = Sentiment::Neutral;
    let to = TransferTarget::Skill("orders".into());
    world.seat_acts(&lucia, moved, SeatAct::Transfer(to));
    world
}

/// What happens after a restart: seats come back, answer, and further customers come.
fn rest_of_the_day(world: &mut World) {
    let seats = ["lucia", "kofi", "omar"].map(|name| world.seat(name));
    for round in 0..12 {
        world.pass(Duration::from_secs(7));
        for seat in &seats {
            let frames = seat.frames();
            let offers = frames.iter().filter(|frame| frame["type"] == "offer");
            for (no, offer) in offers.enumerate() {
                let (shop, id) = (shop(), seat.seat_ref().id);
                let offer = text(offer, "offer").parse().expect("an id");
                world.schedule(match (round + no) % 3 {
                    0 => Command::Decline { shop, seat: id, offer },
                    _ => Command::Accept { shop, seat: id, offer },
                });
            }
        }
        let customer = world.customer(&format!("later-{round}"));
        world.say(&customer, "quiero mi dinero de vuelta");
    }
}

#[test]
fn two_starts_from_the_same_journal_decide_the_same_byte_for_byte() {
    let world = middle_of_a_day();
    let whole = world.journal.len();
    // Wherever the journal ends, as after a power cut.
    for end in [whole / 3, whole / 2, whole - 1, whole] {
        let mut cut = World::new();
        (cut.now, cut.journal) = (world.now, world.journal[..end].to_vec());
        let run = || {
            let mut after = cut.started_from_journal(vec![Shop::embedded_demo()]);
            rest_of_the_day(&mut after);
            let decided = serde_json::to_vec(&after.decided).expect("decisions as JSON");
            (decided, after.decided.len(), after.journal)
        };

        let (first, second) = (run(), run());

        assert!(first.1 > 20, "{} decisions", first.1);
        assert_eq!(first, second, "a journal of {end} records");
    }
}

#[test]
fn who_waits_gets_the_seat_that_it_would_have_got_without_the_restart() {
    // Without a restart every seat loses its connection and comes back: a restart does that too.
    let mut live = middle_of_a_day();
    live.schedule(Command::SignOut { shop: shop(), seat: SeatId::from("lucia") });
    let mut after = live.restarted();
    let begun = live.decided.len();
    let asked = |world: &mut World, from: usize| {
        let lucia = world.seat("lucia");
        for _ in 0..6 {
            world.pass(Duration::from_secs(15));
            let waiting = lucia.frames();
            let offers = waiting.iter().filter(|frame| frame["type"] == "offer");
            for offer in offers {
                let offer = text(offer, "offer").parse().expect("an id");
                let seat = SeatId::from("lucia");
                world.schedule(Command::Accept { shop: shop(), seat, offer });
            }
        }
        let decided = world.decided[from..].iter();
        let offered = decided.filter_map(|decision| match decision {
            Decision::Offered { conversation, seat, waiting_ms, .. } => {
                Some((*conversation, seat.clone(), *waiting_ms))
            }
            _ => None,
        });
        offered.collect::<Vec<_>>()
    };

    let with_restart = asked(&mut after, 0);

    assert!(with_restart.len() >= 2, "{with_restart:?}");
    assert_eq!(asked(&mut live, begun), with_restart);
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

        let text = |kept: &[u8]| format!("{:#?}", Kept::decode(kept).expect("one"));
        assert_eq!(text(&golden), text(&kept));
    }
}

#[test]
fn a_seats_message_that_nobody_had_looked_at_is_read_with_the_same_hints_after_the_restart() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &seat);
    // From here on the customer writes what the seat does not.
    world.says.language.label = "ko".parse().expect("a language");
    world.say(&ana, "환불해 주세요");
    (world.model_waits, world.starts_unread) = (true, true);
    world.reply(&seat, conversation, "Hola, lo miro ahora.");

    let after = world.restarted();

    let hints = |world: &World| {
        let [waiting] = world.unread.iter().collect::<Vec<_>>()[..] else { panic!("one message") };
        (waiting.text.clone(), waiting.locale, waiting.previous, waiting.customer_of.clone())
    };
    assert_eq!(hints(&world).1, "es".parse().ok(), "what the seat writes");
    assert_eq!(hints(&after), hints(&world));
}
