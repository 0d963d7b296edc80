//! Asks an authorisation server for tokens (RFC 6749), and ends them (RFC 7009).

use async_trait::async_trait;
use keytrail_domain::{SecretValue, oauth_client::ClientAuthentication};

/// The client that asks: an app that is registered at the server.
#[derive(Clone)]
pub struct TokenClient {
    /// Its id there.
    pub client_id: String,
    /// Its secret; none for a public client.
    pub client_secret: Option<SecretValue>,
    /// How it says so.
    pub authentication: ClientAuthentication,
}

/// For what a token is asked.
#[derive(Clone)]
pub enum TokenGrant {
    /// What a person has allowed, with the proof that it was us who asked him (RFC 7636).
    Code {
        /// What the server gave to the person's browser.
        code: SecretValue,
        /// Whose hash the server has.
        verifier: SecretValue,
        /// Where the browser was sent; the same as before.
        redirect_uri: String,
    },
    /// A token that makes others.
    Refresh(SecretValue),
    /// The client itself.
    Client {
        /// What for.
        scopes: Vec<String>,
    },
}

/// What a server gave.
#[derive(Clone)]
pub struct Tokens {
    /// For an API.
    pub access: SecretValue,
    /// For more of these; the one before is void then.
    pub refresh: Option<SecretValue>,
    /// For how long the access token is good, in seconds, if the server said so.
    pub expires_in: Option<u64>,
    /// What for, if the server said so.
    pub scopes: Option<Vec<String>>,
}

/// Why there are none. The texts are ours: no answer's body is quoted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The server says that the grant counts no more, or never did (`invalid_grant`).
    #[error("the authorisation server says that the grant is not valid, or not any more")]
    Revoked,
    /// The server said no for another reason that trying again does not change.
    #[error("the authorisation server refuses: {0}")]
    Refused(&'static str),
    /// It may not be asked: trying again does not change that.
    #[error("the authorisation server may not be asked: {0}")]
    NotAllowed(&'static str),
    /// Nobody answered, or not in a way that means something: try again later.
    #[error("the authorisation server gave no answer that counts: {0}")]
    Unavailable(String),
}

/// Speaks to authorisation servers, where the operator allows.
///
/// Promises, each a case in the tests of `keytrail-verify`:
/// 1. Nothing is sent to an address that the operator does not allow, and no redirect is followed.
/// 2. Only `invalid_grant` is [`TokenError::Revoked`]; an answer that proves nothing is [`TokenError::Unavailable`].
/// 3. It ends within `PATIENCE_SECONDS`.
#[async_trait]
pub trait TokenServer: Send + Sync + 'static {
    /// Asks for tokens at the server's token endpoint.
    ///
    /// # Errors
    /// [`TokenError`].
    async fn tokens(&self, url: &str, client: &TokenClient, grant: TokenGrant) -> Result<Tokens, TokenError>;

    /// Ends a token at the server's revocation endpoint; one that counts no more is no error.
    ///
    /// # Errors
    /// [`TokenError`].
    async fn revoke(&self, url: &str, client: &TokenClient, token: &SecretValue) -> Result<(), TokenError>;
}

impl dyn TokenServer {
    /// No call takes longer than this.
    pub const PATIENCE_SECONDS: u64 = 10;
}
