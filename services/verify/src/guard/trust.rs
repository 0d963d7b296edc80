//! Whom a TLS client believes.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    sign::{CertifiedKey, SingleCertAndKey},
};
use tokio::sync::OnceCell;

use super::GuardError;

/// Whom to believe when a server says who it is.
#[derive(Clone, Copy, Debug)]
pub enum Trust<'a> {
    /// The system's authorities, and those that the operator added.
    System,
    /// Only the authorities in this PEM text, which the credential brings.
    Only(&'a str),
    /// Only a server that shows this very certificate, whatever it says.
    Exactly(&'a CertificateDer<'static>),
}

/// What a client shows of itself: a certificate with its key. It cannot be printed.
pub struct Proof {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Proof {
    /// Reads both from PEM.
    ///
    /// # Errors
    /// [`GuardError::NoProof`] for what is none.
    pub fn new(certificate: &str, key: &str) -> Result<Self, GuardError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(GuardError::NoProof)?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| GuardError::NoProof)?;
        Ok(Self { chain, key })
    }
}

/// The authorities of this machine, read when they are first needed: there are hundreds.
pub(super) struct Roots {
    extra: Vec<u8>,
    system: OnceCell<Arc<ClientConfig>>,
}

impl Roots {
    pub(super) const fn with(extra: Vec<u8>) -> Self {
        Self { extra, system: OnceCell::const_new() }
    }

    pub(super) async fn config(&self, trust: Trust<'_>) -> Result<Arc<ClientConfig>, GuardError> {
        match trust {
            Trust::System => self.system.get_or_try_init(|| system(self.extra.clone())).await.cloned(),
            Trust::Only(pem) => believing(authorities(pem.as_bytes())?),
            Trust::Exactly(certificate) => exactly(certificate),
        }
    }
}

/// The same trust, with something to show.
pub(super) fn showing(config: &ClientConfig, proof: Proof) -> Result<Arc<ClientConfig>, GuardError> {
    let key = CertifiedKey::from_der(proof.chain, proof.key, config.crypto_provider());
    let key = key.map_err(|_| GuardError::NoProof)?;
    let mut config = config.clone();
    config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(key));
    // A session that was made with another certificate must not be taken up.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

async fn system(extra: Vec<u8>) -> Result<Arc<ClientConfig>, GuardError> {
    let read = move || {
        let mut roots = if extra.is_empty() { RootCertStore::empty() } else { authorities(&extra)? };
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        believing(roots)
    };
    tokio::task::spawn_blocking(read).await.map_err(|_| GuardError::NoAuthorities)?
}

/// The authorities in a PEM text.
fn authorities(pem: &[u8]) -> Result<RootCertStore, GuardError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| GuardError::NoAuthorities)?;
        roots.add(certificate).map_err(|_| GuardError::NoAuthorities)?;
    }
    if roots.is_empty() { Err(GuardError::NoAuthorities) } else { Ok(roots) }
}

fn believing(roots: RootCertStore) -> Result<Arc<ClientConfig>, GuardError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| GuardError::NoTls)?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

fn exactly(certificate: &CertificateDer<'static>) -> Result<Arc<ClientConfig>, GuardError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let pinned = Pinned { certificate: certificate.clone(), provider: Arc::clone(&provider) };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| GuardError::NoTls)?;
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(pinned));
    Ok(Arc::new(builder.with_no_client_auth()))
}

/// Takes one certificate and no other; that the server has its key is proven by the handshake.
#[derive(Debug)]
struct Pinned {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *shown == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
