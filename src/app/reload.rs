//! Loading the shops anew while the router works.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};

use crate::admin::{ReloadedShops, ShopReload};
use crate::config::Config;
use crate::config::shop::Shop;
use crate::domain::{SeatId, ShopId};
use crate::flow::{Dispatch, Input, Library, SeatRef, Shops};
use crate::gateway::Gateway;
use crate::metrics::names::{Counter, ShopsReload};
use crate::schedule::Roster;
use crate::understand::tenant::ServedSets;

use super::settings::rosters;
use super::{ReadSettings, load_shops};

/// What a reload works with.
pub(super) struct Reload {
    /// The settings in force.
    pub config: Config,
    /// Those that a restart would take.
    pub read_again: ReadSettings,
    pub gateway: Arc<Gateway>,
    pub own_sets: Arc<ServedSets>,
    /// Who calls the hooks of the shops.
    pub tell_messenger: watch::Sender<Shops>,
    /// Who reads their mailboxes.
    pub tell_mailboxes: watch::Sender<Shops>,
}

/// What was read, all of it without mistakes.
struct Loaded {
    shops: Shops,
    own_sets: ServedSets,
    library: Arc<Library>,
    needs_restart: Vec<String>,
}

impl Reload {
    /// Works off requests until nobody can ask any more. `library` is what machines answer from now.
    pub async fn serve(self, mut library: Arc<Library>, mut asked: mpsc::Receiver<ShopReload>) {
        let reload = Arc::new(self);
        while let Some(reply) = asked.recv().await {
            let result = reload.clone().reload(&mut library).await;
            let metrics = &reload.gateway.metrics;
            match &result {
                Ok(ReloadedShops { shops, added, removed, needs_restart }) => {
                    metrics.count(Counter::ShopsReloaded(ShopsReload::Taken));
                    tracing::info!(?shops, ?added, ?removed, "shops loaded anew");
                    if !needs_restart.is_empty() {
                        tracing::warn!(settings = ?needs_restart, "changed settings need a restart");
                    }
                }
                Err(mistakes) => {
                    metrics.count(Counter::ShopsReloaded(ShopsReload::Refused));
                    tracing::warn!(%mistakes, "shops refused, the old ones stay");
                }
            }
            // Who asked may have gone.
            let _ = reply.send(result);
        }
    }

    /// Reads and checks everything as a whole, away from the sockets' threads, and then tells
    /// everybody.
    async fn reload(self: Arc<Self>, library: &mut Arc<Library>) -> Result<ReloadedShops, String> {
        let (this, before) = (self.clone(), library.clone());
        let loaded = tokio::task::spawn_blocking(move || this.load(&before)).await;
        let Loaded { shops: new, own_sets, library: renewed, needs_restart } =
            loaded.map_err(|error| error.to_string())??;
        *library = renewed;
        let old = self.gateway.shops();
        let (added, removed) = (missing_in(&old, &new), missing_in(&new, &old));
        // Who reads messages, owners and scheduler first: whoever comes in by the new shops is
        // known to them then.
        self.own_sets.become_as(&own_sets);
        // An owner that has the new shops wants their new hooks told; whoever does not know these yet
        // would refuse for good.
        self.tell_messenger.send_replace(new.clone());
        self.gateway.owners.tell_all(|| Input::Library(library.clone()));
        self.gateway.owners.tell_all(|| Input::Shops(new.clone()));
        self.gateway.incidents.shops(new.clone());
        self.gateway.interpreter.shops(new.clone());
        let mut rosters = rosters(&new);
        rosters.extend(removed.iter().cloned().map(Roster::closed));
        let gone = seats_gone(&old, &new);
        self.gateway.dispatcher.tell(Dispatch::Supervisors(supervisors(&new)), Instant::now());
        self.gateway.dispatcher.tell(Dispatch::Reload { rosters, gone }, Instant::now());
        let shops = names(new.keys());
        self.tell_mailboxes.send_replace(new.clone());
        self.gateway.set_shops(new);
        let closed = self.gateway.close_revoked();
        if closed > 0 {
            tracing::info!(closed, "sockets closed: what they stood on is gone");
        }
        Ok(ReloadedShops { shops, added: names(&added), removed: names(&removed), needs_restart })
    }

    fn load(&self, before: &Library) -> Result<Loaded, String> {
        let settings = (self.read_again)().map_err(|mistakes| mistakes.to_string())?;
        let shops = load_shops(&self.config).map_err(|error| error.to_string())?;
        let own_sets = ServedSets::load(shops.values()).map_err(|errors| errors.to_string())?;
        let library = before.renewed(&shops).map_err(|error| error.to_string())?;
        let needs_restart = changed(&self.config, &settings);
        Ok(Loaded { shops, own_sets, library: Arc::new(library), needs_restart })
    }
}

/// The keys of settings that differ.
fn changed(old: &Config, new: &Config) -> Vec<String> {
    let pairs = old.texts().into_iter().zip(new.texts());
    pairs.filter(|(old, new)| old != new).map(|((key, _), _)| key.to_owned()).collect()
}

/// The shops of `all` that `some` does not have, by name.
fn missing_in(some: &Shops, all: &Shops) -> BTreeSet<ShopId> {
    all.keys().filter(|shop| !some.contains_key(*shop)).cloned().collect()
}

fn names<'a>(shops: impl IntoIterator<Item = &'a ShopId>) -> Vec<String> {
    let mut names: Vec<String> = shops.into_iter().map(ToString::to_string).collect();
    names.sort_unstable();
    names
}

/// The supervisors of all shops.
pub(super) fn supervisors(shops: &Shops) -> BTreeSet<SeatRef> {
    let of_shop = |shop: &Arc<Shop>| {
        let supervisors = shop.seats.iter().filter(|(_, account)| account.supervisor);
        let seat = |(id, _): (&SeatId, _)| SeatRef { shop: shop.id.clone(), id: id.clone() };
        supervisors.map(seat).collect::<Vec<_>>()
    };
    shops.values().flat_map(of_shop).collect()
}

/// Seats that the new shops do not have. Those of a shop that is gone hear it from the owners of its
/// conversations, once these are closed.
fn seats_gone(old: &Shops, new: &Shops) -> Vec<SeatRef> {
    let stays = |shop: &&Arc<Shop>| new.contains_key(&shop.id);
    let seats = old.values().filter(stays).flat_map(|shop| {
        let shop_id = shop.id.clone();
        shop.seats.keys().map(move |id| SeatRef { shop: shop_id.clone(), id: id.clone() })
    });
    let has =
        |seat: &SeatRef| new.get(&seat.shop).is_some_and(|shop| shop.seats.contains_key(&seat.id));
    seats.filter(|seat| !has(seat)).collect()
}
