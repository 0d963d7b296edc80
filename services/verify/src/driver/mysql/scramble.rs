//! Proofs that one knows a password, for the two methods that servers use.

use aws_lc_rs::digest::{Algorithm, Context, Digest, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use zeroize::Zeroizing;

/// The old method, and MariaDB's usual one.
pub(super) const NATIVE: &str = "mysql_native_password";
/// MySQL's usual one.
pub(super) const CACHING_SHA2: &str = "caching_sha2_password";
/// The password as it is.
pub(super) const CLEAR: &str = "mysql_clear_password";

/// The server remembers the password and is convinced.
pub(super) const SHA2_KNOWN: u8 = 3;
/// It does not, and wants it in full.
pub(super) const SHA2_UNKNOWN: u8 = 4;

pub(super) fn knows(plugin: &str) -> bool {
    matches!(plugin, NATIVE | CACHING_SHA2)
}

/// The proof for this nonce; none for a method that is not known.
pub(super) fn answer(plugin: &str, password: &str, nonce: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (password, hash) = match plugin {
        _ if password.is_empty() => return Some(Zeroizing::default()),
        NATIVE => (password.as_bytes(), &SHA1_FOR_LEGACY_USE_ONLY),
        CACHING_SHA2 => (password.as_bytes(), &SHA256),
        _ => return None,
    };
    let once = digest(hash, &[password]);
    let twice = digest(hash, &[once.as_ref()]);
    let mask = match plugin {
        NATIVE => digest(hash, &[nonce, twice.as_ref()]),
        _ => digest(hash, &[twice.as_ref(), nonce]),
    };
    Some(Zeroizing::new(once.as_ref().iter().zip(mask.as_ref()).map(|(a, b)| a ^ b).collect()))
}

fn digest(algorithm: &'static Algorithm, parts: &[&[u8]]) -> Digest {
    let mut context = Context::new(algorithm);
    parts.iter().for_each(|part| context.update(part));
    context.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a MySQL 8 client and server agreed on; the old method is tested with a real server.
    #[test]
    fn the_sha2_proof_is_the_one_that_servers_expect() {
        let nonce = b"NR3HP:qIYa_9=db?Sd{`";
        let proof = answer(CACHING_SHA2, "G!ider27", nonce).unwrap();
        let hex: String = proof.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "4f97bbfd202401c42a69deaae53bda077ed7578563c1a80eb816c82119b68d2e");
    }

    #[test]
    fn a_method_that_is_not_known_gets_nothing() {
        assert!(answer("client_ed25519", "G!ider27", b"").is_none());
        assert!(answer(CLEAR, "G!ider27", b"").is_none());
    }
}
