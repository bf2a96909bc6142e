//! Customers who write one question in several lines, as the shipped model reads them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tradewind::config::shop::Shop;
use tradewind::domain::{Guess, Intent};
use tradewind::flow::{CustomerAct, Fact, Kept, Library, Record, Report, Settings, Stage};
use tradewind::understand::{Hint, Model, Scratch, pii};

use super::world::{MINUTE, Socket, World, customer, kinds, settings, text};

/// What the default share of the first-response target is.
const WAIT_MAX: Duration = Duration::from_millis(4_500);
const SHORT: Duration = Duration::from_millis(750);
const SECOND: Duration = Duration::from_secs(1);

struct Chat {
    world: World,
    model: Arc<Model>,
    scratch: Scratch,
}

impl Chat {
    fn new() -> Self {
        Self::with(Settings { lines_wait_max: WAIT_MAX, ..settings() })
    }

    fn with(settings: Settings) -> Self {
        let mut world = World::with(settings);
        (world.model_waits, world.starts_unread) = (true, true);
        let model = Model::embedded().expect("the shipped model");
        Self { world, model, scratch: Scratch::default() }
    }

    fn say(&mut self, socket: &Socket, line: &str) {
        self.world.say(socket, line);
        self.read();
    }

    /// Lets the model read what waits, and gives the last text that it was handed.
    fn read(&mut self) -> String {
        let mut handed = String::new();
        while let Some(waiting) = self.world.unread.front() {
            handed = waiting.text.to_string();
            let hint = Hint { locale: waiting.locale, previous: waiting.previous };
            self.world.says = self.model.understand(&handed, &hint, &mut self.scratch);
            let later: Vec<_> = self.world.unread.drain(1..).collect();
            self.world.understand();
            self.world.unread.extend(later);
        }
        handed
    }

    fn types(&mut self, socket: &Socket) {
        let conversation = self.world.conversations()[0];
        self.world.act(socket, CustomerAct::Typing(conversation));
    }

    fn restarted(&self) -> Self {
        let world = self.world.restarted();
        let model = Model::embedded().expect("the shipped model");
        Self { world, model, scratch: Scratch::default() }
    }
}

/// What the machine has answered from since the last look.
fn sources(socket: &Socket) -> Vec<String> {
    let frames = socket.frames();
    let answers = frames.iter().filter(|frame| frame["kind"] == "answered_by_machine");
    answers.map(|frame| text(frame, "source").to_owned()).collect()
}

fn said_by_machine(frames: &[Value]) -> usize {
    frames.iter().filter(|frame| frame["from"] == "machine").count()
}

#[test]
fn a_finished_question_is_answered_at_once() {
    let mut chat = Chat::new();
    let ana = chat.world.customer("ana");

    chat.say(&ana, "What is your return policy for worn shoes?");

    assert_eq!(sources(&ana), ["faq/return_policy"]);
}

#[test]
fn lines_of_one_question_are_acknowledged_at_once_and_answered_as_one() {
    let mut chat = Chat::new();
    let ana = chat.world.customer("ana");

    for line in ["I bought shoes last week and", "I wore them once,", "but can I"] {
        chat.say(&ana, line);
        let frames = ana.frames();
        assert_eq!(
            (kinds(&frames).as_slice(), said_by_machine(&frames)),
            (&["ack".to_owned()][..], 0)
        );
        chat.world.pass(Duration::from_millis(600));
    }
    chat.world.say(&ana, "still return them?");
    let handed = chat.read();

    let whole = "I bought shoes last week and\nI wore them once,\nbut can I\nstill return them?";
    assert_eq!(handed, whole);
    assert_eq!(sources(&ana), ["faq/return_policy"]);
}

#[test]
fn what_is_held_back_comes_about_when_its_wait_is_over_and_not_before() {
    let mut chat = Chat::new();
    let ana = chat.world.customer("ana");

    chat.say(&ana, "what is your return policy for worn shoes");
    chat.world.pass(SHORT - Duration::from_millis(1));
    assert_eq!(sources(&ana), [""; 0]);
    chat.world.pass(Duration::from_millis(1));

    assert_eq!(sources(&ana), ["faq/return_policy"]);
}

#[test]
fn typing_extends_the_wait_up_to_its_share_of_the_target() {
    let mut chat = Chat::new();
    let ana = chat.world.customer("ana");

    chat.say(&ana, "what is your return policy for worn shoes");
    for _ in 0..5 {
        chat.world.pass(Duration::from_millis(500));
        chat.types(&ana);
    }
    assert_eq!(sources(&ana), [""; 0]);
    chat.world.pass(WAIT_MAX - 5 * Duration::from_millis(500));

    assert_eq!(sources(&ana), ["faq/return_policy"]);
}

#[test]
fn the_wait_of_all_lines_together_is_one_share() {
    let mut chat = Chat::new();
    let ana = chat.world.customer("ana");
    let mut waited = Duration::ZERO;

    // A customer who never comes to an end.
    chat.say(&ana, "what is your return policy for worn shoes and");
    while sources(&ana).is_empty() && waited < MINUTE {
        chat.world.pass(Duration::from_millis(500));
        waited += Duration::from_millis(500);
        if waited < WAIT_MAX {
            chat.say(&ana, "and");
        }
    }

    assert_eq!(waited, WAIT_MAX);
}

