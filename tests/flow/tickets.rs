//! Tickets: worked off when somebody is there again, confirmed and answered by e-mail.

mod addresses;

use std::sync::Arc;
use std::time::Duration;

use crate::world::{MINUTE, Socket, World, conversation_of, email_of, kinds, settings, shop, text};
use tokio::sync::oneshot;
use tradewind::automate::Phrases;
use tradewind::config::shop::{Shop, ShopFiles};
use tradewind::domain::{
    ConversationId, EffectKey, Guess, Language, MessageId, Priority, Progress, SeatId, Sentiment,
    Timestamp,
};
use tradewind::flow::{
    CustomerAct, EffectReport, EmailRules, Errand, ForMany, FromEmail, Input, PhrasesCame, Report,
    SeatAct, Settings,
};
use tradewind::metrics::names::{Counter, EmailTaken};
use tradewind::schedule::{Command, Decision, TicketReason};
use tradewind::understand::pii;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// From two in the morning, when tickets are given, to nine, when the Korean seat begins.
const UNTIL_MORNING: Duration = Duration::from_secs(7 * 3_600);
const ADDRESS: &str = "min@example.org";

/// A world that sends e-mail, in the middle of the night of the only seat that speaks Korean.
fn night() -> (World, Socket) {
    night_with(EmailRules { can_reply: true, ..EmailRules::default() })
}

fn night_with(rules: EmailRules) -> (World, Socket) {
    let mut world = World::with(Settings { email: Some(rules), ..settings() });
    world.says.language.label = "ko".parse().expect("a language");
    world.now = Timestamp::from_millis(1_795_626_000_000);
    let min = world.customer("min");
    (world, min)
}

/// A ticket of somebody who left an address.
fn ticket_with_address(world: &mut World, min: &Socket) -> ConversationId {
    world.say(min, "환불해 주세요 제발 도와주세요");
    world.says.pii = pii::find(ADDRESS);
    world.say(min, ADDRESS);
    world.says.pii.clear();
    conversation_of(&min.frames()[0])
}

fn leaves(world: &mut World, socket: &Socket) {
    socket.link.outbox.close(tradewind::protocol::CloseCode::Draining);
    let (viewer, session) = (socket.viewer.clone(), socket.link.session);
    world.input(Input::Detach { viewer, session });
}

fn offers(seat: &Socket) -> Vec<serde_json::Value> {
    seat.frames().into_iter().filter(|frame| frame["type"] == "offer").collect()
}

fn accept(world: &mut World, seat: &str, offer: &serde_json::Value) {
    let offer = text(offer, "offer").parse().expect("an id");
    world.schedule(Command::Accept { shop: shop(), seat: SeatId::from(seat), offer });
}

/// Reports how far an errand is, and gives whether it is wanted.
fn report(world: &mut World, errand: &Errand, progress: Progress) -> bool {
    let (reply, mut kept) = oneshot::channel();
    let Errand { conversation, ref effect, .. } = *errand;
    let report = EffectReport { conversation, key: effect.key, progress: Some(progress), reply };
    world.input(Input::Effect(report));
    kept.try_recv().expect("the shard answers in the same turn")
}

#[test]
fn a_ticket_goes_back_to_the_queue_when_the_shift_opens_with_the_age_that_it_has() {
    let (mut world, min) = night();
    world.say(&min, "환불해 주세요 제발 도와주세요");
    assert_eq!(kinds(&min.frames()), ["ack", "ticket", "message"]);

    world.pass(UNTIL_MORNING - MINUTE);
    assert!(world.scheduler.queue(&shop(), 10).is_empty(), "nobody is there yet");
    world.pass(MINUTE);
    assert_eq!(kinds(&min.frames()), [""; 0], "the customer watches no queue");
    let seat = world.seat("minji");

    let offers = offers(&seat);
    assert_eq!(offers.len(), 1, "{offers:#?}");
    assert_eq!(offers[0]["waiting_ms"], 7 * 3_600_000, "counted from when the customer asked");
    accept(&mut world, "minji", &offers[0]);
    assert_eq!(kinds(&min.frames()), ["assigned"]);
}

