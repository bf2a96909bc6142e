//! The flags that stand for settings, shared by the verbs that need a configuration.

use std::path::PathBuf;

use crate::config::{CONFIG_FILE_ENV, Config, Flag, Loaded, Mistakes};

/// Flags that change settings.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Settings")]
pub(super) struct SettingsArgs {
    /// File of settings, instead of config/tradewind.toml in this folder [env: TRADEWIND_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address of pages, sockets and metrics: `server.listen`
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Address of management: `server.admin_listen`
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<String>,
    /// Folder of the journal: `data`
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// Folder of shop files, instead of the built-in demo shop: `shops`
    #[arg(long, value_name = "DIR")]
    shops: Option<String>,
    /// Folder of language models, instead of those inside the program: `model`
    #[arg(long, value_name = "DIR")]
    model: Option<String>,
    /// Any other setting, such as timers.offer=8s; may come several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
}

impl SettingsArgs {
    /// The configuration that these flags, the environment, the file and the defaults give.
    pub(super) fn load(&self) -> Result<Loaded, Mistakes> {
        Config::load(self.file().as_deref(), self.flags())
    }

    fn file(&self) -> Option<PathBuf> {
        let from_env = || std::env::var_os(CONFIG_FILE_ENV).map(PathBuf::from);
        self.config.clone().or_else(from_env)
    }

    fn flags(&self) -> Vec<Flag> {
        let flag = |name: &str, key: &str, text: &str| Flag {
            name: name.to_owned(),
            key: key.to_owned(),
            text: text.to_owned(),
        };
        let named = [
            ("--listen", "server.listen", &self.listen),
            ("--admin-listen", "server.admin_listen", &self.admin_listen),
            ("--data", "data", &self.data),
            ("--shops", "shops", &self.shops),
            ("--model", "model", &self.model),
        ];
        let any = self.set.iter().map(|(key, text)| flag("--set", key, text));
        let named = named
            .iter()
            .filter_map(|(name, key, text)| text.as_ref().map(|text| flag(name, key, text)));
        any.chain(named).collect()
    }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        .ok_or_else(|| "expected KEY=VALUE, such as timers.offer=8s".to_owned())
}
