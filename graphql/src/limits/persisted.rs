//! Automatic persisted queries: a client may send the SHA-256 of a text instead of the text.
//!
//! The texts are kept per tenant, within a bound of bytes, and only known callers can add one.

use std::sync::Arc;

use async_graphql::{Extensions, Value};
use aws_lc_rs::digest;
use keytrail_domain::TenantId;
use quick_cache::{Weighter, sync::Cache};

/// SHA-256 of a query text.
type Hash = [u8; 32];

/// Why a persisted query cannot be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PersistedError {
    /// The text is not known (any more): send it again with its hash.
    #[error("persisted query not found")]
    NotFound,
    /// The hash is not that of the text, or the extension is not understood.
    #[error("the persisted query's hash is not that of the text, or its version is not 1")]
    Mismatch,
}

impl PersistedError {
    /// The stable code for `extensions.code`; clients know the first one.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "PERSISTED_QUERY_NOT_FOUND",
            Self::Mismatch => "BAD_USER_INPUT",
        }
    }
}

#[derive(Clone, Debug)]
struct ByBytes;

impl Weighter<(TenantId, Hash), Arc<str>> for ByBytes {
    fn weight(&self, _: &(TenantId, Hash), text: &Arc<str>) -> u64 {
        text.len() as u64 + 128
    }
}

/// The texts that callers sent with their hash.
#[derive(Debug)]
pub struct PersistedQueries(Cache<(TenantId, Hash), Arc<str>, ByBytes>);

impl PersistedQueries {
    /// Keeps at most that many bytes.
    pub fn new(bytes: u64) -> Self {
        let typical = usize::try_from(bytes / 2_048).unwrap_or(1_024).max(16);
        Self(Cache::with_weighter(typical, bytes, ByBytes))
    }

    /// The text that a request stands for: its own, or the one with the hash in its extensions.
    ///
    /// # Errors
    /// [`PersistedError`].
    pub fn resolve(
        &self,
        tenant: Option<TenantId>,
        text: &str,
        extensions: &Extensions,
    ) -> Result<Arc<str>, PersistedError> {
        let Some(extension) = extensions.get("persistedQuery") else { return Ok(text.into()) };
        let hash = hash_in(extension).ok_or(PersistedError::Mismatch)?;
        match (tenant, text.is_empty()) {
            (None, true) => Err(PersistedError::NotFound),
            (Some(tenant), true) => self.0.get(&(tenant, hash)).ok_or(PersistedError::NotFound),
            (tenant, false) => self.remember(tenant, text, hash),
        }
    }

    fn remember(&self, tenant: Option<TenantId>, text: &str, hash: Hash) -> Result<Arc<str>, PersistedError> {
        if digest::digest(&digest::SHA256, text.as_bytes()).as_ref() != hash {
            return Err(PersistedError::Mismatch);
        }
        let text: Arc<str> = text.into();
        if let Some(tenant) = tenant {
            self.0.insert((tenant, hash), Arc::clone(&text));
        }
        Ok(text)
    }
}

fn hash_in(extension: &Value) -> Option<Hash> {
    let Value::Object(fields) = extension else { return None };
    let is_first_version =
        matches!(fields.get("version"), Some(Value::Number(one)) if one.as_u64() == Some(1));
    match fields.get("sha256Hash") {
        Some(Value::String(text)) if is_first_version => from_hex(text),
        _ => None,
    }
}

fn from_hex(text: &str) -> Option<Hash> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|it| u8::try_from(it).ok()))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    (digits.len() == 64).then(|| bytes.try_into().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{ a }";

    fn extensions(text: &str) -> Extensions {
        let hash: String = digest::digest(&digest::SHA256, text.as_bytes())
            .as_ref()
            .iter()
            .map(|it| format!("{it:02x}"))
            .collect();
        let value = serde_json::json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
        serde_json::from_value(value).unwrap()
    }

    fn acme() -> Option<TenantId> {
        Some(TenantId::of_slug("acme"))
    }

    #[test]
    fn a_text_sent_once_with_its_hash_is_found_by_the_hash_in_the_same_tenant_only() {
        let queries = PersistedQueries::new(1 << 20);
        assert_eq!(queries.resolve(acme(), "", &extensions(TEXT)), Err(PersistedError::NotFound));
        queries.resolve(acme(), TEXT, &extensions(TEXT)).unwrap();
        assert_eq!(queries.resolve(acme(), "", &extensions(TEXT)).as_deref(), Ok(TEXT));
        let other = Some(TenantId::of_slug("other"));
        assert_eq!(queries.resolve(other, "", &extensions(TEXT)), Err(PersistedError::NotFound));
    }

    #[test]
    fn an_unknown_caller_leaves_nothing_behind() {
        let queries = PersistedQueries::new(1 << 20);
        assert_eq!(queries.resolve(None, TEXT, &extensions(TEXT)).as_deref(), Ok(TEXT));
        assert!(queries.0.is_empty());
    }

    #[test]
    fn a_hash_of_another_text_is_refused() {
        let queries = PersistedQueries::new(1 << 20);
        let answer = queries.resolve(acme(), TEXT, &extensions("{ b }"));
        assert_eq!(answer, Err(PersistedError::Mismatch));
    }

    #[test]
    fn a_request_without_the_extension_stands_for_its_own_text() {
        let queries = PersistedQueries::new(1 << 20);
        assert_eq!(queries.resolve(acme(), TEXT, &Extensions::default()).as_deref(), Ok(TEXT));
    }
}
