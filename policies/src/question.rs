//! A question as casbin sees it: texts, and what they mean.

use std::fmt;

use keytrail_domain::{
    Authentication, CredentialId, MemberId, Owner, Principal, ServiceAccountId, TenantId, Who,
};
use keytrail_ports::{Object, Resource};

use crate::Kind;

const SYSTEM: &str = "system";
const NO_ID: &str = "-";

/// Who asks: `mem_…`, `svc_…` or `system`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Member(MemberId),
    ServiceAccount(ServiceAccountId),
    System,
}

impl Subject {
    /// None for somebody who says that he is the system, but came with a token.
    pub(crate) fn of(who: &Principal) -> Option<Self> {
        match (&who.actor.who, &who.actor.via) {
            (Who::Member(member), _) => Some(Self::Member(*member)),
            (Who::ServiceAccount(account), _) => Some(Self::ServiceAccount(*account)),
            (Who::System(_), Authentication::Internal | Authentication::Operator) => Some(Self::System),
            (Who::System(_), Authentication::Token { .. } | Authentication::ApiToken { .. }) => None,
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text == SYSTEM {
            return Some(Self::System);
        }
        let member = || MemberId::parse(text).ok().map(Self::Member);
        member().or_else(|| ServiceAccountId::parse(text).ok().map(Self::ServiceAccount))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(id) => id.fmt(f),
            Self::ServiceAccount(id) => id.fmt(f),
            Self::System => f.write_str(SYSTEM),
        }
    }
}

/// What a resource's id says about whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thing {
    /// The tenant's own.
    Tenants,
    /// This owner's; for a team or a member, itself.
    Of(Owner),
    /// A credential: its owner and grants are known here.
    Credential(CredentialId),
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenants => f.write_str(NO_ID),
            Self::Of(owner) => owner.fmt(f),
            Self::Credential(id) => id.fmt(f),
        }
    }
}

/// A resource: `tenant/kind/id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) tenant: TenantId,
    pub(crate) kind: Kind,
    pub(crate) thing: Thing,
}

impl Place {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let (tenant, kind, id) = (parts.next()?, parts.next()?, parts.next()?);
        let thing = match id {
            NO_ID => Thing::Tenants,
            id if id.starts_with(CredentialId::PREFIX) => Thing::Credential(CredentialId::parse(id).ok()?),
            id => Thing::Of(Owner::parse(id).ok()?),
        };
        let place = Self { tenant: TenantId::parse(tenant).ok()?, kind: Kind::of_word(kind)?, thing };
        parts.next().is_none().then_some(place)
    }
}

impl From<Resource> for Place {
    fn from(resource: Resource) -> Self {
        let of_team = |team: Option<_>| team.map_or(Thing::Tenants, |team| Thing::Of(Owner::Team(team)));
        let (kind, thing) = match resource.object {
            Object::Tenant => (Kind::Tenant, Thing::Tenants),
            Object::AuditLog => (Kind::AuditLog, Thing::Tenants),
            Object::Member(None) => (Kind::Member, Thing::Tenants),
            Object::Member(Some(member)) => (Kind::Member, Thing::Of(Owner::Member(member))),
            Object::Team(team) => (Kind::Team, of_team(team)),
            Object::Credential(id) => (Kind::Credential, Thing::Credential(id)),
            Object::NewCredential(owner) => (Kind::NewCredential, Thing::Of(owner)),
            Object::Component => (Kind::Component, Thing::Tenants),
            Object::Connection(owner) => (Kind::Connection, Thing::Of(owner)),
            Object::Flow(owner) => (Kind::Flow, Thing::Of(owner)),
            Object::Environment(team) => (Kind::Environment, of_team(team)),
            Object::OAuthClient => (Kind::OAuthClient, Thing::Tenants),
            Object::ServiceAccount => (Kind::ServiceAccount, Thing::Tenants),
            Object::WebhookEndpoint(team) => (Kind::WebhookEndpoint, of_team(team)),
        };
        Self { tenant: resource.tenant, kind, thing }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant, self.kind.word(), self.thing)
    }
}

#[cfg(test)]
mod tests {
    use keytrail_domain::TeamId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_resource_reads_back_from_its_text() {
        let number = Uuid::from_u128(7);
        let (team, member) = (TeamId::from_uuid(number), MemberId::from_uuid(number));
        let objects = [
            Object::Tenant,
            Object::AuditLog,
            Object::Member(None),
            Object::Member(Some(member)),
            Object::Team(Some(team)),
            Object::Credential(CredentialId::from_uuid(number)),
            Object::NewCredential(Owner::Member(member)),
            Object::Component,
            Object::Connection(Owner::Team(team)),
            Object::Flow(Owner::Team(team)),
            Object::Environment(None),
            Object::OAuthClient,
            Object::ServiceAccount,
            Object::WebhookEndpoint(Some(team)),
        ];
        for object in objects {
            let place = Place::from(Resource { tenant: TenantId::of_slug("acme"), object });
            assert_eq!(Place::parse(&place.to_string()), Some(place));
        }
    }

    #[test]
    fn a_text_of_another_shape_is_no_resource() {
        let good =
            Place::from(Resource { tenant: TenantId::of_slug("acme"), object: Object::Tenant }).to_string();
        for bad in
            [format!("{good}/-"), good.replace("tenant", "planet"), good.replace('-', "x"), String::new()]
        {
            assert_eq!(Place::parse(&bad), None, "{bad}");
        }
    }
}
