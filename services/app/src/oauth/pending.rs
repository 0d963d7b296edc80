//! An authorization that is under way: a note in the vault, at a place that only who has its `state` can name, and what
//! was got for it. Each step leaves a mark at a place that is written once, so that no step is taken twice, on whatever
//! node.

use aws_lc_rs::{constant_time, digest};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use keytrail_domain::{
    CredentialId, MemberId, OAuthClientId, Owner, SecretId, SecretPayload, SecretRef, SecretValue, TenantId,
    Timestamp, oauth_client::Provider,
};
use keytrail_ports::SecretError;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::AnewOAuth2;
use crate::{App, AppError, NewCredential};

/// For so long a step may follow the one before, in seconds.
pub(super) const SECONDS: i64 = 600;
/// Letters of a code: none that looks like another.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Letters in a code: fifty bits, of which ten tries a minute find nothing in ten minutes.
const CODE_LEN: usize = 10;

/// Which authorization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flow {
    pub(super) tenant: TenantId,
    pub(super) id: Uuid,
}

/// What lies at each of its places.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// What was asked.
    Begun,
    /// The provider's answer was taken.
    Answered,
    /// The tokens.
    Allowed,
    /// Why there are none.
    Failed,
}

impl Step {
    const ALL: [Self; 4] = [Self::Begun, Self::Answered, Self::Allowed, Self::Failed];
}

/// What was asked, and by whom.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Begun {
    pub(super) state_hash: String,
    pub(super) member: MemberId,
    pub(super) client: OAuthClientId,
    pub(super) at: Timestamp,
    /// As the client had it then: what is got is sent to no other one.
    pub(super) provider: Provider,
    pub(super) redirect_uri: String,
    pub(super) scopes: Vec<String>,
    pub(super) wish: KeptWish,
}

/// What is to be made of it; no field of it is secret.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeptWish {
    pub(super) anew: Option<CredentialId>,
    pub(super) component: String,
    pub(super) name: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) fields: serde_json::Map<String, serde_json::Value>,
    pub(super) owner: Option<Owner>,
    pub(super) labels: keytrail_domain::Labels,
    pub(super) allowed_hosts: Option<Vec<String>>,
    pub(super) verify: bool,
}

impl KeptWish {
    pub(super) fn anew(anew: &AnewOAuth2, component: String) -> Self {
        Self {
            anew: Some(anew.id),
            component,
            name: None,
            external_id: None,
            fields: anew.fields.clone(),
            owner: None,
            labels: keytrail_domain::Labels::default(),
            allowed_hosts: anew.allowed_hosts.clone(),
            verify: true,
        }
    }

    pub(super) fn of(new: &NewCredential) -> Self {
        let NewCredential {
            component, name, external_id, fields, owner, labels, allowed_hosts, verify, ..
        } = new.clone();
        Self { anew: None, component, name, external_id, fields, owner, labels, allowed_hosts, verify }
    }

    pub(super) fn into_new(self) -> NewCredential {
        NewCredential {
            component: self.component,
            name: self.name,
            external_id: self.external_id,
            fields: self.fields,
            owner: self.owner,
            labels: self.labels,
            expires_at: None,
            allowed_hosts: self.allowed_hosts,
            verify: self.verify,
        }
    }
}

/// What was got, but for the tokens themselves.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Allowed {
    pub(super) code_hash: String,
    pub(super) at: Timestamp,
    pub(super) expires_in: Option<u64>,
    pub(super) scopes: Option<Vec<String>>,
}

/// Why a provider gave nothing: a word of RFC 6749 or a sentence of ours.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Failed {
    pub(super) why: String,
}

impl Flow {
    fn place(self, step: Step) -> SecretRef {
        let secret = Uuid::from_u128(self.id.as_u128() ^ step as u128);
        SecretRef { tenant: self.tenant, owner: self.id, secret: SecretId::from_uuid(secret) }
    }

