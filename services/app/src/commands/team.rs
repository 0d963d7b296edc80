//! Teams.

use keytrail_domain::{
    StreamId, TeamId, TenantId,
    team::{Team, TeamCommand},
};
use keytrail_ports::{
    Action, Object, Scope,
    views::{CredentialFilter, CredentialOrder, CredentialQuery, PageRequest},
};
use uuid::Uuid;

use crate::{
    App, AppError, Call, Done, Mutation, TeamPlace,
    execute::Execution,
    idempotency::{About, Admission, Ticket},
};

type Answer = Result<Done<TeamId>, AppError>;

impl App {
    /// Makes a team.
    ///
    /// # Errors
    /// `CONFLICT` for a taken name.
    pub async fn create_team(&self, call: &Call, mutation: Mutation, name: String) -> Answer {
        self.authorize(call, Action::Create, Object::Team(None)).await?;
        let ticket = match self.admit(call, &mutation, About::New(stream_of)).await? {
            Admission::Done(done) => return replayed(done),
            Admission::Do(ticket) => ticket,
        };
        let _name = self.hold_team_name(call, &name, None).await?;
        let team = TeamId::from_uuid(ticket.id(self));
        let stream = StreamId::team(call.principal.tenant, team);
        let done = self
            .execute::<Team>(Execution::of(call, stream, &ticket).fresh(), |_| {
                Ok(TeamCommand::Create { team, name: name.clone() })
            })
            .await?;
        Ok(done.map(|()| team))
    }

    /// Gives a team another name.
    ///
    /// # Errors
    /// `CONFLICT` for a taken name.
    pub async fn rename_team(
        &self,
        call: &Call,
        mutation: Mutation,
        team: TeamId,
        name: String,
        expected: Option<u64>,
    ) -> Answer {
        let ticket = match self.admit_change(call, &mutation, Action::Update, team).await? {
            Admission::Done(done) => return replayed(done),
            Admission::Do(ticket) => ticket,
        };
        let _name = self.hold_team_name(call, &name, Some(team)).await?;
        self.change_team(call, &ticket, (team, expected), TeamCommand::Rename { name }).await
    }

    /// Ends a team that owns nothing.
    ///
    /// # Errors
    /// `TEAM_OWNS_CREDENTIALS`.
    pub async fn delete_team(
        &self,
        call: &Call,
        mutation: Mutation,
        team: TeamId,
        expected: Option<u64>,
    ) -> Answer {
        let ticket = match self.admit_change(call, &mutation, Action::Delete, team).await? {
            Admission::Done(done) => return replayed(done),
            Admission::Do(ticket) => ticket,
        };
        let owned_credentials =
            self.owned_by_team(call, team, false).await? + self.owned_by_team(call, team, true).await?;
        let command = TeamCommand::Delete { owned_credentials };
        self.change_team(call, &ticket, (team, expected), command).await
    }

    /// Puts a member into a team.
    ///
    /// # Errors
    /// `NOT_FOUND` for a member that is none; `BREAK_GLASS` for an admin who would give himself the use of a
    /// credential.
    pub async fn add_team_member(
        &self,
        call: &Call,
        mutation: Mutation,
        place: TeamPlace,
        lead: bool,
    ) -> Answer {
        let ticket = match self.admit_change(call, &mutation, Action::ChangeMembers, place.team).await? {
            Admission::Done(done) => return replayed(done),
            Admission::Do(ticket) => ticket,
        };
        self.present_member(call, place.member).await?;
        self.takes_no_use_by_joining(call, place, lead).await?;
        let command = TeamCommand::AddMember { member: place.member, lead };
        self.change_team(call, &ticket, (place.team, place.expected_revision), command).await
    }

