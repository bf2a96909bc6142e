use std::path::PathBuf;
use std::task::{Context, Waker};

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::sensing::SENSE_WAIT;
use super::shown::{FOLLOWERS_SHOWN_MAX, ROWS_MAX};
use super::task::ANSWERED_MAX;
use super::*;
use crate::config::shop::{Shop, ShopFiles};
use crate::deliver::Outbox;
use crate::domain::{CustomerKey, Meaning, Said, SeatId};
use crate::flow::translated::TextOf;
use crate::flow::{Interpreter, Owners};
use crate::incidents::{ClusterId, Trust};
use crate::metrics::names::{Counter, Unsensed};
use crate::runtime::Clock;
use crate::understand::encoder::sense_tests;
use crate::understand::train::Chance;

const ENGINE: &str =
    "\n[[translation.engines]]\nkind = \"libretranslate\"\nurl = \"http://127.0.0.1:9\"\n";

pub(super) fn shop() -> ShopId {
    ShopId::from("demo")
}

fn language(code: &str) -> Language {
    code.parse().expect("a language")
}

pub(super) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + seconds * 1_000)
}

fn customer(n: u64) -> CustomerRef {
    CustomerRef { shop: shop(), id: CustomerId::from(format!("v_{n}")) }
}

pub(super) fn conversation(n: u64) -> ConversationId {
    ConversationId::new(n, CustomerKey::of(&shop(), &customer(n).id), n)
}

/// The demo shop, which translates, with `change` made in its file.
fn shops(change: impl FnOnce(&mut String)) -> Shops {
    let mut files = ShopFiles::demo();
    let file = files.0.get_mut("shop.toml").expect("the file");
    file.push_str(ENGINE);
    change(file);
    let demo = Shop::from_files(&files).expect("a shop");
    Arc::new([(shop(), Arc::new(demo))].into_iter().collect())
}

/// One in which nothing joins an incident without a click.
fn shops_that_click() -> Shops {
    shops(|file| file.push_str("\n[incidents]\nautomatic = false\n"))
}

/// A question about a strike, whatever its text says.
pub(super) fn question(n: u64, text: &str) -> Question {
    let about = "how long is the strike?";
    Question {
        conversation: conversation(n),
        customer: customer(n).id,
        asked_at: at(n),
        told: Told::First,
        waits: true,
        language: language("es"),
        text: text.into(),
        print: Arc::new(Print::of_text(about, Language::ENGLISH, &Meaning::default(), None)),
    }
}

/// Trust that has seen so many joins, all of them right.
fn trust(decisions: u32) -> Trust {
    let mut trust = Trust::default();
    (0..decisions).for_each(|_| trust.decided(true));
    trust
}

/// An incident of the demo shop, which translates.
pub(super) struct Incident {
    pub board: Board,
    pub lucia: SeatLine,
    pub id: ClusterId,
}

impl Incident {
    /// That so many ask about, who all read Spanish and are confirmed.
    pub fn of(askers: u64) -> Self {
        let model = Model::embedded().expect("the shipped model");
        let mut board = Board::new(model, &shops(|_| ()));
        let live = &mut board.shops.get_mut(&shop()).expect("the shop").live;
        let asks = |n| live.ask(at(n), &question(n, "how long is the strike?"));
        let id = (0..askers).filter_map(asks).last().expect("an asker").cluster;
        let seat = SeatRef { shop: shop(), id: SeatId::from("lucia") };
        let link = Link { outbox: Arc::new(Outbox::new(1 << 20)), session: Uuid::from_u128(1) };
        let mut incident = Self { board, lucia: SeatLine { seat, link }, id };
        incident.confirm((0..askers).map(conversation).collect(), Vec::new());
        incident
    }

    pub fn live(&mut self) -> &mut Live {
        &mut self.board.shops.get_mut(&shop()).expect("the shop").live
    }

    /// What the seat is shown of incidents then.
    pub fn shown(&mut self, now: Timestamp) -> Value {
        self.board.act(&self.lucia, None, IncidentAct::Watch(true));
        self.last_shown(now)
    }

