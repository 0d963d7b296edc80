//! Teams.

use async_graphql::{Context, ID, Object, Result};
use keytrail_app::AsOf;
use keytrail_domain::TeamId;
use keytrail_ports::views::{TeamMemberRow, TeamRow};

use crate::{
    context::{app, caller},
    error::OrFail,
    loader::load,
    member::Member,
    scalar::DateTime,
};

/// A named group of members. A deleted team stays, so that history can name it. In an answer as of a
/// past moment its members are those of then, and everything else of it is as it is now.
#[derive(Clone, Debug)]
pub struct Team {
    row: TeamRow,
    as_of: AsOf,
}

impl Team {
    /// The team with this id, present or deleted.
    pub(crate) async fn load(ctx: &Context<'_>, id: TeamId) -> Result<Option<Self>> {
        Self::seen(ctx, id, AsOf::Now).await
    }

    /// The same, with its members of then.
    pub(crate) async fn seen(ctx: &Context<'_>, id: TeamId, as_of: AsOf) -> Result<Option<Self>> {
        Ok(load(ctx, id).await?.map(|row| Self { row, as_of }))
    }

    /// A team as it is.
    pub(crate) fn now(row: TeamRow) -> Self {
        Self { row, as_of: AsOf::Now }
    }
}

#[Object]
impl Team {
    /// Global id, `team_…`.
    pub async fn id(&self) -> ID {
        self.row.id.to_string().into()
    }

    /// Its name, unique in the tenant.
    async fn name(&self) -> &str {
        &self.row.name
    }

    /// Its members; leads first.
    #[graphql(complexity = "20 * child_complexity + 1")]
    async fn members(&self, ctx: &Context<'_>) -> Result<Vec<TeamMember>> {
        let call = caller(ctx).await?;
        let mut rows = app(ctx)?.team_members(&call, self.row.id, self.as_of).await.or_fail(ctx)?;
        rows.sort_by_key(|row| (!row.lead, row.member));
        Ok(rows.into_iter().map(TeamMember).collect())
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.row.created_at.into()
    }

    /// When it was deleted, if it was.
    async fn deleted_at(&self) -> Option<DateTime> {
        self.row.deleted_at.map(DateTime)
    }

    /// How often people changed it: for `expectedRevision`.
    async fn revision(&self) -> u64 {
        self.row.revision
    }
}

/// Someone in a team.
pub struct TeamMember(TeamMemberRow);

#[Object]
impl TeamMember {
    /// The member.
    async fn member(&self, ctx: &Context<'_>) -> Result<Option<Member>> {
        Member::load(ctx, self.0.member).await
    }

    /// Leads the team: manages its credentials and members.
    async fn lead(&self) -> bool {
        self.0.lead
    }
}
