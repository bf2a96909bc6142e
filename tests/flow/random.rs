//! Random days of a small shop: two seats, four customers with up to two pages each. After every
//! step each viewer must have seen every number once and in order, and shard, scheduler and journal
//! must tell the same story. A failure names its seed; the same seed gives the same day.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::seq::{IndexedMutRandom, IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tradewind::config::shop::{Shop, ShopFiles};
use tradewind::domain::{
    ConversationId, CustomerId, EventKind, Guess, Intent, MessageId, OfferId, Said, SeatId,
    SeatState, Sentiment, Tier, TransferTarget, Translated, Untranslated,
};
use tradewind::flow::{
    CustomerAct, Fact, Input, Record, SeatAct, SeatRef, TextOf, TranslationCame, Viewer,
};
use tradewind::protocol::{CloseCode, Resume};
use tradewind::schedule::Command;
use tradewind::understand::tiers::Second;

use crate::world::{Socket, World, conversation_of, customer, shop, text};

const DAYS: u64 = 150;
const STEPS: usize = 60;
/// Both speak English, one of them Spanish.
const SEATS: [&str; 2] = ["lucia", "mai"];
const CUSTOMERS: [&str; 4] = ["ana", "eva", "bob", "min"];
const TEXTS: [&str; 5] = [
    "quiero mi dinero de vuelta",
    "quiero mi dinero de vuelta!",
    "¿hasta cuándo puedo devolver algo?",
    "gracias",
    "el paquete llegó roto y falta una pieza",
];
const INTENTS: [Intent; 3] = [Intent::RequestRefund, Intent::ReturnPolicy, Intent::ThanksBye];

/// What one message was, to send it again.
#[derive(Clone)]
struct Sent {
    id: MessageId,
    conversation: Option<ConversationId>,
    text: &'static str,
}

/// A client of the protocol, as careful as section 12 of its description asks for.
struct Client {
    viewer: Viewer,
    socket: Option<Socket>,
    last: BTreeMap<ConversationId, u64>,
    shown: BTreeMap<(ConversationId, MessageId), u64>,
    sent: Vec<Sent>,
    acknowledged: BTreeSet<MessageId>,
    offers: Vec<OfferId>,
}

impl Client {
    fn new(viewer: Viewer) -> Self {
        Self {
            viewer,
            socket: None,
            last: BTreeMap::new(),
            shown: BTreeMap::new(),
            sent: Vec::new(),
            acknowledged: BTreeSet::new(),
            offers: Vec::new(),
        }
    }

    fn take(&mut self, frame: &Value, story: &Story) {
        match text(frame, "type") {
            "ack" => self.acknowledged(frame, story),
            // Its last words may come to a seat that was not there when the conversation ended.
            "event" if self.is_over(conversation_of(frame), story) => {}
            "event" => self.event(frame),
            "accepted" => {
                let conversation = conversation_of(frame);
                self.forget(conversation);
                self.last.insert(conversation, 0);
                frame["history"].as_array().expect("a list").iter().for_each(|e| self.event(e));
            }
            "taken_back" => self.forget(conversation_of(frame)),
            "offer" => self.offers.push(text(frame, "offer").parse().expect("an id")),
            "typing" | "received" | "error" | "withdrawn" | "note" | "translated" => {}
            other => panic!("unexpected frame `{other}`"),
        }
    }

    fn is_over(&self, conversation: ConversationId, story: &Story) -> bool {
        let is_open = story.open.values().any(|open| *open == conversation);
        matches!(self.viewer, Viewer::Seat(_)) && !is_open && !self.last.contains_key(&conversation)
    }

    fn event(&mut self, frame: &Value) {
        let conversation = conversation_of(frame);
        let seq = frame["seq"].as_u64().expect("a number");
        let last = self.last.entry(conversation).or_default();
        assert_eq!(seq, *last + 1, "{:?} sees the next number: {frame}", self.viewer);
        *last = seq;
        if frame["kind"] == "message" {
            let id = text(frame, "id").parse().expect("an id");
            let before = self.shown.insert((conversation, id), seq);
            assert_eq!(before, None, "{:?} sees a message once: {frame}", self.viewer);
        }
    }