    /// The last of what the seat, which looks on, has been shown by then.
    pub fn last_shown(&mut self, now: Timestamp) -> Value {
        self.board.on_timer(now);
        let mut frames = Vec::new();
        let mut context = Context::from_waker(Waker::noop());
        let _ = self.lucia.link.outbox.poll_ready(&mut context, &mut frames);
        serde_json::from_str(frames.last().expect("a showing")).expect("JSON")
    }

    pub fn confirm(&mut self, conversations: Vec<ConversationId>, wrong: Vec<ConversationId>) {
        let act = IncidentAct::Confirm { incident: self.id, conversations, wrong };
        assert!(self.board.act(&self.lucia, None, act).is_empty());
    }

    /// A seat answers in English; gives what the engines are asked.
    pub fn answer(&mut self) -> ToTranslate {
        let texts = [(Language::ENGLISH, "It lasts until Friday.".to_owned())].into();
        let act = IncidentAct::Answer { incident: self.id, texts, fallback: Language::ENGLISH };
        assert!(self.board.act(&self.lucia, None, act).is_empty(), "all wait for Spanish");
        let mut asked = self.board.take_to_translate(at(60));
        assert_eq!(asked.len(), 1);
        asked.remove(0)
    }

    /// Whom the answer reaches once the engine has said it.
    pub fn reached(&mut self, asked: &ToTranslate) -> Vec<ConversationId> {
        let TextOf::Answer { ask } = asked.of else { panic!("no answer") };
        let said = Said::Anew { text: "Hasta el viernes.".into(), by: "libretranslate".into() };
        let translated = Translated { pair: asked.pair, said };
        let answers = self.board.translated(&shop(), ask, &translated);
        answers.into_iter().map(|answer| answer.conversation).collect()
    }
}

#[test]
fn who_leaves_or_is_called_wrong_while_the_answer_is_translated_does_not_get_it() {
    let mut incident = Incident::of(5);
    let asked = incident.answer();

    assert!(incident.board.report(at(61), Report::Left(shop(), conversation(1))).is_empty());
    incident.confirm(Vec::new(), vec![conversation(3)]);

    assert_eq!(incident.reached(&asked), [0, 2, 4].map(conversation));
}

#[test]
fn what_waits_for_its_translation_goes_out_as_it_was_written_when_the_router_stops() {
    let mut incident = Incident::of(3);
    incident.answer();

    let given = incident.board.give_what_waits();

    assert_eq!(given.iter().map(|it| &*it.text).collect::<Vec<_>>(), ["It lasts until Friday."; 3]);
    assert!(incident.board.give_what_waits().is_empty());
}

#[test]
fn a_seat_is_shown_what_each_follower_asked_and_in_which_language_the_answer_for_the_others_is() {
    let mut incident = Incident::of(3);
    incident.live().ask(at(3), &question(3, "¿sigue la huelga?")).expect("joins");

    let frame = incident.shown(at(100));

    let shown = frame["incidents"][0]["shown"].as_array().expect("followers");
    let asked: Vec<_> = shown.iter().map(|it| (&it["text"], &it["confirmed"])).collect();
    let (first, waits) = (json!("how long is the strike?"), json!("¿sigue la huelga?"));
    let (yes, no) = (json!(true), json!(false));
    assert_eq!(asked, [(&waits, &no), (&first, &yes), (&first, &yes), (&first, &yes)]);
    assert_eq!(frame["fallback"], "en");

    let in_spanish = |file: &mut String| {
        *file = file.replacen("default_language = \"en\"", "default_language = \"es\"", 1);
    };
    incident.board.take_shops(&shops(in_spanish));
    assert_eq!(incident.last_shown(at(101))["fallback"], "es", "it is told by the reload");
}

