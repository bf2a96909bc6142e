//! Which addresses customers are written to.

use tokio::sync::oneshot;
use tradewind::channels::email::ReplyAddresses;
use tradewind::domain::{ConversationId, MessageId};
use tradewind::flow::{EmailRules, FromEmail, Input, Report};
use tradewind::metrics::names::EmailTaken;
use tradewind::understand::pii;

use super::{
    ADDRESS, HOUR, UNTIL_MORNING, accept, leaves, night, night_with, offers, ticket_with_address,
};
use crate::world::{MINUTE, Socket, World, email_of};

const ANOTHER: &str = "bob@example.net";
/// It is short, and says more than the address in it.
const SAYS_MORE: &str = "환불해 주세요 bob@example.net";

/// A message on the page, of which the model sees what is personal.
fn say(world: &mut World, min: &Socket, text: &str) {
    world.says.pii = pii::find(text);
    world.say(min, text);
    world.says.pii.clear();
}

/// The same in a letter.
fn write(world: &mut World, conversation: ConversationId, text: &str) {
    let (reply, mut taken) = oneshot::channel();
    let id = MessageId::from_uuid(uuid::Uuid::from_u128(99));
    world.says.pii = pii::find(text);
    let text = Some(text.into());
    world.input(Input::Email(FromEmail { conversation, shop: None, id, text, reply }));
    world.says.pii.clear();
    assert_eq!(taken.try_recv(), Ok(EmailTaken::Taken));
}

/// Where the answer of a seat in the morning goes.
fn answered_at(world: &mut World, conversation: ConversationId) -> String {
    world.pass(UNTIL_MORNING);
    let seat = world.seat("minji");
    let offer = offers(&seat).remove(0);
    accept(world, "minji", &offer);
    world.errands.clear();

    world.reply(&seat, conversation, "환불이 처리되었습니다.");

    let [errand] = world.errands.as_slice() else { panic!("{:#?}", world.errands) };
    email_of(errand).to.to_string()
}

#[test]
fn an_address_that_only_stands_in_a_letter_takes_the_place_of_none() {
    for text in [
        format!("옆집 {ANOTHER} 가 받았다고 해요"),
        format!("아직 안 왔어요.\nShop <{ANOTHER}> 님이 작성:\n문의해 주셔서 감사합니다."),
    ] {
        let (mut world, min) = night();
        let conversation = ticket_with_address(&mut world, &min);
        leaves(&mut world, &min);

        write(&mut world, conversation, &text);

        assert_eq!(answered_at(&mut world, conversation), ADDRESS, "{text}");
    }
}

#[test]
fn a_short_letter_that_says_more_than_the_address_in_it_is_worked_on_at_once() {
    let (mut world, min) = night();
    world.pass(UNTIL_MORNING + HOUR);
    world.say(&min, "환불해 주세요 제발 도와주세요");
    // Nobody has come, so it is a ticket.
    world.pass(11 * MINUTE);
    say(&mut world, &min, ADDRESS);
    let conversation = world.conversations()[0];
    leaves(&mut world, &min);
    let seat = world.seat("minji");
    assert!(offers(&seat).is_empty(), "it is not its turn yet");
    world.told.clear();

    write(&mut world, conversation, SAYS_MORE);

    assert_eq!(offers(&seat).len(), 1);
    let [Report::Left(..), Report::Asks(asks)] = &world.told[..] else {
        panic!("{:#?}", world.told);
    };
    assert!(asks.text.contains(SAYS_MORE), "it is a part of what is asked: {}", asks.text);
}

#[test]
fn the_first_address_is_noted_also_from_a_letter_that_says_more_and_is_worked_on() {
    let (mut world, min) = night();
    world.say(&min, "환불해 주세요 제발 도와주세요");
    let conversation = world.conversations()[0];
    leaves(&mut world, &min);
    world.told.clear();

    write(&mut world, conversation, SAYS_MORE);

    assert!(matches!(world.told[..], [Report::Left(..), Report::Asks(_)]), "{:#?}", world.told);
    assert_eq!(answered_at(&mut world, conversation), ANOTHER);
}

#[test]
fn a_letter_is_judged_as_one_also_while_the_page_is_open() {
    let (mut world, min) = night();
    let conversation = ticket_with_address(&mut world, &min);

    write(&mut world, conversation, SAYS_MORE);
    leaves(&mut world, &min);

    assert_eq!(answered_at(&mut world, conversation), ADDRESS);
}

#[test]
fn what_was_said_on_the_page_is_judged_as_that_also_where_the_page_is_closed_before_it_is_read() {
    let (mut world, min) = night();
    let conversation = ticket_with_address(&mut world, &min);
    let text = format!("미안해요, {ANOTHER} 이에요");

    world.model_waits = true;
    world.say(&min, &text);
    leaves(&mut world, &min);
    world.says.pii = pii::find(&text);
    world.understand();
    world.says.pii.clear();
    world.model_waits = false;

    assert_eq!(answered_at(&mut world, conversation), ANOTHER);
}

#[test]
fn a_letter_of_nothing_but_an_address_says_where_to_write_from_now_on() {
    let (mut world, min) = night();
    let conversation = ticket_with_address(&mut world, &min);
    leaves(&mut world, &min);

    write(&mut world, conversation, ANOTHER);

    assert_eq!(answered_at(&mut world, conversation), ANOTHER);
}

#[test]
fn an_address_on_the_page_takes_the_place_of_one_unless_much_is_said_beside_it() {
    let long = format!(
        "어제 저녁에 옆집 사람 {ANOTHER} 가 제 상자를 받았다고 하는데 그 집에는 아무도 없고 전화도 안 받아요"
    );
    for (text, expected) in [(format!("미안해요, {ANOTHER} 이에요"), ANOTHER), (long, ADDRESS)]
    {
        let (mut world, min) = night();
        let conversation = ticket_with_address(&mut world, &min);

        say(&mut world, &min, &text);
        leaves(&mut world, &min);

        assert_eq!(answered_at(&mut world, conversation), expected, "{text}");
    }
}

#[test]
fn no_customer_is_written_to_at_an_address_that_answers_come_to() {
    let ours = ["help@shop.example", "reply@shop.example"].map(str::to_owned).into();
    let (mut world, min) = night_with(EmailRules { can_reply: true, ours });
    world.say(&min, "환불해 주세요 제발 도와주세요");
    let conversation = world.conversations()[0];
    let replies = ReplyAddresses::signed_with([1; 32]);
    let signed = replies.of("of-before@shop.example", conversation).expect("an address");

    for address in ["help@shop.example", "Reply@Shop.Example", signed.as_str()] {
        say(&mut world, &min, address);
        assert!(world.errands.is_empty(), "{address}: {:#?}", world.errands);
    }
    say(&mut world, &min, &format!("help@shop.example, {ADDRESS}"));

    let [errand] = world.errands.as_slice() else { panic!("{:#?}", world.errands) };
    assert_eq!(&*email_of(errand).to, ADDRESS);
}