#[test]
fn a_restart_before_or_after_the_shift_opens_brings_no_ticket_twice_and_loses_none() {
    let (mut world, min) = night();
    world.say(&min, "환불해 주세요 제발 도와주세요");

    let mut before = world.restarted();
    before.pass(UNTIL_MORNING);
    let mut after = before.restarted();
    after.pass(MINUTE);
    assert_eq!(after.scheduler.queue(&shop(), 10).len(), 1);
    let seat = after.seat("minji");

    let offers = offers(&seat);
    assert_eq!(offers.len(), 1);
    assert_eq!(offers[0]["waiting_ms"], 7 * 3_600_000 + 60_000);
    accept(&mut after, "minji", &offers[0]);
    after.reply(&seat, conversation_of(&offers[0]), "안녕하세요");
    let owned = after.restarted();
    assert!(owned.scheduler.queue(&shop(), 10).is_empty());
}

#[test]
fn a_ticket_that_nobody_took_in_a_whole_shift_waits_for_the_next_one_and_says_nothing_again() {
    let (mut world, min) = night();
    world.say(&min, "환불해 주세요 제발 도와주세요");
    min.frames();
    world.pass(UNTIL_MORNING);
    assert_eq!(world.scheduler.queue(&shop(), 10).len(), 1);

    for _ in 0..10 {
        world.pass(HOUR);
    }
    assert!(world.scheduler.queue(&shop(), 10).is_empty(), "the shift is over");
    assert_eq!(kinds(&min.frames()), [""; 0]);
    for _ in 0..14 {
        world.pass(HOUR);
    }
    let seat = world.seat("minji");

    assert_eq!(offers(&seat).len(), 1, "the next morning");
}

#[test]
fn a_ticket_of_a_shop_that_is_closed_for_longer_than_tickets_are_kept_lives_to_see_its_turn() {
    let (mut world, min) = night();
    world.scheduler_waits = true;
    world.say(&min, "환불해 주세요 제발 도와주세요");
    let conversation = world.conversations()[0];
    let opens_at = Some(world.now + 45 * DAY);
    let reason = TicketReason::Hours;
    world.input(Input::Decided(Decision::Ticket { conversation, opens_at, reason }));
    min.frames();

    for _ in 0..44 {
        world.pass(DAY);
    }
    assert_eq!(kinds(&min.frames()), [""; 0], "it is not closed");
    assert!(!world.counts.contains(&Counter::TicketWorkedOff), "and it is not its turn");
    world.pass(DAY);

    assert!(world.counts.contains(&Counter::TicketWorkedOff));
}

#[test]
fn who_writes_to_the_owner_of_a_ticket_waits_as_a_live_conversation_when_that_owner_is_lost() {
    let (mut world, min) = night();
    world.says.sentiment = Guess { label: Sentiment::Negative, confidence: 0.9 };
    world.say(&min, "환불해 주세요 제발 도와주세요");
    world.pass(UNTIL_MORNING);
    let seat = world.seat("minji");
    let offer = offers(&seat).remove(0);
    accept(&mut world, "minji", &offer);
    world.reply(&seat, conversation_of(&offer), "안녕하세요, 확인해 보겠습니다.");
    let nobody_wrote = world.restarted();
    world.say(&min, "아직 여기 있어요");
    min.frames();

    let waits_as = |mut world: World| {
        world.schedule(Command::SignOut { shop: shop(), seat: SeatId::from("minji") });
        world.pass(MINUTE);
        let waiting = |world: &World| {
            let queue = world.scheduler.queue(&shop(), 10);
            queue.iter().map(|view| view.priority).collect::<Vec<_>>()
        };
        let before = waiting(&world);
        assert_eq!(waiting(&world.restarted()), before);
        before
    };
    assert_eq!(waits_as(nobody_wrote), [Priority::Ticket]);
    assert_eq!(waits_as(world.restarted()), [Priority::Raised]);
    assert_eq!(waits_as(world), [Priority::Raised], "by the mood, as anybody who waits");
    assert!(kinds(&min.frames()).contains(&"queued".to_owned()), "and is told so");
}

