//! The certificate of the public address: read from files, and again when they have changed.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};

/// Where certificate and key lie, both as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, followed by those between it and the root.
    pub chain: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl CertificateFiles {
    /// Both files; `None` where one is not named.
    pub fn of(chain: &Option<PathBuf>, key: &Option<PathBuf>) -> Option<Self> {
        Some(Self { chain: chain.clone()?, key: key.clone()? })
    }
}

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read, or holds something else.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong. Nothing of the file is repeated.
        problem: String,
    },
    /// The key belongs to another certificate.
    #[error("the key does not belong to the certificate")]
    OtherKey,
    /// TLS cannot be set up.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// Since when and until when a certificate is good, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub from: i64,
    /// The last second.
    pub until: i64,
}

/// The certificate that new connections are shown.
#[derive(Debug)]
pub struct Certificate {
    files: CertificateFiles,
    shown: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// When they cannot be used.
    pub fn load(files: CertificateFiles) -> Result<Arc<Self>, CertificateError> {
        let shown = RwLock::new(read(&files)?);
        Ok(Arc::new(Self { files, shown }))
    }

    /// Reads the files again; connections that are open keep what they have.
    ///
    /// # Errors
    /// When the files cannot be used; the certificate of before stays.
    pub fn reload(&self) -> Result<Validity, CertificateError> {
        let new = read(&self.files)?;
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = new;
        self.validity()
    }

    /// The dates of the certificate that is shown.
    ///
    /// # Errors
    /// When it is not in the form of X.509.
    pub fn validity(&self) -> Result<Validity, CertificateError> {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner).clone();
        let leaf = shown.cert.first().map(|leaf| x509_parser::parse_x509_certificate(leaf));
        let Some(Ok((_, leaf))) = leaf else {
            return Err(problem(&self.files.chain, "is no X.509 certificate"));
        };
        let validity = leaf.validity();
        Ok(Validity {
            from: validity.not_before.timestamp(),
            until: validity.not_after.timestamp(),
        })
    }

    /// How a server speaks TLS with it: versions 1.2 and 1.3, HTTP/1.1.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn server_config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, CertificateError> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

fn read(files: &CertificateFiles) -> Result<Arc<CertifiedKey>, CertificateError> {
    let unread = |path: &PathBuf, error: rustls::pki_types::pem::Error| {
        let text = match error {
            rustls::pki_types::pem::Error::Io(error) => format!("cannot be read: {error}"),
            _ => "holds no such thing in PEM".to_owned(),
        };
        problem(path, text)
    };
    let chain = CertificateDer::pem_file_iter(&files.chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unread(&files.chain, error))?;
    if chain.is_empty() {
        return Err(problem(&files.chain, "holds no certificate in PEM"));
    }
    let key =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unread(&files.key, error))?;
    match CertifiedKey::from_der(chain, key, &default_provider()) {
        Ok(certified) => Ok(Arc::new(certified)),
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(CertificateError::OtherKey)
        }
        Err(error) => Err(error.into()),
    }
}

fn problem(path: &std::path::Path, problem: impl Into<String>) -> CertificateError {
    CertificateError::File { path: path.to_owned(), problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &std::path::Path) -> CertificateFiles {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
        let made = made.expect("a certificate");
        let files =
            CertificateFiles { chain: folder.join("chain.pem"), key: folder.join("key.pem") };
        std::fs::write(&files.chain, made.cert.pem()).expect("a file");
        std::fs::write(&files.key, made.signing_key.serialize_pem()).expect("a file");
        files
    }

    #[test]
    fn files_that_do_not_fit_are_refused_and_the_certificate_of_before_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = files(folder.path());
        let certificate = Certificate::load(files.clone()).expect("a certificate");
        let before = certificate.validity().expect("dates");
        assert!(before.from < before.until);

        std::fs::write(&files.chain, "-----BEGIN NONSENSE-----\n").expect("a file");
        assert!(matches!(certificate.reload(), Err(CertificateError::File { .. })));
        let other = tempfile::tempdir().expect("a folder");
        let other = self::files(other.path());
        std::fs::copy(&other.chain, &files.chain).expect("copied");
        assert!(matches!(certificate.reload(), Err(CertificateError::OtherKey)));
        assert_eq!(certificate.validity().expect("dates"), before);

        std::fs::copy(&other.key, &files.key).expect("copied");
        certificate.reload().expect("a pair");
    }
}
