//! Environments: made, changed, shared, ended.

use keytrail_domain::{
    ConnectionId, EnvironmentId, Grantee, StreamId, TenantId,
    environment::{Environment, EnvironmentCommand as Command},
};
use keytrail_ports::{Action, Object, views::EnvironmentRow};
use uuid::Uuid;

use crate::{
    App, AppError, Call, Done, EnvironmentChange, Mutation, NewEnvironment, NewEnvironmentShare,
    execute::Execution,
    idempotency::{About, Admission, Ticket},
};

type Answer = Result<Done<EnvironmentId>, AppError>;

/// Most environments of one tenant: their names are compared one by one.
const MOST_ENVIRONMENTS: usize = 1_000;

/// An environment that a change is about.
struct Target {
    row: EnvironmentRow,
    ticket: Ticket,
}

impl App {
    /// Makes an environment.
    ///
    /// # Errors
    /// `CONFLICT` for a taken name; `TOO_MANY_ENVIRONMENTS`; `NOT_FOUND` for an unknown team or connection.
    pub async fn create_environment(&self, call: &Call, mutation: Mutation, input: NewEnvironment) -> Answer {
        self.authorize(call, Action::Create, Object::Environment(input.team)).await?;
        let ticket = match self.admit(call, &mutation, About::New(stream_of)).await? {
            Admission::Done(done) => return replayed(done),
            Admission::Do(ticket) => ticket,
        };
        if let Some(team) = input.team {
            self.present_team(call, team).await?;
        }
        self.may_put_in(call, &input.connections).await?;
        let _name = self.hold_environment_name(call, &input.name, None).await?;
        let environment = EnvironmentId::from_uuid(ticket.id(self));
        let stream = StreamId::environment(call.principal.tenant, environment);
        let create = Command::Create {
            environment,
            name: input.name,
            description: input.description,
            team: input.team,
            connections: input.connections,
        };
        let execution = Execution::of(call, stream, &ticket).fresh();
        let done = self.execute::<Environment>(execution, |_| Ok(create.clone())).await?;
        Ok(done.map(|()| environment))
    }

    /// Changes name and description, and which connections are in it.
    ///
    /// # Errors
    /// `CONFLICT` for a taken name; `NOT_FOUND` for an unknown connection.
    pub async fn update_environment(
        &self,
        call: &Call,
        mutation: Mutation,
        change: EnvironmentChange,
    ) -> Answer {
        let target = match self.environment_target(call, &mutation, Action::Update, change.id).await? {
            Err(done) => return Ok(done),
            Ok(target) => target,
        };
        self.may_put_in(call, &change.add_connections).await?;
        let _name = match &change.name {
            Some(name) => Some(self.hold_environment_name(call, name, Some(change.id)).await?),
            None => None,
        };
        let update = Command::Update {
            name: change.name,
            description: change.description,
            add: change.add_connections,
            remove: change.remove_connections,
        };
        self.change_environment(call, &target, change.expected_revision, update).await
    }

    /// Lets a member, a team or a service account hold an environment.
    ///
    /// # Errors
    /// `NOT_FOUND` for an unknown grantee; `BREAK_GLASS` for an admin who would give himself the use of a
    /// credential; bad input for an end in the past.
    pub async fn share_environment(
        &self,
        call: &Call,
        mutation: Mutation,
        share: NewEnvironmentShare,
    ) -> Answer {
        let target = match self.environment_target(call, &mutation, Action::Share, share.id).await? {
            Err(done) => return Ok(done),
            Ok(target) => target,
        };
        if !matches!(share.grantee, Grantee::Environment(_)) {
            self.known_grantee(call, share.grantee).await?;
        }
        self.gives_himself_nothing_in(call, &target.row, &share).await?;
        let command =
            Command::Share { grantee: share.grantee, expires_at: share.expires_at, now: self.now() };
        self.change_environment(call, &target, share.expected_revision, command).await
    }

    /// Takes that back.
    ///
    /// # Errors
    /// Bad input for the environment's own team.
    pub async fn revoke_environment_share(
        &self,
        call: &Call,
        mutation: Mutation,
        id: EnvironmentId,
        grantee: Grantee,
        expected: Option<u64>,
    ) -> Answer {
        self.simply_change(call, mutation, (Action::Share, id, expected), Command::RevokeShare { grantee })
            .await
    }

    /// Ends an environment: nobody has anything by it any more. What was in it stays.
    ///
    /// # Errors
    /// As every change.
    pub async fn delete_environment(
        &self,
        call: &Call,
        mutation: Mutation,
        id: EnvironmentId,
        expected: Option<u64>,
    ) -> Answer {
        self.simply_change(call, mutation, (Action::Delete, id, expected), Command::Delete).await
    }

