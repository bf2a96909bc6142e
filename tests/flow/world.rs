//! A whole router without sockets, disk and threads: one shard, the real scheduler, the demo shop and
//! a clock that the test moves.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::oneshot;
use tradewind::config::shop::{Shop, ShopFiles};
use tradewind::dedup;
use tradewind::deliver::Outbox;
use tradewind::domain::{
    ConversationId, CustomerId, CustomerValue, Email, Guess, Intent, Language, MessageId, Outward,
    RegionId, SeatId, SeatState, Sentiment, ShopId, Timestamp, Understanding,
};
use tradewind::flow::{
    Attach, Attached, CustomerAct, CustomerRef, Delivery, Dispatch, Envelope, Errand, FromCustomer,
    FromSeat, Input, Kept, Link, Profile, Record, Report, SeatAct, SeatRef, SecondLook, Settings,
    Shard, ToTranslate, Turn, Understood, Viewer, epoch_after, recall_kept,
};
use tradewind::metrics::names::Counter;
use tradewind::protocol::Resume;
use tradewind::schedule::{self, Command, Decision, Roster, Scheduler};
use tradewind::understand::tiers::Second;
use uuid::Uuid;

pub const MINUTE: Duration = Duration::from_secs(60);
/// Longest wait for the encoder.
pub const ENCODER_WAIT_MAX: Duration = Duration::from_millis(100);

/// What the model says of every message, unless a test says otherwise.
pub fn needs_person() -> Understanding {
    Understanding {
        language: Guess { label: "es".parse().expect("a language"), confidence: 0.99 },
        intent: Guess { label: Intent::RequestRefund, confidence: 0.9 },
        sentiment: Guess { label: Sentiment::Neutral, confidence: 0.9 },
        ..Understanding::unknown(Language::ENGLISH)
    }
}

pub struct World {
    pub now: Timestamp,
    pub shard: Shard,
    pub scheduler: Scheduler,
    /// Everything that was written, as bytes.
    pub journal: Vec<Vec<u8>>,
    /// Messages that the model has not looked at, when `model_waits`.
    pub model_waits: bool,
    /// Whether it does so after a restart.
    pub starts_unread: bool,
    pub unread: VecDeque<tradewind::flow::ToUnderstand>,
    /// Whether the encoder is asked about what the model looks at.
    pub model_is_unsure: bool,
    asked: VecDeque<(ConversationId, u64)>,
    /// Whether what the shard tells the scheduler is on its way for a while.
    pub scheduler_waits: bool,
    on_the_way: VecDeque<Command>,
    pub says: Understanding,
    /// What the scheduler has decided.
    pub decided: Vec<Decision>,
    /// What was counted.
    pub counts: Vec<Counter>,
    /// What is to happen outside.
    pub errands: Vec<Errand>,
    /// What the owner of incidents was told.
    pub told: Vec<Report>,
    /// What is to be translated.
    pub to_translate: Vec<ToTranslate>,
    /// Phrases that are wanted in languages that their shop did not write.
    pub phrases_wanted: Vec<(ShopId, Language)>,
    settings: Settings,
    /// What seats have asked of the scheduler about conversations.
    pub asked_by_seats: usize,
    next_id: u128,
}

/// A socket of a test.
#[derive(Clone)]
pub struct Socket {
    pub link: Link,
    pub viewer: Viewer,
    pub attached: Arc<std::sync::Mutex<Option<Attached>>>,
}

pub fn settings() -> Settings {
    Settings {
        ack_level: "durable",
        conversations_max: 1_000,
        messages_per_conversation_max: 50,
        resume_for: Duration::from_secs(24 * 3600),
        greeting_wait: Duration::from_secs(4),
        lines_wait_max: Duration::ZERO,
        joins_for: 30 * MINUTE,
        customer_silence_ask: 10 * MINUTE,
        customer_silence_close: 15 * MINUTE,
        dedup: dedup::Settings::default(),
        delivered: dedup::DeliveredLimits::default(),
        email: None,
    }
}

impl World {
    pub fn new() -> Self {
        Self::with(settings())
    }

    pub fn with(settings: Settings) -> Self {
        Self::seeded(settings, vec![Shop::embedded_demo()], 7)
    }

