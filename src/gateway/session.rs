//! The two calls that give a token.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use crate::config::shop::{Evidence, Password, Reads, Shop};
use crate::domain::{CustomerId, Language, RegionId, SeatId, Timestamp, time_zone};
use crate::metrics::names::{Counter, Limit};
use crate::protocol::ErrorCode;
use crate::protocol::session::{CustomerProfile, Granted, SeatSession, WidgetSession};

use super::Gateway;
use super::body::read_json;
use super::clients::Accepted;
use super::identity::prove;
use super::problem::Refused;
use super::retry;
use super::signed_out::ProviderSession;
use super::standing::password_stamp;
use super::token::{Customer, Holder, Secret, Token};

const LOCALE_BYTES_MAX: usize = 64;
/// Least wait of a seat that met too many others.
const SIGN_IN_PAUSE: Duration = Duration::from_secs(1);

type Answer = Result<Response, Refused>;

/// `POST /v1/widget/session`.
pub async fn widget(
    State(gateway): State<Arc<Gateway>>,
    Extension(accepted): Extension<Arc<Accepted>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let granted = widget_session(&gateway, &accepted, &headers, body).await;
    answer(&gateway, granted)
}

/// `POST /v1/seat/session`.
pub async fn seat(
    State(gateway): State<Arc<Gateway>>,
    Extension(accepted): Extension<Arc<Accepted>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let granted = seat_session(&gateway, &accepted, &headers, body).await;
    answer(&gateway, granted)
}

/// Gives a token, or counts why not. Pages compare `Date` with their own clock to read the instants that they
/// get, so it is by the clock of those.
pub(super) fn answer(gateway: &Gateway, granted: Result<Granted, Refused>) -> Answer {
    let granted = granted.inspect_err(|it| gateway.metrics.count(Counter::Refused(it.code())))?;
    let date = [(header::DATE, gateway.clock.now().to_http_date())];
    Ok((StatusCode::CREATED, date, Json(granted)).into_response())
}

async fn widget_session(
    gateway: &Gateway,
    accepted: &Accepted,
    headers: &HeaderMap,
    body: Body,
) -> Result<Granted, Refused> {
    gateway.client(accepted, headers)?;
    let asked: WidgetSession = read_json(body, gateway.limits.handshake).await?;
    let shop = &find_shop(gateway, &asked.shop)?;
    gateway.count_sign_in(&shop.id)?;
    let origin = allowed_origin(shop, headers)?;
    // Tokens are made and opened here; the proof is by the clock of the shop's own server.
    let (now, wall) = (gateway.clock.now(), gateway.clock.wall());
    let mut expires_at = now + gateway.limits.token_ttl;
    let mut stamp = None;
    let (id, verified, visitor, profile) = match &asked.identity {
        Some(identity) => {
            let proved = prove(&shop.customer_proof, identity, wall);
            let proved = proved.map_err(|why| unauthorized(why.to_string()))?;
            stamp = Some(gateway.secret.stamp(proved.key));
            // What is good for no longer must not live on in a token of ours.
            if let Some(until) = proved.until {
                expires_at = expires_at.min(now + until.since(wall));
            }
            let customer = Secret::verified_customer(&proved.user_id);
            let visitor = customer.to_string();
            (customer, Some(CustomerId::from(proved.user_id)), visitor, proved.profile)
        }
        None if shop.customer_proof.required => {
            return Err(unauthorized("this shop serves customers with a proved identity only"));
        }
        None => {
            let (customer, visitor) = visitor(gateway, shop, asked.visitor.as_deref())?;
            (customer, None, visitor, CustomerProfile::default())
        }
    };
    let by_proxy = gateway.proxy_headers(accepted, headers);
    let (locale, time_zone, region) = whereabouts(shop, &asked, &profile, by_proxy)?;
    let value = profile.value;
    let customer = Customer { id, verified, locale, time_zone, region, value };
    let holder = Holder::Widget(customer);
    let token = Token { shop: shop.id.clone(), origin, expires_at, stamp, holder, session: None };
    let mut granted = grant(gateway, &token);
    granted.visitor = Some(visitor);
    Ok(granted)
}