#[test]
fn who_writes_to_the_owner_of_a_ticket_gets_one_ticket_when_that_owner_is_lost_and_the_shift_ends()
{
    let (mut world, min) = night();
    world.say(&min, "환불해 주세요 제발 도와주세요");
    world.pass(UNTIL_MORNING);
    for _ in 0..8 {
        world.pass(HOUR);
    }
    // A quarter of an hour before its shift ends at six, a seat gets nothing new.
    world.pass(44 * MINUTE);
    let seat = world.seat("minji");
    let offer = offers(&seat).remove(0);
    accept(&mut world, "minji", &offer);
    world.reply(&seat, conversation_of(&offer), "안녕하세요, 확인해 보겠습니다.");
    world.say(&min, "아직 여기 있어요");
    world.decided.clear();
    world.schedule(Command::SignOut { shop: shop(), seat: SeatId::from("minji") });

    world.pass(2 * MINUTE);

    let of = |is_one: fn(&Decision) -> bool| world.decided.iter().filter(|it| is_one(it)).count();
    assert_eq!(of(|it| matches!(it, Decision::TakenBack { .. })), 1, "{:#?}", world.decided);
    assert_eq!(of(|it| matches!(it, Decision::Ticket { .. })), 1, "{:#?}", world.decided);
}

#[test]
fn what_a_customer_adds_to_a_ticket_gives_no_second_one() {
    let (mut world, min) = night();
    world.say(&min, "환불해 주세요 제발 도와주세요");
    world.say(&min, "주문번호는 TW-10482 이고 상자가 찢어졌어요");

    let seen = kinds(&min.frames());
    assert_eq!(seen.iter().filter(|kind| *kind == "ticket").count(), 1, "{seen:?}");
}

#[test]
fn an_address_is_asked_for_and_the_ticket_is_confirmed_to_it_once() {
    let (mut world, min) = night();
    let conversation = ticket_with_address(&mut world, &min);
    world.say(&min, ADDRESS);

    let [errand] = world.errands.as_slice() else { panic!("{:#?}", world.errands) };
    assert_eq!(errand.conversation, conversation);
    let email = email_of(errand);
    assert_eq!(&*email.to, ADDRESS);
    assert!(email.automatic);
    let reference = tradewind::flow::reference(conversation);
    assert!(email.subject.contains(&reference) && email.text.contains(&reference), "{email:?}");
    // Nine in Seoul is six in the evening in Mexico, where the customer is.
    assert!(email.text.contains("18:00 (UTC-6)"), "{email:?}");
}

#[test]
fn what_a_seat_says_goes_by_email_when_the_customer_is_not_connected_and_only_then() {
    let (mut world, min) = night();
    let conversation = ticket_with_address(&mut world, &min);
    world.pass(UNTIL_MORNING);
    let seat = world.seat("minji");
    let offer = offers(&seat).remove(0);
    accept(&mut world, "minji", &offer);
    world.errands.clear();

    world.reply(&seat, conversation, "안녕하세요, 확인해 보겠습니다.");
    assert!(world.errands.is_empty(), "the customer reads it on the page");
    leaves(&mut world, &min);
    world.reply(&seat, conversation, "환불이 처리되었습니다.");

    let [errand] = world.errands.as_slice() else { panic!("{:#?}", world.errands) };
    assert!(email_of(errand).text.starts_with("환불이 처리되었습니다.\n"));
    assert!(!email_of(errand).automatic);
}

#[test]
fn an_effect_that_is_settled_is_not_wanted_again_also_after_a_restart() {
    let (mut world, min) = night();
    ticket_with_address(&mut world, &min);
    let errand = world.errands[0].clone();

    let mut after = world.restarted();
    assert_eq!(after.errands.len(), 1, "what was not begun is done by the next process");
    assert!(report(&mut after, &errand, Progress::Ending));
    let cut_off = after.restarted();
    assert!(cut_off.errands[0].ending_at.is_some(), "and is told how far it was");
    assert!(report(&mut after, &errand, Progress::Done));

    assert!(!report(&mut after, &errand, Progress::Ending), "nobody may end it twice");
    assert!(after.restarted().errands.is_empty());
}

#[test]
fn what_is_sent_under_a_number_that_comes_again_after_a_loss_has_another_key() {
    let (mut world, min) = night();
    world.say(&min, "환불해 주세요 제발 도와주세요");
    let (mut same, mut lossy) = (world.restarted(), world.restarted());
    lossy.begin_epoch();
    let key_of_confirmation = |world: &mut World, min: &Socket| {
        world.says.pii = pii::find(ADDRESS);
        world.say(min, ADDRESS);
        let [errand] = world.errands.as_slice() else { panic!("{:#?}", world.errands) };
        errand.effect.key
    };

    let sent = key_of_confirmation(&mut world, &min);
    let [min_of_same, min_of_lossy] = [&mut same, &mut lossy].map(|world| world.customer("min"));

    assert_eq!(key_of_confirmation(&mut same, &min_of_same), sent);
    assert_ne!(key_of_confirmation(&mut lossy, &min_of_lossy), sent);
}

