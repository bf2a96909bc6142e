//! Asking the router that runs on this machine, at its management address.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::admin::AdminKey;
use crate::config::Config;

/// How long the router may take for each step of the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The router of a configuration.
pub(super) struct Router {
    /// Where it is asked.
    pub(super) address: SocketAddr,
    /// The key of management, where this user may read it and the address is open to others. A
    /// loopback address asks for none, and somebody else may listen there while the router is down.
    key: Option<AdminKey>,
}

impl Router {
    pub(super) fn of(config: &Config) -> Self {
        let listen = config.server.admin_listen;
        let asks_for_key = !listen.ip().to_canonical().is_loopback();
        let key = asks_for_key.then(|| AdminKey::read(&config.paths.data).ok()).flatten();
        Self { address: reachable(listen), key }
    }

    /// The router of a configuration, shown the key at any address. Only for what the key is asked for
    /// everywhere, and only while the router is known to run, so that nobody else listens there.
    pub(super) fn with_key(config: &Config) -> Self {
        let key = AdminKey::read(&config.paths.data).ok();
        Self { address: reachable(config.server.admin_listen), key }
    }

    /// Status and body of one request.
    pub(super) fn ask(
        &self,
        method: &str,
        path: &str,
        accept: &str,
    ) -> anyhow::Result<(u16, String)> {
        let address = self.address;
        let asked = self.exchange(method, path, accept, "");
        asked.with_context(|| format!("no router answers at {address}"))
    }

    /// The same with a body, answered in JSON.
    pub(super) fn tell(
        &self,
        method: &str,
        path: &str,
        body: &serde_json::Value,
    ) -> anyhow::Result<(u16, String)> {
        let address = self.address;
        let asked = self.exchange(method, path, "application/json", &body.to_string());
        asked.with_context(|| format!("no router answers at {address}"))
    }

    /// Lets the router load the shops anew.
    pub(super) fn reload_shops(&self) -> anyhow::Result<()> {
        match self.ask("POST", "/v1/shops/reload", "application/json")? {
            (200, _) => Ok(()),
            (_, answer) => {
                bail!("the file is changed, but the router keeps the old shops: {answer}")
            }
        }
    }

    fn exchange(
        &self,
        method: &str,
        path: &str,
        accept: &str,
        body: &str,
    ) -> anyhow::Result<(u16, String)> {
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let key = self.key.as_ref();
        let key = key.map(|key| format!("Authorization: Bearer {}\r\n", key.text()));
        // HTTP/1.0: the answer ends with the connection.
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nAccept: {accept}\r\n{}Content-Length: {}\r\n\r\n{body}",
            self.address,
            key.unwrap_or_default(),
            body.len()
        )?;
        let mut answer = String::new();
        stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("the answer is no HTTP")?;
        let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
        Ok((status.context("the answer has no status")?, body.to_owned()))
    }
}

/// An address that is listened on as one that can be asked.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_address_is_not_shown_the_key() {
        let folder = tempfile::tempdir().expect("a folder");
        AdminKey::load_or_create(folder.path()).expect("a key");
        let mut config = Config::default();
        config.paths.data = folder.path().to_owned();

        for (listen, shown) in
            [("127.0.0.1:8081", false), ("[::1]:8081", false), ("0.0.0.0:8081", true)]
        {
            config.server.admin_listen = listen.parse().expect("an address");
            assert_eq!(Router::of(&config).key.is_some(), shown, "{listen}");
        }
    }
}
