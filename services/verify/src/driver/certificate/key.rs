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

use super::invalid;
use crate::{driver::unproven, recipe::Judgement};

/// First bytes of a point on a curve of which only one coordinate is written.
const COMPRESSED: [u8; 2] = [2, 3];

/// Compares the public keys. Also for certificates that TLS here would not take.
pub(super) fn belongs(certificate: &X509Certificate<'_>, pem: &str) -> Result<(), Judgement> {
    let key = aws_lc_rs::default_provider().key_provider.load_private_key(read(pem)?).map_err(|_| {
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

fn read(pem: &str) -> Result<PrivateKeyDer<'static>, Judgement> {
    if pem.contains("ENCRYPTED") {
        return Err(unproven(Reason::Unexpected, "a key with a passphrase cannot be read here"));
    }
    match PrivateKeyDer::from_pem_slice(pem.as_bytes()) {
        Ok(key) if Sequence::from_der(key.secret_der()).is_ok_and(|(rest, _)| rest.is_empty()) => Ok(key),
        Err(pem::Error::NoItemsFound) if pem.contains("PRIVATE KEY-----") => {
            Err(unproven(Reason::Unexpected, "the private key is written in a form that cannot be read here"))
        }
        Ok(_) | Err(_) => Err(invalid("the private key cannot be read as PEM")),
    }
}
