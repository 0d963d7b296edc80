//! Tokens of leases that this process keeps, for a vault that has none of its own.
//!
//! They live for minutes and are kept in memory alone, as hashes: who reads the memory of a running process
//! has the vault's key anyway, and after a restart a consumer leases again.

use std::collections::HashMap;

use aws_lc_rs::{digest, rand};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use keytrail_domain::{Actor, CredentialId, LeaseId, SecretRef, SecretValue, TenantId, Timestamp};
use parking_lot::Mutex;

use crate::AppError;

/// What a token begins with, so that scanners find it: Vault's wrapping tokens begin with `hvs.`.
const PREFIX: &str = "ktl_";
/// Bytes of a token.
const BYTES: usize = 32;
/// Tokens that wait to be used; each takes some hundred bytes.
const MOST: usize = 100_000;

/// What a token is good for.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) lease: LeaseId,
    pub(super) tenant: TenantId,
    pub(super) credential: CredentialId,
    pub(super) version: u32,
    pub(super) at: SecretRef,
    /// Whose right is asked for again.
    pub(super) consumer: Actor,
    pub(super) until: Timestamp,
}

type Hash = [u8; BYTES];

/// The tokens.
#[derive(Default)]
pub(crate) struct Desk(Mutex<HashMap<Hash, Held>>);

impl Desk {
    /// Room for one more.
    ///
    /// # Errors
    /// `RATE_LIMITED` when too many wait.
    pub(super) fn must_have_room(&self, now: Timestamp) -> Result<(), AppError> {
        let mut held = self.0.lock();
        if held.len() >= MOST {
            held.retain(|_, held| now < held.until);
        }
        match held.len() {
            MOST.. => Err(AppError::RateLimited { retry_after_seconds: 60 }),
            _ => Ok(()),
        }
    }

    /// Keeps a new token's hash; answers the token, which nobody else has.
    pub(super) fn put(&self, lease: Held) -> Result<SecretValue, AppError> {
        let mut bytes = zeroize::Zeroizing::new([0; BYTES]);
        rand::fill(&mut *bytes).map_err(|_| AppError::internal("no randomness"))?;
        let token = SecretValue::new(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(*bytes)));
        self.0.lock().insert(hash(token.expose()), lease);
        Ok(token)
    }

    /// Takes a token's lease away: nobody takes it twice.
    pub(super) fn take(&self, token: &str, now: Timestamp) -> Option<Held> {
        let held = self.0.lock().remove(&hash(token))?;
        (now < held.until).then_some(held)
    }

    /// Puts a lease back that could not be used for a reason that is not the consumer's.
    pub(super) fn put_back(&self, token: &str, held: Held) {
        self.0.lock().insert(hash(token), held);
    }
}

fn hash(token: &str) -> Hash {
    let mut hash = [0; BYTES];
    hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use keytrail_domain::SecretId;
    use uuid::Uuid;

    use super::*;

    fn held(until: i64) -> Held {
        let (tenant, credential) = (TenantId::of_slug("acme"), CredentialId::from_uuid(Uuid::from_u128(1)));
        Held {
            lease: LeaseId::from_uuid(Uuid::from_u128(1)),
            tenant,
            credential,
            version: 1,
            at: SecretRef::of_credential(tenant, credential, SecretId::from_uuid(Uuid::from_u128(2))),
            consumer: Actor::operator(),
            until: Timestamp::from_micros(until),
        }
    }

    const NOW: Timestamp = Timestamp::EPOCH;

    #[test]
    fn a_token_is_good_once_and_for_its_time() {
        let desk = Desk::default();
        let token = desk.put(held(10)).expect("made");
        assert!(token.expose().starts_with("ktl_") && token.expose().len() == 47);
        assert!(desk.take(token.expose(), NOW).is_some() && desk.take(token.expose(), NOW).is_none());
        let late = desk.put(held(0)).expect("made");
        assert!(desk.take(late.expose(), NOW).is_none());
        assert!(desk.take("ktl_forged", NOW).is_none());
    }

    #[test]
    fn what_is_past_its_time_makes_room() {
        let desk = Desk::default();
        let mut tokens = desk.0.lock();
        for number in 0..MOST as u64 {
            let mut key = [0; BYTES];
            key[..8].copy_from_slice(&number.to_le_bytes());
            tokens.insert(key, held(10));
        }
        drop(tokens);
        assert!(matches!(desk.must_have_room(NOW), Err(AppError::RateLimited { .. })));
        assert!(desk.must_have_room(Timestamp::from_micros(10)).is_ok());
    }
}
