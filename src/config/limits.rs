//! Every setting and every bound: unit, default, range and reason, and the checks between them.
//!
//! A line reads `name: kind = default, least..=greatest;`. The doc comment above it goes into
//! `config/tradewind.toml` word for word.

use super::kinds::{
    Address, Count, Durability, EmailTls, EncoderChoice, FileOrNone, Folder, FolderOrNone,
    ForEachAddress, ForwardedHeader, Kind, Length, LogFormat, LogLevel, LostState, MasterKeySource,
    Networks, Share, Size, UncertainEmail, WebhookReach, Words, Workers,
};
use super::reader::Reader;
use super::settings::{Section, Setting, settings};

settings! {
    /// Where things are kept.
    paths(""): Paths {
        /// Folder of the journal. It is made when it is missing.
        data: Folder = "data";
        /// Folder with a folder for each shop, made like `config/demo`. Empty: the built-in demo shop,
        /// whose accounts are known to everyone; it is served on loopback addresses only.
        shops: FolderOrNone = "";
        /// Folder of the language models. Empty: those inside the program.
        model: FolderOrNone = "";
    }

    /// The keys that what customers say, and who they are, is sealed with on disk.
    keys("keys."): Keys {
        /// Where the master key is: "file" is keys/master.key in the data folder, made at the first start;
        /// "file:PATH" another file, best on another disk; "env:NAME" a variable of the environment;
        /// "command:PROGRAM ARGUMENTS" what a program prints, run without a shell. It is 32 bytes in base64
        /// or hexadecimal. Without it nothing of customers can be read any more.
        master: MasterKeySource = "file";
    }

    /// Addresses.
    server("server."): Server {
        /// Pages, widget and seat sockets, /healthz, /readyz and /metrics.
        listen: Address = "127.0.0.1:8080";
        /// Certificate of that address, PEM, with those between it and the root after it. Empty: plain
        /// HTTP, for loopback or behind a proxy that speaks TLS. SIGHUP reads it anew.
        tls_certificate: FileOrNone = "";
        /// The private key of the certificate, PEM.
        tls_key: FileOrNone = "";
        /// Management. Anywhere but on loopback it wants its key, admin.key of the data folder.
        admin_listen: Address = "127.0.0.1:8081";
        /// Networks of the reverse proxies before the main address. What they write into the header below
        /// says who connects, and what they write into the `[trusted_headers]` of a shop where from; from
        /// anybody else both are ignored.
        trusted_proxies: Networks = "";
        /// The header in which the proxies say for whom they ask. They must set it or add to it: one that
        /// passes on what a client wrote lets clients choose their address.
        forwarded_header: ForwardedHeader = "x-forwarded-for";
    }

    /// What one connection, one address, and all of them together, may use. Addresses of IPv6 are counted by
    /// their /64. "auto" leaves loopback addresses to the limits of all: there, one address is every program of
    /// this machine; a number holds for them as well.
    gateway("gateway."): Gateway {
        /// Open sockets. One more is refused with a retry time. Each takes one open file:
        /// `tradewind doctor` compares this number with the limit of the system.
        connections_max: Count = "18_000", "1"..="1_000_000";
        /// Open sockets of one address, "auto" is 50: an office or a mobile network behind one address has
        /// several customers. Seats that have signed in give their place back.
        address_connections_max: ForEachAddress<50> = "auto", "1"..="1_000_000";
        /// Connections, sign-ins and upgrades a second of one address over time, "auto" is 20. A page that
        /// connects makes up to four of them.
        address_handshakes_per_s: ForEachAddress<20> = "auto", "1"..="1_000_000";
        /// How many of them at once, "auto" is 200: what 50 sockets need that all come back.
        address_handshakes_burst: ForEachAddress<200> = "auto", "1"..="1_000_000";
        /// Messages a second of all customers of one address, "auto" is 100, and four times as many at once.
        address_messages_per_s: ForEachAddress<100> = "auto", "1"..="1_000_000";
        /// Largest frame that is read. A client that escapes every letter beyond ASCII makes a text up
        /// to three times as long: 48 KiB for the largest.
        frame_bytes_max: Size = "64KiB", "1KiB"..="1MiB";
        /// Largest text of one message: some 3,000 words. What is longer is a document.
        text_bytes_max: Size = "16KiB", "64B"..="512KiB";
        /// Buffer for reading, held by each socket. The library's 128 KiB halves the throughput and
        /// costs 138 KB a connection; most messages fit in 2 KiB.
        read_buffer: Size = "2KiB", "1KiB"..="64KiB";
        /// Bytes that wait for a slow reader before it is disconnected with a code that says
        /// "reconnect": it gets the gap when it resumes, and never slows its neighbours.
        outbox_bytes_max: Size = "1MiB", "16KiB"..="64MiB";
        /// Messages a second from one connection over time. A person types less than one.
        messages_per_s: Count = "10", "1"..="100_000";
        /// Messages that one connection may send at once, as after a reconnect.
        messages_burst: Count = "20", "1"..="1_000_000";
        /// Frames that cannot be read before the connection is closed for good.
        bad_frames_max: Count = "20", "1"..="1_000";
    }

    /// What one shop may use.
    admission("admission."): Admission {
        /// Messages a second from one shop. Keeps one shop's storm from starving the others.
        shop_messages_per_s: Count = "20_000", "1"..="1_000_000";
        /// Share of `gateway.connections_max` that one shop may hold while others are served; one alone may
        /// have all.
        shop_connections_share: Share = "0.75", "0.01"..="1";
        /// Sign-ins and hellos a second of one shop; as many at once. More are told to come back a little
        /// later, each at another time.
        shop_handshakes_per_s: Count = "5_000", "1"..="1_000_000";
        /// Sign-ins of seats of one shop that wait for their password to be checked. Each takes some 40 ms of
        /// one thread, in which the shops take turns: 256 wait for ten seconds, as long as a client does.
        shop_sign_ins_waiting_max: Count = "256", "1"..="4_096";
        /// Of these, those of one address, "auto" is 16. Addresses take turns inside their shop.
        address_sign_ins_waiting_max: ForEachAddress<16> = "auto", "1"..="4_096";
    }

    /// The owners of conversations.
    flow("flow."): Flow {
        /// Owners, each with a share of the conversations: "auto" is one for each core, at most 64.
        shards: Workers = "auto", "1"..="64";
        /// Messages that wait for one owner. A full queue refuses with a retry time.
        shard_queue_capacity: Count = "8192", "64"..="1_048_576";
        /// Messages that an owner takes at one wake-up: the wake-up costs, not the queue.
        batch_max: Count = "256", "1"..="8192";
        /// Conversations held in memory.
        conversations_live_max: Count = "1_000_000", "100"..="10_000_000";
        /// Messages of one conversation. Past it the customer is asked to open another one.
        messages_per_conversation_max: Count = "5000", "10"..="100_000";
        /// Share of `timers.first_response_target` that an answer may wait for the next line of a customer
        /// who writes in several, 4.5 s of the 15 s. Most wait for nothing or a sixth of it: a finished
        /// question is answered at once. 0 takes each line for a question by itself.
        lines_wait_share: Share = "0.3", "0"..="0.5";
        /// How long after the end of a conversation a verified customer who comes back goes on with the same
        /// matter, unless another order is named. 0 is never.
        joins_for: Length = "30min", "0ms"..="24h";
    }

    /// The choice of a seat.
    schedule("schedule."): Schedule {
        /// Conversations of one shop that wait for a seat, tickets too. One more gets a ticket at once.
        waiting_max: Count = "50_000", "1"..="1_000_000";
        /// Longest wait for a seat before the conversation becomes a ticket.
        queue_wait_max: Length = "10min", "15s"..="24h";
        /// Offers in a row that a seat may leave unanswered before it is set away. One missed offer can
        /// be chance; two mean that nobody sits there.
        unanswered_max: Count = "2", "1"..="20";
        /// How long a seat that was silent, or handed a conversation on, is not offered it again: long
        /// enough that a colleague finishes something first.
        same_seat_pause: Length = "60s", "1s"..="1h";
        /// Wait after which a conversation goes before every priority, the oldest first. Eight times the
        /// first-response target: below it priorities decide, above it age alone.
        age_bound: Length = "120s", "1s"..="24h";
        /// Wait after which a shop's fallback language opens, where nobody on shift speaks the
        /// customer's. A third of the target: it leaves room for an offer and a first reply.
        fallback_after: Length = "5s", "0ms"..="1h";
        /// How soon a shift must open for a conversation to wait for it instead of becoming a ticket.
        shift_opens_within: Length = "120s", "0ms"..="24h";
        /// How long before the end of a shift nothing new comes to its seat: three to four conversations
        /// of the usual length. At most a quarter of the shift. What is open stays until the end.
        shift_drain: Length = "15min", "0ms"..="4h";
        /// Past decisions that are remembered to be explained, some 400 bytes each; the latest 32 of one
        /// conversation.
        records_max: Count = "100_000", "1_000"..="10_000_000";
        /// Least time between two tellings of its place to one conversation.
        place_update_interval: Length = "5s", "100ms"..="10min";
        /// Mean handling time that is assumed before any was measured.
        handling_start: Length = "4min", "1s"..="4h";
    }

    /// The durable log of events.
    journal("journal."): Journal {
        /// Size of one pre-allocated file. A file that grows is 20 to 70 times slower at the 99th
        /// percentile; a larger one takes longer to fill with zeros.
        segment: Size = "16MiB", "1MiB"..="1GiB";
        /// What an acknowledgement promises: "durable" is on disk; "memory" is in the operating system's
        /// hands, lost in a power cut, and for measuring what the disk costs.
        durability: Durability = "durable";
        /// How often the conversations are written to a snapshot, when anything has happened since the
        /// last. A start reads the newest one and the journal behind it; files of the journal are used
        /// again behind the older of two.
        snapshot_every: Length = "10min", "1s"..="24h";
        /// What a start does when no snapshot is whole and the journal before them is gone, or a segment of
        /// the journal cannot be read: "refuse" changes nothing, so that a backup can be restored or the
        /// disk be mended; "start" goes on with what is left.
        lost_state: LostState = "refuse";
        /// Bytes gathered into one write and one wait for the disk. More would let the first of them
        /// wait for the last.
        commit_bytes_max: Size = "1MiB", "1B"..="8MiB";
        /// Batches that wait for the writer before the next one waits for room.
        queue_capacity: Count = "4096", "1"..="1_048_576";
        /// Bytes that wait for the writer.
        queue_bytes_max: Size = "64MiB", "8MiB"..="1GiB";
        /// Longest wait for room before a message is refused with a retry time.
        queue_wait_max: Length = "2s", "10ms"..="1min";
        /// How long messages are refused after a file could not be had, before the disk is asked again:
        /// each try on a full disk writes until it fails.
        retry_pause: Length = "500ms", "10ms"..="1min";
    }

    /// Language, intent, sentiment and personal data of a message.
    understand("understand."): Understand {
        /// Threads. The sockets and the owners of conversations need the other cores.
        threads: Count = "1", "1"..="64";
        /// Messages that wait for a thread. Past it a message goes on without being understood.
        queue_capacity: Count = "4096", "64"..="1_048_576";
        /// Longest wait for a thread before the message goes on without being understood.
        wait_max: Length = "250ms", "10ms"..="10s";
        /// The sentence encoder that is asked where the fast model is not sure of intent or sentiment:
        /// "auto" is the one of `tradewind model add`, if that found that it pays, else the one inside
        /// the program ("built-in"); "added" is that of `model add` in any case; "off" is none.
        encoder: EncoderChoice = "auto";
        /// Messages that wait for the encoder. Past it the fast model's answer stands.
        encoder_queue_capacity: Count = "256", "1"..="65_536";
        /// Longest wait for the encoder before the fast model's answer stands. Other conversations do not
        /// wait for it.
        encoder_wait_max: Length = "100ms", "1ms"..="5s";
        /// Share of one core's time that the encoder may take in the long run, so that a flood of unclear
        /// messages costs no others their time. Past it the fast model's answer stands, and questions are
        /// compared to those of an incident by their words alone.
        encoder_share: Share = "0.25", "0.001"..="1";
        /// Time that the encoder may take at once, after it has taken none for a while.
        encoder_burst: Length = "2s", "1ms"..="1min";
    }

    /// What comes twice: the same message by its id, and a customer who says the same again.
    dedup("dedup."): Dedup {
        /// How long the ids of letters, and of messages whose conversation is not kept any more, are
        /// remembered. The same id again has no effect meanwhile; channels deliver again for a day at most.
        delivered_for: Length = "24h", "1h"..="7d";
        /// Such ids in memory, some 150 bytes each. Past it the oldest are forgotten.
        delivered_max: Count = "500_000", "1_000"..="50_000_000";
        /// How far back a message counts as said before.
        repeat_window: Length = "10min", "1s"..="24h";
        /// Least similarity at which a message says the same as an earlier one.
        repeat_similarity_min: Share = "0.8", "0.1"..="1";
    }

    /// How long is waited for what.
    timers("timers."): Timers {
        /// Upgrade and `hello`, each, before the socket is closed.
        handshake: Length = "5s", "100ms"..="60s";
        /// How often a client is told to send `ping`.
        heartbeat: Length = "5s", "100ms"..="5min";
        /// Silence after which a peer is dead. Two heartbeats: one may be late.
        peer_dead_after: Length = "10s", "200ms"..="10min";
        /// How long a seat may look at an offer. Two offers fit in the first-response target.
        offer: Length = "6s", "100ms"..="5min";
        /// How long a dead seat keeps a conversation in which it has replied. Before its first reply
        /// there is no grace.
        seat_grace: Length = "20s", "0ms"..="10min";
        /// How far back a reconnect can resume. After it the client reloads.
        resume_for: Length = "24h", "1min"..="30d";
        /// The promise to the customer: a person's first message, or a machine's answer.
        first_response_target: Length = "15s", "1s"..="10min";
        /// Silence of a seat, after a customer's message, that costs it the conversation.
        owner_silence_max: Length = "90s", "1s"..="1h";
        /// Owners that a conversation may lose before a supervisor gets it.
        hops_max: Count = "3", "1"..="20";
        /// How long a customer who has only said hello may take to the question before being asked for
        /// it; while he types, up to as long again. A greeting is not routed on.
        greeting_wait: Length = "4s", "0ms"..="1min";
        /// Silence of a customer after which he is asked whether he is still there.
        customer_silence_ask: Length = "10min", "1s"..="24h";
        /// Silence of a customer after which the conversation closes and the slot is free.
        customer_silence_close: Length = "15min", "2s"..="48h";
        /// How long a token of the widget or the seat may be used to open a socket.
        token_ttl: Length = "10min", "10s"..="24h";
        /// Longest wait for one answer of a shop's provider of identities. Past it that sign-in fails;
        /// nobody else waits for it.
        provider: Length = "5s", "100ms"..="1min";
        /// How long a stop may take before what is left is cut off.
        drain: Length = "10s", "100ms"..="5min";
    }

    /// E-mail to customers: confirmations of tickets, and answers to who is not connected.
    email("email."): Email {
        /// The mail server that takes what is sent, with its port, such as "mail.shop.example:587".
        /// Empty: no e-mail.
        server: Words = "";
        /// "starttls", which the server has to offer (port 587); "tls" from the first byte (465); "none"
        /// only for a server on this machine.
        tls: EmailTls = "starttls";
        /// Root certificates to trust, PEM. Empty: those of the system.
        roots: FileOrNone = "";
        /// Name to sign in with. Empty: without.
        user: Words = "";
        /// File with the password on its first line.
        password_file: FileOrNone = "";
        /// Address that e-mails come from.
        from: Words = "";
        /// Mailbox that answers come to, such as "reply@shop.example": what is sent to
        /// reply+anything@shop.example has to arrive there too. Its first part has 20 letters at most.
        /// Empty: answers go to `from` and do not come back to the router.
        reply_to: Words = "";
        /// Longest wait for one step of the mail server.
        step_max: Length = "60s", "1s"..="10min";
        /// Sessions with the mail server at a time.
        sessions_max: Count = "4", "1"..="64";
        /// Pause after the first try that failed; each is twice as long as the one before.
        retry_first: Length = "30s", "100ms"..="1h";
        /// The longest pause.
        retry_longest: Length = "1h", "100ms"..="24h";
        /// How long an e-mail is tried before it is given up and the seats are told.
        retry_for: Length = "2d", "1s"..="7d";
        /// What happens to an e-mail when the connection, or the router, ended in the moment between the
        /// end of the letter and the mail server's word: "counts-as-sent" tells the seats and does not
        /// send it again, "send-again" sends it again under the same Message-ID.
        uncertain: UncertainEmail = "counts-as-sent";
    }

    /// Webhooks: what the `[[webhooks]]` of shops are told of their conversations.
    webhooks("webhooks."): Webhooks {
        /// Where they may lead: "public" is to addresses of the internet alone; "anywhere" also to this machine
        /// and into its networks, which whoever writes a shop's file reaches by it.
        reach: WebhookReach = "public";
        /// Longest wait for the answer to one.
        timeout: Length = "10s", "100ms"..="1min";
        /// Calls at a time, of which the hooks of one shop have half, and one hook four.
        calls_max: Count = "32", "1"..="1_024";
        /// What waits for one hook, some 300 bytes each. Past it what has waited longest is given up.
        waiting_max: Count = "10_000", "10"..="1_000_000";
        /// Pause after the first try that failed; each is twice as long as the one before, less up to a half by
        /// chance.
        retry_first: Length = "5s", "100ms"..="1h";
        /// The longest pause.
        retry_longest: Length = "1h", "100ms"..="24h";
        /// How long a webhook is tried before it is given up.
        retry_for: Length = "24h", "1s"..="7d";
        /// How long a hook rests that has failed ten times in a row, before one webhook tries it again.
        rest: Length = "5min", "100ms"..="24h";
    }

    /// What is written to the log. Never the text of a message, never contact data.
    log("log."): Log {
        /// "text" for people, "json" for machines.
        format: LogFormat = "text";
        /// The least severe events that are written.
        level: LogLevel = "info";
    }
}