#[test]
fn a_restart_in_the_wait_decides_the_same() {
    let whole = |restarts: bool| {
        let mut chat = Chat::new();
        let ana = chat.world.customer("ana");
        chat.say(&ana, "I bought shoes last week and");
        chat.world.pass(Duration::from_millis(400));
        chat.say(&ana, "would like to know your return policy");
        if restarts {
            chat = chat.restarted();
        }
        let ana = match restarts {
            true => chat.world.attach(customer("ana"), tradewind::protocol::Resume::default()),
            false => ana,
        };
        ana.frames();
        chat.world.pass(WAIT_MAX);
        chat.read();
        // And once more after it.
        let mut again = chat.restarted();
        again.world.pass(WAIT_MAX);
        let silent = again.world.journal.len() == chat.world.journal.len();
        (sources(&ana), silent)
    };

    let (undisturbed, restarted) = (whole(false), whole(true));

    assert_eq!(undisturbed, (vec!["faq/return_policy".to_owned()], true));
    assert_eq!(restarted, undisturbed);
}

#[test]
fn lines_of_one_moment_are_one_question() {
    let mut chat = Chat::new();
    let ana = chat.world.customer("ana");
    let line = |world: &mut World, line: &str| {
        let id = world.message_id();
        ana.customer_input(CustomerAct::Send { id, conversation: None, text: line.into() })
    };
    let world = &mut chat.world;
    let lines = vec![line(world, "Do you know what?"), line(world, "What is your return policy?")];

    chat.world.inputs(lines);
    chat.read();

    assert_eq!(sources(&ana), ["faq/return_policy"]);
    assert_eq!(said_by_machine(&ana.frames()), 0, "nothing was asked back");
}

#[test]
fn a_customer_who_waits_for_a_seat_is_read_with_what_was_said_before() {
    let mut chat = Chat::new();
    let ana = chat.world.customer("ana");
    let seat = chat.world.seat("lucia");

    chat.say(&ana, "Quiero hablar con una persona");
    chat.world.say(&ana, "es por el pedido TW-10482");
    let handed = chat.read();

    assert_eq!(handed, "Quiero hablar con una persona\nes por el pedido TW-10482");
    seat.last("offer");
}

#[test]
fn a_person_is_asked_for_between_lines_and_without_a_wait() {
    let mut chat = Chat::new();
    let seat = chat.world.seat("lucia");
    let ana = chat.world.customer("ana");

    chat.say(&ana, "mi paquete no ha llegado y");
    assert_eq!(kinds(&seat.frames()), [""; 0]);
    let conversation = chat.world.conversations()[0];
    chat.world.act(&ana, CustomerAct::Person(conversation));
    seat.last("offer");

    chat.world.pass(WAIT_MAX);
    assert_eq!(kinds(&seat.frames()), [""; 0], "it is not sent on a second time");
}

#[test]
fn who_goes_on_after_a_long_pause_asks_something_new() {
    let mut chat = Chat::new();
    let ana = chat.world.customer("ana");

    chat.say(&ana, "hello");
    chat.world.pass(SECOND);
    chat.world.say(&ana, "what is your return policy?");
    assert_eq!(chat.read(), "hello\nwhat is your return policy?");
    chat.world.pass(MINUTE);
    chat.world.say(&ana, "and how long does delivery take to Chile?");

    assert_eq!(chat.read(), "and how long does delivery take to Chile?");
}

#[test]
fn a_restart_before_the_last_line_was_read_hands_over_the_whole_question() {
    let number = "+34 612 345 678";
    let mut chat = Chat::new();
    let ana = chat.world.customer("ana");
    chat.say(&ana, "I bought shoes last week and");
    chat.world.pass(Duration::from_millis(400));
    chat.world.say(&ana, number);

    let mut chat = chat.restarted();
    let handed = chat.read();

    assert_eq!(handed, format!("I bought shoes last week and\n{number}"));
    let records = chat.world.journal.iter().map(|bytes| Record::decode(bytes).expect("a record"));
    let read = records.flat_map(|record| record.facts).filter_map(|fact| match fact {
        Fact::Understood { seq: 2, understanding } => understanding,
        _ => None,
    });
    let found: Vec<_> = read.flat_map(|read| read.pii).collect();
    let [span] = found[..] else { panic!("{found:?}") };
    assert_eq!(&number[span.start..span.end], number);
}

