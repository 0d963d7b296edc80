//! API tokens of service accounts: made, and recognised at every request.

use aws_lc_rs::{constant_time, digest, rand};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use keytrail_domain::{Actor, Authentication, Principal, Scopes, SecretValue, Timestamp, TokenId, Who};
use keytrail_ports::{Denied, views::ApiTokenRow};

use crate::{App, AppError};

/// What an API token begins with. *Format*.
pub const API_TOKEN_PREFIX: &str = "kt_";
/// Characters of the token's id behind the prefix, without what every id of a token begins with.
const ID_LEN: usize = 26;
/// Random bytes behind the id.
const BYTES: usize = 32;
/// How often at most the use of a token is written down.
const NOTE_MICROS: i64 = 60_000_000;
/// Tokens that are remembered as they were made: nothing of that ever changes.
pub(crate) const REMEMBERED: usize = 20_000;

/// A new token and what is kept of it.
pub(crate) struct FreshToken {
    pub(crate) token: SecretValue,
    pub(crate) hash: String,
}

/// Makes a token with this id: `kt_`, the id's 26 characters, and 32 random bytes as 43 characters.
pub(crate) fn fresh(id: TokenId) -> Result<FreshToken, AppError> {
    let mut bytes = zeroize::Zeroizing::new([0; BYTES]);
    rand::fill(&mut *bytes).map_err(|_| AppError::internal("no randomness"))?;
    let id = id.to_string();
    let id = id.trim_start_matches("tok_");
    let text = format!("{API_TOKEN_PREFIX}{id}{}", BASE64_URL_SAFE_NO_PAD.encode(*bytes));
    let hash = hash(&text);
    Ok(FreshToken { token: SecretValue::new(text), hash })
}

fn hash(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn id_of(text: &str) -> Option<TokenId> {
    let id = text.strip_prefix(API_TOKEN_PREFIX)?.get(..ID_LEN)?;
    TokenId::parse(&format!("tok_{id}")).ok()
}

/// The mark that says when a token was used last.
fn mark(token: TokenId) -> String {
    format!("api-token/{token}")
}

impl App {
    /// The service account that this token is of, as of now.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` for a token that is none, not any more, or past its end.
    pub async fn sign_in_with_token(&self, text: &str) -> Result<Principal, AppError> {
        let id = id_of(text).ok_or(AppError::Unauthenticated)?;
        let row = self.token_row(id).await?.ok_or(AppError::Unauthenticated)?;
        let same = constant_time::verify_slices_are_equal(hash(text).as_bytes(), row.hash.as_bytes());
        same.map_err(|_| AppError::Unauthenticated)?;
        let principal = principal(&row);
        self.still_in(&principal).await?;
        self.note_use(id);
        Ok(principal)
    }

    /// Whether somebody who came in before may still be in.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` for who may not.
    pub async fn still_in(&self, principal: &Principal) -> Result<(), AppError> {
        match self.ports().authorizer.role(principal).await {
            Ok(_) => Ok(()),
            Err(Denied::NotAMember) => Err(AppError::Unauthenticated),
            Err(denied) => Err(denied.into()),
        }
    }

    async fn token_row(&self, id: TokenId) -> Result<Option<ApiTokenRow>, AppError> {
        if let Some(row) = self.0.api_tokens.get(&id) {
            return Ok(Some(row));
        }
        let row = self.ports().views.api_token(id).await?;
        if let Some(row) = &row {
            self.0.api_tokens.insert(id, row.clone());
        }
        Ok(row)
    }

    /// Once a minute at most, and beside the request: who loses the last minute of it loses little.
    fn note_use(&self, id: TokenId) {
        let now = self.now();
        let noted = self.0.token_uses.get(&id).unwrap_or(i64::MIN);
        if now.as_micros() < noted.saturating_add(NOTE_MICROS) {
            return;
        }
        self.0.token_uses.insert(id, now.as_micros());
        let app = self.clone();
        tokio::spawn(async move {
            let value = now.to_string().into_bytes();
            if let Err(error) = app.ports().journal.set_mark(&mark(id), value).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, token.id = %id, "the use of an API token cannot be noted");
            }
        });
    }

    /// When a token was last used, to about a minute; none when it never was.
    ///
    /// # Errors
    /// The journal does not answer.
    pub async fn token_last_used(&self, id: TokenId) -> Result<Option<Timestamp>, AppError> {
        let noted = self.ports().journal.mark(&mark(id)).await?;
        let text = noted.and_then(|mark| String::from_utf8(mark.value).ok());
        Ok(text.and_then(|text| Timestamp::parse(&text).ok()))
    }
}

fn principal(row: &ApiTokenRow) -> Principal {
    let (who, via) = (Who::ServiceAccount(row.account), Authentication::ApiToken { id: row.id });
    Principal {
        tenant: row.tenant,
        actor: Actor { who, via },
        expires_at: row.expires_at,
        scopes: Scopes::of(&row.scopes),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_token_tells_its_id_and_is_kept_as_a_hash() {
        let id = TokenId::from_uuid(Uuid::from_u128(7));
        let made = fresh(id).expect("made");
        let text = made.token.expose();
        assert_eq!((text.len(), id_of(text)), (72, Some(id)));
        assert_eq!(made.hash, hash(text));
        assert!(!made.hash.contains(&text[29..]) && made.hash.len() == 64);
        for none in ["", "kt_", "kt_short", "gh_0000000000000000000000000X", &text[3..]] {
            assert_eq!(id_of(none), None, "{none}");
        }
    }
}
