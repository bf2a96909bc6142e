//! What channels and clients deliver twice.

use std::time::Duration;

use serde_json::json;
use tokio::sync::oneshot;
use tradewind::config::shop::Shop;
use tradewind::domain::{ConversationId, MessageId};
use tradewind::flow::{CustomerAct, EmailRules, Fact, FromEmail, Input, Record, Settings};
use tradewind::metrics::names::EmailTaken;
use uuid::Uuid;

use super::world::{MINUTE, World, customer, kinds, settings};

const HOUR: Duration = Duration::from_secs(3600);

fn with_email() -> Settings {
    Settings { email: Some(EmailRules { can_reply: true, ..EmailRules::default() }), ..settings() }
}

/// Brings a letter; without a text it says that one of ours was not delivered.
fn bring(
    world: &mut World,
    conversation: ConversationId,
    id: u128,
    text: Option<&str>,
) -> EmailTaken {
    let (reply, mut taken) = oneshot::channel();
    let id = MessageId::from_uuid(Uuid::from_u128(id));
    let text = text.map(Into::into);
    world.input(Input::Email(FromEmail { conversation, shop: None, id, text, reply }));
    taken.try_recv().expect("the shard answers in the same turn")
}

#[test]
fn a_letter_that_comes_again_has_its_first_effect_only_also_after_a_restart() {
    let mut world = World::with(with_email());
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &seat);

    assert_eq!(bring(&mut world, conversation, 1, Some("¿Y mi reembolso?")), EmailTaken::Taken);
    let shops = || vec![Shop::embedded_demo()];
    let from_journal = world.started_from_journal(shops());
    let from_snapshot = world.started_from_snapshot(shops());

    for mut world in [world, from_journal, from_snapshot] {
        let before = world.journal.len();
        let again = bring(&mut world, conversation, 1, Some("¿Y mi reembolso?"));
        assert_eq!(again, EmailTaken::Duplicate);
        // A mail server that changed the body on the way delivers the same letter.
        let changed = bring(&mut world, conversation, 1, Some("¿Y mi reembolso? -- scanned"));
        assert_eq!(changed, EmailTaken::Duplicate);
        assert_eq!(world.journal.len(), before);
        assert_eq!(bring(&mut world, conversation, 2, Some("¿Y bien?")), EmailTaken::Taken);
    }
}

#[test]
fn a_report_of_an_undelivered_email_is_noted_once() {
    let mut world = World::with(with_email());
    let seat = world.seat("lucia");
    let ana = world.customer("ana");
    let conversation = world.owned(&ana, &seat);
    seat.frames();

    assert_eq!(bring(&mut world, conversation, 5, None), EmailTaken::NotDelivered);
    assert_eq!(bring(&mut world, conversation, 5, None), EmailTaken::Duplicate);
    let mut world = world.started_from_snapshot(vec![Shop::embedded_demo()]);
    assert_eq!(bring(&mut world, conversation, 5, None), EmailTaken::Duplicate);

    assert_eq!(kinds(&seat.frames()), ["note"]);
}

#[test]
fn a_letter_that_found_no_room_is_taken_when_it_comes_again() {
    let small = Settings { messages_per_conversation_max: 4, ..with_email() };
    let mut world = World::with(small);
    let ana = world.customer("ana");
    let mut said = 0;
    while said < 8 {
        world.say(&ana, &format!("quiero el dinero del pedido {said}"));
        said += 1;
    }
    let conversation = world.conversations()[0];

    assert_eq!(bring(&mut world, conversation, 1, Some("hola")), EmailTaken::Full);
    world.act(&ana, CustomerAct::Close(conversation));

    assert_eq!(bring(&mut world, conversation, 1, Some("hola")), EmailTaken::Taken);
    assert_eq!(bring(&mut world, conversation, 1, Some("hola")), EmailTaken::Duplicate);
}

#[test]
fn the_first_message_of_a_long_conversation_is_still_known() {
    let long = Settings { messages_per_conversation_max: 1_000, ..settings() };
    let mut world = World::with(long);
    let ana = world.customer("ana");
    let first = world.say(&ana, "quiero mi dinero de vuelta");
    for n in 0..300 {
        world.say(&ana, &format!("y también el del pedido {n}"));
    }
    ana.frames();
    let again = |text: &str| CustomerAct::Send { id: first, conversation: None, text: text.into() };

    world.act(&ana, again("quiero mi dinero de vuelta"));
    world.act(&ana, again("otra cosa"));

    let frames = ana.frames();
    assert_eq!(kinds(&frames), ["ack", "error"]);
    assert_eq!((&frames[0]["seq"], &frames[1]["code"]), (&json!(1), &json!("conflict")));
}

