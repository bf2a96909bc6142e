//! What webhooks need of the configuration.

use std::sync::Arc;

use tokio::sync::watch;

use crate::config::Config;
use crate::flow::{Effects, Shops};
use crate::gateway::Gateway;
use crate::outward::{Messenger, Retry};
use crate::runtime::Internet;

/// Who calls the hooks of shops, over the network that this machine is in.
pub fn messenger(
    config: &Config,
    gateway: &Gateway,
    effects: Effects,
    shops: watch::Receiver<Shops>,
) -> Messenger {
    Messenger {
        errands: effects.webhooks,
        forgets: effects.forgets,
        owners: gateway.owners.clone(),
        clock: gateway.clock,
        metrics: gateway.metrics.clone(),
        shops,
        outside: Arc::new(Internet),
        reach: config.webhooks.reach.into(),
        timeout: config.webhooks.timeout,
        retry: Retry {
            first: config.webhooks.retry_first,
            longest: config.webhooks.retry_longest,
            up_to: config.webhooks.retry_for,
        },
        rest: config.webhooks.rest,
        waiting_max: config.webhooks.waiting_max.get(),
        calls_max: config.webhooks.calls_max.get(),
        // Hooks of many routers that failed together do not come back together.
        seed: rand::random(),
    }
}