    /// May the caller put credentials into this environment?
    ///
    /// # Errors
    /// `NOT_FOUND` for one that he may not view or that is deleted, `FORBIDDEN` for one that he may not change.
    pub(super) async fn may_fill(&self, call: &Call, id: EnvironmentId) -> Result<(), AppError> {
        let row = self.ports().views.environments_by_id(call.principal.tenant, &[id]).await?.pop();
        let row = row.filter(|row| row.deleted_at.is_none()).ok_or(AppError::NotFound)?;
        self.authorize_environment(call, Action::Update, &row).await
    }

    /// Who holds an environment may see it, whatever else he may.
    async fn authorize_environment(
        &self,
        call: &Call,
        action: Action,
        row: &EnvironmentRow,
    ) -> Result<(), AppError> {
        match self.authorize(call, action, Object::Environment(row.team)).await {
            Err(AppError::NotFound) if self.holds(call, row.id).await? => Err(AppError::Forbidden),
            answer => answer,
        }
    }

    async fn environment_target(
        &self,
        call: &Call,
        mutation: &Mutation,
        action: Action,
        id: EnvironmentId,
    ) -> Result<Result<Target, Done<EnvironmentId>>, AppError> {
        self.ports().authorizer.role(&call.principal).await?;
        let tenant = call.principal.tenant;
        let row = self.ports().views.environments_by_id(tenant, &[id]).await?.pop();
        let row = row.ok_or(AppError::NotFound)?;
        self.authorize_environment(call, action, &row).await?;
        Ok(match self.admit(call, mutation, About::Stream(StreamId::environment(tenant, id))).await? {
            Admission::Done(done) => Err(replayed(done)?),
            Admission::Do(ticket) => Ok(Target { row, ticket }),
        })
    }

    async fn simply_change(
        &self,
        call: &Call,
        mutation: Mutation,
        (action, id, expected): (Action, EnvironmentId, Option<u64>),
        command: Command,
    ) -> Answer {
        match self.environment_target(call, &mutation, action, id).await? {
            Err(done) => Ok(done),
            Ok(target) => self.change_environment(call, &target, expected, command).await,
        }
    }

    async fn change_environment(
        &self,
        call: &Call,
        target: &Target,
        expected: Option<u64>,
        command: Command,
    ) -> Answer {
        let stream = StreamId::environment(call.principal.tenant, target.row.id);
        let execution = Execution::of(call, stream, &target.ticket).at(expected);
        let done = self.execute::<Environment>(execution, |_| Ok(command.clone())).await?;
        Ok(done.map(|()| target.row.id))
    }

    /// Whoever puts a connection in must be one who may change it.
    async fn may_put_in(&self, call: &Call, connections: &[ConnectionId]) -> Result<(), AppError> {
        let rows = self.ports().views.connections_by_id(call.principal.tenant, connections).await?;
        for id in connections {
            let row = rows.iter().find(|row| row.id == *id).ok_or(AppError::NotFound)?;
            self.authorize(call, Action::Update, Object::Connection(row.owner)).await?;
        }
        Ok(())
    }

    async fn hold_environment_name(
        &self,
        call: &Call,
        name: &str,
        except: Option<EnvironmentId>,
    ) -> Result<crate::claims::Claim, AppError> {
        let taken = || AppError::conflict("another environment has this name: choose another name");
        let (tenant, name) = (call.principal.tenant, name.trim().to_lowercase());
        // One name for all of the tenant's: the count below must hold too.
        let claim = self.0.claims.take(format!("environment\0{tenant}")).await?;
        let all = self.ports().views.environments(tenant).await?;
        if except.is_none() && all.len() >= MOST_ENVIRONMENTS {
            return Err(AppError::Refused {
                reason: "TOO_MANY_ENVIRONMENTS",
                message: format!("a tenant has at most {MOST_ENVIRONMENTS} environments"),
                details: serde_json::Value::Null,
            });
        }
        match all.iter().find(|row| row.name.to_lowercase() == name) {
            Some(row) if Some(row.id) != except => Err(taken()),
            _ => Ok(claim),
        }
    }
}

fn stream_of(tenant: TenantId, id: Uuid) -> StreamId {
    StreamId::environment(tenant, EnvironmentId::from_uuid(id))
}

fn replayed(done: Done<StreamId>) -> Answer {
    let missing = || AppError::internal("the key is of another kind");
    let id = done.value.environment_id().ok_or_else(missing)?;
    Ok(done.map(|_| id))
}