#[test]
fn a_failure_is_counted_over_a_restart_and_an_end_without_success_is_told_to_the_seat() {
    let (mut world, min) = night();
    let conversation = ticket_with_address(&mut world, &min);
    let errand = world.errands[0].clone();
    let again_at = world.now + HOUR;

    assert!(report(&mut world, &errand, Progress::Failed { again_at }));
    let mut after = world.restarted();
    assert_eq!((after.errands[0].tries, after.errands[0].not_before), (1, again_at));
    assert!(report(&mut after, &errand, Progress::GivenUp));
    after.pass(UNTIL_MORNING);
    let seat = after.seat("minji");
    let offer = offers(&seat).remove(0);
    accept(&mut after, "minji", &offer);

    let accepted = seat.last("accepted");
    let note = text(&accepted["notes"][0], "text");
    assert!(note.contains("given up"), "{note}");
    after.seat_acts(&seat, conversation, SeatAct::Close);
}

#[test]
fn a_report_about_nothing_that_is_known_is_not_wanted() {
    let (mut world, _) = night();
    let unknown = ConversationId::from_uuid(uuid::Uuid::from_u128(7));
    let key = EffectKey::of(unknown, 1, tradewind::domain::Purpose::Answer, 1);
    let (reply, mut kept) = oneshot::channel();

    let progress = Progress::Done;
    let report = EffectReport { conversation: unknown, key, progress: Some(progress), reply };
    world.input(Input::Effect(report));

    assert_eq!(kept.try_recv(), Ok(false));
}

#[test]
fn who_answers_after_the_end_begins_a_conversation_that_is_written_to_as_before() {
    let (mut world, min) = night();
    let ended = ticket_with_address(&mut world, &min);
    world.act(&min, CustomerAct::Close(ended));
    leaves(&mut world, &min);

    let bring = |world: &mut World, text: &str| {
        let id = MessageId::from_uuid(uuid::Uuid::from_u128(99));
        let (reply, mut taken) = oneshot::channel();
        let text = Some(text.into());
        world.input(Input::Email(FromEmail { conversation: ended, shop: None, id, text, reply }));
        taken.try_recv().expect("the shard answers in the same turn")
    };
    assert_eq!(bring(&mut world, "하나 더 있어요"), EmailTaken::Taken);
    assert_eq!(bring(&mut world, "하나 더 있어요"), EmailTaken::Duplicate);

    let begun = world.conversations().into_iter().find(|id| *id != ended).expect("a new one");
    let confirmed = world.errands.last().expect("its ticket is confirmed");
    assert_eq!((confirmed.conversation, &*email_of(confirmed).to), (begun, ADDRESS));
}

const ANSWER: &str = "카드 결제가 다시 됩니다.";

/// What a seat has answered to everybody who asks the same.
fn answer_for_many(world: &mut World, conversation: ConversationId) {
    world.input(Input::AnsweredForMany(ForMany {
        conversation,
        incident: 3,
        seat: SeatId::from("minji"),
        text: ANSWER.into(),
        language: "ko".parse().expect("a language"),
        translated: None,
        by: "topic",
    }));
}

#[test]
fn an_answer_for_many_reaches_a_ticket_by_email_and_a_reply_brings_its_turn_back() {
    let (mut world, min) = night();
    let conversation = ticket_with_address(&mut world, &min);
    leaves(&mut world, &min);
    let sent = world.errands.len();

    answer_for_many(&mut world, conversation);
    answer_for_many(&mut world, conversation);

    let letters = &world.errands[sent..];
    assert_eq!(letters.len(), 1, "{letters:#?}");
    let email = email_of(&letters[0]);
    assert!(email.text.contains(ANSWER) && &*email.to == ADDRESS, "{email:?}");
    // It is answered: no seat gets it in the morning, also after a restart, and it stays answerable.
    for mut world in [world.restarted(), world] {
        world.pass(UNTIL_MORNING);
        let seat = world.seat("minji");
        assert!(offers(&seat).is_empty());
        let (reply, mut taken) = oneshot::channel();
        let id = MessageId::from_uuid(uuid::Uuid::from_u128(99));
        let text = Some("그게 아니라 다른 문제예요".into());
        world.input(Input::Email(FromEmail { conversation, shop: None, id, text, reply }));
        assert_eq!(taken.try_recv(), Ok(EmailTaken::Taken));

        let offers = offers(&seat);
        assert_eq!(offers.len(), 1, "{offers:#?}");
        assert_eq!(conversation_of(&offers[0]), conversation);
        assert_eq!(offers[0]["waiting_ms"], 7 * 3_600_000, "since the first question");
    }
}

