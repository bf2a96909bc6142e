//! Whether somebody can be reached over the web: where the name leads, whether that may be called, and whether
//! TLS comes about. Nothing is asked there.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::trust::web_config;
use super::web::{Reach, WebError, no_tls};
use crate::domain::is_public;

/// Somebody who may be reached.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// A name, or an address without brackets.
    pub host: &'a str,
    /// The port.
    pub port: u16,
    /// Where connections may lead.
    pub reach: Reach,
}

/// Why a name leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// Nobody knows it.
    #[error("the name is not known")]
    Unknown,
    /// What it leads to is not to be reached.
    #[error("the address is not a public one")]
    NotPublic,
}

impl Place<'_> {
    /// Every address that it leads to and that may be called, in the order of the resolver.
    ///
    /// # Errors
    /// When there is none.
    pub async fn addresses(&self) -> Result<Vec<SocketAddr>, NoPlace> {
        let found = match self.host.parse::<IpAddr>() {
            Ok(ip) => vec![SocketAddr::new(ip, self.port)],
            Err(_) => match tokio::net::lookup_host((self.host, self.port)).await {
                Ok(found) => found.collect(),
                Err(_) => return Err(NoPlace::Unknown),
            },
        };
        if found.is_empty() {
            return Err(NoPlace::Unknown);
        }
        let may_be = |it: &SocketAddr| self.reach == Reach::Anywhere || is_public(it.ip());
        let found: Vec<SocketAddr> = found.into_iter().filter(may_be).collect();
        if found.is_empty() { Err(NoPlace::NotPublic) } else { Ok(found) }
    }

    /// Connects to the first of `addresses` that takes a connection, and says which.
    ///
    /// # Errors
    /// When none does.
    pub async fn connect(
        &self,
        addresses: &[SocketAddr],
    ) -> Result<(SocketAddr, TcpStream), WebError> {
        let mut why = io::ErrorKind::NotFound;
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok((*address, stream)),
                Err(error) => why = error.kind(),
            }
        }
        Err(WebError::Unreachable(why))
    }

    /// Has TLS come about with whom browsers believe, and whom `roots` vouch for.
    ///
    /// # Errors
    /// When it does not.
    pub async fn speak_tls(&self, stream: TcpStream, roots: Option<&[u8]>) -> Result<(), WebError> {
        let name = ServerName::try_from(self.host.to_owned());
        let name = name.map_err(|_| WebError::Unusable("no name for TLS".to_owned()))?;
        let connector = TlsConnector::from(Arc::new(web_config(roots)));
        match connector.connect(name, stream).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let inner = error.get_ref().and_then(|it| it.downcast_ref::<rustls::Error>());
                Err(inner.map_or(WebError::Broken, |inner| WebError::Tls(no_tls(inner))))
            }
        }
    }
}
