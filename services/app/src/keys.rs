//! A tenant's own keys: one root in the vault, one key per purpose derived from it.

use std::sync::Arc;

use aws_lc_rs::{aead, hkdf, hmac};
use base64::{Engine, prelude::BASE64_STANDARD};
use keytrail_domain::{SecretPayload, SecretRef, SecretValue, TenantId, Timestamp};
use keytrail_ports::SecretStore;
use quick_cache::sync::Cache;
use uuid::Uuid;

use crate::AppError;

/// The field of the payload that holds the root. *Format*.
const ROOT: &str = "root";
/// Tenants whose keys are kept in memory.
const CACHED: usize = 10_000;

/// Keys of one tenant, ready for use.
pub(crate) struct TenantKeys {
    idempotency: hmac::Key,
    cursor: aead::LessSafeKey,
}

struct KeyLen;

impl hkdf::KeyType for KeyLen {
    fn len(&self) -> usize {
        32
    }
}

fn derive(root: &[u8], purpose: &str) -> Result<[u8; 32], AppError> {
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"keytrail/tenant/1");
    let mut key = [0; 32];
    salt.extract(root)
        .expand(&[purpose.as_bytes()], KeyLen)
        .and_then(|okm| okm.fill(&mut key))
        .map_err(|_| AppError::internal("key derivation failed"))?;
    Ok(key)
}

impl TenantKeys {
    fn from_root(root: &[u8]) -> Result<Self, AppError> {
        let cursor = aead::UnboundKey::new(&aead::AES_256_GCM_SIV, &derive(root, "cursor")?)
            .map_err(|_| AppError::internal("key of the wrong length"))?;
        Ok(Self {
            idempotency: hmac::Key::new(hmac::HMAC_SHA256, &derive(root, "idempotency")?),
            cursor: aead::LessSafeKey::new(cursor),
        })
    }

    /// HMAC of an input, in hex.
    pub(crate) fn input_mac(&self, input: &[u8]) -> String {
        let tag = hmac::sign(&self.idempotency, input);
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The id that a repeated mutation makes again: a UUIDv7 of the day's beginning, its random
    /// part derived from the scope.
    pub(crate) fn derived_id(&self, scope: &str, at: Timestamp) -> Uuid {
        let day = at.as_seconds().div_euclid(86_400) * 86_400;
        let tag = hmac::sign(&self.idempotency, format!("id\0{day}\0{scope}").as_bytes());
        let mut random = [0; 10];
        random.copy_from_slice(&tag.as_ref()[..10]);
        uuid::Builder::from_unix_timestamp_millis(u64::try_from(day * 1_000).unwrap_or_default(), &random)
            .into_uuid()
    }

    /// Seals a cursor. The nonce is fixed: equal cursors look equal, which AES-GCM-SIV allows.
    pub(crate) fn seal(&self, tenant: TenantId, mut plain: Vec<u8>) -> Result<Vec<u8>, AppError> {
        self.cursor
            .seal_in_place_append_tag(no_nonce(), bound_to(tenant), &mut plain)
            .map_err(|_| AppError::internal("cursor could not be sealed"))?;
        Ok(plain)
    }

    /// Opens a cursor; none when it is not one of this tenant's.
    pub(crate) fn open(&self, tenant: TenantId, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        let plain = self.cursor.open_in_place(no_nonce(), bound_to(tenant), &mut sealed).ok()?;
        Some(plain.to_vec())
    }
}

fn no_nonce() -> aead::Nonce {
    aead::Nonce::assume_unique_for_key([0; 12])
}

fn bound_to(tenant: TenantId) -> aead::Aad<[u8; 16]> {
    aead::Aad::from(*tenant.as_uuid().as_bytes())
}

/// A new root for a tenant that is being made.
pub(crate) fn new_root() -> Result<SecretPayload, AppError> {
    Ok(SecretPayload::new([(ROOT.to_owned(), random_key()?)]))
}

/// 32 random bytes, in base64.
pub(crate) fn random_key() -> Result<SecretValue, AppError> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| AppError::internal("no random numbers"))?;
    Ok(SecretValue::new(BASE64_STANDARD.encode(bytes)))
}

/// Reads a key that [`random_key`] made.
pub(crate) fn key_bytes(payload: &SecretPayload, field: &str) -> Result<Vec<u8>, AppError> {
    payload
        .get(field)
        .and_then(|value| BASE64_STANDARD.decode(value.expose()).ok())
        .ok_or_else(|| AppError::internal("a key in the vault has another shape"))
}

/// Keys of the tenants that were asked for lately.
pub(crate) struct KeyRing {
    secrets: Arc<dyn SecretStore>,
    cached: Cache<TenantId, Arc<TenantKeys>>,
}

impl KeyRing {
    pub(crate) fn new(secrets: Arc<dyn SecretStore>) -> Self {
        Self { secrets, cached: Cache::new(CACHED) }
    }

    /// A tenant's keys, when they are in memory.
    pub(crate) fn known(&self, tenant: TenantId) -> Option<Arc<TenantKeys>> {
        self.cached.get(&tenant)
    }

    /// The tenant's keys from their place in the vault. They never change.
    pub(crate) async fn load(&self, keys: SecretRef) -> Result<Arc<TenantKeys>, AppError> {
        let payload = self.secrets.get(keys).await?;
        let loaded = Arc::new(TenantKeys::from_root(&key_bytes(&payload, ROOT)?)?);
        self.cached.insert(keys.tenant, Arc::clone(&loaded));
        Ok(loaded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(root: &[u8]) -> TenantKeys {
        TenantKeys::from_root(root).expect("keys")
    }

    #[test]
    fn a_cursor_opens_only_with_its_tenants_keys() {
        let (acme, other) = (TenantId::of_slug("acme"), TenantId::of_slug("other"));
        let sealed = keys(b"a").seal(acme, b"place".to_vec()).expect("sealed");
        assert_eq!(keys(b"a").open(acme, sealed.clone()).as_deref(), Some(b"place".as_slice()));
        assert_eq!(keys(b"a").open(other, sealed.clone()), None);
        assert_eq!(keys(b"b").open(acme, sealed.clone()), None);
        let mut bent = sealed;
        bent[0] ^= 1;
        assert_eq!(keys(b"a").open(acme, bent), None);
    }

    #[test]
    fn a_derived_id_is_the_same_all_day_and_is_version_7() {
        let at = Timestamp::from_micros(1_800_000_000_000_000);
        let id = keys(b"a").derived_id("scope", at);
        assert_eq!(id, keys(b"a").derived_id("scope", at.plus_seconds(60)));
        assert_ne!(id, keys(b"a").derived_id("other", at));
        assert_ne!(id, keys(b"b").derived_id("scope", at));
        assert_eq!(id.get_version_num(), 7);
    }
}