#[test]
fn a_ticket_of_somebody_who_would_not_hear_it_keeps_its_turn_and_one_on_the_page_is_answered() {
    let (mut world, min) = night();
    world.say(&min, "환불해 주세요 제발 도와주세요");
    let conversation = conversation_of(&min.frames()[0]);
    leaves(&mut world, &min);

    answer_for_many(&mut world, conversation);
    let min = world.customer("min");
    world.pass(UNTIL_MORNING);

    assert_eq!(world.scheduler.queue(&shop(), 10).len(), 1, "somebody looks at it");
    assert!(!kinds(&min.frames()).contains(&"answered_by_machine".to_owned()));

    let (mut world, min) = night();
    world.say(&min, "환불해 주세요 제발 도와주세요");
    let conversation = conversation_of(&min.frames()[0]);
    answer_for_many(&mut world, conversation);
    assert_eq!(kinds(&min.frames()), ["message", "answered_by_machine"]);
    assert!(world.errands.is_empty(), "who sees it gets no letter");
}

#[test]
fn a_ticket_that_is_worked_off_keeps_its_turn_where_nobody_would_hear_the_answer_for_many() {
    let (mut world, min) = night();
    world.say(&min, "환불해 주세요 제발 도와주세요");
    let conversation = conversation_of(&min.frames()[0]);
    leaves(&mut world, &min);
    world.pass(UNTIL_MORNING);
    assert_eq!(world.scheduler.queue(&shop(), 10).len(), 1);

    answer_for_many(&mut world, conversation);

    assert_eq!(world.scheduler.queue(&shop(), 10).len(), 1, "somebody looks at it");
}

#[test]
fn a_ticket_is_asked_about_again_after_a_restart_and_leaves_with_what_is_said_next() {
    let (mut world, min) = night();
    let conversation = ticket_with_address(&mut world, &min);
    let asked = |world: &World| {
        let asks = world.told.iter().filter_map(|report| match report {
            Report::Asks(asks) | Report::AsksStill(asks) => {
                Some((asks.conversation, asks.text.to_string()))
            }
            _ => None,
        });
        asks.collect::<Vec<_>>()
    };
    let question = "환불해 주세요 제발 도와주세요".to_owned();
    assert_eq!(asked(&world), [(conversation, question.clone())]);

    let mut world = world.restarted();
    assert_eq!(asked(&world), [(conversation, question)], "the address is no part of it");

    let min = world.customer("min");
    world.told.clear();
    world.say(&min, "주문 번호는 나중에 알려 드릴게요");
    assert!(
        matches!(&world.told[..], [Report::Left(_, left), Report::Asks(_)] if *left == conversation)
    );
}

/// Brings a letter that says that an e-mail came back, and gives what became of it.
fn bring_failure(
    world: &mut World,
    conversation: ConversationId,
    shop: &str,
    id: u128,
) -> EmailTaken {
    let (reply, mut taken) = oneshot::channel();
    let id = MessageId::from_uuid(uuid::Uuid::from_u128(id));
    let shop = Some(shop.into());
    world.input(Input::Email(FromEmail { conversation, shop, id, text: None, reply }));
    taken.try_recv().expect("the shard answers in the same turn")
}

#[test]
fn a_letter_about_an_email_that_failed_is_told_once_also_after_a_restart() {
    let (mut world, min) = night();
    let conversation = ticket_with_address(&mut world, &min);
    let of_ours = shop().to_string();

    assert_eq!(bring_failure(&mut world, conversation, &of_ours, 1), EmailTaken::NotDelivered);
    assert_eq!(bring_failure(&mut world, conversation, &of_ours, 1), EmailTaken::Duplicate);
    assert_eq!(bring_failure(&mut world, conversation, &of_ours, 2), EmailTaken::NotDelivered);
    let mut after = world.restarted();
    assert_eq!(bring_failure(&mut after, conversation, &of_ours, 2), EmailTaken::Duplicate);

    assert_eq!(bring_failure(&mut after, conversation, "another", 3), EmailTaken::Unknown);
}