    /// The text that goes with the browser: which flow, and a proof that nobody else can name.
    pub(super) fn state(self, proof: &[u8; 32]) -> SecretValue {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(self.tenant.as_uuid().as_bytes());
        bytes.extend_from_slice(self.id.as_bytes());
        bytes.extend_from_slice(proof);
        SecretValue::new(BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads it back.
    pub(super) fn of_state(state: &str) -> Option<Self> {
        let bytes: [u8; 64] = BASE64_URL_SAFE_NO_PAD.decode(state).ok()?.try_into().ok()?;
        let uuid = |from: usize| Uuid::from_slice(&bytes[from..from + 16]).ok();
        Some(Self { tenant: TenantId::from_uuid(uuid(0)?), id: uuid(16)? })
    }
}

/// SHA-256, in URL-safe base64.
pub(super) fn hashed(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

/// Whether a text has this hash, in a time that tells nothing.
pub(super) fn has_hash(text: &str, hash: &str) -> bool {
    constant_time::verify_slices_are_equal(hashed(text).as_bytes(), hash.as_bytes()).is_ok()
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], AppError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| AppError::internal("no random numbers"))?;
    Ok(bytes)
}

/// A code for a person to type.
pub(super) fn new_code() -> Result<String, AppError> {
    let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 32)]);
    Ok(random::<CODE_LEN>()?.iter().map(letter).collect())
}

/// As a person may type it.
pub(super) fn plain_code(typed: &str) -> String {
    let letters = typed.chars().filter(|letter| !matches!(letter, ' ' | '-'));
    let folded = letters.map(|letter| match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    });
    folded.collect()
}

impl App {
    pub(super) async fn write_step<T: Serialize>(
        &self,
        (flow, step): (Flow, Step),
        note: &T,
        secrets: impl IntoIterator<Item = (&'static str, SecretValue)>,
    ) -> Result<bool, AppError> {
        let note = serde_json::to_string(note).map_err(|error| AppError::Internal(error.into()))?;
        let note = ("note", SecretValue::new(note));
        let fields = secrets.into_iter().chain([note]).map(|(name, value)| (name.to_owned(), value));
        match self.ports().secrets.put(flow.place(step), &SecretPayload::new(fields)).await {
            Ok(()) => Ok(true),
            Err(SecretError::Exists) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// What a step left, if it was taken.
    pub(super) async fn read_step<T: for<'a> Deserialize<'a>>(
        &self,
        flow: Flow,
        step: Step,
    ) -> Result<Option<(T, SecretPayload)>, AppError> {
        let payload = match self.ports().secrets.get(flow.place(step)).await {
            Ok(payload) => payload,
            Err(SecretError::Missing) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let note = payload.get("note").and_then(|note| serde_json::from_str(note.expose()).ok());
        let note = note.ok_or_else(|| AppError::internal("an authorization's note has another shape"))?;
        Ok(Some((note, payload)))
    }

    /// The tokens and all else are gone; what cannot be destroyed now is litter that the sweep hides.
    pub(super) async fn forget_flow(&self, flow: Flow) {
        for step in Step::ALL {
            if let Err(error) = self.ports().secrets.destroy(flow.place(step)).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "what is left of an authorization is not destroyed: the sweep hides it"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_reads_back_and_nothing_else_does() {
        let flow = Flow { tenant: TenantId::of_slug("acme"), id: Uuid::from_u128(7) };
        let state = flow.state(&[3; 32]);
        assert_eq!(Flow::of_state(state.expose()), Some(flow));
        for bad in ["", "abc", &state.expose()[1..], &format!("{}A", state.expose())] {
            assert_eq!(Flow::of_state(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_code_is_taken_as_people_type_it() {
        let code = new_code().expect("random");
        assert_eq!(code.len(), CODE_LEN);
        assert_eq!(plain_code(&format!("{}-{}", &code[..5], code[5..].to_lowercase())), code);
        assert_eq!(plain_code("o0-iL1"), "00111");
        assert!(has_hash(&code, &hashed(&code)) && !has_hash("other", &hashed(&code)));
    }
}