#[test]
fn a_frame_with_as_much_as_may_be_in_it_is_below_a_mebibyte() {
    let mut incident = Incident::of(3);
    for n in 3..3 + 2 * FOLLOWERS_SHOWN_MAX as u64 {
        let longest = format!("{n}{}", "𝄞".repeat(240));
        incident.live().ask(at(n), &question(n, &longest)).expect("joins");
    }

    let row = &incident.shown(at(200))["incidents"][0];

    assert_eq!(row["followers"], 3 + 2 * FOLLOWERS_SHOWN_MAX);
    let shown = row["shown"].as_array().expect("followers");
    assert_eq!(shown.len(), FOLLOWERS_SHOWN_MAX);
    let texts = shown.iter().map(|it| it["text"].as_str().expect("a text"));
    assert!(texts.clone().all(|text| text.chars().count() == 160 && text.ends_with('…')));
    let bytes = row.to_string().len() * ROWS_MAX;
    assert!(bytes < 1 << 20, "{bytes} bytes");
}

#[test]
fn a_shop_that_wants_every_join_clicked_is_heard_at_a_reload_and_at_the_next_start() {
    let mut incident = Incident::of(3);
    *incident.live() = Live::new(incident.live().settings(), trust(400));
    let frame = incident.shown(at(100));
    assert_eq!((&frame["automatic"], &frame["decisions"]), (&json!(true), &json!(400)));

    incident.board.take_shops(&shops_that_click());

    let frame = incident.last_shown(at(101));
    assert_eq!((&frame["automatic"], &frame["decisions"]), (&json!(false), &json!(400)));
    let data = tempfile::tempdir().expect("a folder");
    let model = Model::embedded().expect("the shipped model");
    let started = Board::new(model, &shops_that_click()).kept_in(data.path());
    assert!(!started.shops[&shop()].live.settings().may_be_automatic);
}

#[test]
fn that_who_joined_without_a_click_came_back_is_kept_at_once_as_is_what_a_seat_says() {
    let mut incident = Incident::of(3);
    *incident.live() = Live::new(incident.live().settings(), trust(1_000));
    for n in 0..12 {
        incident.live().ask(at(n), &question(n, "how long is the strike?")).expect("joins");
    }
    let cluster = incident.live().all()[0].clone();
    let automatic = cluster.reached().next().expect("one of the late ones").conversation;
    let clicked = cluster.unconfirmed().last().expect("one of the first").conversation;
    incident.id = cluster.id;
    incident.confirm(vec![clicked], Vec::new());
    let board = &mut incident.board;
    let due = |board: &mut Board, now| board.take_to_keep(now, false).len();
    assert_eq!(due(board, at(100)), 1, "a seat has decided");

    board.report(at(101), Report::Returned(shop(), clicked));
    assert_eq!(due(board, at(101)), 0, "within the minute");
    board.report(at(102), Report::Returned(shop(), automatic));
    assert_eq!(due(board, at(102)), 1);

    let frame = incident.shown(at(103));
    assert_eq!(frame["decisions"], 1_000 + 2, "the click, and the one that came back");
}

#[test]
fn whom_a_seat_calls_wrong_is_told_to_his_owner_once() {
    let mut incident = Incident::of(3);

    incident.confirm(Vec::new(), vec![conversation(1)]);

    assert_eq!(incident.board.take_wrong(), [(shop(), conversation(1))]);
    assert!(incident.board.take_wrong().is_empty());
}

#[test]
fn whoever_does_not_follow_an_incident_is_not_called_wrong_in_it() {
    let mut incident = Incident::of(3);

    incident.confirm(vec![], vec![conversation(99)]);

    assert!(incident.board.take_wrong().is_empty());
}

#[test]
fn a_seat_takes_nobody_out_of_another_incident_by_calling_him_wrong_in_its_own() {
    let mut incident = Incident::of(3);
    let asked = incident.answer();
    let other = IncidentAct::Confirm {
        incident: ClusterId(77),
        conversations: Vec::new(),
        wrong: vec![conversation(1)],
    };

    incident.board.act(&incident.lucia.clone(), None, other);

    assert_eq!(incident.reached(&asked).len(), 3);
}

