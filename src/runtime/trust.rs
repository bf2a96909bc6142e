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
    Ok(believing(trusted))
}

/// TLS that believes those whom browsers believe, and the roots in a PEM text beside them. What is no root
/// in it is left out: whoever names the text has looked at it.
pub fn web_config(own: Option<&[u8]>) -> ClientConfig {
    let mut trusted = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let own = own.into_iter().flat_map(CertificateDer::pem_slice_iter);
    trusted.add_parsable_certificates(own.filter_map(Result::ok));
    believing(trusted)
}

fn believing(trusted: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the suites of TLS 1.2 and 1.3")
        .with_root_certificates(trusted)
        .with_no_client_auth()
}
