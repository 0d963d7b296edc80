//! Who owns a credential and who holds grants on it.

use async_graphql::{Context, ID, Object, Result, SimpleObject, Union};
use keytrail_domain::{Grantee as DomainGrantee, Owner as DomainOwner};
use keytrail_ports::views::GrantRow;

use crate::{enums::Level, member::Member, scalar::DateTime, team::Team};

/// Who owns a credential.
#[derive(Union)]
pub enum Owner {
    /// A person.
    Member(Member),
    /// A team.
    Team(Team),
}

impl Owner {
    pub(super) async fn load(ctx: &Context<'_>, owner: DomainOwner) -> Result<Option<Self>> {
        Ok(match owner {
            DomainOwner::Member(id) => Member::load(ctx, id).await?.map(Self::Member),
            DomainOwner::Team(id) => Team::load(ctx, id).await?.map(Self::Team),
        })
    }
}

/// A non-human member.
#[derive(SimpleObject)]
pub struct ServiceAccount {
    /// Global id, `svc_…`.
    pub id: ID,
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
}

/// A level that somebody was given on a credential.
pub struct Grant {
    pub(super) row: GrantRow,
    pub(super) now: keytrail_domain::Timestamp,
}

#[Object]
impl Grant {
    /// Who holds it.
    async fn grantee(&self, ctx: &Context<'_>) -> Result<Option<Grantee>> {
        Ok(match self.row.grantee {
            DomainGrantee::Member(id) => Member::load(ctx, id).await?.map(Grantee::Member),
            DomainGrantee::Team(id) => Team::load(ctx, id).await?.map(Grantee::Team),
            DomainGrantee::ServiceAccount(id) => {
                Some(Grantee::ServiceAccount(ServiceAccount { id: id.to_string().into() }))
            }
        })
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

    /// It counts now.
    async fn in_force(&self) -> bool {
        self.row.expires_at.is_none_or(|end| self.now < end)
    }
}
