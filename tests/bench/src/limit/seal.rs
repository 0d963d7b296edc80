//! AES-256-GCM under one key, bound to the id.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand,
};

use crate::BenchError;

pub(super) struct Sealer {
    key: LessSafeKey,
}

impl Sealer {
    /// With a fresh key: nothing is ever opened again.
    pub(super) fn new() -> Result<Self, BenchError> {
        let bytes: [u8; 32] = random()?;
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| failed())?;
        Ok(Self { key: LessSafeKey::new(key) })
    }

    /// Nonce, ciphertext and tag.
    pub(super) fn seal(&self, id: &str, mut plain: Vec<u8>) -> Result<Vec<u8>, BenchError> {
        let nonce: [u8; NONCE_LEN] = random()?;
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(id), &mut plain)
            .map_err(|_| failed())?;
        Ok([&nonce, plain.as_slice()].concat())
    }

    pub(super) fn fresh_id(&self) -> Result<String, BenchError> {
        let bytes: [u8; 13] = random()?;
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

fn random<const N: usize>() -> Result<[u8; N], BenchError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| failed())?;
    Ok(bytes)
}

fn failed() -> BenchError {
    BenchError::Store("sealing".to_owned())
}
