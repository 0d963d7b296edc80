//! Tokens that were verified a moment ago, by their hash.

use std::sync::Arc;

use aws_lc_rs::digest;
use keytrail_domain::Timestamp;
use quick_cache::sync::Cache;

use super::Claims;

/// A verified token is checked anew after this time, so that a key that was withdrawn stops
/// counting soon.
const TRUSTED_SECONDS: i64 = 300;

#[derive(Clone, Debug)]
struct Verified {
    claims: Arc<Claims>,
    at: Timestamp,
}

/// Claims of verified tokens, in bounded number.
#[derive(Debug)]
pub(super) struct VerifiedTokens(Cache<[u8; 32], Verified>);

impl VerifiedTokens {
    pub(super) fn new(most: usize) -> Self {
        Self(Cache::new(most))
    }

    pub(super) fn get(&self, token: &str, now: Timestamp) -> Option<Arc<Claims>> {
        let found = self.0.get(&hash(token))?;
        let is_trusted = now >= found.at && now < found.at.plus_seconds(TRUSTED_SECONDS);
        is_trusted.then_some(found.claims)
    }

    pub(super) fn put(&self, token: &str, claims: Arc<Claims>, now: Timestamp) {
        self.0.insert(hash(token), Verified { claims, at: now });
    }
}

fn hash(token: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    bytes
}
