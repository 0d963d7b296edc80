//! Secret values: they can be held, stored in a vault and used, but not printed or serialised.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{CredentialId, SecretId, TenantId};

/// One secret text. Wiped from memory when dropped; printing shows a placeholder.
///
/// It cannot be serialised, so an event, view or answer that tries to carry one does not compile:
///
/// ```compile_fail
/// let secret = keytrail_domain::SecretValue::new("hunter2".to_owned());
/// serde_json::to_string(&secret).unwrap();
/// ```
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SecretValue(String);

impl SecretValue {
    /// Takes the text; the caller should not keep another copy.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the vault and for the request that uses it. Every call is a place
    /// where a secret leaves its wrapper: keep them few.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// The secret fields of one credential version, by field name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretPayload(BTreeMap<String, SecretValue>);

impl SecretPayload {
    /// A payload of these fields.
    pub fn new(fields: impl IntoIterator<Item = (String, SecretValue)>) -> Self {
        Self(fields.into_iter().collect())
    }

    /// The value of one field.
    pub fn get(&self, field: &str) -> Option<&SecretValue> {
        self.0.get(field)
    }

    /// The names of the fields that are set, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Names and values, for the vault's adapters and the verifiers.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SecretValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// True when no field is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// This payload with the other's fields put over it.
    #[must_use]
    pub fn overlaid(mut self, newer: SecretPayload) -> Self {
        self.0.extend(newer.0);
        self
    }
}

impl fmt::Debug for SecretPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Where one secret lies in the vault: `<tenant uuid>/<owner uuid>/<secret uuid>`.
///
/// The owner is the credential; for a tenant's own keys the tenant, for the key of a member's
/// profile the member, for a webhook's signing secret and its URL the endpoint, for an OAuth
/// client's secret the client, for a fingerprint the fingerprint itself. Each path is written once and never again.
/// *Format*.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SecretRef {
    /// The tenant.
    pub tenant: TenantId,
    /// What the secret belongs to.
    pub owner: uuid::Uuid,
    /// This one secret.
    pub secret: SecretId,
}

impl SecretRef {
    /// The place of a secret version of a credential.
    pub fn of_credential(tenant: TenantId, credential: CredentialId, secret: SecretId) -> Self {
        Self { tenant, owner: credential.as_uuid(), secret }
    }

    /// The path in the vault, below the mount: three UUIDs, nothing a person typed.
    pub fn path(&self) -> String {
        format!("{}/{}/{}", self.tenant.as_uuid(), self.owner, self.secret.as_uuid())
    }

    /// Reads a path back.
    pub fn parse_path(path: &str) -> Option<Self> {
        let mut parts = path.split('/').map(|part| uuid::Uuid::try_parse(part).ok());
        let found = Self {
            tenant: TenantId::from_uuid(parts.next()??),
            owner: parts.next()??,
            secret: SecretId::from_uuid(parts.next()??),
        };
        parts.next().is_none().then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_shows_names_and_never_values() {
        let payload = SecretPayload::new([("token".to_owned(), SecretValue::new("s3cr3t".into()))]);
        let shown = format!("{payload:?} {:?}", payload.get("token"));
        assert!(shown.contains("token") && !shown.contains("s3cr3t"), "{shown}");
    }

    #[test]
    fn newer_fields_cover_older_ones_and_keep_the_rest() {
        let field = |name: &str, value: &str| (name.to_owned(), SecretValue::new(value.to_owned()));
        let merged = SecretPayload::new([field("a", "1"), field("b", "1")])
            .overlaid(SecretPayload::new([field("b", "2")]));
        let seen: Vec<_> = merged.iter().map(|(name, value)| (name, value.expose())).collect();
        assert_eq!(seen, [("a", "1"), ("b", "2")]);
    }

    #[test]
    fn a_path_reads_back_and_nothing_else_does() {
        let place = SecretRef {
            tenant: TenantId::of_slug("acme"),
            owner: uuid::Uuid::from_u128(1),
            secret: SecretId::from_uuid(uuid::Uuid::from_u128(2)),
        };
        assert_eq!(SecretRef::parse_path(&place.path()), Some(place));
        for bad in ["", "a/b/c", &format!("{}/x", place.path()), "../../etc"] {
            assert_eq!(SecretRef::parse_path(bad), None, "{bad}");
        }
    }
}
