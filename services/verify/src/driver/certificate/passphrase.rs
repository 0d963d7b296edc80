//! Private keys that a passphrase closes: PKCS #8 with PBES2, as every tool of the last decade writes them.

use std::{num::NonZeroU32, time::Duration};

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
use tokio::{sync::Semaphore, time::timeout};
use x509_parser::pem::Pem;
use zeroize::Zeroizing;

use super::{invalid, key::is_sequence};
use crate::{driver::unproven, recipe::Judgement};

const LABEL: &str = "ENCRYPTED PRIVATE KEY";
/// Rounds of deriving that are worth a check: about half a second of work. OpenSSL writes 2,048, others
/// write up to 600,000, which is what is advised for passwords.
const MOST_ROUNDS: u32 = 600_000;
/// Keys that are opened at once, whoever asks: each is all that a core can do meanwhile.
const AT_ONCE: usize = 2;
/// How long one waits for others: less than a check takes, so that it can say why it comes to nothing.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where keys are opened.
static BENCH: Bench = Bench { places: Semaphore::const_new(AT_ONCE), patience: PATIENCE };

/// Work that must be bounded by itself, since it goes on when its caller has given up.
struct Bench {
    places: Semaphore,
    patience: Duration,
}

impl Bench {
    async fn work<T: Send + 'static>(
        &'static self,
        work: impl FnOnce() -> Result<T, Judgement> + Send + 'static,
    ) -> Result<T, Judgement> {
        let place = timeout(self.patience, self.places.acquire()).await.ok().and_then(Result::ok);
        let place = place.ok_or_else(|| {
            unproven(
                Reason::RateLimited,
                "Keytrail opens too many private keys at this moment: try again later",
            )
        })?;
        let work = move || {
            let done = work();
            drop(place);
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| unsupported())?
    }
}

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
    BENCH.work(move || open(&closed, passphrase.as_bytes())).await
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

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::pin, sync::mpsc, task::Poll};

    use super::*;

    #[tokio::test]
    async fn who_gives_up_leaves_his_place_taken_until_the_work_is_done() {
        static BENCH: Bench = Bench { places: Semaphore::const_new(1), patience: Duration::ZERO };
        let (release, released) = mpsc::channel::<()>();
        {
            let waits = BENCH.work(move || released.recv().map_err(|_| unsupported()));
            let mut waits = pin!(waits);
            std::future::poll_fn(|context| {
                assert!(waits.as_mut().poll(context).is_pending());
                Poll::Ready(())
            })
            .await;
        }
        let refused = BENCH.work(|| Ok(())).await.unwrap_err();
        assert_eq!(refused.reason, Some(Reason::RateLimited));
        assert!(refused.message.contains("too many private keys"), "{}", refused.message);
        release.send(()).unwrap();
        let free = timeout(Duration::from_secs(20), BENCH.places.acquire()).await;
        drop(free.expect("the work ended").unwrap());
        assert!(BENCH.work(|| Ok(())).await.is_ok());
    }
}