    /// The demo shop with something put in place of something else in its `shop.toml`.
    pub fn with_shop(from: &str, to: &str) -> Self {
        let mut files = ShopFiles::demo();
        let text = files.0.get_mut("shop.toml").expect("the demo shop");
        assert!(text.contains(from), "{from} is not in the demo shop");
        *text = text.replacen(from, to, 1);
        Self::with_shops(vec![Shop::from_files(&files).expect("a shop")])
    }

    pub fn with_shops(shops: Vec<Shop>) -> Self {
        Self::seeded(settings(), shops, 7)
    }

    /// With settings and shops of a test.
    pub fn set_up(settings: Settings, shops: Vec<Shop>) -> Self {
        Self::seeded(settings, shops, 7)
    }

    fn seeded(settings: Settings, shops: Vec<Shop>, seed: u64) -> Self {
        let roster = |shop: &Shop| Roster {
            shop: shop.id.clone(),
            seats: shop.seats.values().map(|account| account.profile.clone()).collect(),
            fallback_language: shop.fallback_language,
            hours: schedule::QueueHours::default(),
            rules: shop.rules.clone(),
            translation: None,
        };
        let rosters = shops.iter().map(roster).collect();
        let scheduler = Scheduler::new(schedule::Settings::default(), rosters);
        let shops = shops.into_iter().map(|shop| (shop.id.clone(), Arc::new(shop)));
        let shops = Arc::new(shops.collect());
        Self {
            now: Timestamp::from_millis(1_795_600_000_000),
            shard: Shard::new(settings.clone(), shops, seed),
            scheduler,
            journal: Vec::new(),
            model_waits: false,
            starts_unread: false,
            unread: VecDeque::new(),
            model_is_unsure: false,
            asked: VecDeque::new(),
            scheduler_waits: false,
            on_the_way: VecDeque::new(),
            says: needs_person(),
            decided: Vec::new(),
            counts: Vec::new(),
            errands: Vec::new(),
            told: Vec::new(),
            to_translate: Vec::new(),
            phrases_wanted: Vec::new(),
            settings,
            asked_by_seats: 0,
            next_id: 1,
        }
    }

    /// The same world after `kill -9`: only what was written is left. Half of the times the journal,
    /// half of the times a snapshot made at the last moment; both have to give the same.
    pub fn restarted(&self) -> Self {
        self.restarted_with(vec![Shop::embedded_demo()])
    }

    /// The same, with other shops.
    pub fn restarted_with(&self, shops: Vec<Shop>) -> Self {
        let from_journal = self.started_from_journal(shops.clone());
        let from_snapshot = self.started_from_snapshot(shops);
        for id in self.conversations() {
            let kept = |world: &Self| {
                let Kept::Conversation(kept) = world.kept(id) else { panic!("a seat") };
                // Of a shop that is not served the scheduler remembers nothing.
                let decided = self.scheduler.explain(id).map(|_| &kept.decided);
                format!("{:#?} {decided:#?}", kept.conversation)
            };
            assert_eq!(kept(&from_journal), kept(&from_snapshot), "a snapshot loses something");
        }
        if self.journal.len().is_multiple_of(2) { from_journal } else { from_snapshot }
    }

    /// The same world from its journal.
    pub fn started_from_journal(&self, shops: Vec<Shop>) -> Self {
        self.started(shops, |shard, scheduler| {
            for payload in &self.journal {
                let record = Record::decode(payload).expect("a record");
                assert!(shard.restore(&record), "every record has its conversation");
                shard.recall(&record, scheduler);
            }
        })
    }

    /// The same world from a snapshot made at the last moment.
    pub fn started_from_snapshot(&self, shops: Vec<Shop>) -> Self {
        self.started(shops, |shard, scheduler| {
            let kept = self.conversations().into_iter().map(|id| match self.kept(id) {
                Kept::Conversation(kept) => *kept,
                Kept::Seat(_) | Kept::Deliveries(_) => panic!("no conversation"),
            });
            let kept: Vec<_> = kept.collect();
            recall_kept(kept.iter(), scheduler);
            for part in self.shard.keep_deliveries() {
                let Ok(Kept::Deliveries(part)) = Kept::decode(&part) else {
                    panic!("no deliveries")
                };
                part.delivered.into_iter().for_each(|delivery| shard.note_delivery(delivery));
            }
            kept.into_iter().for_each(|kept| shard.restore_kept(kept));
        })
    }

