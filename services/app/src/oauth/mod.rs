//! OAuth2: a person allows an OAuth client of the tenant to get access tokens, and the client gets them from then on.
//!
//! [`begin`] answers the provider's address; the provider sends the person's browser to [`callback`], which gets the
//! tokens and shows a code; [`complete`] takes that code from the person who began, and makes the credential. So nobody
//! can send somebody else his address and have what that one allows. What is under way lies in the vault ([`pending`]), so
//! that any node goes on with it. [`refreshing`] gets the next tokens ahead of the end of those that are there, each by
//! [`refresh`], and [`given`] notes them.

mod begin;
mod callback;
mod complete;
mod given;
mod pending;
mod refresh;
mod refreshing;
mod revoke;

use keytrail_domain::{
    CredentialId, OAuthClientId, SecretPayload, SecretRef, SecretWrite, Timestamp,
    credential::{Authorization, NewAuthorization, OAuthGrant},
    oauth_client::secret_in,
};
use keytrail_ports::{TokenClient, TokenError, Tokens, views::OAuthClientRow};

pub use begin::BegunOAuth2;
pub use callback::{CALLBACK_PATH, Callback, CallbackError, CompletionPage};
pub(crate) use given::Kept;

use crate::{App, AppError, NewCredential};

/// Codes that one person may try in a minute.
pub(crate) const CODES_PER_MINUTE: u32 = 10;
/// The field of a payload that holds a refresh token. *Format*.
pub(crate) const REFRESH_TOKEN: &str = "refresh_token";

/// What is to be authorized.
#[derive(Clone)]
pub enum OAuth2Wish {
    /// A new credential; its fields without the access token.
    New(Box<NewCredential>),
    /// One that is there: its access token becomes a new version.
    Anew(AnewOAuth2),
}

/// A credential that is to get new tokens.
#[derive(Clone)]
pub struct AnewOAuth2 {
    /// Which.
    pub id: CredentialId,
    /// Plain fields that change with it, such as addresses.
    pub fields: serde_json::Map<String, serde_json::Value>,
    /// Where its token may be sent from then on; none keeps what is.
    pub allowed_hosts: Option<Vec<String>>,
}

/// A wish for tokens.
#[derive(Clone)]
pub struct NewOAuth2 {
    /// Who gets them.
    pub client: OAuthClientId,
    /// By what right.
    pub grant: OAuthGrant,
    /// What for; none: what the client asks by default.
    pub scopes: Option<Vec<String>>,
    /// For what.
    pub wish: OAuth2Wish,
}

/// Who gets tokens, by what right, and what for.
#[derive(Clone, Copy)]
pub(crate) struct By<'a> {
    pub(crate) client: &'a OAuthClientRow,
    pub(crate) grant: OAuthGrant,
    pub(crate) scopes: &'a [String],
}

impl App {
    /// A client that is there, for credentials of this component.
    pub(crate) async fn client_for(
        &self,
        tenant: keytrail_domain::TenantId,
        id: OAuthClientId,
        component: &str,
    ) -> Result<OAuthClientRow, AppError> {
        let row = self.ports().views.oauth_client(tenant, id).await?;
        let row = row.filter(|row| row.deleted_at.is_none()).ok_or_else(|| {
            AppError::bad_input("oauthClientId", "no such OAuth client: `oauthClients` lists them")
        })?;
        if row.settings.components.contains(component) {
            return Ok(row);
        }
        Err(AppError::bad_input("oauthClientId", "the OAuth client is not for credentials of this component"))
    }

    /// The client as it speaks to its provider, with its secret.
    pub(crate) async fn token_client(&self, row: &OAuthClientRow) -> Result<TokenClient, AppError> {
        let client_secret = match row.secret {
            Some(at) => {
                let payload = self.ports().secrets.get(at).await?;
                let missing = || AppError::internal("an OAuth client's secret has another shape");
                Some(secret_in(&payload).ok_or_else(missing)?.clone())
            }
            None => None,
        };
        let authentication = row.settings.authentication;
        Ok(TokenClient { client_id: row.client_id.clone(), client_secret, authentication })
    }

    /// Where providers send browsers back to.
    pub(crate) fn redirect_uri(&self) -> String {
        format!("{}{CALLBACK_PATH}", self.public_url())
    }

    /// What a provider gave, as a credential takes it.
    pub(crate) fn authorization_of(
        &self,
        credential: CredentialId,
        by: By<'_>,
        tokens: &Tokens,
    ) -> NewAuthorization {
        let refresh = self.refresh_write(credential, by.client.tenant, tokens);
        let authorization = Authorization {
            client: by.client.id,
            grant: by.grant,
            refresh: refresh.as_ref().map(|write| write.at),
            scopes: tokens.scopes.clone().unwrap_or_else(|| by.scopes.to_vec()),
            access_until: self.access_until(tokens),
        };
        NewAuthorization { authorization, refresh }
    }

    pub(crate) fn refresh_write(
        &self,
        credential: CredentialId,
        tenant: keytrail_domain::TenantId,
        tokens: &Tokens,
    ) -> Option<SecretWrite> {
        let token = tokens.refresh.clone()?;
        let secret = keytrail_domain::SecretId::from_uuid(self.fresh_id());
        let at = SecretRef::of_credential(tenant, credential, secret);
        Some(SecretWrite { at, payload: SecretPayload::new([(REFRESH_TOKEN.to_owned(), token)]) })
    }

    pub(crate) fn access_until(&self, tokens: &Tokens) -> Option<Timestamp> {
        let seconds = i64::try_from(tokens.expires_in?).unwrap_or(i64::MAX).min(MOST_SECONDS);
        Some(self.now().plus_seconds(seconds))
    }
}

/// A token that a provider says lives longer is taken to live a hundred years.
const MOST_SECONDS: i64 = 100 * 365 * 86_400;

/// What a caller is told when a provider gives no tokens.
pub(crate) fn no_tokens(error: &TokenError) -> AppError {
    match error {
        TokenError::Unavailable(_) => AppError::Unavailable {
            dependency: "authorization server",
            source: Some(Box::new(error.clone())),
        },
        TokenError::Revoked | TokenError::Refused(_) | TokenError::NotAllowed(_) => AppError::Refused {
            reason: "AUTHORIZATION_REFUSED",
            message: error.to_string(),
            details: serde_json::Value::Null,
        },
    }
}
