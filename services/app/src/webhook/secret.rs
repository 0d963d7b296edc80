//! What endpoints have in the vault, and signatures as the Standard Webhooks specification has them.

use aws_lc_rs::{hmac, rand};
use base64::{Engine, prelude::BASE64_STANDARD};
use keytrail_domain::{
    SecretPayload, SecretRef, SecretValue, Timestamp,
    webhook::{EndpointTarget, url_in},
};
use keytrail_ports::{SecretStore, views::WebhookEndpointRow};

use crate::AppError;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// Bytes of a secret.
const BYTES: usize = 32;
/// The field of the payload that holds it. *Format*.
const FIELD: &str = "secret";

/// A new secret: as it is shown once, and as it is stored.
pub(crate) fn fresh() -> Result<(SecretValue, SecretPayload), AppError> {
    let mut bytes = zeroize::Zeroizing::new([0; BYTES]);
    rand::fill(&mut *bytes).map_err(|_| AppError::internal("no randomness"))?;
    let secret = SecretValue::new(format!("{PREFIX}{}", BASE64_STANDARD.encode(*bytes)));
    Ok((secret.clone(), SecretPayload::new([(FIELD.to_owned(), secret)])))
}

/// What an endpoint has in the vault: where deliveries go, and the keys they are signed with.
pub(super) struct Signer {
    target: EndpointTarget,
    url: SecretValue,
    secret: SecretRef,
    current: hmac::Key,
    retiring: Option<(SecretRef, hmac::Key, Timestamp)>,
}

impl Signer {
    /// Reads them from the vault.
    pub(super) async fn load(vault: &dyn SecretStore, row: &WebhookEndpointRow) -> Result<Self, AppError> {
        let retiring = match row.retiring {
            Some(old) => Some((old.secret, key(vault, old.secret).await?, old.until)),
            None => None,
        };
        let url = whole_url(vault, &row.target).await?;
        let (target, secret) = (row.target.clone(), row.secret);
        Ok(Self { target, url, secret, current: key(vault, secret).await?, retiring })
    }

    /// Where deliveries go.
    pub(super) fn url(&self) -> &str {
        self.url.expose()
    }

    /// True while these are the endpoint's secrets.
    pub(super) fn is_of(&self, row: &WebhookEndpointRow) -> bool {
        self.secret == row.secret
            && self.target == row.target
            && self.retiring.as_ref().map(|(secret, ..)| *secret) == row.retiring.map(|old| old.secret)
    }

    /// The value of `webhook-signature`: one signature for each secret that counts.
    pub(super) fn sign(&self, id: &str, at: Timestamp, body: &[u8]) -> String {
        let retiring = self.retiring.as_ref().filter(|(_, _, until)| *until > at).map(|(_, key, _)| key);
        let keys = std::iter::once(&self.current).chain(retiring);
        keys.map(|key| signature(key, id, at, body)).collect::<Vec<_>>().join(" ")
    }
}

fn signature(key: &hmac::Key, id: &str, at: Timestamp, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(key);
    context.update(format!("{id}.{}.", at.as_seconds()).as_bytes());
    context.update(body);
    format!("v1,{}", BASE64_STANDARD.encode(context.sign()))
}

/// All of a target's URL.
pub(crate) async fn whole_url(
    vault: &dyn SecretStore,
    target: &EndpointTarget,
) -> Result<SecretValue, AppError> {
    let Some(at) = target.at else { return Ok(SecretValue::new(target.shown.clone())) };
    let payload = vault.get(at).await?;
    let url = url_in(&payload).ok_or_else(|| AppError::internal("a webhook's URL cannot be read"))?;
    Ok(url.clone())
}

async fn key(vault: &dyn SecretStore, at: SecretRef) -> Result<hmac::Key, AppError> {
    let payload = vault.get(at).await?;
    let unreadable = || AppError::internal("a webhook's secret cannot be read");
    let text = payload.get(FIELD).ok_or_else(unreadable)?;
    let encoded = text.expose().strip_prefix(PREFIX).ok_or_else(unreadable)?;
    let bytes = zeroize::Zeroizing::new(BASE64_STANDARD.decode(encoded).map_err(|_| unreadable())?);
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_of_the_specification() {
        // The example of the Standard Webhooks specification's libraries.
        let key = BASE64_STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let at = Timestamp::EPOCH.plus_seconds(1_614_265_330);
        let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_has_32_random_bytes() {
        let (one, payload) = fresh().expect("made");
        let (other, _) = fresh().expect("made");
        assert_ne!(one, other);
        let encoded = one.expose().strip_prefix("whsec_").expect("prefix");
        assert_eq!(BASE64_STANDARD.decode(encoded).expect("base64").len(), 32);
        assert_eq!(payload.get("secret"), Some(&one));
    }
}
