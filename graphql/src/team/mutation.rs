//! Changes of teams.

use async_graphql::{Context, ID, InputObject, Object, Result};
use keytrail_app::TeamPlace;
use keytrail_domain::{MemberId, TeamId};

use super::Team;
use crate::{
    context::{app, caller},
    error::{OrFail, bad_id},
    input::{mutation, revision},
    payload::payload,
};

/// A new team.
#[derive(InputObject, Clone)]
pub struct CreateTeamInput {
    /// Its name, unique in the tenant without regard to case.
    pub name: String,
    /// The same key and input answer the same team again, for a day.
    pub idempotency_key: Option<String>,
}

/// Another name for a team.
#[derive(InputObject, Clone)]
pub struct RenameTeamInput {
    /// The team.
    pub team_id: ID,
    /// Its name from now on.
    pub name: String,
    /// Only when the team is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A team that ends.
#[derive(InputObject, Clone)]
pub struct DeleteTeamInput {
    /// The team; it must own no credential.
    pub team_id: ID,
    /// Only when the team is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A member for a team.
#[derive(InputObject, Clone)]
pub struct AddTeamMemberInput {
    /// The team.
    pub team_id: ID,
    /// The member.
    pub member_id: ID,
    /// As its lead.
    #[graphql(default)]
    pub lead: bool,
    /// Only when the team is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A member who leaves a team.
#[derive(InputObject, Clone)]
pub struct RemoveTeamMemberInput {
    /// The team.
    pub team_id: ID,
    /// The member.
    pub member_id: ID,
    /// Only when the team is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// Whether a member of a team leads it.
#[derive(InputObject, Clone)]
pub struct SetTeamLeadInput {
    /// The team.
    pub team_id: ID,
    /// The member; must be in the team.
    pub member_id: ID,
    /// Leads it from now on, or not any more.
    pub lead: bool,
    /// Only when the team is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

payload! {
    /// The new team.
    CreateTeamPayload {
        /// The team.
        team: Team
    }
}
payload! {
    /// The renamed team.
    RenameTeamPayload {
        /// The team.
        team: Team
    }
}
payload! {
    /// The deleted team.
    DeleteTeamPayload {
        /// The team, with `deletedAt`.
        team: Team
    }
}
payload! {
    /// The team with its member.
    AddTeamMemberPayload {
        /// The team.
        team: Team
    }
}
payload! {
    /// The team without the member.
    RemoveTeamMemberPayload {
        /// The team.
        team: Team
    }
}
payload! {
    /// The team with its leads.
    SetTeamLeadPayload {
        /// The team.
        team: Team
    }
}

/// Changes of teams.
#[derive(Default)]
pub struct TeamMutation;

#[Object]
impl TeamMutation {
    /// Make a team.
    async fn create_team(&self, ctx: &Context<'_>, input: CreateTeamInput) -> Result<CreateTeamPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("createTeam", input.idempotency_key.clone(), &input);
        let done = app(ctx)?.create_team(&call, mutation, input.name).await.or_fail(ctx)?;
        Ok(CreateTeamPayload::new(&done, Team::load(ctx, done.value).await?))
    }

    /// Give a team another name.
    async fn rename_team(&self, ctx: &Context<'_>, input: RenameTeamInput) -> Result<RenameTeamPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("renameTeam", input.idempotency_key.clone(), &input);
        let (id, expected) = (team_id(&input.team_id)?, revision(input.expected_revision)?);
        let done = app(ctx)?.rename_team(&call, mutation, id, input.name, expected).await.or_fail(ctx)?;
        Ok(RenameTeamPayload::new(&done, Team::load(ctx, id).await?))
    }

    /// End a team that owns no credential. Grants that it holds end with it.
    async fn delete_team(&self, ctx: &Context<'_>, input: DeleteTeamInput) -> Result<DeleteTeamPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("deleteTeam", input.idempotency_key.clone(), &input);
        let (id, expected) = (team_id(&input.team_id)?, revision(input.expected_revision)?);
        let done = app(ctx)?.delete_team(&call, mutation, id, expected).await.or_fail(ctx)?;
        Ok(DeleteTeamPayload::new(&done, Team::load(ctx, id).await?))
    }

    /// Put a member into a team.
    async fn add_team_member(
        &self,
        ctx: &Context<'_>,
        input: AddTeamMemberInput,
    ) -> Result<AddTeamMemberPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("addTeamMember", input.idempotency_key.clone(), &input);
        let place = place(&input.team_id, &input.member_id, input.expected_revision)?;
        let done = app(ctx)?.add_team_member(&call, mutation, place, input.lead).await.or_fail(ctx)?;
        Ok(AddTeamMemberPayload::new(&done, Team::load(ctx, place.team).await?))
    }

    /// Take a member out of a team.
    async fn remove_team_member(
        &self,
        ctx: &Context<'_>,
        input: RemoveTeamMemberInput,
    ) -> Result<RemoveTeamMemberPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("removeTeamMember", input.idempotency_key.clone(), &input);
        let place = place(&input.team_id, &input.member_id, input.expected_revision)?;
        let done = app(ctx)?.remove_team_member(&call, mutation, place).await.or_fail(ctx)?;
        Ok(RemoveTeamMemberPayload::new(&done, Team::load(ctx, place.team).await?))
    }

    /// Make a member of a team its lead, or not any more.
    async fn set_team_lead(&self, ctx: &Context<'_>, input: SetTeamLeadInput) -> Result<SetTeamLeadPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("setTeamLead", input.idempotency_key.clone(), &input);
        let place = place(&input.team_id, &input.member_id, input.expected_revision)?;
        let done = app(ctx)?.set_team_lead(&call, mutation, place, input.lead).await.or_fail(ctx)?;
        Ok(SetTeamLeadPayload::new(&done, Team::load(ctx, place.team).await?))
    }
}

fn team_id(id: &ID) -> Result<TeamId> {
    TeamId::parse(id).map_err(|error| bad_id("input.teamId", &error))
}

fn place(team: &ID, member: &ID, expected: Option<i64>) -> Result<TeamPlace> {
    Ok(TeamPlace { team: team_id(team)?, member: member_id(member)?, expected_revision: revision(expected)? })
}

fn member_id(id: &ID) -> Result<MemberId> {
    MemberId::parse(id).map_err(|error| bad_id("input.memberId", &error))
}