async fn seat_session(
    gateway: &Gateway,
    accepted: &Accepted,
    headers: &HeaderMap,
    body: Body,
) -> Result<Granted, Refused> {
    let client = gateway.client(accepted, headers)?;
    let asked: SeatSession = read_json(body, gateway.limits.handshake).await?;
    let shop = &find_shop(gateway, &asked.shop)?;
    gateway.count_sign_in(&shop.id)?;
    let origin = allowed_origin(shop, headers)?;
    let seat = SeatId::from(asked.user);
    let wrong = "user or password is wrong";
    let (password, known) = password_to_check(shop, &seat);
    let password = password.ok_or_else(|| unauthorized(wrong))?;
    let checks = &gateway.password_checks;
    let matches = checks.check(&shop.id, client.address, password, asked.password).await;
    let matches = matches.map_err(|full| {
        let limit = if full.is_of_address { Limit::AddressSignIns } else { Limit::ShopSignIns };
        gateway.metrics.count(Counter::Limited(limit));
        let at_least = full.retry_after.max(SIGN_IN_PAUSE);
        let wait = retry::later(at_least, 0, rand::random());
        Refused::for_a_while(ErrorCode::Overloaded, "too many sign-ins at once", wait)
    })?;
    if !(matches && known) {
        return Err(unauthorized(wrong));
    }
    let stamp = password_stamp(&gateway.secret, shop, &seat);
    let until = gateway.clock.now() + gateway.limits.token_ttl;
    Ok(grant_seat(gateway, shop, seat, origin, Vouched { stamp, until, session: None }))
}

/// What vouches for a seat, and until when.
pub(super) struct Vouched {
    pub stamp: Option<String>,
    pub until: Timestamp,
    /// The session of the shop's provider, where that vouches.
    pub session: Option<ProviderSession>,
}

/// The token of a seat that has proved who it is.
pub(super) fn grant_seat(
    gateway: &Gateway,
    shop: &Shop,
    seat: SeatId,
    origin: Option<String>,
    vouched: Vouched,
) -> Granted {
    let Vouched { stamp, until: expires_at, session } = vouched;
    let account = shop.seats.get(&seat);
    let supervisor = account.map(|account| account.supervisor);
    let languages = account.map(|account| account.profile.languages.clone());
    let translation = shop.translators.reads().map(Reads::as_str);
    let holder = Holder::Seat(seat.clone());
    let token = Token { shop: shop.id.clone(), origin, expires_at, stamp, holder, session };
    let seat = Some(seat.to_string());
    Granted { seat, supervisor, languages, translation, ..grant(gateway, &token) }
}

/// The password that a sign-in is checked against, and whether it is the seat's own. Somebody else's
/// stands in for that of a seat that is not there or has none: a refusal takes as long, so that its
/// time does not tell who is there.
fn password_to_check(shop: &Shop, seat: &SeatId) -> (Option<Password>, bool) {
    let own = shop.seats.get(seat).and_then(|account| account.password.as_ref());
    let checked = own.or_else(|| shop.seats.values().find_map(|it| it.password.as_ref()));
    (checked.cloned(), own.is_some())
}

fn find_shop(gateway: &Gateway, id: &str) -> Result<Arc<Shop>, Refused> {
    gateway.shop(id).ok_or_else(|| Refused::new(ErrorCode::NotFound, "no such shop"))
}

/// The page that asks; a client without one is no page.
fn allowed_origin(shop: &Shop, headers: &HeaderMap) -> Result<Option<String>, Refused> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(None) };
    match origin.to_str() {
        Ok(origin) if shop.origins.allow(origin) => Ok(Some(origin.to_owned())),
        _ => Err(Refused::new(ErrorCode::Forbidden, "this origin is not on the shop's list")),
    }
}

fn unauthorized(why: impl Into<String>) -> Refused {
    Refused::new(ErrorCode::Unauthorized, why)
}

/// The customer of a handle; a handle that was not made here makes a new visitor, as null does.
fn visitor(
    gateway: &Gateway,
    shop: &Shop,
    handle: Option<&str>,
) -> Result<(CustomerId, String), Refused> {
    if let Some(handle) = handle
        && let Some(customer) = gateway.secret.visitor(&shop.id, handle)
    {
        return Ok((customer, handle.to_owned()));
    }
    let fresh = gateway.secret.new_visitor(&shop.id);
    let customer = gateway.secret.visitor(&shop.id, &fresh);
    customer
        .map(|customer| (customer, fresh))
        .ok_or_else(|| Refused::new(ErrorCode::Unavailable, "no visitor could be made"))
}

/// Language, time zone and region of a customer.
type Whereabouts = (Option<Language>, Option<Arc<str>>, Option<RegionId>);

