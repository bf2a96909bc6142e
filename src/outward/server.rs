//! The mail server that takes what is sent: where it is, and how it is spoken to.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use futures_util::future::BoxFuture;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::config::{Email, EmailTls};
use crate::runtime::{TrustError, client_config};

/// Longest password.
const PASSWORD_BYTES_MAX: usize = 1024;

/// Who signs in.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

/// A connection, both ways.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Opens connections to a mail server: over TCP, or as a simulation does.
pub trait Dial: Send + Sync {
    /// A connection to a port of a host.
    fn dial<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Box<dyn Duplex>>>;
}

/// Over the network that this machine is in.
struct Tcp;

impl Dial for Tcp {
    fn dial<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Box<dyn Duplex>>> {
        Box::pin(async move {
            let stream = TcpStream::connect((host, port)).await?;
            Ok(Box::new(stream) as Box<dyn Duplex>)
        })
    }
}

/// A mail server.
#[derive(Clone)]
pub struct MailServer {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: EmailTls,
    pub(super) connector: Option<TlsConnector>,
    pub(super) login: Option<Login>,
    pub(super) step_max: Duration,
    pub(super) dial: Arc<dyn Dial>,
}

/// Why a mail server cannot be used as it is set up.
#[derive(Debug, thiserror::Error)]
pub enum MailServerError {
    /// A file cannot be read.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong. Nothing of the file is repeated.
        error: io::Error,
    },
    /// Nobody can be believed.
    #[error("{0}: email.roots names a PEM file of roots")]
    Trust(#[from] TrustError),
    /// The host is no name that a certificate can have.
    #[error("email.server is not a host name or an IP address with a port")]
    Host,
}

impl MailServer {
    /// The server that is set up; `None` without one. Reads the files that are named: the certificates
    /// to trust in place of the system's, and the password.
    ///
    /// # Errors
    /// When a file, or the host, cannot be used.
    pub fn of(email: &Email) -> Result<Option<Self>, MailServerError> {
        if email.server.is_empty() {
            return Ok(None);
        }
        let (host, port) = email.server.rsplit_once(':').ok_or(MailServerError::Host)?;
        // An IPv6 address stands in brackets in front of its port.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        ServerName::try_from(host.clone()).map_err(|_| MailServerError::Host)?;
        let connector = match email.tls {
            EmailTls::None => None,
            EmailTls::StartTls | EmailTls::Wrapped => Some(connector(email.roots.as_deref())?),
        };
        let login = email.password_file.as_deref().map(|file| read_login(&email.user, file));
        Ok(Some(Self {
            host,
            port: port.parse().map_err(|_| MailServerError::Host)?,
            tls: email.tls,
            connector,
            login: login.transpose()?,
            step_max: email.step_max,
            dial: Arc::new(Tcp),
        }))
    }

    /// The same over other connections.
    pub fn reached_by(self, dial: Arc<dyn Dial>) -> Self {
        Self { dial, ..self }
    }
}

impl std::fmt::Debug for MailServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MailServer({}:{})", self.host, self.port)
    }
}

fn read_login(user: &str, file: &Path) -> Result<Login, MailServerError> {
    let unread = |error| MailServerError::File { path: file.to_owned(), error };
    let text = fs::read_to_string(file).map_err(unread)?;
    let password = text.lines().next().unwrap_or_default();
    if password.is_empty() || password.len() > PASSWORD_BYTES_MAX || password.contains('\0') {
        let what = "the first line is no password";
        return Err(unread(io::Error::new(io::ErrorKind::InvalidData, what)));
    }
    Ok(Login { user: user.to_owned(), password: password.to_owned() })
}

fn connector(roots: Option<&Path>) -> Result<TlsConnector, MailServerError> {
    let unread = |path: &Path, error| MailServerError::File { path: path.to_owned(), error };
    let pem = roots.map(|path| fs::read(path).map_err(|error| unread(path, error))).transpose()?;
    let config = client_config(pem.as_deref()).map_err(|error| match (error, roots) {
        (TrustError::Unreadable(text), Some(path)) => {
            unread(path, io::Error::new(io::ErrorKind::InvalidData, text))
        }
        (error, _) => error.into(),
    })?;
    Ok(TlsConnector::from(Arc::new(config)))
}
