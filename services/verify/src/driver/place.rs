//! Host, port, TLS and authority fields, which the drivers of wire protocols share.

use keytrail_domain::verification::InconclusiveReason;

use super::{Outside, Question, unproven};
use crate::{
    guard::{Dialled, GuardError, Target, Transport, Trust},
    recipe::Judgement,
};

/// The field that says whether TLS is used, and its word for "no".
#[derive(Clone, Copy)]
pub(super) struct TlsField {
    pub(super) name: &'static str,
    pub(super) off: &'static str,
}

impl<'a> Question<'a> {
    /// A text that must be there.
    pub(super) fn needed(&self, field: &str) -> Result<std::borrow::Cow<'a, str>, Judgement> {
        let text = self.fields.text(field);
        text.ok_or_else(|| {
            unproven(InconclusiveReason::Unexpected, "a field that the check needs is not set")
        })
    }

    /// Only the word that was chosen and recorded turns TLS off.
    pub(super) fn transport(&self, tls: TlsField) -> Transport {
        match self.fields.plain_value(tls.name).and_then(serde_json::Value::as_str) {
            Some(word) if word == tls.off => Transport::Plain,
            _ => Transport::Encrypted,
        }
    }

    /// The authorities of the credential, or those of the system.
    pub(super) fn trust(&self) -> Trust<'a> {
        match self.fields.plain_value("ca").and_then(serde_json::Value::as_str) {
            Some(pem) => Trust::Only(pem),
            None => Trust::System,
        }
    }

    /// Connects to the fields `host` and `port`.
    pub(super) async fn dial<'o>(
        &self,
        outside: &'o Outside,
        transport: Transport,
        usual_port: u16,
    ) -> Result<Dialled<'o>, Judgement> {
        let host = self.needed("host")?;
        let port = self.needed("port")?.parse().map_err(|_| GuardError::HostNotAllowed)?;
        let target = Target { host: &host, port, usual_port, transport };
        Ok(outside.dialer.dial(target, self.hosts).await?)
    }
}

/// What a broken connection is to a check.
pub(super) fn broken(_error: std::io::Error) -> Judgement {
    unproven(InconclusiveReason::Unreachable, "the connection broke before the system had answered")
}
