//! TLS certificates: all that can be told from certificate, key and chain, and perhaps whether a
//! host shows it. The key is never sent anywhere.

mod chain;
mod key;
mod passphrase;

use async_trait::async_trait;
use keytrail_domain::{
    Timestamp,
    verification::{InconclusiveReason as Reason, Verdict},
};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use serde_json::Value;
use webpki::EndEntityCert;
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer};

use super::{Driver, Found, Outside, Question, Role, Wanted, judged, unproven};
use crate::{
    guard::{GuardError, Transport, Trust},
    recipe::{Evidence, Judgement},
};

const USUAL_PORT: u16 = 443;

const WANTS: [Wanted; 7] = [
    Wanted::always("certificate", Role::Plain),
    Wanted::always("private_key", Role::Secret),
    Wanted::perhaps("passphrase", Role::Secret),
    Wanted::perhaps("ca_chain", Role::Plain),
    Wanted::perhaps("host", Role::Destination),
    Wanted::perhaps("port", Role::Destination),
    Wanted::perhaps("handshake", Role::Plain),
];

/// Reads, compares, and perhaps looks at the host.
pub(super) struct TlsCertificate;

#[async_trait]
impl Driver for TlsCertificate {
    fn name(&self) -> &'static str {
        "tls-certificate"
    }

    fn wants(&self) -> &'static [Wanted] {
        &WANTS
    }

    async fn check(&self, question: Question<'_>, outside: &Outside) -> Result<Found, Judgement> {
        let certificates = certificates(&question.needed("certificate")?)
            .ok_or_else(|| invalid("the certificate cannot be read as PEM"))?;
        let leaf = certificates.first().ok_or_else(|| invalid("there is no certificate in the text"))?;
        let (_, parsed) =
            X509Certificate::from_der(leaf).map_err(|_| invalid("the certificate cannot be read"))?;
        let passphrase = question.fields.text("passphrase");
        let key = key::read(&question.needed("private_key")?, passphrase.as_deref()).await?;
        key::belongs(&parsed, key)?;
        let evidence = evidence(&parsed);
        let now = outside.clock.now();
        if let Some(judgement) = over_or_early(&parsed, now) {
            return Ok((judgement, evidence));
        }
        covers_host(leaf, question)?;
        if let Some(chain) = question.fields.plain_value("ca_chain").and_then(Value::as_str) {
            chain::leads_to_authority(&certificates, chain, now)?;
        }
        let judgement = match question.fields.plain_value("handshake") {
            Some(Value::Bool(true)) => shown_by_host(leaf, question, outside).await?,
            _ => judged(Verdict::Valid, "certificate and key belong together and are in force"),
        };
        Ok((judgement, evidence))
    }
}

/// Only for what is wrong by the rules of certificates. What is only too old, too new or too rare for the
/// libraries here proves nothing.
fn invalid(message: &'static str) -> Judgement {
    judged(Verdict::Invalid, message)
}

fn certificates(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().ok()
}

fn evidence(certificate: &X509Certificate<'_>) -> Evidence {
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|names| &names.value.general_names);
    let scopes = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    });
    Evidence {
        identity: Some(certificate.subject().to_string()),
        scopes: scopes.collect(),
        expires_at: Some(Timestamp::EPOCH.plus_seconds(certificate.validity().not_after.timestamp())),
    }
}

fn over_or_early(certificate: &X509Certificate<'_>, now: Timestamp) -> Option<Judgement> {
    let (validity, now) = (certificate.validity(), now.as_seconds());
    if now > validity.not_after.timestamp() {
        return Some(judged(Verdict::Expired, "the certificate has expired"));
    }
    (now < validity.not_before.timestamp()).then(|| invalid("the certificate is not in force yet"))
}

fn covers_host(leaf: &CertificateDer<'_>, question: Question<'_>) -> Result<(), Judgement> {
    let Some(host) = question.fields.text("host") else { return Ok(()) };
    let host = host.trim_end_matches('.').trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host).map_err(|_| GuardError::HostNotAllowed)?;
    let covered = EndEntityCert::try_from(leaf).and_then(|leaf| leaf.verify_is_valid_for_subject_name(&name));
    covered.map_err(|error| match error {
        webpki::Error::CertNotValidForName(_) => invalid("the certificate does not name the host"),
        _ => unproven(Reason::Unexpected, "whether the certificate names the host cannot be told here"),
    })
}

async fn shown_by_host(
    leaf: &CertificateDer<'static>,
    question: Question<'_>,
    outside: &Outside,
) -> Result<Judgement, Judgement> {
    let dialled = question.dial(outside, Transport::Encrypted, USUAL_PORT).await?;
    match dialled.secured(Trust::Exactly(leaf)).await {
        Ok(_) => Ok(judged(Verdict::Valid, "the host shows the certificate, and it is in force")),
        Err(GuardError::NotTrusted) => {
            Ok(judged(Verdict::Limited, "the certificate is good, but the host shows another one"))
        }
        Err(other) => Err(other.into()),
    }
}
