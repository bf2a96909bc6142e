//! Loading the shops anew while the router works.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;

use crate::admin::ShopReload;
use crate::config::Config;
use crate::flow::{Dispatch, Input, SeatRef, Shops};
use crate::gateway::Gateway;
use crate::metrics::names::{Counter, ShopsReload};

use super::load_shops;
use super::settings::rosters;

/// Works off requests until nobody can ask any more.
pub(super) async fn serve(
    config: Config,
    gateway: Arc<Gateway>,
    mut asked: mpsc::Receiver<ShopReload>,
) {
    while let Some(reply) = asked.recv().await {
        let result = reload(&config, &gateway).await;
        match &result {
            Ok(shops) => {
                gateway.metrics.count(Counter::ShopsReloaded(ShopsReload::Taken));
                tracing::info!(?shops, "shops loaded anew");
            }
            Err(mistakes) => {
                gateway.metrics.count(Counter::ShopsReloaded(ShopsReload::Refused));
                tracing::warn!(%mistakes, "shops refused, the old ones stay");
            }
        }
        // Who asked may have gone.
        let _ = reply.send(result);
    }
}

/// Reads and checks the shops as a whole, away from the sockets' threads, and then tells everybody.
async fn reload(config: &Config, gateway: &Gateway) -> Result<Vec<String>, String> {
    let config = config.clone();
    let loaded = tokio::task::spawn_blocking(move || load_shops(&config)).await;
    let new = loaded.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let names = same_shops(&gateway.shops(), &new)?;
    // Owners and scheduler first: a seat that signs in meanwhile is known to them then.
    gateway.owners.tell_all(|| Input::Shops(new.clone()));
    let gone = seats_gone(&gateway.shops(), &new);
    let dispatch = Dispatch::Reload { rosters: rosters(&new), gone };
    gateway.dispatcher.tell(dispatch, Instant::now());
    gateway.set_shops(new);
    let closed = gateway.close_revoked();
    if closed > 0 {
        tracing::info!(closed, "sockets closed: what they stood on is gone");
    }
    Ok(names)
}

/// Seats of the old shops that the new ones do not have.
fn seats_gone(old: &Shops, new: &Shops) -> Vec<SeatRef> {
    let seats = old.values().flat_map(|shop| {
        let shop_id = shop.id.clone();
        shop.seats.keys().map(move |id| SeatRef { shop: shop_id.clone(), id: id.clone() })
    });
    let has =
        |seat: &SeatRef| new.get(&seat.shop).is_some_and(|shop| shop.seats.contains_key(&seat.id));
    seats.filter(|seat| !has(seat)).collect()
}

/// The names of the shops. One that is new or gone needs a restart: sockets, allowances and
/// conversations hang on it.
fn same_shops(old: &Shops, new: &Shops) -> Result<Vec<String>, String> {
    let names = |shops: &Shops| {
        let mut names: Vec<String> = shops.keys().map(ToString::to_string).collect();
        names.sort_unstable();
        names
    };
    let (old, new) = (names(old), names(new));
    let extra = new.iter().filter(|name| !old.contains(name));
    let extra = extra.map(|name| format!("shop `{name}` is new: that needs a restart"));
    let gone = old.iter().filter(|name| !new.contains(name));
    let gone = gone.map(|name| format!("shop `{name}` is gone: that needs a restart"));
    let mistakes: Vec<String> = extra.chain(gone).collect();
    if mistakes.is_empty() { Ok(new) } else { Err(mistakes.join("\n")) }
}
