//! Customers who are erased, and conversations that are forgotten at their time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tradewind::config::shop::{Shop, ShopFiles};
use tradewind::domain::{ConversationId, CustomerId, Intent, Language, ShopId};
use tradewind::flow::{CustomerAct, ERASED_TEXT, Erase, Input, SeatAct, WantsUnanswered, Whom};
use tradewind::protocol::{CloseCode, Resume};

use crate::world::{Socket, World, conversation_of, shop};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn erase(world: &mut World, whom: Whom) {
    let (reply, _) = oneshot::channel();
    world.input(Input::Erase(Erase { shop: shop(), whom, reply }));
}

/// What nobody but a person could answer in a shop.
fn unanswered(world: &mut World, shop: &str) -> Vec<String> {
    let (reply, mut told) = oneshot::channel();
    world.input(Input::Unanswered(WantsUnanswered { shop: ShopId::from(shop), reply }));
    let told = told.try_recv().expect("an answer");
    told.into_iter().map(|question| question.text).collect()
}

/// The state of a conversation, as text.
fn state(world: &World, id: ConversationId) -> String {
    String::from_utf8_lossy(&world.shard.keep(id).expect("it is there")).into_owned()
}

/// A conversation of Ana in which everybody has said something, and one of Min.
fn two_conversations(world: &mut World) -> (Socket, Socket, [ConversationId; 2]) {
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    let of_ana = world.owned(&ana, &seat);
    world.reply(&seat, of_ana, "Hola Ana, lo miro");
    world.seat_acts(&seat, of_ana, SeatAct::Note("Ana está enfadada".into()));
    let min = world.customer("min");
    world.say(&min, "quiero mi dinero, soy Min");
    let of_min = conversation_of(&seat.last("offer"));
    (ana, seat, [of_ana, of_min])
}

#[test]
fn an_erased_customer_leaves_the_order_of_what_happened_and_nothing_that_was_said() {
    let mut world = World::new();
    let (ana, seat, [of_ana, of_min]) = two_conversations(&mut world);
    let before = state(&world, of_ana);
    assert!(before.contains("dinero") && before.contains("enfadada") && before.contains("Mexico"));
    seat.frames();

    erase(&mut world, Whom::Customer(CustomerId::from("ana")));

    let after = state(&world, of_ana);
    for gone in ["dinero", "Hola", "enfadada", "ana", "Mexico", "refund"] {
        assert!(!after.contains(gone), "{gone} in {after}");
    }
    assert_eq!(after.matches(ERASED_TEXT).count(), before.matches("dinero").count() + 2);
    assert_eq!(seat.last("event")["by"], "erasure");
    assert!(!world.shard.is_owned_by(of_ana, &seat.seat_ref()), "the slot is free");
    assert!(state(&world, of_min).contains("Min"));
    assert_eq!(world.shard.take_released(), [of_ana], "its key goes");
    // The page that comes back finds nothing, and the customer begins anew.
    let again = world.attach(ana.viewer.clone(), Resume::default());
    assert!(again.attached().held.is_empty());
    world.say(&again, "hola");
    assert_eq!(again.last("ack")["seq"], 1);
}

#[test]
fn what_an_erased_customer_asked_is_on_no_list_of_unanswered_questions() {
    let mut world = World::new();
    world.says.intent.label = Intent::ProductQuestion;
    for (name, text) in [("ana", "¿de qué cuero es?"), ("min", "¿es vegano?")] {
        let customer = world.customer(name);
        world.say(&customer, text);
    }
    assert_eq!(unanswered(&mut world, "demo"), ["¿de qué cuero es?", "¿es vegano?"]);
    assert!(unanswered(&mut world, "second").is_empty());

    erase(&mut world, Whom::Customer(CustomerId::from("ana")));

    assert_eq!(unanswered(&mut world, "demo"), ["¿es vegano?"]);
    assert_eq!(unanswered(&mut world.restarted(), "demo"), ["¿es vegano?"]);
}

#[test]
fn a_shop_has_so_many_unanswered_questions_and_the_oldest_leave() {
    let mut world = World::new();
    world.says.intent.label = Intent::ProductQuestion;
    for n in 0..503 {
        let customer = world.customer(&format!("customer-{n}"));
        world.now = world.now + Duration::from_millis(1);
        world.say(&customer, &format!("¿es vegano el número {n}?"));
    }

    let listed = unanswered(&mut world, "demo");

    assert_eq!((listed.len(), &*listed[0]), (500, "¿es vegano el número 3?"));
}

#[test]
fn where_an_erased_customer_was_stands_in_no_decision_either() {
    let mut world = World::new();
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    world.say_from(&ana, "quiero mi dinero", Some("latam"));
    let id = conversation_of(&seat.last("offer"));
    let explained = |world: &World| format!("{:?}", world.scheduler.explain(id));
    let before = state(&world, id);
    assert!(before.matches("latam").count() >= 3, "opened, waiting, decided: {before}");
    assert!(explained(&world).contains("latam"));

    erase(&mut world, Whom::Customer(CustomerId::from("ana")));
    world.scheduler.forget(id);

    assert!(!state(&world, id).contains("latam"), "{}", state(&world, id));
    assert!(!explained(&world).contains("latam"), "{}", explained(&world));
    assert!(!state(&world.restarted(), id).contains("latam"));
}