#[test]
fn a_message_of_a_conversation_that_is_not_kept_any_more_does_not_begin_another() {
    // Shorter than ids are known, as a shop may wish it.
    let mut world = World::with(Settings { resume_for: HOUR, ..settings() });
    let ana = world.customer("ana");
    let id = world.say(&ana, "quiero mi dinero de vuelta");
    let conversation = world.conversations()[0];
    world.act(&ana, CustomerAct::Close(conversation));
    world.pass(HOUR);
    world.pass(MINUTE);
    assert_eq!(world.conversations(), []);
    let again = CustomerAct::Send { id, conversation: None, text: "hola".into() };

    let restarted = world.started_from_snapshot(vec![Shop::embedded_demo()]);
    for mut world in [world, restarted] {
        let ana = world.attach(customer("ana"), tradewind::protocol::Resume::default());
        world.act(&ana, again_of(&again));
        assert_eq!(ana.last("error")["code"], "conflict");
        assert_eq!(world.conversations(), []);

        // Nobody else is kept from using the id.
        let ben = world.attach(customer("ben"), tradewind::protocol::Resume::default());
        world.act(&ben, again_of(&again));
        ben.last("ack");

        world.pass(24 * HOUR);
        world.act(&ana, again_of(&again));
        ana.last("ack");
    }
}

fn again_of(act: &CustomerAct) -> CustomerAct {
    let CustomerAct::Send { id, conversation, text } = act else { panic!("not a message") };
    CustomerAct::Send { id: *id, conversation: *conversation, text: text.clone() }
}

/// Starts anew from what is left in the journal of a conversation whose key is destroyed: all of it, or
/// only what was written when it was forgotten, as behind a snapshot.
fn restarted_without(world: &World, forgotten: ConversationId, only_ids: bool) -> World {
    let mut left = World::with(settings());
    left.now = world.now;
    for bytes in &world.journal {
        let record = Record::decode(bytes).expect("a record");
        let is_of_ids = record.facts.iter().all(|fact| matches!(fact, Fact::Delivered(_)));
        match record.conversation == forgotten {
            true if only_ids && !is_of_ids => {}
            true => left.journal.push(record.erased().encode()),
            false => left.journal.push(bytes.clone()),
        }
    }
    left.started_from_journal(vec![Shop::embedded_demo()])
}

/// Whether a message that comes again after such a restart is refused.
fn is_known(world: &World, forgotten: ConversationId, id: MessageId) -> bool {
    [false, true].into_iter().all(|only_ids| {
        let mut world = restarted_without(world, forgotten, only_ids);
        let ana = world.customer("ana");
        world.act(&ana, CustomerAct::Send { id, conversation: None, text: "hola".into() });
        kinds(&ana.frames()) == ["error"]
    })
}

#[test]
fn ids_of_a_forgotten_conversation_outlive_a_restart_also_without_its_key() {
    let mut world = World::with(Settings { resume_for: HOUR, ..settings() });
    let ana = world.customer("ana");
    let id = world.say(&ana, "hola");
    let conversation = world.conversations()[0];
    world.act(&ana, CustomerAct::Close(conversation));

    world.pass(HOUR);
    world.pass(MINUTE);

    assert!(world.conversations().is_empty());
    assert!(is_known(&world, conversation, id));
}

#[test]
fn so_do_those_of_the_oldest_of_too_many_conversations() {
    let mut world = World::new();
    let ana = world.customer("ana");
    let mut ids = Vec::new();
    for _ in 0..65 {
        ids.push(world.say(&ana, "hola"));
        let conversation = *world.conversations().last().expect("one");
        world.act(&ana, CustomerAct::Close(conversation));
        world.now = world.now + Duration::from_secs(1);
    }

    world.pass(Duration::ZERO);

    let [oldest] = world.shard.take_released()[..] else { panic!("one has gone") };
    assert!(is_known(&world, oldest, ids[0]));
}

#[test]
fn what_is_too_old_to_be_remembered_is_not_written_down() {
    let mut world = World::new();
    let ana = world.customer("ana");
    world.say(&ana, "hola");
    let conversation = world.conversations()[0];
    world.act(&ana, CustomerAct::Close(conversation));
    let before = world.journal.len();

    world.pass(24 * HOUR);
    world.pass(MINUTE);

    assert!(world.conversations().is_empty());
    assert_eq!(world.journal.len(), before);
}
