//! The server's certificate and its key: read at the start, and again when the files change or somebody says so. A pair
//! that is not right leaves the one before in place.

use std::{fs::Metadata, io, os::unix::fs::MetadataExt, path::PathBuf, sync::Arc, time::Duration};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use tokio::sync::watch;

/// How often the files are looked at: also where a directory is replaced as a whole, as orchestrators do.
const LOOK: Duration = Duration::from_secs(5);

/// Where they are, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, and then those between it and the root.
    pub certificates: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why a certificate can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateFault {
    /// A file can't be read, or is not PEM.
    #[error("{} cannot be read: {reason}", file.display())]
    Unreadable {
        /// Which one.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// There is none.
    #[error("{} holds no certificate in PEM form", .0.display())]
    Empty(PathBuf),
    /// The two do not belong together, or are of a kind that is not supported.
    #[error("the certificate and its key can't be used: {0}")]
    Unfit(#[from] rustls::Error),
}

/// A certificate in use.
pub struct Certificates {
    files: CertificateFiles,
    current: watch::Sender<Arc<ServerConfig>>,
}

impl Certificates {
    /// Reads the files.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn load(files: CertificateFiles) -> Result<Arc<Self>, CertificateFault> {
        let (current, _) = watch::channel(Arc::new(files.read()?));
        Ok(Arc::new(Self { files, current }))
    }

    /// Reads the files again; connections from then on get what is in them.
    ///
    /// # Errors
    /// What is wrong with them; then nothing changes.
    pub fn reload(&self) -> Result<(), CertificateFault> {
        self.current.send_replace(Arc::new(self.files.read()?));
        Ok(())
    }

    /// Reads them again whenever they have changed, for ever.
    pub async fn follow(self: Arc<Self>) {
        let mut seen = self.files.state().ok();
        loop {
            tokio::time::sleep(LOOK).await;
            let Ok(state) = self.files.state() else {
                continue;
            };
            if seen.as_ref() == Some(&state) {
                continue;
            }
            match self.reload() {
                Ok(()) => tracing::info!("the certificate has changed and is in use"),
                // Between the two files, perhaps: they are looked at again when they change further.
                Err(error) => {
                    tracing::error!(%error, "the certificate has changed and stays as it was")
                }
            }
            seen = Some(state);
        }
    }

    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.borrow())
    }
}

/// What tells that a file is another one than before.
type FileState = (u64, u64, i64, i64, u64);

impl CertificateFiles {
    fn read(&self) -> Result<ServerConfig, CertificateFault> {
        let unreadable = |file: &PathBuf, error: pem::Error| CertificateFault::Unreadable {
            file: file.clone(),
            reason: match error {
                pem::Error::Io(error) => error.to_string(),
                pem::Error::NoItemsFound => "there is no private key in it".to_owned(),
                _ => "it is not PEM".to_owned(),
            },
        };
        let chain: Result<Vec<_>, _> =
            CertificateDer::pem_file_iter(&self.certificates).and_then(Iterator::collect);
        let chain = chain.map_err(|error| unreadable(&self.certificates, error))?;
        if chain.is_empty() {
            return Err(CertificateFault::Empty(self.certificates.clone()));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| unreadable(&self.key, error))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    fn state(&self) -> io::Result<[FileState; 2]> {
        let of = |about: &Metadata| {
            (
                about.dev(),
                about.ino(),
                about.mtime(),
                about.mtime_nsec(),
                about.len(),
            )
        };
        Ok([
            of(&std::fs::metadata(&self.certificates)?),
            of(&std::fs::metadata(&self.key)?),
        ])
    }
}
