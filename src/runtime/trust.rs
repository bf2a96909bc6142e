//! Whom a connection to elsewhere believes.

use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Why nobody can be believed.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The roots are no PEM text of certificates.
    #[error("no certificates: {0}")]
    Unreadable(String),
    /// There is no certificate that one could trust.
    #[error("no root certificates")]
    NoRoots,
    /// TLS cannot be set up.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// TLS that believes the roots in a PEM text, or without one those of the system.
///
/// # Errors
/// When there is no root, or one cannot be read.
pub fn client_config(roots: Option<&[u8]>) -> Result<ClientConfig, TrustError> {
    let mut trusted = RootCertStore::empty();
    match roots {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|e| TrustError::Unreadable(e.to_string()))?;
                trusted.add(certificate)?;
            }
        }
        None => {
            let system = rustls_native_certs::load_native_certs();
            trusted.add_parsable_certificates(system.certs);
        }
    }
    if trusted.is_empty() {
        return Err(TrustError::NoRoots);
    }
    Ok(ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(trusted)
        .with_no_client_auth())
}
