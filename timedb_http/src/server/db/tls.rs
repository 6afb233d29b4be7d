//! TLS to the database, with libpq's meaning: `prefer` and `require` encrypt without verifying the server, unless a
//! file of trusted certificates is given ([`trust`]); then chain and host name are verified.

use std::{
    path::PathBuf,
    sync::{Arc, LazyLock, OnceLock},
};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature},
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
    static CONFIG: LazyLock<ClientConfig> = LazyLock::new(|| client_config(trusted_roots()));
    MakeRustlsConnect::new(CONFIG.clone())
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
    let provider = ring::default_provider();
    let any_server = AnyServer(provider.signature_verification_algorithms);
    let builder = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .expect("ring supports rustls' default protocol versions");
    let builder = match roots {
        Some(roots) => builder.with_root_certificates(roots),
        None => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(any_server)),
    };
    builder.with_no_client_auth()
}

/// Accepts any certificate, as libpq does without a root certificate; the handshake's signatures still count.
#[derive(Debug)]
struct AnyServer(WebPkiSupportedAlgorithms);

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
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
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
