//! Where deliveries go. Whoever knows the URL of a chat's webhook may write there, so a URL is kept
//! like a secret: the vault has the whole, events and people have what tells endpoints apart.

use serde::{Deserialize, Serialize};

use crate::{FieldError, SecretPayload, SecretRef, SecretValue};

/// Longest URL, in bytes.
const LONGEST: usize = 2_048;
/// The field of the payload that holds it. *Format*.
const FIELD: &str = "url";
/// Characters of a hidden rest that are shown.
const TAIL: usize = 4;
/// A rest with fewer characters shows none: four would be too many of them.
const SHORTEST_WITH_TAIL: usize = 24;

/// Where deliveries go, as events and views have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointTarget {
    /// What people see: scheme, host and port, and perhaps the last characters.
    pub shown: String,
    /// Where the whole URL lies in the vault; none for an event from before URLs went there, which
    /// shows all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<SecretRef>,
}

/// A URL on its way into the vault.
#[derive(Clone, Debug)]
pub struct NewTarget {
    /// Where it is to lie.
    pub at: SecretRef,
    /// All of it.
    pub url: SecretValue,
}

impl EndpointTarget {
    /// What people may see of it, also of one from before URLs went to the vault.
    pub fn visible(&self) -> String {
        if self.at.is_some() { self.shown.clone() } else { shown(&self.shown) }
    }
}

impl NewTarget {
    pub(super) fn check(&self) -> Result<(), FieldError> {
        match self.url.expose().len() {
            1..=LONGEST => Ok(()),
            _ => Err(FieldError::new("url", format!("must have 1 to {LONGEST} bytes"))),
        }
    }

    pub(super) fn target(&self) -> EndpointTarget {
        EndpointTarget { shown: shown(self.url.expose()), at: Some(self.at) }
    }

    pub(super) fn payload(&self) -> SecretPayload {
        SecretPayload::new([(FIELD.to_owned(), self.url.clone())])
    }
}

/// The whole URL of a payload that was stored for a target.
pub fn url_in(payload: &SecretPayload) -> Option<&SecretValue> {
    payload.get(FIELD)
}

/// Scheme, host and port; of what follows, the last characters when it is long.
fn shown(url: &str) -> String {
    // Other ways to write a URL are understood by some, and would show where nobody looks for it.
    let plain = |scheme: &str| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let Some((scheme, _)) = url.split_once("://").filter(|(scheme, _)| plain(scheme)) else {
        return "…".to_owned();
    };
    let host = scheme.len() + "://".len();
    let end = url[host..].find(['/', '?', '#', '\\']).map_or(url.len(), |at| host + at);
    let (origin, rest) = url.split_at(end);
    if rest.len() <= 1 {
        return url.to_owned();
    }
    let long = rest.chars().count() >= SHORTEST_WITH_TAIL;
    let start = rest.char_indices().nth_back(TAIL - 1).filter(|_| long).map_or(rest.len(), |(at, _)| at);
    format!("{origin}/…{}", &rest[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_tells_endpoints_apart_and_gives_nothing_away() {
        for (url, expected) in [
            ("https://a.example", "https://a.example"),
            ("https://a.example:8443/", "https://a.example:8443/"),
            ("https://a.example/in", "https://a.example/…"),
            ("https://a.example?token=0123", "https://a.example/…"),
            ("https://a.example#0123", "https://a.example/…"),
            ("https://a.example/services/T00000000/B00000000/s3cr3t", "https://a.example/…cr3t"),
            ("https://a.example/eine/lange/geheime/Straße", "https://a.example/…raße"),
            ("no url", "…"),
            ("https:/a.example/s3cr3t?to=https://b.example", "…"),
            ("https:a.example/s3cr3t?x=://", "…"),
            (r"https:\\a.example\s3cr3t", "…"),
            (r"https://a.example\services\T00000000\s3cr3t", "https://a.example/…cr3t"),
        ] {
            assert_eq!(shown(url), expected);
        }
    }
}
