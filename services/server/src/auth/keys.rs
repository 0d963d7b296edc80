//! Public keys that tokens are checked with.

use std::{path::Path, sync::Arc};

use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, jwk::Jwk, jwk::PublicKeyUse};

use super::{AuthError, InvalidToken, JwksUrl};

/// Keys that one document may hold; more are ignored.
const MOST_KEYS: usize = 64;

/// One public key.
#[derive(Clone, Debug)]
struct PublicKey {
    id: Option<String>,
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

/// The keys of one issuer.
#[derive(Clone, Debug, Default)]
pub struct KeySet(Vec<PublicKey>);

/// Where the keys of an issuer come from.
#[derive(Debug)]
pub enum KeySource {
    /// They are known and do not change while we run.
    Fixed(Arc<KeySet>),
    /// The issuer publishes them.
    Published(JwksUrl),
}

/// Why a file of public keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("cannot read the public key file")]
    Read(#[from] std::io::Error),
    /// It is not a public key that we can use, or it is a private one.
    #[error("not a PEM public key (RSA, EC P-256 or P-384, Ed25519)")]
    Format,
}

impl KeySet {
    /// The key in a PEM file.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn from_pem_file(path: &Path) -> Result<Self, KeyFileError> {
        Self::from_pem(&std::fs::read(path)?)
    }

    /// The key in a PEM text.
    ///
    /// # Errors
    /// [`KeyFileError::Format`], also for a private key: it does not belong here.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyFileError> {
        if pem.windows(7).any(|word| word == b"PRIVATE") {
            return Err(KeyFileError::Format);
        }
        let key = DecodingKey::from_rsa_pem(pem)
            .or_else(|_| DecodingKey::from_ec_pem(pem))
            .or_else(|_| DecodingKey::from_ed_pem(pem))
            .map_err(|_| KeyFileError::Format)?;
        Ok(Self(vec![PublicKey { id: None, algorithm: None, key }]))
    }

    /// The usable keys of a JWKS document; symmetric and unknown ones are left out.
    pub fn from_jwks(document: &serde_json::Value) -> Option<Self> {
        let entries = document.get("keys")?.as_array()?;
        Some(Self(entries.iter().take(MOST_KEYS).filter_map(from_entry).collect()))
    }

    /// True when there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one key that may have signed a token with this header.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&DecodingKey> {
        let mut fitting = self.0.iter().filter(|key| key.fits(id, algorithm));
        let found = fitting.next()?;
        (id.is_some() || fitting.next().is_none()).then_some(&found.key)
    }
}

impl PublicKey {
    fn fits(&self, id: Option<&str>, algorithm: Algorithm) -> bool {
        let same_id = match (&self.id, id) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        };
        same_id
            && self.key.family() == algorithm.family()
            && self.algorithm.is_none_or(|only| only == algorithm)
    }
}

fn from_entry(entry: &serde_json::Value) -> Option<PublicKey> {
    let jwk: Jwk = serde_json::from_value(entry.clone()).ok()?;
    let for_signatures = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    if !for_signatures || key.family() == AlgorithmFamily::Hmac {
        return None;
    }
    let algorithm = match jwk.common.key_algorithm {
        Some(named) => Some(named.to_string().parse().ok()?),
        None => None,
    };
    Some(PublicKey { id: jwk.common.key_id, algorithm, key })
}

impl KeySource {
    /// The key for a token's header; a published set is read again when it does not have it.
    pub(super) async fn find(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<DecodingKey, AuthError> {
        match self {
            Self::Fixed(keys) => {
                keys.find(id, algorithm).cloned().ok_or_else(|| InvalidToken::UnknownKey.into())
            }
            Self::Published(url) => url.find(id, algorithm).await,
        }
    }
}