    fn acknowledged(&mut self, frame: &Value, story: &Story) {
        let conversation = conversation_of(frame);
        let seq = frame["seq"].as_u64().expect("a number");
        let id = text(frame, "id").parse().expect("an id");
        let written = story.messages.get(&(conversation, id));
        assert_eq!(written, Some(&seq), "what is acknowledged is in the journal");
        self.acknowledged.insert(id);
        if matches!(self.viewer, Viewer::Seat(_)) && !self.last.contains_key(&conversation) {
            // It lost the conversation while its message was on the way.
            return;
        }
        match self.shown.insert((conversation, id), seq) {
            Some(before) => assert_eq!(before, seq, "the same id gets the same number"),
            None => {
                let last = self.last.entry(conversation).or_default();
                assert_eq!(seq, *last + 1, "{:?} skips no number: {frame}", self.viewer);
                *last = seq;
            }
        }
    }

    fn forget(&mut self, conversation: ConversationId) {
        self.last.remove(&conversation);
        self.shown.retain(|(of, _), _| *of != conversation);
    }
}

/// What the journal says, read on its own.
#[derive(Default)]
struct Story {
    read: usize,
    customers: BTreeMap<ConversationId, CustomerId>,
    open: BTreeMap<CustomerId, ConversationId>,
    seqs: BTreeMap<ConversationId, u64>,
    fences: BTreeMap<ConversationId, u64>,
    messages: BTreeMap<(ConversationId, MessageId), u64>,
}

impl Story {
    fn read(&mut self, world: &World) {
        for payload in &world.journal[self.read..] {
            let record = Record::decode(payload).expect("a record");
            for fact in &record.facts {
                self.take(record.conversation, fact);
            }
        }
        self.read = world.journal.len();
    }

    fn take(&mut self, id: ConversationId, fact: &Fact) {
        match fact {
            Fact::Opened(opened) => {
                let before = self.open.insert(opened.customer.clone(), id);
                assert_eq!(before, None, "a customer has one open conversation");
                self.customers.insert(id, opened.customer.clone());
            }
            Fact::Event(event) => {
                let seq = self.seqs.entry(id).or_default();
                *seq += 1;
                assert_eq!(event.seq, *seq, "numbers in the journal rise by one");
                match &event.kind {
                    EventKind::Message { id: message, .. } => {
                        let before = self.messages.insert((id, *message), event.seq);
                        assert_eq!(before, None, "a message is written once");
                    }
                    EventKind::Closed { .. } => {
                        self.open.remove(&self.customers[&id]);
                    }
                    _ => {}
                }
            }
            Fact::Owned { fence, .. } => {
                let before = self.fences.insert(id, *fence);
                assert!(before < Some(*fence), "fences grow: {fence} after {before:?}");
            }
            _ => {}
        }
    }

    fn of(&self, customer: &CustomerId) -> Vec<ConversationId> {
        let theirs = self.customers.iter().filter(|(_, who)| *who == customer);
        theirs.map(|(id, _)| *id).collect()
    }
}

struct Day {
    random: SmallRng,
    world: World,
    story: Story,
    pages: Vec<Client>,
    seats: Vec<Client>,
}

/// The demo shop with an engine.
fn translating() -> Shop {
    let mut files = ShopFiles::demo();
    let text = files.0.get_mut("shop.toml").expect("the demo shop");
    text.push_str(
        "\n[[translation.engines]]\nkind = \"libretranslate\"\nurl = \"http://127.0.0.1:9\"\n",
    );
    Shop::from_files(&files).expect("a shop")
}

fn seat_ref(name: &str) -> SeatRef {
    SeatRef { shop: shop(), id: SeatId::from(name) }
}

