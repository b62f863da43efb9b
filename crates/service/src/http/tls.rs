//! TLS of an address, whose certificate may change while it serves.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;
use tracing::{error, info};

/// How soon a changed certificate is noticed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A certificate and its key, in files that are read again when they change.
#[derive(Clone)]
pub struct Tls {
    files: TlsFiles,
    current: Arc<RwLock<Arc<ServerConfig>>>,
    /// What the files held when they were read last, good or bad.
    held: Held,
}

/// Where certificate and key are, both PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The chain, that of the server first.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Why a certificate or its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{}: cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}: {what}", path.display())]
    NotPem { path: PathBuf, what: &'static str },
    #[error("certificate {} and key {} do not make a server", certificate.display(), key.display())]
    Unfit {
        certificate: PathBuf,
        key: PathBuf,
        #[source]
        source: rustls::Error,
    },
}

#[derive(Clone, PartialEq, Eq)]
struct Held {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Tls {
    /// Reads certificate and key.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let held = files.read()?;
        let config = files.config(&held)?;
        Ok(Self {
            files,
            current: Arc::new(RwLock::new(Arc::new(config))),
            held,
        })
    }

    /// Returns what speaks TLS with the next peer.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&current))
    }

    /// Takes over what the files say when they change, for as long as it is polled. What cannot be
    /// used is told once, and the old certificate serves on.
    pub(crate) async fn follow(mut self) {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let files = self.files.clone();
            // A volume may hang.
            let read = tokio::task::spawn_blocking(move || files.read()).await;
            // While a file is replaced it may not be there.
            if let Ok(Ok(held)) = read
                && held != self.held
            {
                self.take(held);
            }
        }
    }

    fn take(&mut self, held: Held) {
        match self.files.config(&held) {
            Ok(config) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                info!("certificate changed");
            }
            Err(failed) => {
                let failed = format!("{:#}", anyhow::Error::new(failed));
                error!(
                    error = failed,
                    "changed certificate cannot be used, the old one serves on"
                );
            }
        }
        self.held = held;
    }
}

impl TlsFiles {
    fn read(&self) -> Result<Held, TlsError> {
        let read = |path: &Path| {
            fs::read(path).map_err(|source| TlsError::Unreadable {
                path: path.to_owned(),
                source,
            })
        };
        Ok(Held {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
        })
    }

    fn config(&self, held: &Held) -> Result<ServerConfig, TlsError> {
        let not_pem = |path: &Path, what| TlsError::NotPem {
            path: path.to_owned(),
            what,
        };
        let chain: Result<Vec<_>, pem::Error> =
            CertificateDer::pem_slice_iter(&held.certificate).collect();
        let chain = chain.unwrap_or_default();
        if chain.is_empty() {
            return Err(not_pem(&self.certificate, "holds no certificate in PEM"));
        }
        let key = PrivateKeyDer::from_pem_slice(&held.key)
            .map_err(|_| not_pem(&self.key, "holds no private key in PEM"))?;
        server(chain, key).map_err(|source| TlsError::Unfit {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            source,
        })
    }
}

fn server(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}
