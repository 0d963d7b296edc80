//! Private keys that a passphrase closes: PKCS #8 with PBES2, as every tool of the last decade writes them.

use std::num::NonZeroU32;

use aws_lc_rs::{
    cipher::{
        AES_128, AES_192, AES_256, Algorithm, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
    },
    error::Unspecified,
    pbkdf2,
};
use keytrail_domain::verification::InconclusiveReason as Reason;
use pkcs8::{
    EncryptedPrivateKeyInfoRef,
    pkcs5::{
        EncryptionScheme,
        pbes2::{EncryptionScheme as Cipher, Kdf, Pbkdf2Prf},
    },
};
use rustls::pki_types::PrivateKeyDer;
use x509_parser::pem::Pem;
use zeroize::Zeroizing;

use super::{invalid, key::is_sequence};
use crate::{driver::unproven, recipe::Judgement};

const LABEL: &str = "ENCRYPTED PRIVATE KEY";
/// Rounds of deriving that are worth a check: about a second of work. Usual are two thousand to 600,000.
const MOST_ROUNDS: u32 = 1_000_000;

/// How a key is closed.
struct Lock<'a> {
    derive: pbkdf2::Algorithm,
    rounds: NonZeroU32,
    salt: &'a [u8],
    cipher: &'static Algorithm,
    key_size: usize,
    iv: [u8; 16],
}

/// The closed key in a PEM text.
pub(super) fn closed_key(pem: &str) -> Option<Vec<u8>> {
    let parts = Pem::iter_from_buffer(pem.as_bytes()).flatten();
    parts.into_iter().find(|part| part.label == LABEL).map(|part| part.contents)
}

/// The key. Deriving is made to take long, so it is no work for a thread that serves others.
pub(super) async fn opened(
    closed: Vec<u8>,
    passphrase: Zeroizing<String>,
) -> Result<PrivateKeyDer<'static>, Judgement> {
    let open = move || open(&closed, passphrase.as_bytes());
    tokio::task::spawn_blocking(open).await.map_err(|_| unsupported())?
}

fn open(closed: &[u8], passphrase: &[u8]) -> Result<PrivateKeyDer<'static>, Judgement> {
    if !is_sequence(closed) {
        return Err(invalid("the private key cannot be read as PEM"));
    }
    let closed = EncryptedPrivateKeyInfoRef::try_from(closed).map_err(|_| unsupported())?;
    let lock = Lock::of(&closed.encryption_algorithm).ok_or_else(unsupported)?;
    let mut data = Zeroizing::new(closed.encrypted_data.as_bytes().to_vec());
    let opened = lock.open(passphrase, &mut data).ok().filter(|opened| is_sequence(opened));
    let opened = opened.ok_or_else(|| invalid("the passphrase does not open the private key"))?;
    Ok(PrivateKeyDer::Pkcs8(opened.to_vec().into()))
}

impl<'a> Lock<'a> {
    fn of(scheme: &'a EncryptionScheme) -> Option<Self> {
        let scheme = scheme.pbes2()?;
        let Kdf::Pbkdf2(kdf) = &scheme.kdf else { return None };
        let derive = match kdf.prf {
            Pbkdf2Prf::HmacWithSha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Pbkdf2Prf::HmacWithSha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Pbkdf2Prf::HmacWithSha384 => pbkdf2::PBKDF2_HMAC_SHA384,
            Pbkdf2Prf::HmacWithSha512 => pbkdf2::PBKDF2_HMAC_SHA512,
            _ => return None,
        };
        let (cipher, iv) = match scheme.encryption {
            Cipher::Aes128Cbc { iv } => (&AES_128, iv),
            Cipher::Aes192Cbc { iv } => (&AES_192, iv),
            Cipher::Aes256Cbc { iv } => (&AES_256, iv),
            _ => return None,
        };
        let key_size = scheme.encryption.key_size();
        let rounds = NonZeroU32::new(kdf.iteration_count).filter(|rounds| rounds.get() <= MOST_ROUNDS)?;
        Some(Self { derive, rounds, salt: kdf.salt.as_bytes(), cipher, key_size, iv })
    }

    fn open<'d>(&self, passphrase: &[u8], data: &'d mut [u8]) -> Result<&'d mut [u8], Unspecified> {
        let mut key = Zeroizing::new(vec![0; self.key_size]);
        pbkdf2::derive(self.derive, self.rounds, self.salt, passphrase, &mut key);
        let key = UnboundCipherKey::new(self.cipher, &key)?;
        PaddedBlockDecryptingKey::cbc_pkcs7(key)?.decrypt(data, DecryptionContext::Iv128(self.iv.into()))
    }
}

fn unsupported() -> Judgement {
    unproven(Reason::Unexpected, "the private key is closed in a way that cannot be opened here")
}
