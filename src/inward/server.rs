//! The server that keeps a shop's mailbox: where it is, and how it is spoken to.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use crate::config::EmailTls;
use crate::config::shop::{ImapMailbox, OutsideSecret};
use crate::runtime::{TrustError, client_config};

/// A server, and who signs in there.
#[derive(Clone)]
pub struct MailboxServer {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: EmailTls,
    pub(super) connector: Option<TlsConnector>,
    pub(super) user: String,
    pub(super) password: OutsideSecret,
    pub(super) timeout: Duration,
}

/// Why a server cannot be used as it is set up.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The host is no name that a certificate can have.
    #[error("host is not a host name or an IP address")]
    Host,
    /// There is no password.
    #[error("there is no password")]
    NoPassword,
    /// Nobody can be believed.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

impl MailboxServer {
    /// The server of a mailbox.
    ///
    /// # Errors
    /// When it cannot be used as it is set up.
    pub fn of(mailbox: &ImapMailbox) -> Result<Self, ServerError> {
        ServerName::try_from(mailbox.host.clone()).map_err(|_| ServerError::Host)?;
        let connector = match mailbox.tls {
            EmailTls::None => None,
            EmailTls::StartTls | EmailTls::Wrapped => {
                let config = client_config(mailbox.roots.as_deref())?;
                Some(TlsConnector::from(Arc::new(config)))
            }
        };
        Ok(Self {
            host: mailbox.host.clone(),
            port: mailbox.port,
            tls: mailbox.tls,
            connector,
            user: mailbox.user.clone(),
            password: mailbox.password.clone().ok_or(ServerError::NoPassword)?,
            timeout: mailbox.timeout,
        })
    }
}

impl std::fmt::Debug for MailboxServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MailboxServer({}:{})", self.host, self.port)
    }
}
