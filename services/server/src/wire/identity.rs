//! Who vouches for callers, and which members they are.

use std::sync::Arc;

use async_trait::async_trait;
use keytrail_app::{App, AppError, Identity};
use keytrail_domain::Principal;
use keytrail_ports::Clock;

use super::failed;
use crate::{
    auth::{
        AuthError, BUILTIN_ISSUER, BuiltinIssuer, Claims, Expected, InvalidToken, JwksOptions, JwksUrl,
        KeySet, KeySource, PrincipalResolver, TokenVerifier,
    },
    config::{Config, Issuer, IssuerKeys, OutsideIssuer},
    data_dir::DataDir,
    launch::StartError,
};

/// The one issuer whose tokens count.
pub(crate) enum Identities {
    Builtin(Arc<BuiltinIssuer>),
    Outside(OutsideIssuer),
}

impl Identities {
    pub(super) fn open(config: &Config, dir: &DataDir) -> Result<Self, StartError> {
        match &config.issuer {
            Issuer::Outside(outside) => Ok(Self::Outside(outside.clone())),
            Issuer::Builtin { .. } => {
                let issuer = BuiltinIssuer::open(dir.path())
                    .map_err(|error| failed(&error, "see what the message says to do"))?;
                Ok(Self::Builtin(Arc::new(issuer)))
            }
        }
    }

    pub(super) fn issuer_name(&self) -> &str {
        match self {
            Self::Builtin(_) => BUILTIN_ISSUER,
            Self::Outside(outside) => &outside.issuer,
        }
    }

    pub(super) fn builtin(&self) -> Option<Arc<BuiltinIssuer>> {
        match self {
            Self::Builtin(issuer) => Some(Arc::clone(issuer)),
            Self::Outside(_) => None,
        }
    }

    pub(super) fn verifier(&self, clock: Arc<dyn Clock>) -> Result<TokenVerifier, StartError> {
        let outside = match self {
            Self::Builtin(issuer) => return Ok(TokenVerifier::builtin(issuer, clock)),
            Self::Outside(outside) => outside,
        };
        let keys = match &outside.keys {
            IssuerKeys::JwksUrl(url) => KeySource::Published(
                JwksUrl::start(url.clone(), JwksOptions::default())
                    .map_err(|error| failed(&error, "check KEYTRAIL_JWT_JWKS_URL"))?,
            ),
            IssuerKeys::PublicKeyFile(path) => KeySource::Fixed(Arc::new(
                KeySet::from_pem_file(path)
                    .map_err(|error| failed(&error, "check KEYTRAIL_JWT_PUBLIC_KEY_FILE"))?,
            )),
        };
        let expected = Expected {
            issuer: outside.issuer.clone(),
            audience: outside.audience.clone(),
            tenant_claim: outside.tenant_claim.clone(),
        };
        Ok(TokenVerifier::outside(expected, keys, clock))
    }
}

/// Asks the application which member it is.
pub(super) struct Members(pub(super) App);

#[async_trait]
impl PrincipalResolver for Members {
    async fn resolve(&self, claims: &Claims) -> Result<Principal, AuthError> {
        let identity = Identity {
            tenant_slug: claims.tenant_slug.clone(),
            issuer: claims.issuer.clone(),
            subject: claims.subject.clone(),
            token: claims.token_id,
            expires_at: claims.expires_at,
        };
        self.0.sign_in(&identity).await.map_err(refused)
    }

    async fn resolve_api_token(&self, token: &str) -> Result<Principal, AuthError> {
        self.0.sign_in_with_token(token).await.map_err(refused)
    }

    async fn still_in(&self, principal: &Principal) -> Result<(), AuthError> {
        self.0.still_in(principal).await.map_err(refused)
    }
}

fn refused(error: AppError) -> AuthError {
    match error {
        AppError::Unauthenticated => AuthError::Invalid(InvalidToken::NotAMember),
        other => {
            tracing::error!(error = &other as &dyn std::error::Error, "membership cannot be told");
            AuthError::Unavailable { dependency: "membership" }
        }
    }
}
