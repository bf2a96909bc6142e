//! What the order table says about one order.

use jiff::civil::Date;

use crate::config::shop::{Order, OrderDate, OrderStatus, Shop};
use crate::domain::{Intent, Timestamp};

use super::answer::{AutomateInput, Found, Sentences, WhySeat};
use super::texts::inserted;

/// The sentence about the order `number`.
pub(super) fn order_status(
    input: &AutomateInput<'_>,
    shop: &Shop,
    sentences: Sentences<'_>,
    number: &str,
    now: Timestamp,
) -> Result<Found, WhySeat> {
    let order = shop.knowledge.orders.get(number).ok_or(WhySeat::UnknownOrder)?;
    if order.customer.is_some() && order.customer.as_ref() != input.customer.id {
        return Err(WhySeat::NotTheirOrder);
    }
    let today = today(shop, now).ok_or(WhySeat::MissingFact)?;
    if is_in_trouble(order, input.understanding.intent.label, today) {
        return Err(WhySeat::OrderTrouble);
    }
    let Sentences { answers, language } = sentences;
    let template = answers.order(order.status).ok_or(WhySeat::NoText)?;
    // In a sentence that is yet to be translated the name of a month would go to the engine; this stays as it is.
    let is_said_anew = language != input.understanding.language.label;
    let day = |date: OrderDate| match date.resolve(today) {
        date if is_said_anew => date.to_string(),
        date => answers.days().day(date),
    };
    let date = match order.status {
        OrderStatus::Delivered => order.delivered.map(day),
        _ => order.expected.map(day),
    };
    let value = |text: Option<&str>| text.map(|text| inserted(language, text));
    let [order_number, carrier, tracking, date] = [
        value(Some(order.number.as_str())),
        value(order.carrier.as_deref()),
        value(order.tracking.as_deref()),
        value(date.as_deref()),
    ];
    let text = template
        .fill(&[
            ("order", order_number.as_deref()),
            ("carrier", carrier.as_deref()),
            ("tracking", tracking.as_deref()),
            ("date", date.as_deref()),
        ])
        .ok_or(WhySeat::MissingFact)?;
    Ok(Found { text, source: format!("orders/{number}").into(), language })
}

/// Whether the order table alone would not settle it: late, or the customer misses what the carrier
/// says is delivered or on its last way.
fn is_in_trouble(order: &Order, intent: Intent, today: Date) -> bool {
    let on_its_way = matches!(
        order.status,
        OrderStatus::Processing | OrderStatus::Shipped | OrderStatus::OutForDelivery
    );
    let late = order.expected.is_some_and(|expected| expected.resolve(today) < today);
    let misses = intent == Intent::NotReceived
        && !matches!(order.status, OrderStatus::Processing | OrderStatus::Shipped);
    (on_its_way && late) || misses
}

/// The day it is where the shop is.
fn today(shop: &Shop, now: Timestamp) -> Option<Date> {
    let millis = i64::try_from(now.as_millis()).ok()?;
    let instant = jiff::Timestamp::from_millisecond(millis).ok()?;
    Some(instant.to_zoned(shop.hours.zone().clone()).date())
}
