//! What the drivers that speak HTTP share.

use keytrail_domain::verification::InconclusiveReason as Reason;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::{Outside, Question, unproven};
use crate::{
    guard::{Answer, Destinations, Outgoing},
    recipe::{Judgement, parse_base_url},
};

/// The body's JSON; null when it is none, or was cut.
pub(super) fn json(answer: &Answer) -> Value {
    if answer.cut { Value::Null } else { serde_json::from_slice(&answer.body).unwrap_or_default() }
}

/// What an answer is that proves nothing.
pub(super) fn proves_nothing(status: u16) -> Judgement {
    match status {
        429 => unproven(Reason::RateLimited, "the system asked to come back later"),
        500.. => unproven(Reason::Unreachable, "the system could not answer just now"),
        _ => unproven(Reason::Unexpected, "the system gave an answer that proves nothing here"),
    }
}

/// A header that nobody prints; control characters are refused.
pub(super) fn secret_header(text: &str) -> Result<HeaderValue, Judgement> {
    let refused = |_| unproven(Reason::Unexpected, "a field cannot be sent in a header");
    let mut value = HeaderValue::from_str(text).map_err(refused)?;
    value.set_sensitive(true);
    Ok(value)
}

/// One header with a secret.
pub(super) fn with_secret(name: HeaderName, text: &str) -> Result<HeaderMap, Judgement> {
    Ok(HeaderMap::from_iter([(name, secret_header(text)?)]))
}

/// `Authorization: Bearer …`.
pub(super) fn bearer(token: &str) -> Result<HeaderMap, Judgement> {
    with_secret(AUTHORIZATION, &format!("Bearer {token}"))
}

/// A POST of a form.
pub(super) fn form(url: Url, mut headers: HeaderMap, entries: &[(&str, &str)]) -> Outgoing {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(entries).finish();
    Outgoing { method: reqwest::Method::POST, url, headers, body: Some(body.into_bytes()) }
}

impl Question<'_> {
    /// An address that must be there.
    pub(super) fn address(&self, field: &str) -> Result<Url, Judgement> {
        parse_base_url(&self.needed(field)?)
            .ok_or_else(|| unproven(Reason::Unexpected, "the address is not a plain https or http URL"))
    }

    /// Sends to the credential's own hosts only.
    pub(super) async fn send(&self, outside: &Outside, request: Outgoing) -> Result<Answer, Judgement> {
        Ok(outside.http.send(request, Destinations::Only(self.hosts)).await?)
    }
}