fn whereabouts(
    shop: &Shop,
    asked: &WidgetSession,
    profile: &CustomerProfile,
    by_proxy: Option<&HeaderMap>,
) -> Result<Whereabouts, Refused> {
    let wrong = |text: String| Refused::new(ErrorCode::BadFrame, text);
    let locale = asked.locale.as_deref().unwrap_or_default();
    if locale.len() > LOCALE_BYTES_MAX {
        return Err(wrong("`locale` is too long".to_owned()));
    }
    // A tag that names no language is as good as none: the first message will tell.
    let language = Language::from_locale(locale).ok();
    let widget_zone = asked.time_zone.as_deref().unwrap_or_default();
    let profile_zone = profile.time_zone.as_deref().unwrap_or_default();
    for (name, zone) in [("time_zone", widget_zone), ("profile.time_zone", profile_zone)] {
        if !zone.is_empty() && !is_time_zone(zone) {
            return Err(wrong(format!("`{name}` is not an IANA time zone")));
        }
    }
    let header = |name: &Option<String>| {
        let value = name.as_ref().and_then(|name| by_proxy?.get(name)?.to_str().ok());
        value.unwrap_or_default()
    };
    let header_zone = header(&shop.trusted_headers.time_zone);
    let evidence = Evidence {
        widget_zone,
        profile_zone,
        profile_country: profile.country.as_deref().unwrap_or_default(),
        // A proxy that does not know writes what it likes.
        header_zone: if is_time_zone(header_zone) { header_zone } else { "" },
        header_country: header(&shop.trusted_headers.country),
        locale,
    };
    let zone = evidence.time_zone();
    let region = shop.region_for(&evidence);
    Ok((language, (!zone.is_empty()).then(|| zone.into()), region))
}

fn is_time_zone(name: &str) -> bool {
    time_zone(name).is_some()
}

fn grant(gateway: &Gateway, token: &Token) -> Granted {
    Granted {
        token: gateway.secret.seal(token),
        expires_at: token.expires_at.to_rfc3339(),
        visitor: None,
        seat: None,
        supervisor: None,
        languages: None,
        translation: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_of_nobody_is_checked_like_any_other_and_opens_nothing() {
        let shop = Shop::embedded_demo();

        let (password, known) = password_to_check(&shop, &SeatId::from("nobody"));
        assert!(password.is_some() && !known);

        let (password, known) = password_to_check(&shop, &SeatId::from("mai"));
        assert!(password.is_some_and(|password| password.verify("demo")) && known);
    }

    #[test]
    fn where_a_customer_is_follows_the_widget_then_the_profile_then_the_trusted_proxy() {
        let mut shop = Shop::embedded_demo();
        shop.trusted_headers.country = Some("x-country".to_owned());
        let mut headers = HeaderMap::new();
        headers.insert("x-country", "MX".parse().expect("a value"));
        let asked = |zone: &str| WidgetSession {
            shop: "demo".to_owned(),
            visitor: None,
            locale: Some("en-US".to_owned()),
            time_zone: (!zone.is_empty()).then(|| zone.to_owned()),
            identity: None,
        };
        let thai = CustomerProfile {
            time_zone: Some("Asia/Bangkok".to_owned()),
            ..CustomerProfile::default()
        };
        let unknown = CustomerProfile::default();
        let place = |zone, profile, headers: &HeaderMap| {
            let (_, zone, region) =
                whereabouts(&shop, &asked(zone), profile, Some(headers)).unwrap_or_default();
            (zone.map(|zone| zone.to_string()), region.map(|region| region.to_string()))
        };
        let told =
            |zone: Option<&str>, region: &str| (zone.map(str::to_owned), Some(region.to_owned()));

        assert_eq!(place("Europe/Paris", &thai, &headers), told(Some("Europe/Paris"), "europe"));
        assert_eq!(place("", &thai, &headers), told(Some("Asia/Bangkok"), "sea"));
        assert_eq!(place("", &unknown, &headers), told(None, "latam"));
        // Without the shop's word, or from somebody who is no proxy, a header is worth nothing.
        let by = |shop: &Shop, headers| {
            let (_, _, region) =
                whereabouts(shop, &asked(""), &unknown, headers).unwrap_or_default();
            region.map(|region| region.to_string())
        };
        assert_eq!(by(&shop, None).as_deref(), Some("north_america"));
        shop.trusted_headers.country = None;
        assert_eq!(by(&shop, Some(&headers)).as_deref(), Some("north_america"));
    }
}