#[test]
fn an_erasure_is_the_same_after_a_restart_and_told_again_changes_nothing() {
    let mut world = World::new();
    let (_, _, [of_ana, of_min]) = two_conversations(&mut world);

    erase(&mut world, Whom::Conversation(of_ana));
    erase(&mut world, Whom::Conversation(of_ana));
    erase(&mut world, Whom::Customer(CustomerId::from("nobody")));

    // Compares a start from the journal with one from a snapshot.
    let after = world.restarted();
    assert_eq!(state(&after, of_ana), state(&world, of_ana));
    assert!(state(&after, of_min).contains("Min"));
    assert_eq!(after.conversations().len(), 2);
}

#[test]
fn the_sockets_of_an_erased_customer_are_asked_to_come_back() {
    let mut world = World::new();
    let (ana, ..) = two_conversations(&mut world);
    let mut turn = tradewind::flow::Turn::default();
    let (reply, _) = oneshot::channel();
    let input =
        Input::Erase(Erase { shop: shop(), whom: Whom::Customer(CustomerId::from("ana")), reply });
    let envelope = tradewind::flow::Envelope { caused_at: std::time::Instant::now(), input };

    world.shard.handle(world.now, envelope, &mut turn);

    assert_eq!(turn.closing.len(), 1);
    assert!(Arc::ptr_eq(&turn.closing[0].0, &ana.link.outbox));
    assert_eq!(turn.closing[0].1, CloseCode::Draining);
}

#[test]
fn a_message_in_the_same_turn_as_the_erasure_leaves_nothing_that_was_read_of_it() {
    let mut world = World::new();
    let ana = world.customer("ana");
    let id = world.message_id();
    let act = CustomerAct::Send { id, conversation: None, text: "quiero mi dinero".into() };
    let (reply, _) = oneshot::channel();
    let whom = Whom::Customer(CustomerId::from("ana"));

    let erase = Input::Erase(Erase { shop: shop(), whom, reply });
    world.inputs(vec![ana.customer_input(act), erase]);

    let [id] = world.conversations()[..] else { panic!("one conversation") };
    for world in [&world, &world.restarted()] {
        let state = state(world, id);
        assert!(!state.contains("refund") && !state.contains("dinero"), "{state}");
    }
}

#[test]
fn another_shop_cannot_erase_a_customer() {
    let mut world = World::new();
    let (_, _, [of_ana, _]) = two_conversations(&mut world);
    let (reply, _) = oneshot::channel();

    let whom = Whom::Conversation(of_ana);
    world.input(Input::Erase(Erase { shop: ShopId::from("other"), whom, reply }));

    assert!(state(&world, of_ana).contains("enfadada"));
}

/// The demo shop, where closed conversations are kept for 30 days, and those of Latin America for 2.
fn keeping() -> World {
    let mut files = ShopFiles::demo();
    let text = files.0.get_mut("shop.toml").expect("the demo shop");
    let latam = "id = \"latam\"\n";
    assert!(text.contains(latam));
    *text = text.replacen(latam, "id = \"latam\"\nkeep_closed_days = 2\n", 1);
    *text = format!("keep_closed_days = 30\n{text}");
    World::with_shops(vec![Shop::from_files(&files).expect("a shop")])
}

#[test]
fn a_closed_conversation_is_forgotten_after_the_days_of_its_region_or_its_shop_and_not_before() {
    for (region, days) in [(None, 30), (Some("latam"), 2)] {
        let mut world = keeping();
        let ana = world.customer("ana");
        world.say_from(&ana, "hola", region);
        let [id] = world.conversations()[..] else { panic!("one conversation") };
        world.act(&ana, CustomerAct::Close(id));

        world.pass(DAY * days - Duration::from_millis(1));
        assert_eq!(world.conversations(), [id], "{region:?}");
        assert!(world.shard.take_released().is_empty());

        world.pass(Duration::from_millis(1));
        assert!(world.conversations().is_empty(), "{region:?}");
        assert_eq!(world.shard.take_released(), [id], "its key goes");
    }
}

#[test]
fn a_shorter_time_that_a_reload_brings_counts_for_what_is_closed_already() {
    let mut world = World::new();
    let ana = world.customer("ana");
    world.say_with_browser(&ana, "hola", Language::ENGLISH);
    let [id] = world.conversations()[..] else { panic!("one conversation") };
    world.act(&ana, CustomerAct::Close(id));
    world.pass(Duration::from_secs(23 * 3600));
    let longer = Shop { keeps_closed: Some(DAY * 3), ..Shop::embedded_demo() };
    let reload = |world: &mut World, shop: Shop| {
        let shops = [(shop.id.clone(), Arc::new(shop))].into_iter().collect();
        world.input(Input::Shops(Arc::new(shops)));
    };

    reload(&mut world, longer);
    world.pass(DAY);
    assert_eq!(world.conversations(), [id], "as long as the shop says now");

    reload(&mut world, Shop { keeps_closed: Some(DAY), ..Shop::embedded_demo() });
    world.pass(Duration::from_millis(1));
    assert!(world.conversations().is_empty());
}

#[test]
fn the_oldest_of_too_many_conversations_of_a_customer_loses_its_key() {
    let mut world = World::new();
    let ana = world.customer("ana");
    let mut first = None;
    for _ in 0..65 {
        world.say(&ana, "hola");
        let id = *world.conversations().last().expect("one");
        first.get_or_insert(id);
        world.act(&ana, CustomerAct::Close(id));
        world.now = world.now + Duration::from_secs(1);
    }

    assert_eq!(world.shard.take_released(), [first.expect("the first")]);
}
