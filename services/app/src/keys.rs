//! A tenant's own keys: one root in the vault, one key per purpose derived from it.

use aws_lc_rs::{aead, hkdf, hmac};
use base64::{Engine, prelude::BASE64_STANDARD};
use keytrail_domain::{SecretPayload, SecretValue, TenantId, Timestamp};
use uuid::Uuid;

use crate::AppError;

/// The field of the payload that holds the root. *Format*.
const ROOT: &str = "root";
/// Bytes of a derived key.
pub(crate) const KEY_LEN: usize = 32;

/// What a tenant's other keys are derived from. It is used and dropped.
pub(crate) struct Root(Vec<u8>);

/// Seals cursors and positions.
pub(crate) struct CursorKey(aead::LessSafeKey);

/// Recognises repeated mutations.
pub(crate) struct InputKey(hmac::Key);

/// Tells whether two payloads are the same without keeping either.
pub(crate) struct FingerprintKey(hmac::Key);

struct KeyLen;

impl hkdf::KeyType for KeyLen {
    fn len(&self) -> usize {
        KEY_LEN
    }
}

impl Root {
    /// The root as [`new_root`] made it.
    pub(crate) fn read(payload: &SecretPayload) -> Result<Self, AppError> {
        key_bytes(payload, ROOT).map(Self)
    }

    /// The bytes of the key that seals cursors.
    pub(crate) fn cursor(&self) -> Result<[u8; KEY_LEN], AppError> {
        self.derive("cursor")
    }

    /// The key that recognises inputs.
    pub(crate) fn input(&self) -> Result<InputKey, AppError> {
        Ok(InputKey(hmac::Key::new(hmac::HMAC_SHA256, &self.derive("idempotency")?)))
    }

    /// The key of fingerprints.
    pub(crate) fn fingerprint(&self) -> Result<FingerprintKey, AppError> {
        Ok(FingerprintKey(hmac::Key::new(hmac::HMAC_SHA256, &self.derive("fingerprint")?)))
    }

    fn derive(&self, purpose: &str) -> Result<[u8; KEY_LEN], AppError> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"keytrail/tenant/1");
        let mut key = [0; KEY_LEN];
        salt.extract(&self.0)
            .expand(&[purpose.as_bytes()], KeyLen)
            .and_then(|okm| okm.fill(&mut key))
            .map_err(|_| AppError::internal("key derivation failed"))?;
        Ok(key)
    }
}

impl InputKey {
    /// HMAC of an input, in hex.
    pub(crate) fn input_mac(&self, input: &[u8]) -> String {
        let tag = hmac::sign(&self.0, input);
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The id that a repeated mutation makes again: a UUIDv7 of the day's beginning, its random
    /// part derived from the scope.
    pub(crate) fn derived_id(&self, scope: &str, at: Timestamp) -> Uuid {
        let day = at.as_seconds().div_euclid(86_400) * 86_400;
        let tag = hmac::sign(&self.0, format!("id\0{day}\0{scope}").as_bytes());
        let mut random = [0; 10];
        random.copy_from_slice(&tag.as_ref()[..10]);
        uuid::Builder::from_unix_timestamp_millis(u64::try_from(day * 1_000).unwrap_or_default(), &random)
            .into_uuid()
    }
}

impl FingerprintKey {
    /// The same for the same secret values, whatever their fields are called and in whatever order. *Format*.
    pub(crate) fn of(&self, payload: &SecretPayload) -> Uuid {
        let mut values: Vec<_> = payload.iter().map(|(_, value)| value.expose()).collect();
        values.sort_unstable();
        let mut tag = hmac::Context::with_key(&self.0);
        for value in values {
            tag.update(&(value.len() as u64).to_be_bytes());
            tag.update(value.as_bytes());
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&tag.sign().as_ref()[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }
}

impl CursorKey {
    /// The key of these bytes.
    pub(crate) fn new(bytes: &[u8]) -> Result<Self, AppError> {
        let key = aead::UnboundKey::new(&aead::AES_256_GCM_SIV, bytes)
            .map_err(|_| AppError::internal("key of the wrong length"))?;
        Ok(Self(aead::LessSafeKey::new(key)))
    }

    /// Seals a cursor. The nonce is fixed: equal cursors look equal, which AES-GCM-SIV allows.
    pub(crate) fn seal(&self, tenant: TenantId, mut plain: Vec<u8>) -> Result<Vec<u8>, AppError> {
        self.0
            .seal_in_place_append_tag(no_nonce(), bound_to(tenant), &mut plain)
            .map_err(|_| AppError::internal("cursor could not be sealed"))?;
        Ok(plain)
    }

    /// Opens a cursor; none when it is not one of this tenant's.
    pub(crate) fn open(&self, tenant: TenantId, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        let plain = self.0.open_in_place(no_nonce(), bound_to(tenant), &mut sealed).ok()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn cursors(root: &[u8]) -> CursorKey {
        CursorKey::new(&Root(root.to_vec()).cursor().expect("derived")).expect("key")
    }

    fn inputs(root: &[u8]) -> InputKey {
        Root(root.to_vec()).input().expect("derived")
    }

    #[test]
    fn a_cursor_opens_only_with_its_tenants_keys() {
        let (acme, other) = (TenantId::of_slug("acme"), TenantId::of_slug("other"));
        let sealed = cursors(b"a").seal(acme, b"place".to_vec()).expect("sealed");
        assert_eq!(cursors(b"a").open(acme, sealed.clone()).as_deref(), Some(b"place".as_slice()));
        assert_eq!(cursors(b"a").open(other, sealed.clone()), None);
        assert_eq!(cursors(b"b").open(acme, sealed.clone()), None);
        let mut bent = sealed;
        bent[0] ^= 1;
        assert_eq!(cursors(b"a").open(acme, bent), None);
    }

    #[test]
    fn a_fingerprint_is_that_of_the_values_under_the_tenants_key() {
        let payload = |fields: &[(&str, &str)]| {
            let field =
                |(name, text): &(&str, &str)| ((*name).to_owned(), SecretValue::new((*text).to_owned()));
            SecretPayload::new(fields.iter().map(field))
        };
        let of = |root: &[u8], fields: &[(&str, &str)]| {
            Root(root.to_vec()).fingerprint().expect("derived").of(&payload(fields))
        };
        let one = of(b"a", &[("token", "x")]);
        assert_eq!(one, of(b"a", &[("password", "x")]));
        assert_eq!(of(b"a", &[("a", "x"), ("b", "y")]), of(b"a", &[("a", "y"), ("b", "x")]));
        assert_ne!(of(b"a", &[("a", "xy")]), of(b"a", &[("a", "x"), ("b", "y")]));
        for other in [of(b"b", &[("token", "x")]), of(b"a", &[("token", "y")])] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_derived_id_is_the_same_all_day_and_is_version_7() {
        let at = Timestamp::from_micros(1_800_000_000_000_000);
        let id = inputs(b"a").derived_id("scope", at);
        assert_eq!(id, inputs(b"a").derived_id("scope", at.plus_seconds(60)));
        assert_ne!(id, inputs(b"a").derived_id("other", at));
        assert_ne!(id, inputs(b"b").derived_id("scope", at));
        assert_eq!(id.get_version_num(), 7);
    }
}
