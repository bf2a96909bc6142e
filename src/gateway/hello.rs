//! The first frame of a connection: who it is.

use std::sync::Arc;

use crate::flow::{CustomerRef, Profile, SeatRef, Viewer};
use crate::protocol::{ClientFrame, CloseCode, Resume};

use super::Gateway;
use super::connection::Role;
use super::socket::{Received, Socket};
use super::token::{Holder, Token};

/// Somebody who has said hello.
pub struct Identified {
    /// What it showed.
    pub token: Box<Token>,
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
) -> Result<Identified, Option<CloseCode>> {
    let text = match tokio::time::timeout(gateway.limits.handshake, socket.next()).await {
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
        .filter(|token| gateway.stands(token))
        .ok_or(Some(CloseCode::Unauthorized))?;
    let who = match (role, &token.holder) {
        (Role::Widget, Holder::Widget(customer)) => {
            let customer = customer.clone();
            Who::Customer(Arc::new(Profile {
                customer: CustomerRef { shop: token.shop.clone(), id: customer.id },
                verified: customer.verified,
                locale: customer.locale,
                time_zone: customer.time_zone,
                region: customer.region,
                value: customer.value,
            }))
        }
        (Role::Seat, Holder::Seat(id)) => {
            Who::Seat(Arc::new(SeatRef { shop: token.shop.clone(), id: id.clone() }))
        }
        (Role::Widget, Holder::Seat(_)) | (Role::Seat, Holder::Widget(_)) => {
            return Err(Some(CloseCode::Unauthorized));
        }
    };
    Ok(Identified { token: Box::new(token), who, resume: hello.resume })
}
