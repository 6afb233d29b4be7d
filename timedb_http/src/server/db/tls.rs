//! TLS to the database, with libpq's meaning: without certificates to trust it encrypts and asks nobody who answers; with
//! them the chain is verified, and the host name where the mode is `verify-full`. A certificate of the client's own goes
//! along if there is one.

use std::{
    path::PathBuf,
    sync::{Arc, LazyLock, OnceLock},
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, InconsistentKeys, RootCertStore,
    SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature,
        verify_tls13_signature,
    },
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    sign::{CertifiedKey, SingleCertAndKey},
};
use tokio_postgres_rustls::MakeRustlsConnect;

static SECURITY: OnceLock<(ClientConfig, bool)> = OnceLock::new();

/// What connections to the database trust, and what they show.
#[derive(Debug, Default)]
pub struct DatabaseTls {
    /// The file of certificates to trust, in PEM; none trusts any server.
    pub roots: Option<PathBuf>,
    /// Whether the certificate has to be for the host's name.
    pub checks_host: bool,
    /// The client's own certificate and its key, in PEM.
    pub own: Option<(PathBuf, PathBuf)>,
    /// Where encryption is only preferred, it is not: it comes second, where PostgreSQL refuses a connection without it.
    /// This is `sslmode=allow`, which the driver does not know.
    pub comes_second: bool,
}

/// Why files of certificates can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseTlsFault {
    /// `sslrootcert`.
    #[error("The file of trusted certificates (sslrootcert) cannot be read: {}: {reason}", file.display())]
    Roots {
        /// Which file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// `sslcert`.
    #[error("The client's certificate (sslcert) cannot be read: {}: {reason}", file.display())]
    Certificate {
        /// Which file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// `sslkey`.
    #[error("The key of the client's certificate (sslkey) cannot be read: {}: {reason}", file.display())]
    Key {
        /// Which file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// They do not fit each other, or are of a kind that is not supported.
    #[error("The certificates for the connection to the database can't be used: {0}")]
    Unfit(String),
}

/// Says how connections of this process are secured, before the first one is opened. The first call counts.
///
/// # Errors
/// What is wrong with the files.
pub fn secure(tls: &DatabaseTls) -> Result<(), DatabaseTlsFault> {
    let _first = SECURITY.set((tls.config()?, tls.comes_second));
    Ok(())
}

/// Whether a connection that need not be encrypted is tried without first.
pub(super) fn comes_second() -> bool {
    SECURITY
        .get()
        .is_some_and(|(_, comes_second)| *comes_second)
}

/// A connector for `tokio_postgres`; whether it is used is the configuration's `sslmode`.
pub(super) fn connector() -> MakeRustlsConnect {
    static ANY: LazyLock<ClientConfig> = LazyLock::new(|| {
        let any_server = DatabaseTls::default().config();
        any_server.expect("ring supports rustls' default protocol versions")
    });
    let config = SECURITY.get().map_or_else(|| &*ANY, |(config, _)| config);
    MakeRustlsConnect::new(config.clone())
}

impl DatabaseTls {
    fn config(&self) -> Result<ClientConfig, DatabaseTlsFault> {
        let unfit = |error: &dyn std::fmt::Display| DatabaseTlsFault::Unfit(error.to_string());
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| unfit(&error))?
            .dangerous()
            .with_custom_certificate_verifier(self.verifier(&provider)?);
        let Some((certificate, key)) = &self.own else {
            return Ok(builder.with_no_client_auth());
        };
        let chain = certificates(certificate).map_err(|reason| DatabaseTlsFault::Certificate {
            file: certificate.clone(),
            reason,
        })?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| DatabaseTlsFault::Key {
            file: key.clone(),
            reason: reason(&error),
        })?;
        let key = provider
            .key_provider
            .load_private_key(key)
            .map_err(|error| unfit(&error))?;
        let own = CertifiedKey::new(chain, key);
        // What this library can't read for its age (version 1, as openssl makes it unless told otherwise), the server
        // may well read.
        if let Err(error @ Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) =
            own.keys_match()
        {
            return Err(unfit(&error));
        }
        Ok(builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own))))
    }

    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, DatabaseTlsFault> {
        let lenient = |chain| {
            Arc::new(Lenient {
                chain,
                signatures: provider.signature_verification_algorithms,
            })
        };
        let Some(file) = &self.roots else {
            return Ok(lenient(None));
        };
        let fault = |reason: String| DatabaseTlsFault::Roots {
            file: file.clone(),
            reason,
        };
        let mut roots = RootCertStore::empty();
        let (_, ignored) = roots.add_parsable_certificates(certificates(file).map_err(fault)?);
        if ignored > 0 {
            tracing::warn!(
                ignored,
                "the file of trusted certificates holds some that can't be used"
            );
        }
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
                .build()
                .map_err(|error| fault(error.to_string()))?;
        Ok(if self.checks_host {
            verifier
        } else {
            lenient(Some(verifier))
        })
    }
}

/// All certificates of a file, of which there must be one.
fn certificates(file: &PathBuf) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    match found {
        Ok(found) if found.is_empty() => Err("there is no certificate in it".to_owned()),
        Ok(found) => Ok(found),
        Err(error) => Err(reason(&error)),
    }
}

/// Without what is in the file.
fn reason(error: &rustls::pki_types::pem::Error) -> String {
    use rustls::pki_types::pem::Error;
    match error {
        Error::Io(error) => error.to_string(),
        Error::NoItemsFound => "there is nothing of the kind in it".to_owned(),
        _ => "it is not PEM".to_owned(),
    }
}

/// Asks nobody for the name they answer for; the handshake's signatures count all the same.
#[derive(Debug)]
struct Lenient {
    /// Verifies the chain and whether it is valid now, as `verify-ca` does. None accepts any certificate, as libpq does
    /// without a root certificate.
    chain: Option<Arc<WebPkiServerVerifier>>,
    signatures: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        // The name is looked at last, when everything else has been found right.
        match chain.verify_server_cert(certificate, others, name, ocsp, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.signatures)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.signatures)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_files_a_configuration_builds_and_a_missing_file_is_named() {
        assert!(DatabaseTls::default().config().is_ok());
        let missing = || PathBuf::from("/no/such.pem");
        for (tls, option) in [
            (
                DatabaseTls {
                    roots: Some(missing()),
                    ..DatabaseTls::default()
                },
                "sslrootcert",
            ),
            (
                DatabaseTls {
                    own: Some((missing(), missing())),
                    ..DatabaseTls::default()
                },
                "sslcert",
            ),
        ] {
            let told = tls.config().unwrap_err().to_string();
            assert!(
                told.contains("/no/such.pem") && told.contains(option),
                "{told}"
            );
        }
    }
}
