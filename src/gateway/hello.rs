//! The first frame of a connection: who it is.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::ShopId;
use crate::flow::{CustomerRef, Profile, SeatRef, Viewer};
use crate::protocol::{ClientFrame, CloseCode, Resume};

use super::Gateway;
use super::connection::Role;
use super::socket::{Received, Socket};
use super::token::Holder;

/// Somebody who has said hello.
pub struct Identified {
    /// The shop.
    pub shop: ShopId,
    /// Who.
    pub who: Who,
    /// What the client holds from before; `None` when it asked for nothing.
    pub resume: Option<Resume>,
}

/// Whom a socket speaks for.
#[derive(Clone, Debug)]
pub enum Who {
    /// A customer.
    Customer(Arc<Profile>),
    /// A seat.
    Seat(Arc<SeatRef>),
}

impl Who {
    /// The same as a viewer of conversations.
    pub fn viewer(&self) -> Viewer {
        match self {
            Self::Customer(profile) => Viewer::Customer(profile.customer.clone()),
            Self::Seat(seat) => Viewer::Seat((**seat).clone()),
        }
    }
}

/// Waits for `hello` and checks its token.
///
/// # Errors
/// The code to close with; `None` when the peer is gone already.
pub async fn identify(
    gateway: &Gateway,
    socket: &mut Socket,
    role: Role,
    origin: Option<&str>,
    within: Duration,
) -> Result<Identified, Option<CloseCode>> {
    let text = match tokio::time::timeout(within, socket.next()).await {
        Err(_) => return Err(Some(CloseCode::HelloTimeout)),
        Ok(Received::Gone) => return Err(None),
        Ok(Received::Broken(code)) => return Err(Some(code)),
        Ok(Received::Binary) => return Err(Some(CloseCode::BadFrame)),
        Ok(Received::Text(text)) => text,
    };
    let Ok((_, ClientFrame::Hello(hello))) = ClientFrame::parse(&text) else {
        return Err(Some(CloseCode::BadFrame));
    };
    let token = gateway.secret.open(&hello.token, gateway.clock.now());
    let token = token
        .filter(|token| token.origin.as_deref() == origin)
        .filter(|token| gateway.shops().contains_key(&token.shop))
        .ok_or(Some(CloseCode::Unauthorized))?;
    let who = match (role, token.holder) {
        (Role::Widget, Holder::Widget(customer)) => Who::Customer(Arc::new(Profile {
            customer: CustomerRef { shop: token.shop.clone(), id: customer.id },
            verified: customer.verified,
            locale: customer.locale,
            time_zone: customer.time_zone,
            region: customer.region,
            value: customer.value,
        })),
        (Role::Seat, Holder::Seat(id)) => {
            let known = gateway.shops().get(&token.shop).is_some_and(|s| s.seats.contains_key(&id));
            if !known {
                return Err(Some(CloseCode::Unauthorized));
            }
            Who::Seat(Arc::new(SeatRef { shop: token.shop.clone(), id }))
        }
        (Role::Widget, Holder::Seat(_)) | (Role::Seat, Holder::Widget(_)) => {
            return Err(Some(CloseCode::Unauthorized));
        }
    };
    Ok(Identified { shop: token.shop, who, resume: hello.resume })
}