    fn kept(&self, id: ConversationId) -> Kept {
        Kept::decode(&self.shard.keep(id).expect("it is there")).expect("a conversation")
    }

    fn started(&self, shops: Vec<Shop>, restore: impl FnOnce(&mut Shard, &mut Scheduler)) -> Self {
        // Ids that the last run has made do not come again.
        let mut next = Self::seeded(self.settings.clone(), shops, 8 + self.journal.len() as u64);
        next.now = self.now;
        next.says = self.says.clone();
        next.next_id = self.next_id;
        (next.model_waits, next.starts_unread) = (self.starts_unread, self.starts_unread);
        next.journal = self.journal.clone();
        restore(&mut next.shard, &mut next.scheduler);
        let mut turn = Turn::default();
        next.shard.resume(next.now, Instant::now(), &mut turn);
        next.settle(turn);
        next
    }

    /// What a start does after it has met damage in the journal.
    pub fn begin_epoch(&mut self) {
        let mut turn = Turn::default();
        let epoch = epoch_after(self.shard.last_epoch(), self.now);
        self.shard.begin_epoch(epoch, self.now, &mut turn);
        self.settle(turn);
    }

    pub fn message_id(&mut self) -> MessageId {
        self.next_id += 1;
        MessageId::from_uuid(Uuid::from_u128(self.next_id))
    }

    pub fn input(&mut self, input: Input) {
        self.inputs(vec![input]);
    }

    /// Inputs that a shard takes in one turn.
    pub fn inputs(&mut self, inputs: Vec<Input>) {
        let mut turn = Turn::default();
        for input in inputs {
            let envelope = Envelope { caused_at: Instant::now(), input };
            self.shard.handle(self.now, envelope, &mut turn);
        }
        self.settle(turn);
    }

