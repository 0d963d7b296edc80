//! Who is asking: bearer tokens, the keys that prove them, and how often one may ask.
//!
//! A token becomes [`Claims`] when its signature, issuer, audience and times hold
//! ([`TokenVerifier`]); claims become a `Principal` when they name a member of a tenant
//! ([`PrincipalResolver`], asked on each request). A token is never logged, echoed or kept: the
//! cache of verified ones is keyed by their hash.

mod authenticator;
mod bearer;
mod builtin;
mod cache;
mod error;
mod jwks;
mod keys;
mod rate;
mod verifier;

use async_trait::async_trait;
use keytrail_domain::{Principal, Timestamp, TokenId};

pub use self::{
    authenticator::{Authenticator, Caller, RateLimits},
    bearer::bearer_token,
    builtin::{BUILTIN_AUDIENCE, BUILTIN_ISSUER, BuiltinIssuer, IssuerError, MintRequest},
    error::{AuthError, InvalidToken},
    jwks::{JwksOptions, JwksUrl},
    keys::{KeyFileError, KeySet, KeySource},
    rate::{Rate, RateLimiter},
    verifier::{Expected, TokenVerifier},
};

/// What a valid token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The tenant, by slug.
    pub tenant_slug: String,
    /// Who vouches (`iss`).
    pub issuer: String,
    /// For whom (`sub`).
    pub subject: String,
    /// Which token (`jti`), when it is one of ours.
    pub token_id: Option<TokenId>,
    /// Until when (`exp`).
    pub expires_at: Timestamp,
}

/// What somebody came with.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A signed token of a person.
    Claims(std::sync::Arc<Claims>),
    /// An API token of a service account; the principal says which.
    ApiToken,
}

/// Says which member of which tenant a token's claims name, as of now.
///
/// Promises: membership is looked up on every call; someone who is no member (any more), a token
/// that was revoked and a tenant that does not exist are all
/// [`InvalidToken::NotAMember`]; an answer that cannot be had is [`AuthError::Unavailable`].
#[async_trait]
pub trait PrincipalResolver: Send + Sync + 'static {
    /// The principal.
    ///
    /// # Errors
    /// [`AuthError`], as promised above.
    async fn resolve(&self, claims: &Claims) -> Result<Principal, AuthError>;

    /// The service account that an API token is of.
    ///
    /// # Errors
    /// [`AuthError`]; [`InvalidToken::NotAMember`] for every token that is not good.
    async fn resolve_api_token(&self, token: &str) -> Result<Principal, AuthError>;

    /// Whether the token of a service account that came in before is still good.
    ///
    /// # Errors
    /// As for the token itself.
    async fn still_in(&self, principal: &Principal) -> Result<(), AuthError>;
}
