//! Whether a chain leads from a certificate to an authority.

use std::time::Duration;

use keytrail_domain::{
    Timestamp,
    verification::{InconclusiveReason as Reason, Verdict},
};
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert};
use x509_parser::{certificate::X509Certificate, prelude::FromDer, public_key::PublicKey};

use super::{certificates, invalid};
use crate::{
    driver::{judged, unproven},
    recipe::Judgement,
};

/// Lengths of RSA keys, in bits, whose signatures the library can check; it calls all others bad.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The last of the chain is the authority to believe; those before it only lead there.
pub(super) fn leads_to_authority(
    certified: &[CertificateDer<'static>],
    chain: &str,
    now: Timestamp,
) -> Result<(), Judgement> {
    let chain = certificates(chain).filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| invalid("the chain cannot be read as PEM"))?;
    let Some((leaf, more)) = certified.split_first() else { return Ok(()) };
    if chain.contains(leaf) {
        return Ok(());
    }
    let Some((authority, between)) = chain.split_last() else { return Ok(()) };
    let between: Vec<_> = more.iter().chain(between).cloned().collect();
    let signers = read(between.iter().chain([authority]))
        .ok_or_else(|| invalid("a certificate of the chain cannot be read"))?;
    let anchor = anchor_from_trusted_cert(authority).map_err(|_| unsupported())?;
    let seconds = u64::try_from(now.as_seconds()).unwrap_or_default();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    verified(leaf, &[anchor], &between, now).map_err(|error| match error {
        Error::InvalidSignatureForPublicKey if !signers.iter().all(can_be_checked) => unsupported(),
        other => meaning(&other),
    })
}

fn read<'a>(chain: impl Iterator<Item = &'a CertificateDer<'static>>) -> Option<Vec<X509Certificate<'a>>> {
    chain.map(|one| X509Certificate::from_der(one).ok().map(|(_, read)| read)).collect()
}

fn can_be_checked(signer: &X509Certificate<'_>) -> bool {
    match signer.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => RSA_BITS.contains(&key.key_size()),
        Ok(_) => true,
        Err(_) => false,
    }
}

/// For a server, or for a client.
fn verified(
    leaf: &CertificateDer<'_>,
    anchors: &[TrustAnchor<'_>],
    between: &[CertificateDer<'_>],
    now: UnixTime,
) -> Result<(), Error> {
    let leaf = EndEntityCert::try_from(leaf)?;
    let verify = |usage| {
        let algorithms = webpki::ALL_VERIFICATION_ALGS;
        leaf.verify_for_usage(algorithms, anchors, between, now, usage, None, None).map(drop)
    };
    verify(KeyUsage::server_auth()).or_else(|first| verify(KeyUsage::client_auth()).map_err(|_| first))
}

/// What is proven stands here by its name. All else, and what a later version of the library may add, is
/// something that it does not support, or is stricter about than others are.
fn meaning(error: &Error) -> Judgement {
    match error {
        Error::CertExpired { .. } => judged(Verdict::Expired, "a certificate of the chain has expired"),
        Error::CertNotValidYet { .. } => invalid("a certificate of the chain is not in force yet"),
        Error::InvalidCertValidity => invalid("a certificate of the chain ends before it begins"),
        Error::UnknownIssuer => invalid("the chain does not lead from the certificate to its authority"),
        Error::InvalidSignatureForPublicKey | Error::SignatureAlgorithmMismatch => {
            invalid("a signature in the chain is not good")
        }
        Error::NameConstraintViolation => invalid("an authority of the chain may not sign for these names"),
        Error::EndEntityUsedAsCa | Error::PathLenConstraintViolated => {
            invalid("a certificate of the chain may not sign others as it does")
        }
        Error::CaUsedAsEndEntity => unproven(
            Reason::Unexpected,
            "the certificate is an authority's own, whose chain cannot be checked here",
        ),
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => unproven(
            Reason::Unexpected,
            "the certificate, or one of its chain, names a purpose that is neither a server's nor a client's",
        ),
        Error::UnsupportedCertVersion
        | Error::UnsupportedCriticalExtension
        | Error::UnsupportedNameType
        | Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => unsupported(),
        _ => unproven(Reason::Unexpected, "whether the chain leads to its authority cannot be told here"),
    }
}

fn unsupported() -> Judgement {
    unproven(
        Reason::Unexpected,
        "the chain uses keys, signatures, versions or extensions that cannot be checked here",
    )
}