/// One check between settings: what must hold, and the keys to look at when it does not.
pub(super) struct Relation {
    pub(super) holds: bool,
    /// The setting to change.
    pub(super) key: &'static str,
    /// The setting that it must fit.
    pub(super) other: &'static str,
    /// What must hold between them, and why.
    pub(super) must: &'static str,
}

/// Whether a text can be an address; who writes to it looks closer.
fn is_address(text: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic());
    text.rsplit_once('@').is_some_and(|(mailbox, domain)| plain(mailbox) && plain(domain))
}

/// Whether a text is a host and a port.
fn has_port(text: &str) -> bool {
    let port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    text.rsplit_once(':').is_some_and(|(host, number)| !host.is_empty() && port(number))
}

/// The same where a conversation's name has to fit in front of the `@`.
pub(super) fn is_reply_address(text: &str) -> bool {
    is_address(text) && text.rsplit_once('@').is_some_and(|(mailbox, _)| mailbox.len() <= 20)
}

impl Config {
    /// Whether a demo shop may be served: its passwords are public, so only to this machine.
    pub fn demo_shop_allowed(&self) -> bool {
        [self.server.listen, self.server.admin_listen]
            .iter()
            .all(|address| address.ip().to_canonical().is_loopback())
    }

    /// The checks between settings.
    #[rustfmt::skip] // a table: one check a block of two lines
    pub(super) fn relations(&self) -> Vec<Relation> {
        let Self { server, gateway, flow, schedule, journal, understand, timers, admission, email, webhooks, .. } = self;
        let has_email = !email.server.is_empty();
        let relation = |holds, key, other, must| Relation { holds, key, other, must };
        vec![
            relation(self.paths.shops.is_some() || self.demo_shop_allowed(), "shops", "server.listen",
                "must name a folder of shop files when an address is not loopback: the demo shop's passwords are public"),
            relation(server.listen != server.admin_listen || server.listen.port() == 0, "server.admin_listen", "server.listen",
                "must be another address"),
            relation(server.tls_certificate.is_some() == server.tls_key.is_some(), "server.tls_key", "server.tls_certificate",
                "must be named as well: a certificate is shown with its key"),
            relation(!has_email || has_port(&email.server), "email.server", "email.tls",
                "must be a host and a port, such as \"mail.shop.example:587\""),
            relation(!has_email || is_address(&email.from), "email.from", "email.server",
                "must be an e-mail address when e-mails are sent"),
            relation(email.reply_to.is_empty() || is_reply_address(&email.reply_to), "email.reply_to", "email.server",
                "must be an e-mail address whose first part has 20 letters at most: the conversation is named behind it"),
            relation(email.user.is_empty() == email.password_file.is_none(), "email.password_file", "email.user",
                "must be named as well: one signs in with both or without"),
            relation(email.user.is_empty() || email.tls != EmailTls::None, "email.tls", "email.user",
                "must not be \"none\" when one signs in: the password would travel in clear"),
            relation(email.retry_first <= email.retry_longest, "email.retry_longest", "email.retry_first",
                "must not be shorter: pauses only grow"),
            relation(webhooks.retry_first <= webhooks.retry_longest, "webhooks.retry_longest", "webhooks.retry_first",
                "must not be shorter: pauses only grow"),
            relation(gateway.text_bytes_max <= gateway.frame_bytes_max, "gateway.text_bytes_max", "gateway.frame_bytes_max",
                "must not be larger: the text travels in a frame"),
            relation(gateway.frame_bytes_max <= gateway.outbox_bytes_max, "gateway.frame_bytes_max", "gateway.outbox_bytes_max",
                "must not be larger: a frame has to fit into the outbox"),
            relation(gateway.read_buffer <= gateway.frame_bytes_max, "gateway.read_buffer", "gateway.frame_bytes_max",
                "must not be larger: more than a frame is never read at once"),
            relation(gateway.messages_per_s <= gateway.messages_burst, "gateway.messages_burst", "gateway.messages_per_s",
                "must not be less: the burst is what a second may hold"),
            relation(gateway.messages_per_s <= admission.shop_messages_per_s, "gateway.messages_per_s", "admission.shop_messages_per_s",
                "must not be more: one connection is part of a shop"),
            relation(gateway.address_handshakes_per_s <= gateway.address_handshakes_burst, "gateway.address_handshakes_burst", "gateway.address_handshakes_per_s",
                "must not be less: the burst is what a second may hold"),
            relation(gateway.frame_bytes_max < journal.segment, "gateway.frame_bytes_max", "journal.segment",
                "must be less: a message has to fit into one file of the journal"),
            relation(flow.batch_max <= flow.shard_queue_capacity, "flow.batch_max", "flow.shard_queue_capacity",
                "must not be more: a batch is taken from the queue"),
            relation(schedule.waiting_max <= flow.conversations_live_max, "schedule.waiting_max", "flow.conversations_live_max",
                "must not be more: a conversation that waits is held in memory"),
            relation(schedule.fallback_after <= schedule.age_bound, "schedule.fallback_after", "schedule.age_bound",
                "must not be longer: a conversation that goes before all others has every seat open to it"),
            relation(schedule.age_bound <= schedule.queue_wait_max, "schedule.age_bound", "schedule.queue_wait_max",
                "must not be longer: a conversation is helped before it is sent away"),
            relation(journal.commit_bytes_max <= journal.segment, "journal.commit_bytes_max", "journal.segment",
                "must not be larger: a write lies in one file"),
            relation(schedule.queue_wait_max >= timers.first_response_target, "schedule.queue_wait_max", "timers.first_response_target",
                "must not be less: nobody is sent away within the promise"),
            relation(understand.wait_max < timers.first_response_target, "understand.wait_max", "timers.first_response_target",
                "must be less: understanding is a small part of the first response"),
            relation(understand.encoder_wait_max < timers.first_response_target, "understand.encoder_wait_max", "timers.first_response_target",
                "must be less: understanding is a small part of the first response"),
            relation(timers.heartbeat < timers.peer_dead_after, "timers.peer_dead_after", "timers.heartbeat",
                "must be longer: a peer that pings in time is alive"),
            relation(timers.offer < timers.first_response_target, "timers.offer", "timers.first_response_target",
                "must be shorter: a second seat has to be asked within the promise"),
            relation(timers.greeting_wait < timers.first_response_target, "timers.greeting_wait", "timers.first_response_target",
                "must be shorter: the question back is the first response"),
            relation(timers.customer_silence_ask < timers.customer_silence_close, "timers.customer_silence_close", "timers.customer_silence_ask",
                "must be longer: the customer is asked before the conversation closes"),
            relation(timers.customer_silence_close <= timers.resume_for, "timers.resume_for", "timers.customer_silence_close",
                "must not be shorter: an open conversation can be resumed"),
        ]
    }
}
