//! What a token and its socket stand on, and whether the shops of now still grant it.
//!
//! A token is not kept anywhere, so it cannot be struck off a list. Instead it names what vouched for
//! its holder: whoever takes that away (a seat, a password, a key, an origin, a shop) takes the tokens
//! and the open sockets with it.

use std::sync::Arc;

use crate::config::shop::{Password, SeatIdentity, Shop};
use crate::deliver::Outbox;
use crate::domain::SeatId;
use crate::flow::Shops;
use crate::protocol::CloseCode;

use super::Gateway;
use super::token::{Holder, Secret, Token};

/// A socket with what it stands on.
pub struct OpenSocket {
    /// Where its frames go.
    pub outbox: Arc<Outbox>,
    /// The token that opened it.
    pub token: Box<Token>,
}

/// Whether `shops` still grant what `token` says.
pub fn stands(secret: &Secret, shops: &Shops, token: &Token) -> bool {
    let Some(shop) = shops.get(&token.shop) else { return false };
    let origin_stands = token.origin.as_ref().is_none_or(|origin| shop.origins.allow(origin));
    origin_stands && holder_stands(secret, shop, token)
}

fn holder_stands(secret: &Secret, shop: &Shop, token: &Token) -> bool {
    let stamp = token.stamp.as_deref();
    match &token.holder {
        Holder::Seat(seat) => {
            let vouched = [password_stamp(secret, shop, seat), openid_stamp(secret, shop, seat)];
            stamp.is_some() && vouched.iter().any(|vouched| vouched.as_deref() == stamp)
        }
        Holder::Widget(_) => match stamp {
            None => !shop.customer_proof.required,
            Some(stamp) => shop.customer_proof.key_material().any(|key| secret.stamp(key) == stamp),
        },
    }
}

/// The stamp of the password that vouches for a seat; `None` when there is no such seat, or it has none.
pub fn password_stamp(secret: &Secret, shop: &Shop, seat: &SeatId) -> Option<String> {
    Some(match shop.seats.get(seat)?.password.as_ref()? {
        Password::Hash(hash) => secret.stamp(hash.to_string().as_bytes()),
        Password::Demo(text) => secret.stamp(text.as_bytes()),
    })
}

/// The stamp of a seat that signed in at the provider of its shop: it stands on the provider as it is
/// set now, on how the provider knows the seat, and on the role for which the provider's groups were
/// asked. `None` when the seat cannot sign in so.
pub fn openid_stamp(secret: &Secret, shop: &Shop, seat: &SeatId) -> Option<String> {
    let provider = shop.openid.as_ref()?.standing();
    let account = shop.seats.get(seat).filter(|account| !account.identity.is_none())?;
    let SeatIdentity { subject, email } = &account.identity;
    let role = account.role().as_str();
    // Written so that no part can run into the next.
    let material = format!("openid {:?}", (provider, seat.as_str(), subject, email, role));
    Some(secret.stamp(material.as_bytes()))
}

impl Gateway {
    /// Whether the shops of now grant what `token` says, and nobody has signed out of it.
    pub fn stands(&self, token: &Token) -> bool {
        stands(&self.secret, &self.shops(), token) && !self.is_signed_out(token)
    }

    fn is_signed_out(&self, token: &Token) -> bool {
        let is_over = |session| self.openid.signed_out.has(&token.shop, session);
        token.session.as_ref().is_some_and(is_over)
    }

    /// Closes every socket that the shops of now do not grant any more; gives how many. Those of a
    /// shop that is gone are left to the owners of its conversations, who tell them so first.
    pub fn close_revoked(&self) -> usize {
        let shops = self.shops();
        let revoked = self.sockets.iter().filter(|it| {
            let stands = stands(&self.secret, &shops, &it.token) && !self.is_signed_out(&it.token);
            shops.contains_key(&it.token.shop) && !stands
        });
        revoked.map(|socket| socket.outbox.close(CloseCode::Unauthorized)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::shop::ShopFiles;
    use crate::domain::{CustomerId, CustomerValue, ShopId, Timestamp};
    use crate::gateway::token::Customer;

    const KEYS: &str = "\n[[identity.keys]]\nkid = \"a\"\nalg = \"HS256\"\n\
        secret = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n\
        [[identity.keys]]\nkid = \"b\"\nalg = \"HS256\"\nsecret = \"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"\n";

    fn shops(edit: impl Fn(&str) -> String) -> Shops {
        let mut files = ShopFiles::demo();
        let text = files.0.get_mut("shop.toml").expect("the file");
        *text = edit(&format!("{text}{KEYS}"));
        let shop = Shop::from_files(&files).expect("a shop");
        Arc::new([(shop.id.clone(), Arc::new(shop))].into_iter().collect())
    }

    fn token(holder: Holder, stamp: Option<String>) -> Token {
        Token {
            shop: ShopId::from("demo"),
            origin: Some("http://localhost:1".to_owned()),
            expires_at: Timestamp::default(),
            stamp,
            holder,
            session: None,
        }
    }

    fn customer(verified: bool) -> Holder {
        Holder::Widget(Customer {
            id: CustomerId::from("c"),
            verified: verified.then(|| CustomerId::from("u")),
            locale: None,
            time_zone: None,
            region: None,
            value: CustomerValue::Normal,
        })
    }

    #[test]
    fn a_seat_stands_on_its_password_and_a_customer_on_the_key_that_proved_him() {
        let secret = Secret::of_test(7);
        let now = shops(str::to_owned);
        let stamp = password_stamp(&secret, &now[&ShopId::from("demo")], &SeatId::from("mai"));
        let mai = token(Holder::Seat(SeatId::from("mai")), stamp);
        let proved = token(customer(true), Some(secret.stamp(&[b'a'; 32])));
        let visitor = token(customer(false), None);
        let tokens = [mai, proved, visitor];
        let standing = |edit: &dyn Fn(&str) -> String| {
            let shops = shops(edit);
            tokens.each_ref().map(|token| stands(&secret, &shops, token))
        };

        assert_eq!(standing(&str::to_owned), [true, true, true]);
        let seat_gone = |text: &str| text.replace("id = \"mai\"", "id = \"may\"");
        assert_eq!(standing(&seat_gone), [false, true, true]);
        let password =
            |text: &str| text.replacen("demo_password = \"demo\"", "demo_password = \"other\"", 1);
        assert_eq!(standing(&password), [false, true, true]);
        let key_gone = |text: &str| text.replace(&"a".repeat(32), &"c".repeat(32));
        assert_eq!(standing(&key_gone), [true, false, true]);
        let other_key = |text: &str| text.replace(&"b".repeat(32), &"c".repeat(32));
        assert_eq!(standing(&other_key), [true, true, true]);
        let required = |text: &str| {
            text.replacen("\n[[identity", "\n[identity]\nrequired = true\n[[identity", 1)
        };
        assert_eq!(standing(&required), [true, true, false]);
        let origin = |text: &str| text.replace("\"loopback\"", "\"https://shop.example\"");
        assert_eq!(standing(&origin), [false, false, false]);
        let shop_gone = |text: &str| text.replace("id = \"demo\"", "id = \"other\"");
        assert_eq!(standing(&shop_gone), [false, false, false]);
    }
}
