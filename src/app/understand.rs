//! The models that the router asks, as the configuration chooses them.

use std::sync::Arc;
use std::time::Instant;

use crate::config::Config;
use crate::flow::Sensing;
use crate::metrics::Metrics;
use crate::understand::encoder::{Chosen, Installed};
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

/// Starts the threads that read messages. Gives as well what incidents are compared by beside words, where the
/// encoder has that.
pub(super) fn understanders(
    config: &Config,
    fast: Arc<Model>,
    own_sets: Arc<ServedSets>,
    metrics: Arc<Metrics>,
) -> Result<(Understanders, Option<Sensing>), StartError> {
    let (encoder, sensing) = encoder(config, &metrics)?;
    let (has_encoder, senses_incidents) = (encoder.is_some(), sensing.is_some());
    tracing::info!(encoder = has_encoder, incidents_by_encoder = senses_incidents, "models loaded");
    let readers = Readers { fast, encoder, own_sets, metrics };
    let capacity = config.understand.queue_capacity.get();
    let understanders = Understanders::start(readers, config.understand.threads.get(), capacity)
        .map_err(|error| StartError::Runtime(error.to_string()))?;
    Ok((understanders, sensing))
}

fn encoder(
    config: &Config,
    metrics: &Arc<Metrics>,
) -> Result<(Option<Arc<SecondThread>>, Option<Sensing>), StartError> {
    let Chosen { of_messages, of_incidents } =
        Installed::chosen(&config.paths.data, config.understand.encoder)?;
    let start = |mut installed: Installed| -> Result<_, StartError> {
        let sense = installed.sense.take();
        let load = || SecondTier::installed(installed);
        let capacity = config.understand.encoder_queue_capacity.get();
        let share = config.understand.encoder_share;
        let budget = Budget::new(share, config.understand.encoder_burst, Instant::now());
        let encoder = Arc::new(SecondThread::start(load, capacity, budget, metrics.clone())?);
        let sensing = sense.map(|sense| Sensing {
            encoder: encoder.clone(),
            sense: Arc::new(sense),
            metrics: metrics.clone(),
        });
        Ok((encoder, sensing))
    };
    let (encoder, sensing) = of_messages.map(&start).transpose()?.unzip();
    let apart = of_incidents.map(&start).transpose()?;
    Ok((encoder, apart.map_or(sensing.flatten(), |(_, sensing)| sensing)))
}
