//! From a token to its claims.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, Validation, errors::ErrorKind};
use keytrail_domain::{Timestamp, TokenId};
use keytrail_ports::Clock;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    AuthError, BUILTIN_AUDIENCE, BUILTIN_ISSUER, BuiltinIssuer, Claims, InvalidToken, KeySource,
    cache::VerifiedTokens,
};

/// Signatures by a private key only: with `none` or a shared secret anyone who knows a public key
/// could mint.
const ALLOWED: [Algorithm; 9] = [
    Algorithm::EdDSA,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];
/// How far another issuer's clock and ours may be apart.
const LEEWAY_SECONDS: i64 = 30;
const REMEMBERED_TOKENS: usize = 10_000;
const LONGEST_SUBJECT: usize = 255;
const LONGEST_SLUG: usize = 128;

/// What a token must say.
#[derive(Clone, Debug)]
pub struct Expected {
    /// `iss`.
    pub issuer: String,
    /// One of `aud`.
    pub audience: String,
    /// The claim that names the tenant by slug.
    pub tenant_claim: String,
}

/// Whether `jti` means anything to us.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TokenIds {
    /// Our own tokens always have one, so that each can be revoked.
    Required,
    /// Another issuer's ids are his.
    Ignored,
}

/// Verifies tokens of one issuer.
pub struct TokenVerifier {
    expected: Expected,
    ids: TokenIds,
    /// Seconds that a token counts after its end: none where the clock is one.
    grace: i64,
    keys: KeySource,
    clock: Arc<dyn Clock>,
    verified: VerifiedTokens,
}

#[derive(Deserialize)]
struct RawClaims {
    iss: Option<Value>,
    aud: Option<Value>,
    sub: Option<Value>,
    exp: Option<Value>,
    nbf: Option<Value>,
    jti: Option<Value>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl TokenVerifier {
    /// Tokens of an issuer outside; our own are refused then.
    pub fn outside(expected: Expected, keys: KeySource, clock: Arc<dyn Clock>) -> Self {
        let verified = VerifiedTokens::new(REMEMBERED_TOKENS);
        Self { expected, ids: TokenIds::Ignored, grace: LEEWAY_SECONDS, keys, clock, verified }
    }

    /// Tokens of our own issuer.
    pub fn builtin(issuer: &BuiltinIssuer, clock: Arc<dyn Clock>) -> Self {
        let expected = Expected {
            issuer: BUILTIN_ISSUER.to_owned(),
            audience: BUILTIN_AUDIENCE.to_owned(),
            tenant_claim: "tenant".to_owned(),
        };
        let keys = KeySource::Fixed(issuer.keys());
        Self { ids: TokenIds::Required, grace: 0, ..Self::outside(expected, keys, clock) }
    }

    /// The claims of a token that holds now.
    ///
    /// # Errors
    /// [`AuthError::Invalid`], or [`AuthError::Unavailable`] when its key cannot be had.
    pub async fn verify(&self, token: &str) -> Result<Arc<Claims>, AuthError> {
        let now = self.clock.now();
        let claims = match self.verified.get(token, now) {
            Some(claims) => claims,
            None => self.verify_anew(token, now).await?,
        };
        self.check_expiry(claims.expires_at, now)?;
        Ok(claims)
    }

    async fn verify_anew(&self, token: &str, now: Timestamp) -> Result<Arc<Claims>, AuthError> {
        let header = jsonwebtoken::decode_header(token).map_err(|error| why(error.kind()))?;
        if !ALLOWED.contains(&header.alg) {
            return Err(InvalidToken::Algorithm.into());
        }
        // What must be understood and is not: refuse (RFC 7515, section 4.1.11).
        if header.crit.is_some() {
            return Err(InvalidToken::Malformed.into());
        }
        let key = self.keys.find(header.kid.as_deref(), header.alg).await?;
        let raw = jsonwebtoken::decode::<RawClaims>(token, &key, &signature_only(header.alg))
            .map_err(|error| why(error.kind()))?
            .claims;
        let claims = Arc::new(self.checked(&raw, now)?);
        self.verified.put(token, Arc::clone(&claims), now);
        Ok(claims)
    }

    fn checked(&self, raw: &RawClaims, now: Timestamp) -> Result<Claims, InvalidToken> {
        if text(raw.iss.as_ref()) != Some(&self.expected.issuer) {
            return Err(InvalidToken::Issuer);
        }
        if !names(raw.aud.as_ref(), &self.expected.audience) {
            return Err(InvalidToken::Audience);
        }
        let expires_at = raw.exp.as_ref().and_then(moment).ok_or(InvalidToken::Claims)?;
        self.check_expiry(expires_at, now)?;
        check_start(raw.nbf.as_ref(), now)?;
        Ok(Claims {
            tenant_slug: short(self.tenant(raw), LONGEST_SLUG)?,
            issuer: self.expected.issuer.clone(),
            subject: short(text(raw.sub.as_ref()), LONGEST_SUBJECT)?,
            token_id: self.token_id(raw)?,
            expires_at,
        })
    }

    fn check_expiry(&self, expires_at: Timestamp, now: Timestamp) -> Result<(), InvalidToken> {
        if now >= expires_at.plus_seconds(self.grace) { Err(InvalidToken::Expired) } else { Ok(()) }
    }

    fn tenant<'a>(&self, raw: &'a RawClaims) -> Option<&'a str> {
        match self.expected.tenant_claim.as_str() {
            "sub" => text(raw.sub.as_ref()),
            other => text(raw.others.get(other)),
        }
    }

    fn token_id(&self, raw: &RawClaims) -> Result<Option<TokenId>, InvalidToken> {
        if self.ids == TokenIds::Ignored {
            return Ok(None);
        }
        let id = text(raw.jti.as_ref()).and_then(|text| TokenId::parse(text).ok());
        id.map(Some).ok_or(InvalidToken::Claims)
    }
}

/// Times and names are checked here, against our own clock, so that nothing passes by being absent.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

fn why(kind: &ErrorKind) -> InvalidToken {
    match kind {
        ErrorKind::InvalidSignature => InvalidToken::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => InvalidToken::Algorithm,
        _ => InvalidToken::Malformed,
    }
}

fn check_start(not_before: Option<&Value>, now: Timestamp) -> Result<(), InvalidToken> {
    let Some(value) = not_before else { return Ok(()) };
    let start = moment(value).ok_or(InvalidToken::Claims)?;
    if now.plus_seconds(LEEWAY_SECONDS) < start { Err(InvalidToken::NotYet) } else { Ok(()) }
}

fn text(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str)
}

fn short(text: Option<&str>, most: usize) -> Result<String, InvalidToken> {
    match text {
        Some(text) if !text.is_empty() && text.len() <= most => Ok(text.to_owned()),
        _ => Err(InvalidToken::Claims),
    }
}

fn names(audience: Option<&Value>, wanted: &str) -> bool {
    match audience {
        Some(Value::String(one)) => one == wanted,
        Some(Value::Array(several)) => several.iter().any(|one| one.as_str() == Some(wanted)),
        _ => false,
    }
}

/// A `NumericDate` (RFC 7519, section 2), with or without a fraction.
fn moment(value: &Value) -> Option<Timestamp> {
    let seconds = value.as_f64().filter(|seconds| (0.0..=1e11).contains(seconds))?;
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    let whole = seconds.floor() as i64;
    Some(Timestamp::EPOCH.plus_seconds(whole))
}

#[cfg(test)]
#[path = "verifier_tests.rs"]
mod tests;