    pub fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        let mut turn = Turn::default();
        self.shard.on_timer(self.now, Instant::now(), &mut turn);
        self.settle(turn);
        let decisions = self.scheduler.on_timer(self.now);
        self.carry_out(decisions);
    }

    pub fn schedule(&mut self, command: Command) {
        let decisions = self.scheduler.apply(self.now, command);
        self.carry_out(decisions);
    }

    /// Tells the shard what the scheduler decided, and why.
    fn carry_out(&mut self, decisions: Vec<Decision>) {
        self.decided.extend(decisions.iter().cloned());
        let decided = decisions.into_iter().filter(|decision| {
            let refused = matches!(decision, Decision::Refused { conversation: Some(_), .. });
            refused || decision.conversation().is_some()
        });
        let records = self.scheduler.take_unwritten_records().into_iter();
        let recorded = records.map(|(id, record)| Input::Recorded(id, record));
        let inputs: Vec<Input> = decided.map(Input::Decided).chain(recorded).collect();
        if !inputs.is_empty() {
            self.inputs(inputs);
        }
    }

    /// Lets the scheduler hear what the shard has told it.
    pub fn let_commands_arrive(&mut self) {
        while let Some(command) = self.on_the_way.pop_front() {
            self.schedule(command);
        }
    }

    /// Lets the model look at what waits.
    pub fn understand(&mut self) {
        let mut turn = Turn::default();
        for message in std::mem::take(&mut self.unread) {
            let understood = Understood {
                conversation: message.conversation,
                seq: message.seq,
                understanding: Some(self.says.clone()),
                caused_at: message.caused_at,
            };
            if self.model_is_unsure {
                self.asked.push_back((understood.conversation, understood.seq));
                self.shard.wait_for_encoder(understood, self.now + ENCODER_WAIT_MAX);
            } else {
                self.shard.understood(self.now, understood, &mut turn);
            }
        }
        self.settle(turn);
    }

    /// Whether the encoder was asked something that it has not answered.
    pub fn asks_encoder(&self) -> bool {
        !self.asked.is_empty()
    }

    /// Lets the encoder answer the longest waiting question to it.
    pub fn look_again(&mut self, answer: Option<Second>) {
        let (conversation, seq) = self.asked.pop_front().expect("the encoder was asked");
        self.input(Input::LookedAgain(SecondLook { conversation, seq, answer }));
    }

    /// What the driver does with a turn: write, then let it leave.
    fn settle(&mut self, mut turn: Turn) {
        self.unread.extend(std::mem::take(&mut turn.to_understand));
        self.shard.pass_on(&mut turn);
        self.journal.extend(turn.records.iter().map(Record::encode));
        for delivery in turn.deliveries {
            match delivery {
                Delivery::Frame(outbox, frame) => outbox.push(frame),
                Delivery::Attached(reply, attached) => drop(reply.send(attached)),
                Delivery::EmailTaken(reply, taken) => drop(reply.send(taken)),
                Delivery::Kept(reply, is_wanted) => drop(reply.send(is_wanted)),
                Delivery::Webhook(reply, body) => drop(reply.send(body)),
            }
        }
        self.counts.extend(turn.counts);
        self.errands.extend(turn.errands);
        self.told.extend(turn.incidents);
        self.to_translate.extend(turn.to_translate);
        self.phrases_wanted.extend(turn.phrases_wanted);
        self.on_the_way.extend(turn.commands.into_iter().map(|(command, _)| command));
        if !self.scheduler_waits {
            self.let_commands_arrive();
        }
        for (dispatch, _) in turn.from_seats {
            if let Dispatch::FromSeat { command, .. } = dispatch {
                self.asked_by_seats += 1;
                self.schedule(command);
            }
        }
        if !self.model_waits && !self.unread.is_empty() {
            self.understand();
        }
    }

    pub fn customer(&mut self, name: &str) -> Socket {
        self.attach(customer(name), Resume::default())
    }

    pub fn seat(&mut self, name: &str) -> Socket {
        self.seat_of(shop(), name)
    }

    pub fn seat_of(&mut self, shop: ShopId, name: &str) -> Socket {
        let seat = SeatRef { shop: shop.clone(), id: SeatId::from(name) };
        let socket = self.attach(Viewer::Seat(seat), Resume::default());
        let seat = SeatId::from(name);
        self.schedule(Command::SignIn { shop, seat, state: SeatState::Ready });
        socket
    }

    pub fn attach(&mut self, viewer: Viewer, resume: Resume) -> Socket {
        let session = resume.session.unwrap_or_else(|| {
            self.next_id += 1;
            Uuid::from_u128(self.next_id)
        });
        let link = Link { outbox: Arc::new(Outbox::new(1 << 20)), session };
        let (reply, mut answer) = oneshot::channel();
        let attach = Attach { viewer: viewer.clone(), link: link.clone(), resume, reply };
        self.input(Input::Attach(attach));
        let attached = answer.try_recv().expect("the shard answers in the same turn");
        Socket { link, viewer, attached: Arc::new(std::sync::Mutex::new(Some(attached))) }
    }

    pub fn act(&mut self, socket: &Socket, act: CustomerAct) {
        let input = socket.customer_input(act);
        self.input(input);
    }

    pub fn say(&mut self, socket: &Socket, text: &str) -> MessageId {
        let id = self.message_id();
        self.act(socket, CustomerAct::Send { id, conversation: None, text: text.into() });
        id
    }

    /// The same from a customer whose browser speaks `locale`.
    pub fn say_with_browser(&mut self, socket: &Socket, text: &str, locale: Language) {
        let id = self.message_id();
        let act = CustomerAct::Send { id, conversation: None, text: text.into() };
        let input = socket.input_from_browser(act, locale);
        self.input(input);
    }

    /// The same from a customer of a sales region.
    pub fn say_from(&mut self, socket: &Socket, text: &str, region: Option<&str>) {
        let id = self.message_id();
        let act = CustomerAct::Send { id, conversation: None, text: text.into() };
        let mut input = socket.customer_input(act);
        if let Input::Customer(frame) = &mut input {
            let profile = Arc::get_mut(&mut frame.profile).expect("nobody else has it yet");
            profile.region = region.map(RegionId::from);
        }
        self.input(input);
    }

    pub fn seat_acts(&mut self, socket: &Socket, conversation: ConversationId, act: SeatAct) {
        let input = socket.seat_input(conversation, act);
        self.input(input);
    }

    pub fn reply(&mut self, socket: &Socket, conversation: ConversationId, text: &str) {
        let id = self.message_id();
        self.seat_acts(socket, conversation, SeatAct::Send { id, text: text.into() });
    }

    /// Every conversation, in the order of their ids.
    pub fn conversations(&self) -> Vec<ConversationId> {
        let mut ids: Vec<_> = self.shard.conversation_ids().collect();
        ids.sort_unstable();
        ids
    }

    /// A customer's question that `seat` has accepted.
    pub fn owned(&mut self, customer: &Socket, seat: &Socket) -> ConversationId {
        self.say(customer, "quiero mi dinero de vuelta");
        let offer = seat.last("offer");
        let conversation = conversation_of(&offer);
        let Viewer::Seat(at) = &seat.viewer else { panic!("not a seat") };
        self.schedule(Command::Accept {
            shop: at.shop.clone(),
            seat: at.id.clone(),
            offer: text(&offer, "offer").parse().expect("an id"),
        });
        conversation
    }
}

