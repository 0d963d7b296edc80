//! Names and e-mails of members: sealed under a key per member that lives in the vault, so that
//! destroying the key erases the person while the chain still holds.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use base64::{Engine, prelude::BASE64_STANDARD};
use keytrail_domain::{MemberId, SecretPayload, SecretRef, tenant::SealedProfile};

use crate::{AppError, Profile, keys};

/// The field of the payload that holds the key. *Format*.
const KEY: &str = "profile";
/// Bytes of nonce in front of the ciphertext.
const NONCE_LEN: usize = 12;
/// Longest name or address, in bytes.
const TEXT_LEN: usize = 320;

/// Seals a profile under a new key; the key goes to `place`.
pub(crate) fn seal(
    profile: &Profile,
    member: MemberId,
    place: SecretRef,
) -> Result<(SealedProfile, SecretPayload), AppError> {
    check(profile)?;
    let key = SecretPayload::new([(KEY.to_owned(), keys::random_key()?)]);
    let mut text =
        serde_json::to_vec(profile).map_err(|_| AppError::internal("profile cannot be written"))?;
    let nonce = cipher(&key)?
        .seal_in_place_append_tag(bound_to(member), &mut text)
        .map_err(|_| AppError::internal("profile could not be sealed"))?;
    let sealed = [nonce.as_ref().as_slice(), &text].concat();
    Ok((SealedProfile { key: place, sealed: BASE64_STANDARD.encode(sealed) }, key))
}

/// Opens a profile with the payload at its key's place.
pub(crate) fn open(
    sealed: &SealedProfile,
    member: MemberId,
    key: &SecretPayload,
) -> Result<Profile, AppError> {
    let broken = || AppError::internal("a profile cannot be opened");
    let bytes = BASE64_STANDARD.decode(&sealed.sealed).map_err(|_| broken())?;
    let (nonce, text) = bytes.split_at_checked(NONCE_LEN).ok_or_else(broken)?;
    let mut text = text.to_vec();
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
    let plain = cipher(key)?.open_in_place(nonce, bound_to(member), &mut text).map_err(|_| broken())?;
    serde_json::from_slice(plain).map_err(|_| broken())
}

fn cipher(key: &SecretPayload) -> Result<RandomizedNonceKey, AppError> {
    RandomizedNonceKey::new(&AES_256_GCM, &keys::key_bytes(key, KEY)?)
        .map_err(|_| AppError::internal("key of the wrong length"))
}

fn bound_to(member: MemberId) -> Aad<[u8; 16]> {
    Aad::from(*member.as_uuid().as_bytes())
}

fn check(profile: &Profile) -> Result<(), AppError> {
    for (path, text) in [("displayName", &profile.display_name), ("email", &profile.email)] {
        let Some(text) = text else { continue };
        if text.trim().is_empty() || text.len() > TEXT_LEN || text.chars().any(char::is_control) {
            let rule = format!("must have 1 to {TEXT_LEN} bytes and no control characters");
            return Err(AppError::bad_input(path, rule));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use keytrail_domain::{SecretId, TenantId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_profile_opens_for_its_member_only() {
        let member = |n| MemberId::from_uuid(Uuid::from_u128(n));
        let place = SecretRef {
            tenant: TenantId::of_slug("acme"),
            owner: Uuid::from_u128(1),
            secret: SecretId::from_uuid(Uuid::from_u128(2)),
        };
        let profile = Profile { display_name: Some("Alice".into()), email: None };
        let (sealed, key) = seal(&profile, member(1), place).expect("sealed");
        assert!(!format!("{sealed:?}").contains("Alice"));
        assert_eq!(open(&sealed, member(1), &key).expect("opened"), profile);
        assert!(open(&sealed, member(2), &key).is_err());
    }
}
