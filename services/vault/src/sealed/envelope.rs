//! How one payload is sealed. *Format*.
//!
//! The payload is encrypted with a data key made for it alone, the data key with the
//! key-encryption key, both with AES-256-GCM and a random nonce that stands first. Both are bound
//! to what they are, to the place and to the format: a row moved elsewhere does not open.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, Algorithm, NONCE_LEN, Nonce, RandomizedNonceKey},
    rand,
};
use keytrail_domain::{SecretPayload, SecretRef, SecretValue};
use zeroize::Zeroizing;

use super::key::{KEY_LEN, Kek, KeyId};

/// Used for data keys and for payloads.
pub(super) const ALGORITHM: &Algorithm = &AES_256_GCM;
/// Begins everything that is authenticated beside the ciphertext. *Format*.
const CONTEXT: &[u8; 20] = b"keytrail/secrets.db/";
/// Version of envelope and payload encoding. *Format*.
const FORMAT: u8 = 1;
const TAG_LEN: usize = 16;

/// A sealed payload, as the row has it.
pub(super) struct Envelope {
    /// The key that wrapped the data key.
    pub(super) kek: KeyId,
    /// Nonce, encrypted data key, tag.
    pub(super) wrapped: Vec<u8>,
    /// Nonce, encrypted payload, tag.
    pub(super) sealed: Vec<u8>,
}

/// It could not be done. There is no more to say that would be safe to say.
#[derive(Debug)]
pub(super) struct Broken;

impl<E: std::error::Error> From<E> for Broken {
    fn from(_: E) -> Self {
        Self
    }
}

/// What a ciphertext is; part of what is authenticated. *Format*.
#[derive(Clone, Copy)]
enum Part {
    DataKey = 1,
    Payload = 2,
}

impl Kek {
    /// Seals a payload for one place.
    pub(super) fn seal(&self, at: SecretRef, payload: &SecretPayload) -> Result<Envelope, Broken> {
        let mut data_key = Zeroizing::new([0; KEY_LEN]);
        rand::fill(&mut *data_key)?;
        Ok(Envelope {
            kek: self.id,
            sealed: encrypt(
                &RandomizedNonceKey::new(ALGORITHM, &*data_key)?,
                aad(Part::Payload, at),
                encode(payload)?,
            )?,
            wrapped: encrypt(&self.key, aad(Part::DataKey, at), copy(&*data_key))?,
        })
    }

    /// Opens what was sealed for that place.
    pub(super) fn open(&self, at: SecretRef, envelope: &Envelope) -> Result<SecretPayload, Broken> {
        if envelope.kek != self.id {
            return Err(Broken);
        }
        let data_key = decrypt(&self.key, aad(Part::DataKey, at), &envelope.wrapped)?;
        let data_key = RandomizedNonceKey::new(ALGORITHM, &data_key)?;
        let plain = decrypt(&data_key, aad(Part::Payload, at), &envelope.sealed)?;
        decode(&plain).ok_or(Broken)
    }
}

/// Every part has a fixed length, so no two of these read the same.
fn aad(part: Part, at: SecretRef) -> Aad<[u8; 70]> {
    let mut bytes = [0; 70];
    bytes[..20].copy_from_slice(CONTEXT);
    bytes[20] = FORMAT;
    bytes[21] = part as u8;
    bytes[22..38].copy_from_slice(at.tenant.as_uuid().as_bytes());
    bytes[38..54].copy_from_slice(at.owner.as_bytes());
    bytes[54..].copy_from_slice(at.secret.as_uuid().as_bytes());
    Aad::from(bytes)
}

/// A copy with room for the tag: a growing buffer would leave its old bytes in memory.
fn copy(plain: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut room = Zeroizing::new(Vec::with_capacity(plain.len() + TAG_LEN));
    room.extend_from_slice(plain);
    room
}

/// Encrypts in place, so that the plain text is gone afterwards.
fn encrypt(
    key: &RandomizedNonceKey,
    aad: Aad<[u8; 70]>,
    mut room: Zeroizing<Vec<u8>>,
) -> Result<Vec<u8>, Broken> {
    let nonce = key.seal_in_place_append_tag(aad, &mut *room)?;
    Ok([nonce.as_ref(), &room[..]].concat())
}

/// Decrypts in place, in a buffer that is wiped when dropped.
fn decrypt(
    key: &RandomizedNonceKey,
    aad: Aad<[u8; 70]>,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Broken> {
    let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or(Broken)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce)?;
    let mut room = Zeroizing::new(body.to_vec());
    let length = key.open_in_place(nonce, aad, &mut room)?.len();
    room.truncate(length);
    Ok(room)
}

/// Names and values in order, each after its length as four bytes, big end first. *Format*.
fn encode(payload: &SecretPayload) -> Result<Zeroizing<Vec<u8>>, Broken> {
    let texts = || payload.iter().flat_map(|(name, value)| [name, value.expose()]);
    let length: usize = texts().map(|text| 4 + text.len()).sum();
    let mut room = Zeroizing::new(Vec::with_capacity(length + TAG_LEN));
    for text in texts() {
        room.extend_from_slice(&u32::try_from(text.len())?.to_be_bytes());
        room.extend_from_slice(text.as_bytes());
    }
    Ok(room)
}

fn decode(mut plain: &[u8]) -> Option<SecretPayload> {
    let mut fields = Vec::new();
    while !plain.is_empty() {
        let name = take_text(&mut plain)?.to_owned();
        fields.push((name, SecretValue::new(take_text(&mut plain)?.to_owned())));
    }
    Some(SecretPayload::new(fields))
}

fn take_text<'a>(plain: &mut &'a [u8]) -> Option<&'a str> {
    let length = u32::from_be_bytes(*plain.split_off(..4)?.first_chunk()?);
    let text = plain.split_off(..usize::try_from(length).ok()?)?;
    std::str::from_utf8(text).ok()
}