    /// Takes a member out of a team.
    ///
    /// # Errors
    /// `NOT_FOUND` for a member that is not in it.
    pub async fn remove_team_member(&self, call: &Call, mutation: Mutation, place: TeamPlace) -> Answer {
        match self.admit_change(call, &mutation, Action::ChangeMembers, place.team).await? {
            Admission::Done(done) => replayed(done),
            Admission::Do(ticket) => {
                let command = TeamCommand::RemoveMember { member: place.member };
                self.change_team(call, &ticket, (place.team, place.expected_revision), command).await
            }
        }
    }

    /// Makes a member of a team its lead, or not any more.
    ///
    /// # Errors
    /// `NOT_FOUND` for a member that is not in it; `BREAK_GLASS` for an admin who would give himself more of a
    /// credential than he has.
    pub async fn set_team_lead(
        &self,
        call: &Call,
        mutation: Mutation,
        place: TeamPlace,
        lead: bool,
    ) -> Answer {
        let ticket = match self.admit_change(call, &mutation, Action::ChangeMembers, place.team).await? {
            Admission::Done(done) => return replayed(done),
            Admission::Do(ticket) => ticket,
        };
        if lead {
            self.takes_no_use_by_joining(call, place, lead).await?;
        }
        let command = TeamCommand::SetLead { member: place.member, lead };
        self.change_team(call, &ticket, (place.team, place.expected_revision), command).await
    }

    /// `NOT_FOUND` unless the team is present.
    pub(super) async fn present_team(&self, call: &Call, team: TeamId) -> Result<(), AppError> {
        let rows = self.ports().views.teams_by_id(call.principal.tenant, &[team]).await?;
        if rows.iter().any(|row| row.deleted_at.is_none()) { Ok(()) } else { Err(AppError::NotFound) }
    }

    /// Authorises, and answers a repeated mutation at once: what it asks for is perhaps so already,
    /// or not true any more.
    async fn admit_change(
        &self,
        call: &Call,
        mutation: &Mutation,
        action: Action,
        team: TeamId,
    ) -> Result<Admission, AppError> {
        self.authorize(call, action, Object::Team(Some(team))).await?;
        self.admit(call, mutation, About::Stream(StreamId::team(call.principal.tenant, team))).await
    }

    async fn change_team(
        &self,
        call: &Call,
        ticket: &Ticket,
        (team, expected): (TeamId, Option<u64>),
        command: TeamCommand,
    ) -> Answer {
        let stream = StreamId::team(call.principal.tenant, team);
        let execution = Execution::of(call, stream, ticket).at(expected);
        let done = self.execute::<Team>(execution, |_| Ok(command.clone())).await?;
        Ok(done.map(|()| team))
    }

    async fn hold_team_name(
        &self,
        call: &Call,
        name: &str,
        except: Option<TeamId>,
    ) -> Result<crate::claims::Claim, AppError> {
        let taken = || AppError::conflict("another team has this name: choose another name");
        let (tenant, name) = (call.principal.tenant, name.trim());
        let what = format!("team\0{tenant}\0{}", name.to_lowercase());
        let claim = self.0.claims.try_take(what).ok_or_else(taken)?;
        match self.ports().views.team_by_name(tenant, name).await? {
            Some(row) if Some(row.id) != except => Err(taken()),
            _ => Ok(claim),
        }
    }

    async fn owned_by_team(&self, call: &Call, team: TeamId, deleted: bool) -> Result<u64, AppError> {
        let filter = CredentialFilter {
            owner: Some(keytrail_domain::Owner::Team(team)),
            deleted,
            ..CredentialFilter::default()
        };
        let query = CredentialQuery {
            tenant: call.principal.tenant,
            scope: Scope::All,
            filter,
            order: CredentialOrder::default(),
            page: PageRequest::first(1),
            now: self.now(),
        };
        Ok(self.ports().views.count_credentials(query).await?)
    }
}

fn stream_of(tenant: TenantId, id: Uuid) -> StreamId {
    StreamId::team(tenant, TeamId::from_uuid(id))
}

fn replayed(done: Done<StreamId>) -> Answer {
    let team = done.value.team_id().ok_or_else(|| AppError::internal("the key is of another kind"))?;
    Ok(done.map(|_| team))
}
