//! Teams.

use async_graphql::{Context, ID, Object, Result};
use keytrail_domain::TeamId;
use keytrail_ports::views::{TeamMemberRow, TeamRow};

use crate::{
    context::{app, caller},
    error::OrFail,
    loader::load,
    member::Member,
    scalar::DateTime,
};

/// A named group of members. A deleted team stays, so that history can name it.
#[derive(Clone, Debug)]
pub struct Team(pub TeamRow);

impl Team {
    /// The team with this id, present or deleted.
    pub(crate) async fn load(ctx: &Context<'_>, id: TeamId) -> Result<Option<Self>> {
        Ok(load(ctx, id).await?.map(Self))
    }
}

#[Object]
impl Team {
    /// Global id, `team_…`.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Its name, unique in the tenant.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Its members; leads first.
    #[graphql(complexity = "20 * child_complexity + 1")]
    async fn members(&self, ctx: &Context<'_>) -> Result<Vec<TeamMember>> {
        let call = caller(ctx).await?;
        let mut rows = app(ctx)?.team_members(&call, self.0.id).await.or_fail(ctx)?;
        rows.sort_by_key(|row| (!row.lead, row.member));
        Ok(rows.into_iter().map(TeamMember).collect())
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When it was deleted, if it was.
    async fn deleted_at(&self) -> Option<DateTime> {
        self.0.deleted_at.map(DateTime)
    }

    /// How often people changed it: for `expectedRevision`.
    async fn revision(&self) -> u64 {
        self.0.revision
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
