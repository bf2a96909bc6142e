//! The router without its edges: everything behind the sockets, put together. [`App`](super::App) puts
//! listeners around it, a simulation puts clients around it.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::config::Config;
use crate::domain::Timestamp;
use crate::flow::{
    Board, Dispatch, Dispatcher, Effects, Incidents, Interpreter, Library, Owners, PhraseStore,
    Pieces, Sensing, Shard, ShardTask, Shops, Turn, Ways, epoch_after,
};
use crate::gateway::{Gaps, Gateway, OpenIdSignIns, PasswordChecks, Secret};
use crate::journal::{Journal, Replay};
use crate::metrics::Metrics;
use crate::runtime::{Clock, OpenWeb};
use crate::schedule::Scheduler;
use crate::understand::Understand;
use crate::vault::Vault;

use super::StartError;
use super::reload::supervisors;
use super::restore::{Restored, Stored, restore};
use super::settings::{
    addresses, flow_settings, limits, proxies, rosters, schedule_settings, shop_allowance,
};

/// What a [`Core`] is made of.
pub struct CoreParts {
    /// The shops that are served.
    pub shops: Shops,
    /// Where translated phrases outlive the process; `None` where they do not.
    pub phrases: Option<PhraseStore>,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// Who understands messages.
    pub understanders: Arc<dyn Understand>,
    /// What incidents are compared by beside words; `None` where they are not.
    pub sensing: Option<Sensing>,
    /// An open journal.
    pub journal: Journal,
    /// The keys of its records, whose free ones were found; `None` seals nothing.
    pub vault: Option<Vault>,
    /// What was in it.
    pub replay: Replay,
    /// What tokens are signed with.
    pub secret: Secret,
    /// Where passwords are checked.
    pub password_checks: PasswordChecks,
    /// Where the questions of many are compared.
    pub board: Board,
    /// Articles to answer with.
    pub library: Arc<Library>,
    /// How seats sign in at their shop's provider.
    pub openid: OpenIdSignIns,
    /// Where the ways to services that translate begin.
    pub outside: Arc<dyn OpenWeb>,
    /// Makes the clock, from the latest instant that was written down.
    pub clock: Box<dyn FnOnce(Timestamp) -> Clock + Send>,
    /// For the ids that are made here.
    pub seed: u64,
}

/// A router that only needs somebody to run its tasks and to bring it connections.
pub struct Core {
    /// What connections work with.
    pub gateway: Arc<Gateway>,
    /// The scheduler and the owners of conversations.
    pub tasks: Vec<BoxFuture<'static, ()>>,
    /// Ends the tasks, once they have finished what was taken in.
    pub stop: CancellationToken,
    /// Records of the journal that no snapshot covers.
    pub replayed: u64,
    /// The way to ask each owner for its part of a snapshot.
    pub snapshots: Vec<mpsc::Sender<Pieces>>,
    /// What is to happen outside, for whoever carries it out.
    pub effects: Effects,
}