impl Socket {
    pub fn customer_input(&self, act: CustomerAct) -> Input {
        self.input_from_browser(act, Language::ENGLISH)
    }

    fn input_from_browser(&self, act: CustomerAct, locale: Language) -> Input {
        let Viewer::Customer(customer) = &self.viewer else { panic!("not a customer") };
        Input::Customer(FromCustomer {
            profile: Arc::new(Profile {
                customer: customer.clone(),
                verified: None,
                locale: Some(locale),
                time_zone: Some("America/Mexico_City".into()),
                region: None,
                value: CustomerValue::Normal,
            }),
            link: self.link.clone(),
            frame: None,
            act,
        })
    }

    pub fn seat_input(&self, conversation: ConversationId, act: SeatAct) -> Input {
        let Viewer::Seat(seat) = &self.viewer else { panic!("not a seat") };
        Input::Seat(FromSeat {
            seat: Arc::new(seat.clone()),
            link: self.link.clone(),
            frame: None,
            conversation,
            act,
        })
    }

    pub fn seat_ref(&self) -> SeatRef {
        let Viewer::Seat(seat) = &self.viewer else { panic!("not a seat") };
        seat.clone()
    }

    /// The frames that have come since the last look.
    pub fn frames(&self) -> Vec<Value> {
        let mut frames = Vec::new();
        let mut context = Context::from_waker(Waker::noop());
        // Nothing ready leaves the list empty.
        let _: Poll<_> = self.link.outbox.poll_ready(&mut context, &mut frames);
        frames.iter().map(|frame| serde_json::from_str(frame).expect("JSON")).collect()
    }

    /// The last new frame of a type.
    pub fn last(&self, kind: &str) -> Value {
        let frames = self.frames();
        let found = frames.iter().rev().find(|frame| frame["type"] == kind);
        found.unwrap_or_else(|| panic!("no `{kind}` in {frames:#?}")).clone()
    }

    pub fn attached(&self) -> Attached {
        self.attached.lock().expect("no panic").take().expect("looked at once")
    }
}

pub fn shop() -> ShopId {
    ShopId::from("demo")
}

pub fn customer(name: &str) -> Viewer {
    Viewer::Customer(CustomerRef { shop: shop(), id: CustomerId::from(name) })
}

pub fn text<'a>(frame: &'a Value, field: &str) -> &'a str {
    frame[field].as_str().unwrap_or_else(|| panic!("no text `{field}` in {frame}"))
}

pub fn conversation_of(frame: &Value) -> ConversationId {
    text(frame, "conversation").parse().expect("an id")
}

/// What a viewer has got: numbers of each conversation in the order in which they came, from events
/// and acknowledgements alike.
pub fn numbers(frames: &[Value]) -> BTreeMap<String, Vec<u64>> {
    let mut numbers: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for frame in frames.iter().filter(|f| f["type"] == "event" || f["type"] == "ack") {
        let seq = frame["seq"].as_u64().expect("a number");
        numbers.entry(text(frame, "conversation").to_owned()).or_default().push(seq);
    }
    numbers
}

/// The e-mail that is to be sent.
pub fn email_of(errand: &Errand) -> &Email {
    match &errand.effect.what {
        Outward::Email(email) => email,
        Outward::Webhook(webhook) => panic!("{webhook:?}"),
    }
}

/// The kinds of the frames, events by their kind.
pub fn kinds(frames: &[Value]) -> Vec<String> {
    let kind = |frame: &Value| match frame["kind"].as_str() {
        Some(kind) => kind.to_owned(),
        None => text(frame, "type").to_owned(),
    };
    frames.iter().map(kind).collect()
}