#[test]
fn no_article_answers_where_an_earlier_line_names_something_of_the_customers_own() {
    let answered = |first: &str| {
        let mut world = World::with(Settings { lines_wait_max: WAIT_MAX, ..settings() });
        let demo = Shop::embedded_demo();
        let shops = Arc::new([(demo.id.clone(), Arc::new(demo))].into_iter().collect());
        let model = Model::embedded().expect("the shipped model");
        world.shard.take_library(Arc::new(Library::new(model, &shops).expect("an index")));
        world.says.intent = Guess { label: Intent::ReturnPolicy, confidence: 0.99 };
        world.model_waits = true;
        let ana = world.customer("ana");
        for line in [first, "¿quién paga el envío de vuelta?"] {
            world.say(&ana, line);
            world.says.pii = pii::find(&world.unread[0].text);
            world.understand();
        }
        world.pass(WAIT_MAX);
        sources(&ana)
    };

    assert_eq!(answered("una pregunta y"), ["knowledge/return-cost@1"]);
    assert_eq!(answered("soy el del +34 612 345 678 y"), [""; 0]);
}

#[test]
fn a_complaint_that_waits_for_more_reaches_a_person_whatever_the_next_paragraph_asks() {
    let complaint = "el paquete llegó abierto y por un lado roto, faltan dos de las cuatro camisetas que pagué la \
        semana pasada, y quiero que me devuelvan el dinero de las dos que no han llegado";
    let question = "Y ya que escribo, también quería saber cuántos días tengo para devolver las otras dos si no \
        me quedan bien cuando me las pruebe en casa este fin de semana";

    // One waits for nothing more, the other for a moment.
    for end in ["?", ""] {
        let mut world = World::with(Settings { lines_wait_max: WAIT_MAX, ..settings() });
        let (seat, ana) = (world.seat("lucia"), world.customer("ana"));
        world.say(&ana, complaint);
        assert_eq!(kinds(&seat.frames()), [""; 0], "it waits for more");
        world.says.intent = Guess { label: Intent::ReturnPolicy, confidence: 0.99 };

        world.say(&ana, &format!("{question}{end}"));
        world.pass(WAIT_MAX);

        seat.last("offer");
        assert_eq!(sources(&ana), [""; 0]);
    }
}

#[test]
fn a_question_in_many_short_lines_is_told_to_the_owner_of_incidents_as_one() {
    let lines = ["the tracking page", "of my parcel", "does not open", "since noon", "at all"];
    let mut world = World::with(Settings { lines_wait_max: WAIT_MAX, ..settings() });
    let ana = world.customer("ana");
    for line in lines {
        world.say(&ana, line);
    }

    world.pass(WAIT_MAX);

    let asked = world.told.iter().filter_map(|report| match report {
        Report::Asks(asks) => Some(&*asks.text),
        _ => None,
    });
    assert_eq!(asked.collect::<Vec<_>>(), [lines.join("\n")]);
}

/// A question of several lines, as a test writes it down.
#[derive(serde::Deserialize)]
struct Written {
    intent: String,
    lines: Vec<String>,
}

/// Types the lines as people do, each key a fifth of a second after the one before and each line sent as
/// it is typed; gives whether the machine has answered what was asked, or those are asked who know.
fn ends_well(settings: Settings, written: &Written) -> bool {
    let mut chat = Chat::with(settings);
    let ana = chat.world.customer("ana");
    for (n, line) in written.lines.iter().enumerate() {
        // A syllable of Chinese, Japanese and Korean takes two keys or more.
        let keys: usize = line.chars().map(|c| if c as u32 > 0x3000 { 3 } else { 1 }).sum();
        for key in 0..keys {
            // As the page does: at the first key, then every two seconds.
            if n > 0 && key % 10 == 0 {
                chat.types(&ana);
            }
            chat.world.pass(Duration::from_millis(200));
        }
        chat.say(&ana, line);
    }
    for _ in 0..40 {
        chat.world.pass(Duration::from_millis(250));
    }
    let intent: Intent = written.intent.parse().expect("an intent");
    let id = chat.world.conversations()[0];
    let kept = Kept::decode(&chat.world.shard.keep(id).expect("it is there"));
    let Ok(Kept::Conversation(kept)) = kept else { panic!("no conversation") };
    let conversation = kept.conversation;
    let skills = Shop::embedded_demo().skills;
    let read = conversation.latest.expect("the model has read it").intent.label;
    let answers = |source: &str| source == format!("faq/{intent}") || source.starts_with("orders/");
    match conversation.stage {
        _ if !conversation.machine_sources.is_empty() => {
            conversation.machine_sources.iter().all(|source| answers(source))
        }
        Stage::Waiting(contact) => contact.skill == *skills.skill_for(intent),
        _ => skills.skill_for(read) == skills.skill_for(intent),
    }
}

#[test]
fn questions_in_lines_end_where_they_belong_more_often_than_lines_one_by_one() {
    let questions = include_str!("../lines/questions.jsonl").lines();
    let written: Vec<Written> =
        questions.map(|line| serde_json::from_str(line).expect("a question")).collect();
    let well = |lines_wait_max| {
        let with = || Settings { lines_wait_max, ..settings() };
        written.iter().filter(|it| ends_well(with(), it)).count()
    };

    let (one_by_one, together) = (well(Duration::ZERO), well(WAIT_MAX));

    let all = written.len();
    println!("of {all} questions end well: line by line {one_by_one}, together {together}");
    assert!(together * 10 >= all * 8 && together > one_by_one, "{together} and {one_by_one}");
}
