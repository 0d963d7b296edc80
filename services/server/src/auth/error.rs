//! Why a caller is not let in.

/// Why a caller is not let in. No variant holds any part of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The token proves nothing: `UNAUTHENTICATED`.
    #[error("the token is not valid: {0}")]
    Invalid(InvalidToken),
    /// Too often: `RATE_LIMITED`.
    #[error("too many requests")]
    RateLimited {
        /// When it makes sense to try again.
        retry_after_seconds: u64,
    },
    /// It cannot be told now: `UNAVAILABLE`.
    #[error("{dependency} is not available")]
    Unavailable {
        /// What does not answer.
        dependency: &'static str,
    },
}

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// Not a bearer token, not a JWT, or longer than any honest one.
    #[error("it is not a bearer JWT")]
    Malformed,
    /// `alg` is missing from the allow-list.
    #[error("its algorithm is not accepted")]
    Algorithm,
    /// No known key has its `kid`, or several could have signed it.
    #[error("its key is not known")]
    UnknownKey,
    /// The signature is not that of the key.
    #[error("its signature is wrong")]
    Signature,
    /// `iss` is another one.
    #[error("its issuer is not accepted")]
    Issuer,
    /// `aud` does not name this service.
    #[error("it is meant for another audience")]
    Audience,
    /// `exp` has passed.
    #[error("it has expired")]
    Expired,
    /// `nbf` is still to come.
    #[error("it is not valid yet")]
    NotYet,
    /// `sub`, `exp` or the tenant claim is absent or of the wrong form.
    #[error("a claim is missing or malformed")]
    Claims,
    /// It names nobody who may come in.
    #[error("it names no member of a tenant")]
    NotAMember,
}

impl From<InvalidToken> for AuthError {
    fn from(why: InvalidToken) -> Self {
        Self::Invalid(why)
    }
}
