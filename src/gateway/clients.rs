//! Who connects, and whether the address and the shop may have one more.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use parking_lot::Mutex;
use tokio::sync::OwnedSemaphorePermit;

use crate::admission::{Place, Usage};
use crate::domain::{ClientAddress, ShopId};
use crate::metrics::names::{Counter, Limit};
use crate::protocol::{CloseCode, ErrorCode};

use super::Gateway;
use super::problem::Refused;
use super::retry;

/// A connection that was let in, with what it holds until its end.
#[derive(Debug)]
pub struct Accepted {
    /// Where it comes from, a proxy or a client.
    peer: IpAddr,
    /// Its place among those of its address; behind a proxy a place belongs to a socket.
    place: Mutex<Option<Place>>,
    /// Its place among all.
    _permit: OwnedSemaphorePermit,
}

/// Whoever makes a request.
#[derive(Clone, Debug)]
pub struct Client {
    /// `None` when a proxy does not say.
    pub address: Option<ClientAddress>,
    /// What the address uses, where it is counted.
    pub usage: Option<Arc<Usage>>,
}

/// A socket's place among those of its shop.
pub struct ShopPlace {
    /// What the shop uses.
    pub usage: Arc<Usage>,
    _place: Place,
}

impl Accepted {
    /// A connection of management, where addresses are not counted.
    pub fn uncounted(peer: IpAddr, permit: OwnedSemaphorePermit) -> Self {
        Self { peer, place: Mutex::new(None), _permit: permit }
    }
}

impl Gateway {
    /// Lets a connection of the main address in.
    ///
    /// # Errors
    /// When its address has too many, or connects too often.
    pub fn accept(&self, peer: IpAddr, permit: OwnedSemaphorePermit) -> Result<Accepted, Refused> {
        let mut accepted = Accepted::uncounted(peer, permit);
        if !self.proxies.trust(peer)
            && let Some(usage) = self.addresses.of(peer.into(), self.clock.now())
        {
            self.count_handshake(&usage)?;
            *accepted.place.get_mut() = Some(self.address_place(&usage)?);
        }
        Ok(accepted)
    }

    /// Who asks for a token or a socket; each counts.
    ///
    /// # Errors
    /// When the address does so too often.
    pub fn client(&self, accepted: &Accepted, headers: &HeaderMap) -> Result<Client, Refused> {
        let address = self.proxies.client(accepted.peer, headers).map(ClientAddress::from);
        let usage = address.and_then(|address| self.addresses.of(address, self.clock.now()));
        if let Some(usage) = &usage {
            self.count_handshake(usage)?;
        }
        Ok(Client { address, usage })
    }

    /// The headers of a request, where a trusted proxy has written them: what anybody else says of where it
    /// comes from is worth nothing.
    pub fn proxy_headers<'h>(
        &self,
        accepted: &Accepted,
        headers: &'h HeaderMap,
    ) -> Option<&'h HeaderMap> {
        self.proxies.trust(accepted.peer).then_some(headers)
    }

    /// The place of a socket among those of its address.
    ///
    /// # Errors
    /// When there are as many as may be.
    pub fn socket_place(
        &self,
        accepted: &Accepted,
        client: &Client,
    ) -> Result<Option<Place>, Refused> {
        if !self.proxies.trust(accepted.peer) {
            return Ok(accepted.place.lock().take());
        }
        client.usage.as_ref().map(|usage| self.address_place(usage)).transpose()
    }

    fn count_handshake(&self, usage: &Usage) -> Result<(), Refused> {
        usage.handshake(self.clock.now()).map_err(|wait| {
            self.metrics.count(Counter::Limited(Limit::AddressHandshakes));
            let wait = retry::later(wait, 0, rand::random());
            let detail = "this address connects too often";
            Refused::for_a_while(ErrorCode::RateLimited, detail, wait)
        })
    }

    fn address_place(&self, usage: &Arc<Usage>) -> Result<Place, Refused> {
        usage.place().ok_or_else(|| {
            self.metrics.count(Counter::Limited(Limit::AddressConnections));
            let wait = retry::later(Duration::from_secs(1), 0, rand::random());
            let detail = "this address has too many connections";
            Refused::for_a_while(ErrorCode::RateLimited, detail, wait)
        })
    }

    /// Counts a sign-in to a shop.
    ///
    /// # Errors
    /// When there are too many.
    pub fn count_sign_in(&self, shop: &ShopId) -> Result<(), Refused> {
        let Some(usage) = self.shop_usage(shop) else { return Ok(()) };
        usage.handshake(self.clock.now()).map_err(|wait| {
            self.metrics.count(Counter::Limited(Limit::ShopHandshakes));
            let wait = retry::later(wait, self.sockets.len(), rand::random());
            let detail = "this shop has too many sign-ins at once";
            Refused::for_a_while(ErrorCode::RateLimited, detail, wait)
        })
    }

    /// The place of a socket that has said hello among those of its shop.
    ///
    /// # Errors
    /// The code to close with.
    pub fn shop_place(&self, shop: &ShopId) -> Result<ShopPlace, CloseCode> {
        // The shop may have gone since the hello was checked.
        let usage = self.shop_usage(shop).ok_or(CloseCode::Unauthorized)?;
        let limited = |limit| {
            self.metrics.count(Counter::Limited(limit));
            CloseCode::Overloaded
        };
        usage.handshake(self.clock.now()).map_err(|_| limited(Limit::ShopHandshakes))?;
        let place = usage.place().ok_or_else(|| limited(Limit::ShopConnections))?;
        Ok(ShopPlace { usage, _place: place })
    }

    fn shop_usage(&self, shop: &ShopId) -> Option<Arc<Usage>> {
        self.shop_usages.get(shop).map(|usage| usage.clone())
    }
}
