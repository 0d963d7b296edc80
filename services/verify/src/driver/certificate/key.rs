//! Whether a private key is a certificate's.

use keytrail_domain::verification::InconclusiveReason as Reason;
use rustls::{
    crypto::aws_lc_rs,
    pki_types::{
        PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use x509_parser::{
    asn1_rs::Sequence, certificate::X509Certificate, prelude::FromDer, x509::SubjectPublicKeyInfo,
};
use zeroize::Zeroizing;

use super::{invalid, passphrase};
use crate::{driver::unproven, recipe::Judgement};

/// First bytes of a point on a curve of which only one coordinate is written.
const COMPRESSED: [u8; 2] = [2, 3];

/// Compares the public keys. Also for certificates that TLS here would not take.
pub(super) fn belongs(
    certificate: &X509Certificate<'_>,
    key: PrivateKeyDer<'static>,
) -> Result<(), Judgement> {
    let key = aws_lc_rs::default_provider().key_provider.load_private_key(key).map_err(|_| {
        unproven(Reason::Unexpected, "the private key is damaged, or of a kind that cannot be used here")
    })?;
    let public = key.public_key().ok_or_else(cannot_tell)?;
    let (_, public) = SubjectPublicKeyInfo::from_der(&public).map_err(|_| cannot_tell())?;
    let certified = &certificate.public_key().subject_public_key.data;
    if public.subject_public_key.data == *certified {
        return Ok(());
    }
    match certified.first() {
        Some(first) if COMPRESSED.contains(first) => Err(cannot_tell()),
        _ => Err(invalid("the private key does not belong to the certificate")),
    }
}

fn cannot_tell() -> Judgement {
    unproven(Reason::Unexpected, "whether the key belongs to the certificate cannot be told")
}

/// The key in a PEM text, opened with a passphrase when it is closed.
pub(super) async fn read(pem: &str, passphrase: Option<&str>) -> Result<PrivateKeyDer<'static>, Judgement> {
    if let Some(closed) = passphrase::closed_key(pem) {
        let passphrase = passphrase.ok_or_else(|| {
            unproven(Reason::Unexpected, "the private key cannot be read without its passphrase")
        })?;
        return passphrase::opened(closed, Zeroizing::new(passphrase.to_owned())).await;
    }
    match PrivateKeyDer::from_pem_slice(pem.as_bytes()) {
        Ok(key) if is_sequence(key.secret_der()) => Ok(key),
        // Also what old tools closed with a passphrase.
        _ if pem.contains("Proc-Type:") => Err(form_unknown()),
        Err(pem::Error::NoItemsFound) if pem.contains("PRIVATE KEY-----") => Err(form_unknown()),
        Ok(_) | Err(_) => Err(invalid("the private key cannot be read as PEM")),
    }
}

fn form_unknown() -> Judgement {
    unproven(Reason::Unexpected, "the private key is written in a form that cannot be read here")
}

/// All that keys are written as begins as one.
pub(super) fn is_sequence(der: &[u8]) -> bool {
    Sequence::from_der(der).is_ok_and(|(rest, _)| rest.is_empty())
}
