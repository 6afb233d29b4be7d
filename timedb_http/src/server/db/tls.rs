//! TLS to the database, with libpq's meaning: `prefer` and `require` encrypt without verifying the server, unless a
//! file of trusted certificates is given ([`trust`]); then chain and host name are verified.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use tokio_postgres_rustls::MakeRustlsConnect;

static ROOTS: OnceLock<PathBuf> = OnceLock::new();

/// Names the file of certificates that connections of this process trust, before the first one is opened. The first
/// call counts.
pub fn trust(file: PathBuf) {
    let _first = ROOTS.set(file);
}

/// A connector for `tokio_postgres`; whether it is used is the configuration's `sslmode`.
pub(super) fn connector() -> MakeRustlsConnect {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| Arc::new(client_config(trusted_roots())));
    MakeRustlsConnect::new(ClientConfig::clone(config))
}

/// The certificates to trust; an unreadable file trusts nobody rather than everybody.
fn trusted_roots() -> Option<RootCertStore> {
    let path = ROOTS.get()?;
    let mut roots = RootCertStore::empty();
    match CertificateDer::pem_file_iter(path) {
        Ok(certificates) => {
            let (_, ignored) = roots.add_parsable_certificates(certificates.flatten());
            if ignored > 0 {
                tracing::warn!(
                    ignored,
                    "the file of trusted certificates holds some that can't be used"
                );
            }
        }
        Err(error) => tracing::error!(%error, "the file of trusted certificates can't be read"),
    }
    Some(roots)
}

fn client_config(roots: Option<RootCertStore>) -> ClientConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring supports rustls' default protocol versions");
    match roots {
        Some(roots) => builder.with_root_certificates(roots).with_no_client_auth(),
        None => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyServer(provider)))
            .with_no_client_auth(),
    }
}

/// Accepts any certificate, as libpq does without a root certificate; the handshake's signatures still count.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_configuration_build() {
        client_config(None);
        client_config(Some(RootCertStore::empty()));
    }
}
