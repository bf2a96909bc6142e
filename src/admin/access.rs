//! Who may use management: whoever is on this machine may look and reload; accounts are changed by the
//! operator, who has the key, and by a shop's own admins.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

use crate::domain::ShopId;
use crate::gateway::{Gateway, Refused, bearer, write_private};
use crate::protocol::ErrorCode;

/// The key of management, in the file `admin.key` of the data folder.
#[derive(Clone)]
pub struct AdminKey(Arc<str>);

impl AdminKey {
    /// The key in `data`, made on the first start, readable by its owner only.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn load_or_create(data: &Path) -> io::Result<Self> {
        match Self::read(data) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let bytes: [u8; 32] = rand::random();
                let key = URL_SAFE_NO_PAD.encode(bytes);
                write_private(&data.join("admin.key"), key.as_bytes())?;
                Ok(Self(key.into()))
            }
            read => read,
        }
    }

    /// The key in `data`.
    ///
    /// # Errors
    /// When the file cannot be read, or holds less than a key.
    pub fn read(data: &Path) -> io::Result<Self> {
        let text = std::fs::read_to_string(data.join("admin.key"))?;
        let text = text.trim();
        // A short or empty file would be a password that is soon guessed.
        if text.len() < 32 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let what = "admin.key holds less than 32 letters";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(Self(text.into()))
    }

    /// The key as a bearer token.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AdminKey(…)")
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// Whoever has the key.
    Operator,
    /// A seat with the role `admin`, for its own shop only.
    Admin(ShopId),
    /// Somebody on this machine, without proof.
    Local,
}

impl Caller {
    /// Lets only those through who may change the accounts of `shop`.
    pub(super) fn may_change(&self, shop: &str) -> Result<(), Refused> {
        match self {
            Self::Operator => Ok(()),
            Self::Admin(own) if own.as_str() == shop => Ok(()),
            _ => Err(needs_key()),
        }
    }

    /// Lets only the operator through.
    pub(super) fn must_be_operator(&self) -> Result<(), Refused> {
        if *self == Self::Operator { Ok(()) } else { Err(needs_key()) }
    }
}

fn needs_key() -> Refused {
    let text = "this needs the key of management, or a token of the shop's admin";
    Refused::new(ErrorCode::Unauthorized, text)
}

/// What the guard works with.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) gateway: Arc<Gateway>,
    pub(super) key: AdminKey,
    /// Whether management listens where only this machine reaches it.
    pub(super) loopback: bool,
}

/// Tells who asks, and refuses those who may not ask at all.
pub(super) async fn guard(
    State(guard): State<Guard>,
    mut request: Request,
    next: Next,
) -> Response {
    if request.uri().path() == "/healthz" {
        return next.run(request).await;
    }
    match guard.caller(request.headers(), request.uri().path()) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refused) => refused.into_response(),
    }
}

impl Guard {
    fn caller(&self, headers: &HeaderMap, path: &str) -> Result<Caller, Refused> {
        let Some(token) = bearer(headers) else {
            // A page in a browser on this machine is not the person who sits there: it may come from
            // anywhere, also under a name that resolves to this machine.
            let from_page = headers.contains_key(header::ORIGIN) || !names_this_machine(headers);
            return if self.loopback && !from_page { Ok(Caller::Local) } else { Err(needs_key()) };
        };
        if token.as_bytes().ct_eq(self.key.text().as_bytes()).into() {
            return Ok(Caller::Operator);
        }
        let admin = self.gateway.seat_with(token).filter(|seat| self.gateway.is_admin(seat));
        let shop = admin.ok_or_else(needs_key)?.shop;
        let below = path.strip_prefix("/v1/shops/").and_then(|rest| rest.split_once('/'));
        // Every other path tells of other shops too.
        if below.is_some_and(|(named, _)| named == shop.as_str()) {
            Ok(Caller::Admin(shop))
        } else {
            Err(Refused::new(ErrorCode::NotFound, "no such page for an admin of this shop"))
        }
    }
}

fn names_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else {
        // HTTP/1.0 may leave it out; browsers never do.
        return true;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name == "localhost" || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_only_resolves_to_this_machine_does_not_count() {
        let named = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().expect("a value"));
            names_this_machine(&headers)
        };

        for host in ["127.0.0.1:8081", "127.0.0.1", "localhost:8081", "[::1]:8081", "[::1]"] {
            assert!(named(host), "{host}");
        }
        for host in ["evil.example:8081", "localhost.evil.example", "127.0.0.1.evil.example", ""] {
            assert!(!named(host), "{host}");
        }
    }

    #[test]
    fn a_key_is_made_once_and_a_file_with_less_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");

        let made = AdminKey::load_or_create(folder.path()).expect("a key");

        let again = AdminKey::load_or_create(folder.path()).expect("a key");
        assert_eq!(made.text(), again.text());
        assert!(made.text().len() >= 43 && !format!("{made:?}").contains(made.text()));
        std::fs::write(folder.path().join("admin.key"), "secret\n").expect("a file");
        assert!(AdminKey::load_or_create(folder.path()).is_err());
    }
}