#[test]
fn an_email_that_is_asked_about_is_wanted_until_it_is_settled_and_asking_changes_nothing() {
    let (mut world, min) = night();
    ticket_with_address(&mut world, &min);
    let errand = world.errands.last().expect("the confirmation").clone();
    let ask = |world: &mut World| {
        let (reply, mut said) = oneshot::channel();
        let (conversation, key) = (errand.conversation, errand.effect.key);
        let report = EffectReport { conversation, key, progress: None, reply };
        world.input(Input::Effect(report));
        said.try_recv().expect("the shard answers in the same turn")
    };

    assert!(ask(&mut world) && ask(&mut world));
    assert!(report(&mut world, &errand, Progress::Done));
    assert!(!ask(&mut world));
}

/// A shop that has somebody who translates.
fn translating_shop() -> Shop {
    let mut files = ShopFiles::demo();
    let engine = "\n[translation]\n[[translation.engines]]\nkind = \"libretranslate\"\n\
                  url = \"http://127.0.0.1:9\"\n";
    files.0.get_mut("shop.toml").expect("the demo shop").push_str(engine);
    Shop::from_files(&files).expect("a shop")
}

/// The phrases of a shop, each with a word before it, but for the last `missing` ones.
fn phrases(shop: &Shop, missing: usize) -> Arc<Phrases> {
    let mut phrases = Phrases::default();
    let all = phrases.missing(shop);
    for (phrase, text) in &all[..all.len() - missing] {
        let said = format!("Yorùbá: {}", text.as_str());
        assert!(phrases.add(shop, *phrase, &said, &"libretranslate".into()));
    }
    Arc::new(phrases)
}

#[test]
fn who_reads_what_nobody_wrote_gets_ticket_and_letter_in_both_once_the_phrases_are_translated() {
    let email = Some(EmailRules { can_reply: true, ..EmailRules::default() });
    let mut world = World::set_up(Settings { email, ..settings() }, vec![translating_shop()]);
    let yoruba: Language = "yo".parse().expect("a language");
    world.says.language.label = yoruba;
    let gets_ticket = |world: &mut World, name: &str| -> (serde_json::Value, String) {
        let customer = world.customer(name);
        world.say(&customer, "mo fẹ́ owó mi padà");
        world.pass(11 * MINUTE);
        let told = customer.frames().into_iter().find(|frame| frame["kind"] == "message");
        world.says.pii = pii::find(ADDRESS);
        // An address by itself is read as the language of the page.
        world.says.language.label = Language::ENGLISH;
        world.say(&customer, ADDRESS);
        world.says.pii.clear();
        world.says.language.label = yoruba;
        let letter = email_of(world.errands.last().expect("the confirmation")).text.to_string();
        (told.unwrap_or_default(), letter)
    };

    let (told, letter) = gets_ticket(&mut world, "ade");
    assert!(told.is_null(), "the first one's ticket waits for its own translation");
    assert_eq!(world.to_translate.len(), 2, "the ticket, and that the address is noted");
    assert!(letter.starts_with("We have received"), "nobody waits for phrases: {letter}");
    assert_eq!(world.phrases_wanted[0], (shop(), yoruba), "as soon as the language was sure");

    for missing in [1, 0] {
        let shop = Arc::new(translating_shop());
        let phrases = phrases(&shop, missing);
        world.input(Input::Phrases(PhrasesCame { shop, language: yoruba, phrases }));
        world.to_translate.clear();
        world.phrases_wanted.clear();
        let (told, letter) = gets_ticket(&mut world, &format!("bola{missing}"));
        if missing == 1 {
            assert!(letter.starts_with("We have received"), "all or none: {letter}");
            assert!(!world.phrases_wanted.is_empty(), "what is missing is asked for again");
            continue;
        }
        let said = text(&told["translation"], "text");
        assert!(said.starts_with("Yorùbá: ") && said.contains("T-"), "{said}");
        assert!(text(&told, "text").starts_with("None of our colleagues"), "{told}");
        assert!(world.to_translate.is_empty() && world.phrases_wanted.is_empty(), "once is enough");
        assert!(letter.starts_with("Yorùbá: We have received"), "{letter}");
        assert!(letter.contains("\n\n[en] We have received"), "{letter}");
    }
}
