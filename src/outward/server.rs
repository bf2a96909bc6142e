//! The mail server that takes what is sent: where it is, and how it is spoken to.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::config::{Email, EmailTls};

/// Longest password.
const PASSWORD_BYTES_MAX: usize = 1024;

/// Who signs in.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
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
    /// There is no certificate that one could trust.
    #[error("no root certificates: set email.roots to a PEM file")]
    NoRoots,
    /// The host is no name that a certificate can have.
    #[error("email.server is not a host name or an IP address with a port")]
    Host,
    /// TLS cannot be set up.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
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
        }))
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
    let mut trusted = RootCertStore::empty();
    match roots {
        Some(path) => {
            let unread = |error: String| MailServerError::File {
                path: path.to_owned(),
                error: io::Error::new(io::ErrorKind::InvalidData, error),
            };
            let found = CertificateDer::pem_file_iter(path).map_err(|e| unread(e.to_string()))?;
            for certificate in found {
                let certificate = certificate.map_err(|error| unread(error.to_string()))?;
                trusted.add(certificate)?;
            }
        }
        None => {
            let system = rustls_native_certs::load_native_certs();
            trusted.add_parsable_certificates(system.certs);
        }
    }
    if trusted.is_empty() {
        return Err(MailServerError::NoRoots);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
