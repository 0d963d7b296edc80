//! From a proven identity to a member: asked at every request, so that a removed member is out at
//! once.

use keytrail_domain::{
    Actor, Authentication, MemberId, Principal, Scopes, TenantId, Timestamp, TokenId, Who,
};
use keytrail_ports::Denied;

use crate::{App, AppError};

/// People whose membership is remembered; whether it still holds is asked each time.
pub(crate) const REMEMBERED: usize = 100_000;

/// What a valid token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Short name of the tenant.
    pub tenant_slug: String,
    /// Who vouches.
    pub issuer: String,
    /// For whom.
    pub subject: String,
    /// The token's id, where it is one of ours.
    pub token: Option<TokenId>,
    /// Until when.
    pub expires_at: Timestamp,
}

impl App {
    /// The member that this is.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` for a person who is no member of that tenant.
    pub async fn sign_in(&self, identity: &Identity) -> Result<Principal, AppError> {
        let tenant = TenantId::of_slug(&identity.tenant_slug);
        let person = (tenant, identity.issuer.clone(), identity.subject.clone());
        if let Some(member) = self.0.members.get(&person) {
            let principal = principal(tenant, member, identity);
            match self.ports().authorizer.role(&principal).await {
                Ok(_) => return Ok(principal),
                Err(Denied::NotAMember) => self.0.members.remove(&person),
                Err(denied) => return Err(denied.into()),
            };
        }
        let row = self.ports().views.member_by_subject(tenant, &identity.issuer, &identity.subject).await?;
        let member = row.ok_or(AppError::Unauthenticated)?.id;
        self.0.members.insert(person, member);
        Ok(principal(tenant, member, identity))
    }
}

fn principal(tenant: TenantId, member: MemberId, identity: &Identity) -> Principal {
    let via = Authentication::Token { issuer: identity.issuer.clone(), id: identity.token };
    Principal {
        tenant,
        actor: Actor { who: Who::Member(member), via },
        expires_at: Some(identity.expires_at),
        scopes: Scopes::ALL,
    }
}
