//! From a request's token to its principal, at a limited rate.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use keytrail_app::API_TOKEN_PREFIX;
use keytrail_domain::{Principal, TenantId, Timestamp, Who};
use keytrail_ports::Clock;

use super::{AuthError, Claims, PrincipalResolver, Proof, Rate, RateLimiter, TokenVerifier};

const REMEMBERED_PRINCIPALS: usize = 50_000;
const REMEMBERED_PEERS: usize = 50_000;

/// How often callers may ask.
#[derive(Clone, Copy, Debug)]
pub struct RateLimits {
    /// Requests of one principal.
    pub principal: Rate,
    /// Requests of one tenant.
    pub tenant: Rate,
    /// Failed proofs of identity from one address (of IPv6, its first 64 bits).
    pub failures: Rate,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            principal: Rate { per_minute: 3_000, burst: 300 },
            tenant: Rate { per_minute: 15_000, burst: 1_500 },
            failures: Rate { per_minute: 20, burst: 40 },
        }
    }
}

/// Someone whose token holds.
#[derive(Clone, Debug)]
pub struct Caller {
    /// What he came with.
    pub proof: Proof,
    /// Who that is.
    pub principal: Principal,
}

impl Caller {
    /// When the proof of identity ends; none: when it is revoked.
    pub fn expires_at(&self) -> Option<Timestamp> {
        let claimed = match &self.proof {
            Proof::Claims(claims) => Some(claims.expires_at),
            Proof::ApiToken => None,
        };
        [self.principal.expires_at, claimed].into_iter().flatten().min()
    }
}

/// Lets callers in.
pub struct Authenticator {
    verifier: TokenVerifier,
    resolver: Arc<dyn PrincipalResolver>,
    principals: RateLimiter<(TenantId, Who)>,
    tenants: RateLimiter<TenantId>,
    failures: RateLimiter<IpAddr>,
}

impl Authenticator {
    /// An authenticator with empty buckets.
    pub fn new(
        verifier: TokenVerifier,
        resolver: Arc<dyn PrincipalResolver>,
        limits: RateLimits,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        Self {
            verifier,
            resolver,
            principals: RateLimiter::new(limits.principal, REMEMBERED_PRINCIPALS, Arc::clone(clock)),
            tenants: RateLimiter::new(limits.tenant, REMEMBERED_PRINCIPALS, Arc::clone(clock)),
            failures: RateLimiter::new(limits.failures, REMEMBERED_PEERS, Arc::clone(clock)),
        }
    }

    /// Who holds this token. Failures count for the address; a valid token is heard however often
    /// others failed from there, since many may share one address.
    ///
    /// # Errors
    /// [`AuthError`].
    pub async fn admit(&self, token: &str, peer: IpAddr) -> Result<Caller, AuthError> {
        let admitted = if token.starts_with(API_TOKEN_PREFIX) {
            let principal = self.resolver.resolve_api_token(token).await;
            principal.map(|principal| Caller { proof: Proof::ApiToken, principal })
        } else {
            match self.verifier.verify(token).await {
                Ok(claims) => self.of_claims(claims).await,
                Err(error) => Err(error),
            }
        };
        if let Err(AuthError::Invalid(_)) = admitted {
            self.failed(peer)?;
        }
        admitted
    }

    /// Counts a failed proof of identity.
    ///
    /// # Errors
    /// There were too many.
    pub fn failed(&self, peer: IpAddr) -> Result<(), AuthError> {
        self.failures.take(&place_of(peer)).map_err(limited)
    }

    /// The same caller once more, with his membership of now; his token must still hold.
    ///
    /// # Errors
    /// [`AuthError`].
    pub async fn again(&self, caller: &Caller) -> Result<Caller, AuthError> {
        match &caller.proof {
            Proof::Claims(claims) => self.of_claims(Arc::clone(claims)).await,
            Proof::ApiToken => {
                self.resolver.still_in(&caller.principal).await?;
                Ok(caller.clone())
            }
        }
    }

    async fn of_claims(&self, claims: Arc<Claims>) -> Result<Caller, AuthError> {
        let principal = self.resolver.resolve(&claims).await?;
        Ok(Caller { proof: Proof::Claims(claims), principal })
    }

    /// Takes one request from the buckets of the principal and his tenant.
    ///
    /// # Errors
    /// [`AuthError::RateLimited`].
    pub fn charge(&self, principal: &Principal) -> Result<(), AuthError> {
        let key = (principal.tenant, principal.actor.who.clone());
        self.principals.take(&key).map_err(limited)?;
        self.tenants.take(&principal.tenant).map_err(limited)
    }
}

fn limited(retry_after_seconds: u64) -> AuthError {
    AuthError::RateLimited { retry_after_seconds }
}

/// One household has one IPv4 address or 64 bits of IPv6.
fn place_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_one_ipv6_network_are_one_place() {
        let place = |text: &str| place_of(text.parse().unwrap());
        assert_eq!(place("2001:db8:1:2::1"), place("2001:db8:1:2:ffff::9"));
        assert_ne!(place("2001:db8:1:2::1"), place("2001:db8:1:3::1"));
        assert_eq!(place("::ffff:192.0.2.1"), place("192.0.2.1"));
    }
}
