//! The models that the router asks, as the configuration chooses them.

use std::sync::Arc;
use std::time::Instant;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::understand::encoder::Installed;
use crate::understand::tenant::ServedSets;
use crate::understand::tiers::{Budget, SecondThread, SecondTier};
use crate::understand::{Model, Readers, Understanders};

use super::StartError;

/// The fast tier.
pub(super) fn fast(config: &Config) -> Result<Arc<Model>, StartError> {
    Ok(match &config.paths.model {
        Some(folder) => Model::load(folder)?,
        None => Model::embedded()?,
    })
}

/// Starts the threads that read messages.
pub(super) fn understanders(
    config: &Config,
    fast: Arc<Model>,
    own_sets: Arc<ServedSets>,
    metrics: Arc<Metrics>,
) -> Result<Understanders, StartError> {
    let encoder = encoder(config, metrics.clone())?;
    tracing::info!(encoder = encoder.is_some(), "models loaded");
    let readers = Readers { fast, encoder, own_sets, metrics };
    let capacity = config.understand.queue_capacity.get();
    Understanders::start(readers, config.understand.threads.get(), capacity)
        .map_err(|error| StartError::Runtime(error.to_string()))
}

fn encoder(config: &Config, metrics: Arc<Metrics>) -> Result<Option<SecondThread>, StartError> {
    let chosen = Installed::chosen(&config.paths.data, config.understand.encoder)?;
    let Some(installed) = chosen else { return Ok(None) };
    let load = || SecondTier::installed(installed);
    let capacity = config.understand.encoder_queue_capacity.get();
    let share = config.understand.encoder_share;
    let budget = Budget::new(share, config.understand.encoder_burst, Instant::now());
    Ok(Some(SecondThread::start(load, capacity, budget, metrics)?))
}
