//! Who owns a credential and who holds grants on it.

use async_graphql::{Context, Enum, ID, Object, Result, Union};
use keytrail_app::{Access, AsOf, Way};
use keytrail_domain::{Grantee as DomainGrantee, Owner as DomainOwner};
use keytrail_ports::views::GrantRow;

use crate::{
    enums::{Level, Role},
    environment::Environment,
    member::Member,
    scalar::DateTime,
    service_account::ServiceAccount,
    team::Team,
};

/// Who owns a credential.
#[derive(Union)]
pub enum Owner {
    /// A person.
    Member(Member),
    /// A team.
    Team(Team),
}

impl Owner {
    pub(crate) async fn load(ctx: &Context<'_>, owner: DomainOwner, as_of: AsOf) -> Result<Option<Self>> {
        Ok(match owner {
            DomainOwner::Member(id) => Member::load(ctx, id).await?.map(Self::Member),
            DomainOwner::Team(id) => Team::seen(ctx, id, as_of).await?.map(Self::Team),
        })
    }
}

/// Who holds a grant.
#[derive(Union)]
pub enum Grantee {
    /// A person.
    Member(Member),
    /// All members of a team.
    Team(Team),
    /// A service account.
    ServiceAccount(ServiceAccount),
    /// All who hold an environment.
    Environment(Environment),
}

impl Grantee {
    pub(super) async fn load(ctx: &Context<'_>, grantee: DomainGrantee, as_of: AsOf) -> Result<Option<Self>> {
        Ok(match grantee {
            DomainGrantee::Member(id) => Member::load(ctx, id).await?.map(Self::Member),
            DomainGrantee::Team(id) => Team::seen(ctx, id, as_of).await?.map(Self::Team),
            DomainGrantee::Environment(id) => Environment::load(ctx, id).await?.map(Self::Environment),
            DomainGrantee::ServiceAccount(id) => {
                ServiceAccount::load(ctx, id).await?.map(Self::ServiceAccount)
            }
        })
    }
}

/// How somebody comes by a level on a credential.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
pub enum AccessVia {
    /// It is his own, or the team's.
    Owner,
    /// He was given it.
    Grant,
    /// He is in the team that owns it, or that was given it.
    Team,
    /// He, or a team of his, holds an environment that it was put into.
    Environment,
    /// His role in the tenant. It opens no lease.
    Role,
}

/// One way by which a member, a team or a service account can use a credential, or could at the
/// asked moment. Who has several ways has what the highest of them gives.
pub struct CredentialAccess {
    pub(super) row: Access,
    pub(super) as_of: AsOf,
}

#[Object]
impl CredentialAccess {
    /// Who.
    async fn grantee(&self, ctx: &Context<'_>) -> Result<Option<Grantee>> {
        Grantee::load(ctx, self.row.who, self.as_of).await
    }

    /// What he can do.
    async fn level(&self) -> Level {
        self.row.level.into()
    }

    /// How he comes by it.
    async fn via(&self) -> AccessVia {
        match self.row.way {
            Way::Owner => AccessVia::Owner,
            Way::Grant => AccessVia::Grant,
            Way::OwningTeam(_) | Way::GrantedTeam(_) => AccessVia::Team,
            Way::Environment(_) => AccessVia::Environment,
            Way::Role(_) => AccessVia::Role,
        }
    }

    /// The team that it comes through.
    async fn team(&self, ctx: &Context<'_>) -> Result<Option<Team>> {
        match self.row.way {
            Way::OwningTeam(team) | Way::GrantedTeam(team) => Team::seen(ctx, team, self.as_of).await,
            Way::Owner | Way::Grant | Way::Environment(_) | Way::Role(_) => Ok(None),
        }
    }

    /// The environment that it comes through.
    async fn environment_id(&self) -> Option<ID> {
        match self.row.way {
            Way::Environment(environment) => Some(environment.to_string().into()),
            _ => None,
        }
    }

    /// The role that it comes from.
    async fn role(&self) -> Option<Role> {
        match self.row.way {
            Way::Role(role) => Some(role.into()),
            _ => None,
        }
    }

    /// Until when; none: without end.
    async fn until(&self) -> Option<DateTime> {
        self.row.until.map(DateTime)
    }
}

/// A level that somebody was given on a credential.
pub struct Grant {
    pub(super) row: GrantRow,
    pub(super) at: keytrail_domain::Timestamp,
    pub(super) as_of: AsOf,
}

#[Object]
impl Grant {
    /// Who holds it.
    async fn grantee(&self, ctx: &Context<'_>) -> Result<Option<Grantee>> {
        Grantee::load(ctx, self.row.grantee, self.as_of).await
    }

    /// What it allows.
    async fn level(&self) -> Level {
        self.row.level.into()
    }

    /// Until when; none: without end.
    async fn expires_at(&self) -> Option<DateTime> {
        self.row.expires_at.map(DateTime)
    }

    /// Since when.
    async fn granted_at(&self) -> DateTime {
        self.row.granted_at.into()
    }

    /// It counts: at the moment that the credential is seen at, else now.
    async fn in_force(&self) -> bool {
        self.row.expires_at.is_none_or(|end| self.at < end)
    }
}