impl Core {
    /// Restores what the journal and its snapshots hold, and puts the parts together.
    ///
    /// # Errors
    /// When the state cannot be restored; the journal is closed then.
    pub async fn build(config: &Config, parts: CoreParts) -> Result<Self, StartError> {
        let CoreParts {
            shops,
            board,
            phrases,
            library,
            metrics,
            understanders,
            sensing,
            journal,
            vault,
            replay,
            secret,
            password_checks,
            openid,
            outside,
            clock,
            seed,
        } = parts;
        let owners = Owners::new(config.flow.shards.get(), config.flow.shard_queue_capacity.get());
        let (dispatcher, incidents) = (Dispatcher::new(), Incidents::new());
        let interpreter = Interpreter::new();
        let mut shards = empty_shards(config, &shops, owners.len(), seed);
        let mut scheduler = Scheduler::new(schedule_settings(config), rosters(&shops));
        let lost_state = config.journal.lost_state;
        let from = Stored { journal: &journal, vault: vault.as_ref(), lost_state };
        let restored = restore(&from, replay, &mut shards, &owners, &mut scheduler);
        let restored = restored.and_then(|restored| {
            if let Some(vault) = &vault {
                vault.serve(shops.keys(), restored.damaged)?;
            }
            Ok(restored)
        });
        let Restored { last_at, damaged, replayed, seats, keys } = match restored {
            Ok(restored) => restored,
            Err(error) => {
                // The folder is free when the error is told.
                let _ = journal.close().await;
                return Err(error);
            }
        };
        // A start that finds damage is later than all that there was, also where the system clock was set
        // back: should the record of its epoch be lost as well, the next epoch is another one.
        let clock = clock(if damaged { last_at + Duration::from_secs(1) } else { last_at });
        let effects = Effects::new();
        let gateway = Arc::new(Gateway {
            limits: limits(config),
            shop_usages: dashmap::DashMap::default(),
            shop_allowance: shop_allowance(config),
            addresses: addresses(config),
            proxies: proxies(config),
            shops: RwLock::default(),
            owners: owners.clone(),
            dispatcher: dispatcher.clone(),
            incidents: incidents.clone(),
            interpreter: interpreter.clone(),
            journal: journal.clone(),
            vault,
            metrics: metrics.clone(),
            clock,
            secret,
            sockets: dashmap::DashMap::default(),
            password_checks,
            gaps: Gaps::new(library.model()),
            openid,
            ready: AtomicBool::new(true),
        });
        gateway.set_shops(shops.clone());
        let supervisors = Dispatch::Supervisors(supervisors(&shops));
        dispatcher.tell(supervisors, Instant::now());

        let stop = CancellationToken::new();
        // The owners of conversations stop last: what the owner of incidents still has for them is theirs.
        let stop_owners = CancellationToken::new();
        let mut tasks: Vec<BoxFuture<'static, ()>> = Vec::new();
        tasks.push(Box::pin(dispatcher.clone().run(
            scheduler,
            seats,
            owners.clone(),
            clock,
            metrics.clone(),
            stop.clone(),
        )));
        let answers = incidents.clone().run(
            board,
            sensing,
            owners.clone(),
            interpreter.clone(),
            clock,
            stop.clone(),
        );
        let stops_owners = stop_owners.clone().drop_guard();
        let looks = look_at_incidents(answers, incidents.clone(), stop.clone(), stops_owners);
        tasks.push(Box::pin(looks));
        let ways = Ways {
            owners: owners.clone(),
            incidents: incidents.clone(),
            clock,
            metrics: metrics.clone(),
            languages: library.model().languages().into(),
            outside,
            phrases,
        };
        tasks.push(Box::pin(interpreter.clone().run(shops, ways, stop.clone())));
        let mut snapshots = Vec::new();
        let last_epoch = shards.iter().map(Shard::last_epoch).max().unwrap_or_default();
        let epoch = damaged.then(|| epoch_after(last_epoch, clock.now()));
        for (index, (mut shard, keys)) in shards.into_iter().zip(keys).enumerate() {
            shard.take_library(library.clone());
            let (ask, asked) = mpsc::channel(1);
            snapshots.push(ask);
            let mut first = Turn::default();
            if let Some(epoch) = epoch {
                shard.begin_epoch(epoch, clock.now(), &mut first);
            }
            shard.resume(clock.now(), Instant::now(), &mut first);
            let task = ShardTask {
                index,
                shard,
                owners: owners.clone(),
                journal: journal.clone(),
                understanders: understanders.clone(),
                understand_wait_max: config.understand.wait_max,
                encoder_wait_max: config.understand.encoder_wait_max,
                dispatcher: dispatcher.clone(),
                clock,
                metrics: metrics.clone(),
                batch_max: config.flow.batch_max.get(),
                snapshots: asked,
                put_aside: VecDeque::new(),
                keys,
                effects: effects.clone(),
                incidents: incidents.clone(),
                interpreter: interpreter.clone(),
            };
            tasks.push(Box::pin(task.run(first, stop_owners.clone())));
        }
        Ok(Self { gateway, tasks, stop, replayed, snapshots, effects })
    }
}

/// Runs the owner of incidents, after which those of conversations stop. Where a mistake of the router ends it
/// they go on until the router stops, and what it is told stays in no memory.
async fn look_at_incidents(
    answers: impl Future<Output = ()>,
    incidents: Incidents,
    stop: CancellationToken,
    _stops_owners: DropGuard,
) {
    if AssertUnwindSafe(answers).catch_unwind().await.is_err() {
        tracing::error!("a mistake of the router: until the next start nobody looks at incidents");
        incidents.let_go(stop).await;
    }
}

fn empty_shards(config: &Config, shops: &Shops, count: usize, seed: u64) -> Vec<Shard> {
    let settings = flow_settings(config, count);
    let mut seeds = SmallRng::seed_from_u64(seed);
    (0..count).map(|_| Shard::new(settings.clone(), shops.clone(), seeds.random())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CustomerId, ShopId};
    use crate::flow::CustomerRef;

    async fn breaks() {
        panic!("a mistake");
    }

    #[tokio::test]
    async fn owners_of_conversations_outlive_a_mistake_in_incidents_and_stop_with_the_router() {
        let (stop, stop_owners) = (CancellationToken::new(), CancellationToken::new());
        let (incidents, stops_owners) = (Incidents::new(), stop_owners.clone().drop_guard());
        let looks = look_at_incidents(breaks(), incidents.clone(), stop.clone(), stops_owners);
        let looks = tokio::spawn(looks);

        let customer = CustomerRef { shop: ShopId::from("demo"), id: CustomerId::from("ana") };
        incidents.forget(customer).await.expect_err("it is let go of, and nobody has forgotten");
        assert!(!stop_owners.is_cancelled(), "the router goes on");

        stop.cancel();
        looks.await.expect("it ends");
        assert!(stop_owners.is_cancelled());
    }
}
