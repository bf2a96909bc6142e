//! Whether the master key opens what it has to open, and where it lies.

use super::{Finding, Verdict};
use crate::config::Config;
use crate::vault::{self, MasterSource, Vault};

const CHECK: &str = "keys";

pub(super) fn examine(config: &Config) -> Finding {
    let source = &config.keys.master;
    let opened = Vault::open(&config.paths.data.join(vault::FOLDER), source).and_then(|vault| {
        let found = source.load(&config.paths.data.join(vault::FOLDER))?;
        Ok((vault.shops().len(), found.is_some()))
    });
    let is_public = !config.server.listen.ip().to_canonical().is_loopback();
    match (opened, source) {
        (Err(error), _) => Finding::new(CHECK, Verdict::Wrong, error.to_string()),
        (Ok((_, false)), MasterSource::Env(_) | MasterSource::Command(_)) => {
            let text = format!("{source} gives no master key, and none can be made there");
            Finding::new(CHECK, Verdict::Wrong, text)
        }
        (Ok((shops, _)), MasterSource::Beside) if is_public => {
            let text = format!(
                "the master key of {shops} shops lies in the data folder: who reads the folder reads \
                 everything; keys.master keeps it elsewhere"
            );
            Finding::new(CHECK, Verdict::Odd, text)
        }
        (Ok((_, false)), _) => {
            Finding::new(CHECK, Verdict::Good, "no master key yet: the first start makes it")
        }
        (Ok((shops, true)), _) => {
            let text = format!("the master key ({source}) opens the keys of {shops} shops");
            Finding::new(CHECK, Verdict::Good, text)
        }
    }
}