#[test]
fn an_incident_of_which_nobody_is_left_awaits_nothing() {
    let mut incident = Incident::of(3);
    let asked = incident.answer();
    assert!(incident.board.shops[&shop()].spoken.next_deadline().is_some());

    for n in 0..3 {
        incident.board.report(at(61), Report::Left(shop(), conversation(n)));
        incident.board.forget(&customer(n));
    }
    let given = incident.board.on_timer(at(61));

    assert!(incident.board.shops[&shop()].live.all().is_empty());
    assert!(given.is_empty(), "{given:?}");
    assert_eq!(incident.board.shops[&shop()].spoken.next_deadline(), None);
    assert!(incident.reached(&asked).is_empty());
}

#[test]
fn what_was_kept_is_kept_anew_after_an_erasure_and_after_a_write_that_failed() {
    let mut incident = Incident::of(5);
    let board = &mut incident.board;
    let due = |board: &mut Board, now| board.take_to_keep(now, false).len();
    assert_eq!(due(board, at(100)), 1, "a seat has decided");
    assert_eq!(due(board, at(200)), 0);

    board.forget(&customer(2));
    assert_eq!(due(board, at(201)), 1, "at once");
    board.kept(&[(shop(), OnDisk::New)]);
    board.forget(&customer(2));
    assert_eq!(due(board, at(202)), 0, "nothing of his was left");

    board.kept(&[(shop(), OnDisk::Old), (ShopId::from("gone"), OnDisk::Old)]);
    assert_eq!(due(board, at(203)), 0);
    assert_eq!(due(board, at(300)), 1, "a minute later");
}

/// The incidents of a shop whose questions an encoder reads.
fn sensing() -> Board {
    Incident::of(3).board.sensing(Arc::new(sense_tests::sense()))
}

fn asks(n: u64) -> Asks {
    Asks {
        waits: true,
        shop: shop(),
        conversation: conversation(n),
        customer: customer(n).id,
        asked_at: at(n),
        language: Language::ENGLISH,
        text: "card payments fail at checkout for all of us, known problem?".into(),
        needs_person: false,
    }
}

fn follows(board: &Board, n: u64) -> bool {
    board.shops[&shop()].live.of(conversation(n)).is_some()
}

#[test]
fn a_question_waits_until_the_encoder_is_heard_and_is_compared_then() {
    let mut board = sensing();
    assert!(board.report(at(10), Report::Asks(asks(10))).is_empty());
    assert!(!follows(&board, 10), "it waits");

    let asked = board.take_to_sense();
    assert_eq!(asked.iter().map(|it| &*it.text).collect::<Vec<_>>(), [&*asks(10).text]);
    board.sensed(at(10), asked[0].ask, Err(Unsensed::OverBudget));

    assert!(follows(&board, 10));
    assert_eq!(board.take_counts(), [Counter::Sensed(Some(Unsensed::OverBudget))]);
    board.report(at(11), Report::Left(shop(), conversation(10)));
    board.sensed(at(12), asked[0].ask, Err(Unsensed::Failed));
    assert!(!follows(&board, 10), "it went on once");
    assert!(board.take_counts().is_empty());
}

/// Lets `n` ask what names nothing, with a vector about this incident.
fn asks_with_vector(board: &mut Board, n: u64, incident: usize, own: bool) {
    let text = ["any idea?", "how come?", "is it?", "so what now?", "and here?"][n as usize % 5];
    board.report(at(n), Report::Asks(Asks { text: text.into(), ..asks(n) }));
    let vector = sense_tests::vector(&mut Chance::new(n), incident, own, 1);
    let to_sense = board.take_to_sense();
    assert_eq!(to_sense.len(), 1, "{n}");
    board.sensed(at(n), to_sense[0].ask, Ok(vector));
}

