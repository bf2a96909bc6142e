//! The edge: HTTP and WebSockets on one address.
//!
//! **In**: bytes from strangers.
//! **Out**: admitted frames to the owners of conversations and to the scheduler; frames back.
//! **Invariants**: nobody is listened to before a token verifies; a socket speaks for one customer or
//! one seat and for nobody else; each socket has one task, and a slow one harms only itself.
//! **Bounds**: open connections, of all, of an address and of a shop; handshakes of an address and of a
//! shop; sign-ins that wait; time for a handshake, a body and a `hello`; bytes of a header, a
//! body and a frame; bad frames; pings and pongs of WebSockets; silence ([`Limits`]).

mod body;
mod clients;
mod connection;
mod cookie;
mod forwarded;
mod gaps;
mod handshake;
mod hello;
mod http;
mod identity;
mod listener;
mod log_lines;
mod openid;
mod openid_door;
mod pages;
mod passwords;
mod pending;
mod problem;
mod retry;
mod seat;
mod session;
mod signed_out;
mod socket;
mod standing;
mod stream;
mod token;
mod widget;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use dashmap::DashMap;
use uuid::Uuid;

use crate::admission::{self, Addresses, Allowance, Usage};
use crate::config::shop::Shop;
use crate::domain::ShopId;
use crate::flow::{Dispatcher, Incidents, Interpreter, Owners, SeatRef, Shops};
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::protocol::CloseCode;
use crate::runtime::Clock;
use crate::vault::Vault;

pub use body::read_json;
pub use clients::Accepted;
pub use connection::Role;
pub use forwarded::Proxies;
pub use gaps::{Gaps, GapsTold};
pub use handshake::serve_stream;
pub use http::{bearer, explained_to, metrics, router};
pub use identity::{Proved, Unproved, prove};
pub use listener::{Door, Served, serve};
pub use openid::OpenIdSignIns;
pub use passwords::{PasswordChecks, SignInLimits};
pub use problem::Refused;
pub use signed_out::SignedOut;
pub use stream::Stream;
pub use token::{Customer, Holder, Secret, Token, write_private};

use standing::OpenSocket;

/// The bounds of the edge.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections.
    pub connections_max: usize,
    /// Largest frame.
    pub frame_bytes_max: usize,
    /// Read buffer of each socket.
    pub read_buffer_bytes: usize,
    /// Bytes that may wait for one socket.
    pub outbox_bytes_max: usize,
    /// Bad frames before a socket is closed.
    pub bad_frames_max: usize,
    /// Time for a handshake, a request body and a `hello`, each.
    pub handshake: Duration,
    /// How often a client should be heard.
    pub heartbeat: Duration,
    /// Silence after which a client is dead.
    pub peer_dead_after: Duration,
    /// How long a token opens a socket.
    pub token_ttl: Duration,
    /// Messages and frames of one connection.
    pub admission: Arc<admission::Limits>,
}

/// Everything that a connection works with.
pub struct Gateway {
    /// Bounds.
    pub limits: Limits,
    /// The shops, as they were last loaded.
    pub shops: RwLock<Shops>,
    /// What each shop uses.
    pub shop_usages: DashMap<ShopId, Arc<Usage>, ahash::RandomState>,
    /// What a shop may use while there are others.
    pub shop_allowance: Allowance,
    /// What each address uses.
    pub addresses: Addresses,
    /// The proxies before the main address.
    pub proxies: Proxies,
    /// The owners of conversations.
    pub owners: Owners,
    /// The scheduler.
    pub dispatcher: Dispatcher,
    /// The owner of incidents.
    pub incidents: Incidents,
    /// Who translates.
    pub interpreter: Interpreter,
    /// For its health.
    pub journal: Journal,
    /// The keys of what is in it.
    pub vault: Option<Vault>,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: Clock,
    /// What tokens are signed with.
    pub secret: Secret,
    /// Open sockets.
    pub sockets: DashMap<Uuid, OpenSocket, ahash::RandomState>,
    /// Where passwords are checked.
    pub password_checks: PasswordChecks,
    /// Where lists of unanswered questions are put together.
    pub gaps: Gaps,
    /// Where seats come in that sign in at a provider.
    pub openid: OpenIdSignIns,
    /// Whether work is taken in.
    pub ready: AtomicBool,
}

impl Gateway {
    /// The shops now.
    pub fn shops(&self) -> Shops {
        self.shops.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts new shops in the place of the old ones. A shop that stays has used what it has used.
    pub fn set_shops(&self, shops: Shops) {
        self.shop_usages.retain(|shop, _| shops.contains_key(shop));
        let is_alone = shops.len() == 1;
        let connections_max = if is_alone {
            self.limits.connections_max
        } else {
            self.shop_allowance.connections_max
        };
        self.warn_of_headers_without_proxies(&shops);
        for shop in shops.keys() {
            let fresh = || Arc::new(Usage::new(self.shop_allowance));
            let usage = self.shop_usages.entry(shop.clone()).or_insert_with(fresh);
            usage.set_connections_max(connections_max);
        }
        self.openid.providers.keep(shops.values().filter_map(|shop| shop.openid.as_ref()));
        *self.shops.write().unwrap_or_else(PoisonError::into_inner) = shops;
    }

    fn warn_of_headers_without_proxies(&self, shops: &Shops) {
        if !self.proxies.trusted.is_empty() {
            return;
        }
        for shop in shops.values().filter(|shop| shop.trusted_headers != Default::default()) {
            tracing::warn!(
                shop = %shop.id,
                "[trusted_headers] is without effect: server.trusted_proxies names no proxy"
            );
        }
    }

    /// A shop by its id.
    pub fn shop(&self, id: &str) -> Option<Arc<Shop>> {
        self.shops().get(&ShopId::from(id)).cloned()
    }

    /// The seat that a token of the seat call opens, while it stands.
    pub fn seat_with(&self, token: &str) -> Option<SeatRef> {
        let token = self.secret.open(token, self.clock.now())?;
        let stands = self.stands(&token);
        match token.holder {
            Holder::Seat(id) if stands => Some(SeatRef { shop: token.shop, id }),
            _ => None,
        }
    }

    /// Whether a seat looks after its shop.
    pub fn is_admin(&self, seat: &SeatRef) -> bool {
        let shops = self.shops();
        let account = shops.get(&seat.shop).and_then(|shop| shop.seats.get(&seat.id));
        account.is_some_and(|account| account.admin)
    }

    /// Whether a seat is a supervisor's.
    pub fn is_supervisor(&self, seat: &SeatRef) -> bool {
        let shops = self.shops();
        let account = shops.get(&seat.shop).and_then(|shop| shop.seats.get(&seat.id));
        account.is_some_and(|account| account.supervisor)
    }

    /// Whether the router takes work: started, not draining, and the journal can write.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
            && self.journal.healthy()
            && self.vault.as_ref().is_none_or(Vault::is_healthy)
    }

    /// Asks every socket to come back later.
    pub fn close_all(&self) {
        for socket in &self.sockets {
            socket.outbox.close(CloseCode::Draining);
        }
    }
}
