//! Changes of environments.

use async_graphql::{Context, ID, InputObject, Object, Result};
use keytrail_app::{EnvironmentChange, NewEnvironment, NewEnvironmentShare};
use keytrail_domain::{ConnectionId, EnvironmentId, TeamId};

use super::Environment;
use crate::{
    context::{app, caller},
    credential::grantee_id,
    error::{OrFail, bad_id},
    input::{mutation, revision},
    payload::payload,
    scalar::DateTime,
};

/// A new environment.
#[derive(InputObject, Clone)]
pub struct CreateEnvironmentInput {
    /// Its name, unique in the tenant without regard to case.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// The team that it belongs to: its leads change it, and all of its members hold it. Without one it is
    /// the tenant's, and only admins make and change it.
    pub team_id: Option<ID>,
    /// Connections that are in it from the beginning.
    #[graphql(default)]
    pub connection_ids: Vec<ID>,
    /// The same key and input answer the same environment again, for a day.
    pub idempotency_key: Option<String>,
}

/// Changes of an environment; what is not given stays.
#[derive(InputObject, Clone)]
pub struct UpdateEnvironmentInput {
    /// The environment.
    pub environment_id: ID,
    /// Its name from now on.
    pub name: Option<String>,
    /// For people; an empty text takes it away.
    pub description: Option<String>,
    /// Connections to put in; the caller must be one who may change them.
    #[graphql(default)]
    pub add_connection_ids: Vec<ID>,
    /// Connections to take out.
    #[graphql(default)]
    pub remove_connection_ids: Vec<ID>,
    /// Only when the environment is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// Somebody who is to hold an environment.
#[derive(InputObject, Clone)]
pub struct ShareEnvironmentInput {
    /// The environment.
    pub environment_id: ID,
    /// A member, a team or a service account.
    pub grantee_id: ID,
    /// Until when; without it: until it is taken back.
    pub expires_at: Option<DateTime>,
    /// Only when the environment is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// Somebody who is not to hold an environment any more.
#[derive(InputObject, Clone)]
pub struct RevokeEnvironmentShareInput {
    /// The environment.
    pub environment_id: ID,
    /// Who holds it.
    pub grantee_id: ID,
    /// Only when the environment is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// An environment that ends.
#[derive(InputObject, Clone)]
pub struct DeleteEnvironmentInput {
    /// The environment.
    pub environment_id: ID,
    /// Only when the environment is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

payload! {
    /// The new environment.
    CreateEnvironmentPayload {
        /// The environment.
        environment: Environment
    }
}
payload! {
    /// The changed environment.
    UpdateEnvironmentPayload {
        /// The environment.
        environment: Environment
    }
}
payload! {
    /// The environment with its share.
    ShareEnvironmentPayload {
        /// The environment.
        environment: Environment
    }
}
payload! {
    /// The environment without the share.
    RevokeEnvironmentSharePayload {
        /// The environment; null when the viewer may not see it any more.
        environment: Environment
    }
}
payload! {
    /// The deleted environment.
    DeleteEnvironmentPayload {
        /// The environment, with `deletedAt`; null when the viewer may not see it any more.
        environment: Environment
    }
}

/// Changes of environments.
#[derive(Default)]
pub struct EnvironmentMutation;

#[Object]
impl EnvironmentMutation {
    /// Make an environment. A credential is put in by `shareCredential` with the environment as grantee.
    async fn create_environment(
        &self,
        ctx: &Context<'_>,
        input: CreateEnvironmentInput,
    ) -> Result<CreateEnvironmentPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("createEnvironment", input.idempotency_key.clone(), &input);
        let team = input.team_id.as_ref().map(|id| TeamId::parse(id)).transpose();
        let environment = NewEnvironment {
            name: input.name,
            description: input.description,
            team: team.map_err(|error| bad_id("input.teamId", &error))?,
            connections: connections("input.connectionIds", &input.connection_ids)?,
        };
        let done = app(ctx)?.create_environment(&call, mutation, environment).await.or_fail(ctx)?;
        Ok(CreateEnvironmentPayload::new(&done, Environment::load(ctx, done.value).await?))
    }

    /// Change an environment's name and description, and which connections are in it.
    async fn update_environment(
        &self,
        ctx: &Context<'_>,
        input: UpdateEnvironmentInput,
    ) -> Result<UpdateEnvironmentPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("updateEnvironment", input.idempotency_key.clone(), &input);
        let change = EnvironmentChange {
            id: environment_id(&input.environment_id)?,
            add_connections: connections("input.addConnectionIds", &input.add_connection_ids)?,
            remove_connections: connections("input.removeConnectionIds", &input.remove_connection_ids)?,
            name: input.name,
            description: input.description,
            expected_revision: revision(input.expected_revision)?,
        };
        let done = app(ctx)?.update_environment(&call, mutation, change).await.or_fail(ctx)?;
        Ok(UpdateEnvironmentPayload::new(&done, Environment::load(ctx, done.value).await?))
    }

    /// Let a member, a team or a service account hold an environment.
    async fn share_environment(
        &self,
        ctx: &Context<'_>,
        input: ShareEnvironmentInput,
    ) -> Result<ShareEnvironmentPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("shareEnvironment", input.idempotency_key.clone(), &input);
        let share = NewEnvironmentShare {
            id: environment_id(&input.environment_id)?,
            grantee: grantee_id(&input.grantee_id)?,
            expires_at: input.expires_at.map(|end| end.0),
            expected_revision: revision(input.expected_revision)?,
        };
        let done = app(ctx)?.share_environment(&call, mutation, share).await.or_fail(ctx)?;
        Ok(ShareEnvironmentPayload::new(&done, Environment::load(ctx, done.value).await?))
    }

    /// Let somebody hold an environment no longer: what he had by it ends at once.
    async fn revoke_environment_share(
        &self,
        ctx: &Context<'_>,
        input: RevokeEnvironmentShareInput,
    ) -> Result<RevokeEnvironmentSharePayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("revokeEnvironmentShare", input.idempotency_key.clone(), &input);
        let (id, who) = (environment_id(&input.environment_id)?, grantee_id(&input.grantee_id)?);
        let expected = revision(input.expected_revision)?;
        let done =
            app(ctx)?.revoke_environment_share(&call, mutation, id, who, expected).await.or_fail(ctx)?;
        Ok(RevokeEnvironmentSharePayload::new(&done, Environment::load(ctx, id).await?))
    }

    /// End an environment: nobody has anything by it any more. Credentials and connections stay.
    async fn delete_environment(
        &self,
        ctx: &Context<'_>,
        input: DeleteEnvironmentInput,
    ) -> Result<DeleteEnvironmentPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("deleteEnvironment", input.idempotency_key.clone(), &input);
        let (id, expected) = (environment_id(&input.environment_id)?, revision(input.expected_revision)?);
        let done = app(ctx)?.delete_environment(&call, mutation, id, expected).await.or_fail(ctx)?;
        Ok(DeleteEnvironmentPayload::new(&done, Environment::load(ctx, id).await?))
    }
}

fn environment_id(id: &ID) -> Result<EnvironmentId> {
    EnvironmentId::parse(id).map_err(|error| bad_id("input.environmentId", &error))
}

fn connections(path: &str, ids: &[ID]) -> Result<Vec<ConnectionId>> {
    ids.iter().map(|id| ConnectionId::parse(id).map_err(|error| bad_id(path, &error))).collect()
}