#[test]
fn questions_that_name_nothing_are_one_incident_when_the_encoder_says_so_and_those_of_their_own_are_none()
 {
    let mut board = sensing();

    (10..13).for_each(|n| asks_with_vector(&mut board, n, 1, false));
    asks_with_vector(&mut board, 13, 3, false);
    asks_with_vector(&mut board, 14, 1, true);

    let cluster = |n| board.shops[&shop()].live.of(conversation(n)).map(|it| it.id);
    assert!(cluster(10).is_some());
    assert!((11..13).all(|n| cluster(n) == cluster(10)));
    assert!(cluster(13).is_some() && cluster(13) != cluster(10));
    assert_ne!(
        cluster(14),
        cluster(10),
        "what may be its writer's own begins no incident and joins none"
    );
    assert_eq!(board.take_counts(), vec![Counter::Sensed(None); 5]);
}

#[test]
fn a_question_that_the_encoder_is_late_with_is_compared_without_it() {
    let mut board = sensing();
    board.report(at(10), Report::AsksStill(asks(10)));
    let due = at(10) + SENSE_WAIT;
    assert_eq!(board.next_deadline(), Some(due));

    board.on_timer(at(10) + (SENSE_WAIT - Duration::from_millis(1)));
    assert!(!follows(&board, 10));
    board.on_timer(due);

    assert!(follows(&board, 10));
    assert_ne!(board.next_deadline(), Some(due));
}

#[test]
fn who_leaves_or_is_erased_while_the_encoder_reads_is_part_of_nothing() {
    let mut board = sensing();
    for n in 10..13 {
        board.report(at(10), Report::Asks(asks(n)));
    }

    board.report(at(11), Report::Left(shop(), conversation(10)));
    board.report(at(11), Report::Returned(shop(), conversation(11)));
    board.forget(&customer(12));
    board.on_timer(at(20));

    assert!(board.take_to_sense().is_empty());
    assert!((10..13).all(|n| !follows(&board, n)));
}

#[test]
fn beyond_what_may_wait_what_a_machine_has_answered_is_not_taken_in_and_who_waits_is() {
    let incidents = Incidents::new();
    let answered = |n| Asks { waits: false, ..asks(n) };
    for n in 0..ANSWERED_MAX as u64 {
        assert!(incidents.report(Report::Asks(answered(n))));
    }

    assert!(!incidents.report(Report::Asks(answered(2_000))));
    assert!(!incidents.report(Report::AsksStill(answered(2_000))));
    assert!(incidents.report(Report::Asks(asks(2_000))));
    assert!(incidents.report(Report::Left(shop(), conversation(0))));
}

#[test]
fn what_a_machine_has_answered_is_read_by_the_encoder_only_where_there_is_something_to_tell() {
    let (mut board, answered) = (sensing(), Asks { waits: false, ..asks(10) });
    let strike = board.shops[&shop()].live.shown().next().expect("shown").id;

    board.report(at(10), Report::Asks(answered.clone()));
    assert_eq!(board.take_to_sense().len(), 1);
    board.report(at(10), Report::Left(shop(), conversation(10)));
    board.shops.get_mut(&shop()).expect("the shop").live.close(strike).expect("shown");
    board.report(at(20), Report::Asks(answered));

    assert!(board.take_to_sense().is_empty());
    assert!(follows(&board, 10), "it counts all the same");
}

#[test]
fn what_is_asked_in_a_shop_that_is_gone_waits_for_nothing() {
    let mut board = sensing();
    board.report(at(10), Report::Asks(asks(10)));

    board.take_shops(&Shops::default());

    assert!(board.take_to_sense().is_empty());
    assert_eq!(board.next_deadline(), None);
}

#[test]
fn what_needs_a_person_and_what_the_gate_refuses_at_sight_is_not_read_by_the_encoder() {
    let mut board = sensing();

    board.report(at(10), Report::Asks(Asks { needs_person: true, ..asks(10) }));
    let order = "site down, parcel 00340434161094?".into();
    board.report(at(10), Report::Asks(Asks { text: order, ..asks(11) }));

    assert!(board.take_to_sense().is_empty());
    assert!(board.take_counts().is_empty());
}

/// An incident of five askers that is driven from second 100 on, while its file can be neither written nor
/// removed.
struct Unwritable {
    data: tempfile::TempDir,
    incidents: Incidents,
    drain: CancellationToken,
    running: JoinHandle<()>,
}