impl Day {
    fn new(seed: u64) -> Self {
        let pages = CUSTOMERS.iter().flat_map(|name| [*name; 2]);
        Self {
            random: SmallRng::seed_from_u64(seed),
            world: World::with_shops(vec![translating()]),
            story: Story::default(),
            pages: pages.map(|name| Client::new(customer(name))).collect(),
            seats: SEATS.map(|name| Client::new(Viewer::Seat(seat_ref(name)))).into(),
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    fn step(&mut self) {
        // Nobody here speaks French.
        let language = if self.chance(30) { "fr" } else { "es" };
        self.world.says.language.label = language.parse().expect("a language");
        match self.random.random_range(0..100) {
            0..25 => self.burst(),
            25..33 => self.page_acts(),
            33..48 => self.seat_answers_an_offer(),
            48..54 => self.seat_acts(),
            54..58 => self.seat_changes_state(),
            58..78 => self.comes_or_goes(),
            78..82 => {
                self.world.model_waits = !self.world.model_waits;
                self.world.understand();
            }
            82..86 => {
                self.world.scheduler_waits = !self.world.scheduler_waits;
                self.world.let_commands_arrive();
            }
            86..88 => self.world.model_is_unsure = !self.world.model_is_unsure,
            88..91 => self.encoder_answers(),
            91..97 => self.time_passes(),
            _ => self.restart(),
        }
        if self.chance(40) {
            self.translations_come();
        }
        self.look();
    }

    /// Several messages that the shard takes in one turn.
    fn burst(&mut self) {
        self.world.says.intent.label = *INTENTS.choose(&mut self.random).expect("not empty");
        let language = ["es", "en"].choose(&mut self.random).expect("not empty");
        self.world.says.language.label = language.parse().expect("a language");
        let mut inputs = Vec::new();
        for _ in 0..self.random.random_range(1..4) {
            inputs.extend(if self.chance(70) { self.page_sends() } else { self.seat_sends() });
        }
        self.world.inputs(inputs);
    }

    fn page_sends(&mut self) -> Option<Input> {
        let at = self.random.random_range(0..self.pages.len());
        let again = self.chance(25);
        let page = &mut self.pages[at];
        let socket = page.socket.as_ref()?;
        let sent = match page.sent.last() {
            Some(sent) if again => sent.clone(),
            _ => {
                let id = self.world.message_id();
                let text = TEXTS.choose(&mut self.random).expect("not empty");
                page.sent.push(Sent { id, conversation: None, text });
                page.sent.last().expect("just put in").clone()
            }
        };
        Some(socket.customer_input(CustomerAct::Send {
            id: sent.id,
            conversation: sent.conversation,
            text: sent.text.into(),
        }))
    }

    fn seat_sends(&mut self) -> Option<Input> {
        let seat = self.seats.choose_mut(&mut self.random).expect("not empty");
        let socket = seat.socket.as_ref()?;
        let held: Vec<_> = seat.last.keys().copied().collect();
        let conversation = *held.choose(&mut self.random)?;
        let id = self.world.message_id();
        let text = "un momento, lo miro";
        seat.sent.push(Sent { id, conversation: Some(conversation), text });
        Some(socket.seat_input(conversation, SeatAct::Send { id, text: text.into() }))
    }

    fn page_acts(&mut self) {
        let page = self.pages.choose(&mut self.random).expect("not empty");
        let Some(socket) = page.socket.clone() else { return };
        let held: Vec<_> = page.last.keys().copied().collect();
        let Some(conversation) = held.choose(&mut self.random).copied() else { return };
        let act = match self.random.random_range(0..5) {
            0 => CustomerAct::Close(conversation),
            1 => CustomerAct::Person(conversation),
            2 => CustomerAct::Rate(conversation, self.random.random_range(1..=5)),
            3 => CustomerAct::Typing(conversation),
            _ => CustomerAct::Received(conversation, 1),
        };
        self.world.act(&socket, act);
    }

    fn seat_answers_an_offer(&mut self) {
        let at = self.random.random_range(0..self.seats.len());
        let accepts = self.chance(80);
        if self.seats[at].socket.is_none() {
            return;
        }
        let Some(offer) = self.seats[at].offers.pop() else { return };
        let (shop, seat) = (shop(), SeatId::from(SEATS[at]));
        self.world.schedule(if accepts {
            Command::Accept { shop, seat, offer }
        } else {
            Command::Decline { shop, seat, offer }
        });
    }

    fn seat_acts(&mut self) {
        let at = self.random.random_range(0..self.seats.len());
        let Some(socket) = self.seats[at].socket.clone() else { return };
        let held: Vec<_> = self.seats[at].last.keys().copied().collect();
        let Some(conversation) = held.choose(&mut self.random).copied() else { return };
        let act = match self.random.random_range(0..4) {
            0 => SeatAct::Close,
            1 => SeatAct::Transfer(TransferTarget::Seat(SeatId::from(SEATS[1 - at]))),
            2 => SeatAct::Transfer(TransferTarget::Skill("orders".into())),
            _ => SeatAct::Note("cliente antiguo".into()),
        };
        self.world.seat_acts(&socket, conversation, act);
    }

    fn seat_changes_state(&mut self) {
        let at = self.random.random_range(0..self.seats.len());
        let states = [SeatState::Ready, SeatState::Ready, SeatState::Away, SeatState::WrapUp];
        let state = *states.choose(&mut self.random).expect("not empty");
        let seat = SeatId::from(SEATS[at]);
        self.world.schedule(Command::SetState { shop: shop(), seat, state });
    }

    fn comes_or_goes(&mut self) {
        let of = self.pages.len() + self.seats.len();
        let at = self.random.random_range(0..of);
        if self.client(at).socket.is_some() {
            if self.chance(50) {
                self.goes(at);
            }
        } else {
            self.comes(at);
        }
    }

    /// Pages first, then seats.
    fn client(&mut self, at: usize) -> &mut Client {
        let pages = self.pages.len();
        if at < pages { &mut self.pages[at] } else { &mut self.seats[at - pages] }
    }

    fn goes(&mut self, at: usize) {
        let client = self.client(at);
        client.offers.clear();
        let Some(socket) = client.socket.take() else { return };
        socket.link.outbox.close(CloseCode::Silent);
        let (viewer, session) = (socket.viewer, socket.link.session);
        self.world.input(Input::Detach { viewer: viewer.clone(), session });
        if let Viewer::Seat(seat) = viewer {
            self.world.schedule(Command::SignOut { shop: seat.shop, seat: seat.id });
        }
    }

    /// Connects, resumes what the client holds and sends again what has no acknowledgement.
    fn comes(&mut self, at: usize) {
        let viewer = self.client(at).viewer.clone();
        let theirs = match &viewer {
            Viewer::Customer(customer) => self.story.of(&customer.id),
            Viewer::Seat(seat) => {
                let mut owned = self.world.conversations();
                owned.retain(|id| self.world.shard.is_owned_by(*id, seat));
                owned
            }
        };
        let client = self.client(at);
        let mut last_seq = client.last.clone();
        for id in &theirs {
            last_seq.entry(*id).or_default();
        }
        let named = last_seq.clone();
        let socket = self.world.attach(viewer.clone(), Resume { session: None, last_seq });
        let attached = socket.attached();
        let held: BTreeSet<_> = attached.held.iter().map(|held| held.conversation).collect();
        let kept = named.keys().filter(|id| held.contains(id)).count();
        assert_eq!(attached.recovered, kept, "what is kept continues without a gap");
        let client = self.client(at);
        for id in named.keys().filter(|id| !held.contains(id)) {
            client.forget(*id);
        }
        client.socket = Some(socket.clone());
        for frame in &attached.missed {
            let frame = serde_json::from_str(frame).expect("JSON");
            client.event(&frame);
        }
        let unacknowledged: Vec<_> =
            client.sent.iter().filter(|s| !client.acknowledged.contains(&s.id)).cloned().collect();
        let inputs = unacknowledged.into_iter().filter_map(|Sent { id, conversation, text }| {
            let text = text.into();
            match (&viewer, conversation) {
                (Viewer::Customer(_), conversation) => {
                    Some(socket.customer_input(CustomerAct::Send { id, conversation, text }))
                }
                (Viewer::Seat(_), Some(conversation)) => held
                    .contains(&conversation)
                    .then(|| socket.seat_input(conversation, SeatAct::Send { id, text })),
                (Viewer::Seat(_), None) => None,
            }
        });
        let inputs: Vec<_> = inputs.collect();
        self.world.inputs(inputs);
        if let Viewer::Seat(SeatRef { shop, id: seat }) = viewer {
            self.world.schedule(Command::SignIn { shop, seat, state: SeatState::Ready });
        }
    }

    /// What the encoder makes of a message, or that it failed.
    fn encoder_answers(&mut self) {
        while self.world.asks_encoder() {
            let label = *INTENTS.choose(&mut self.random).expect("not empty");
            let intent = Guess { label, confidence: 0.97 };
            let sentiment = Guess { label: Sentiment::Neutral, confidence: 0.9 };
            let second =
                Second { intent, sentiment, alternatives: vec![intent], tier: Tier::Encoder };
            let answer = self.chance(80).then_some(second);
            self.world.look_again(answer);
        }
    }

    /// What engines make of texts, in any order; some never answer.
    fn translations_come(&mut self) {
        let mut asked = std::mem::take(&mut self.world.to_translate);
        asked.shuffle(&mut self.random);
        for text in asked {
            let TextOf::Message { conversation, seq } = text.of else { panic!("not a message") };
            let said = match self.random.random_range(0..4) {
                0 => continue,
                1 => Said::AsWritten(Untranslated::Failed),
                _ => Said::Anew { text: "dicho".into(), by: "libretranslate".into() },
            };
            let translated = Translated { pair: text.pair, said };
            self.world.input(Input::Translated(TranslationCame { conversation, seq, translated }));
        }
    }

    fn time_passes(&mut self) {
        let seconds = [1, 7, 7, 25, 95, 301, 601];
        let seconds = *seconds.choose(&mut self.random).expect("not empty");
        self.world.pass(Duration::from_secs(seconds));
    }

    /// `kill -9`: sockets and memory are gone, the journal is left.
    fn restart(&mut self) {
        self.look();
        for at in 0..self.pages.len() + self.seats.len() {
            self.client(at).offers.clear();
            self.client(at).socket = None;
        }
        self.world = self.world.restarted_with(vec![translating()]);
    }

    /// Lets every client read, then compares.
    fn look(&mut self) {
        self.story.read(&self.world);
        for client in self.pages.iter_mut().chain(&mut self.seats) {
            let frames = client.socket.as_ref().map(Socket::frames).unwrap_or_default();
            for frame in &frames {
                client.take(frame, &self.story);
            }
        }
        if self.world.scheduler_waits {
            return;
        }
        for id in self.world.conversations() {
            let scheduled = self.world.scheduler.owner(id).map(|(seat, _)| seat.clone());
            for name in SEATS {
                let seat = seat_ref(name);
                let owns = self.world.shard.is_owned_by(id, &seat);
                assert_eq!(owns, scheduled == Some(seat.id), "{name} and {id:?}");
            }
        }
    }
}

fn run(seed: u64) -> Vec<Vec<u8>> {
    let mut day = Day::new(seed);
    for at in [0, 2, 4, 6, 8, 9] {
        day.comes(at);
    }
    for _ in 0..STEPS {
        day.step();
    }
    // In the end the model has looked at everything, and everybody who comes back sees all of it.
    (day.world.model_waits, day.world.scheduler_waits) = (false, false);
    day.world.understand();
    day.encoder_answers();
    day.world.let_commands_arrive();
    // Nobody waits for an engine for longer.
    day.world.pass(Duration::from_secs(3));
    day.look();
    for at in 0..day.pages.len() {
        day.goes(at);
        day.comes(at);
        day.look();
        let Viewer::Customer(customer) = &day.pages[at].viewer else { unreachable!("a page") };
        for id in day.story.of(&customer.id) {
            let seen = day.pages[at].last.get(&id).copied();
            assert_eq!(seen, day.story.seqs.get(&id).copied(), "{customer:?} sees all");
        }
    }
    day.world.journal
}

fn is_translation(record: &[u8]) -> bool {
    let record = Record::decode(record).expect("a record");
    record.facts.iter().any(|fact| match fact {
        Fact::Translated { translated, .. } => matches!(translated.said, Said::Anew { .. }),
        _ => false,
    })
}

#[test]
fn random_days_lose_nothing_and_show_everything_once_and_in_order() {
    let mut translated = 0;
    for seed in 0..DAYS {
        let day = std::panic::catch_unwind(|| run(seed));
        let Ok(journal) = day else { panic!("the day of seed {seed} went wrong, see above") };
        if seed % 10 == 0 {
            assert!(journal == run(seed), "seed {seed} twice gives two journals");
        }
        translated += journal.iter().filter(|record| is_translation(record)).count();
    }
    assert!(translated > 0, "nothing was translated in all days");
}