impl Unwritable {
    fn start() -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let (incidents, drain, running) = driven(data.path());
        let unwritable = Self { data, incidents, drain, running };
        unwritable.obstruct();
        unwritable
    }

    fn file(&self) -> PathBuf {
        self.data.path().join("incidents").join("demo.json")
    }

    fn obstruct(&self) {
        std::fs::create_dir_all(self.file()).expect("what is in the way");
    }

    fn clear(&self) {
        std::fs::remove_dir(self.file()).expect("it is out of the way");
    }
}

/// An incident of five askers that is driven from second 100 on, and kept in the folder `data`.
fn driven(data: &Path) -> (Incidents, CancellationToken, JoinHandle<()>) {
    let mut board = Incident::of(5).board;
    board.store = Some(Store::of(data));
    let (incidents, drain) = (Incidents::new(), CancellationToken::new());
    let (owners, clock) = (Owners::new(1, 8), Clock::start_at(at(100), at(100)));
    let run = incidents.clone().run(board, None, owners, Interpreter::new(), clock, drain.clone());
    (incidents, drain, tokio::spawn(run))
}

/// Less than the time after which the file is tried again by itself, also twice.
const SOON: Duration = Duration::from_secs(20);

#[tokio::test(start_paused = true)]
async fn an_erasure_is_confirmed_once_the_kept_file_is_written_also_where_it_is_asked_for_again() {
    let incident = Unwritable::start();

    let mut first = incident.incidents.forget(customer(2));
    assert!(timeout(SOON, &mut first).await.is_err(), "the file knows what he asked");
    let mut again = incident.incidents.forget(customer(2));
    assert!(timeout(SOON, &mut again).await.is_err(), "it knows it still");
    incident.clear();

    for erasure in [first, again] {
        assert_eq!(timeout(KEEP_INTERVAL, erasure).await, Ok(Ok(())), "it is tried by itself");
    }
    assert!(incident.file().is_file());
}

#[tokio::test(start_paused = true)]
async fn who_asks_again_has_the_kept_file_written_at_once_and_a_stop_confirms_nothing_without_it() {
    let incident = Unwritable::start();
    let mut first = incident.incidents.forget(customer(2));
    assert!(timeout(SOON, &mut first).await.is_err(), "the file knows what he asked");
    incident.clear();

    assert_eq!(timeout(SOON, incident.incidents.forget(customer(2))).await, Ok(Ok(())));
    assert_eq!(first.await, Ok(()));

    std::fs::remove_file(incident.file()).expect("it is written");
    incident.obstruct();
    let mut unwritten = incident.incidents.forget(customer(3));
    assert!(timeout(SOON, &mut unwritten).await.is_err(), "the file knows what he asked");
    incident.drain.cancel();
    incident.running.await.expect("it ends");
    assert!(unwritten.await.is_err(), "nobody is told that he is forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_kept_file_that_cannot_be_written_anew_is_removed_before_an_erasure_is_confirmed() {
    let data = tempfile::tempdir().expect("a folder");
    let (store, folder) = (Store::of(data.path()), data.path().join("incidents"));
    let before = Incident::of(5).board.shops[&shop()].live.keep(at(50));
    assert_eq!(store.keep(&shop(), &before, false), OnDisk::New);
    // As a full disk it lets files be removed.
    std::fs::create_dir(folder.join("demo.new")).expect("what is in the way");
    let (incidents, drain, running) = driven(data.path());

    assert_eq!(timeout(SOON, incidents.forget(customer(2))).await, Ok(Ok(())));

    assert_ne!(before, Kept::default());
    assert_eq!(store.read(&shop()), Kept::default(), "no other process reads what he asked");
    std::fs::remove_dir(folder.join("demo.new")).expect("it is out of the way");
    drain.cancel();
    running.await.expect("it ends");
    assert_ne!(store.read(&shop()), Kept::default(), "it is kept again as soon as it can be");
}
