//! Changes of connections.

use async_graphql::{Context, Object, Result, SimpleObject};

use super::{
    Connection,
    inputs::{
        AttachCredentialInput, CreateConnectionInput, DeleteConnectionInput, DetachCredentialInput,
        RestoreConnectionInput, TransitionConnectionInput, UpdateConnectionInput, before_use, both,
        connection_id,
    },
};
use crate::{
    context::{app, caller},
    credential::Credential,
    error::OrFail,
    input::{mutation, refuse_literal_fields, revision},
    payload::payload,
};

macro_rules! connection_payload {
    ($(#[$doc:meta])* $name:ident) => {
        payload! {
            $(#[$doc])*
            $name {
                /// The connection as it is now.
                connection: Connection
            }
        }
    };
}

connection_payload! {
    /// The new connection.
    CreateConnectionPayload
}
connection_payload! {
    /// The changed connection.
    UpdateConnectionPayload
}
connection_payload! {
    /// The connection in its new state.
    TransitionConnectionPayload
}
connection_payload! {
    /// The deleted connection; it can be restored.
    DeleteConnectionPayload
}
connection_payload! {
    /// The connection with one more credential.
    AttachCredentialPayload
}
connection_payload! {
    /// The connection without the credential.
    DetachCredentialPayload
}

/// The connection that came back.
#[derive(SimpleObject)]
pub struct RestoreConnectionPayload {
    /// The connection as it is now.
    pub connection: Option<Connection>,
    /// Credentials that it had and could not get again, as far as the viewer may see them.
    pub lost_credentials: Vec<Credential>,
    /// How many more of those there are.
    pub hidden_count: u32,
    /// Place in the log that shows the change: send it as `Keytrail-After` to read your write on any node.
    pub position: String,
    /// This node's answers show the change already.
    pub visible: bool,
    /// This is the answer of an earlier mutation with the same `idempotencyKey`.
    pub replayed: bool,
}

/// Changes of connections.
#[derive(Default)]
pub struct ConnectionMutation;

#[Object]
impl ConnectionMutation {
    /// Register a link to an external system, with credentials that are there, with one that is made for it,
    /// or without any.
    async fn create_connection(
        &self,
        ctx: &Context<'_>,
        input: CreateConnectionInput,
    ) -> Result<CreateConnectionPayload> {
        let call = caller(ctx).await?;
        refuse_literal_fields(ctx)?;
        let mutation = mutation("createConnection", input.idempotency_key.clone(), &input);
        let done = app(ctx)?.create_connection(&call, mutation, input.into_app()?).await.or_fail(ctx)?;
        Ok(CreateConnectionPayload::new(&done, Connection::load(ctx, done.value).await?))
    }

    /// Change what was written down about a connection.
    async fn update_connection(
        &self,
        ctx: &Context<'_>,
        input: UpdateConnectionInput,
    ) -> Result<UpdateConnectionPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("updateConnection", input.idempotency_key.clone(), &input);
        let done = app(ctx)?.update_connection(&call, mutation, input.into_app()?).await.or_fail(ctx)?;
        Ok(UpdateConnectionPayload::new(&done, Connection::load(ctx, done.value).await?))
    }

    /// Move a connection to another state. On the way to `CONNECTED` its credentials are checked first.
    async fn transition_connection(
        &self,
        ctx: &Context<'_>,
        input: TransitionConnectionInput,
    ) -> Result<TransitionConnectionPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("transitionConnection", input.idempotency_key.clone(), &input);
        let done = app(ctx)?.transition_connection(&call, mutation, input.into_app()?).await.or_fail(ctx)?;
        Ok(TransitionConnectionPayload::new(&done, Connection::load(ctx, done.value).await?))
    }

    /// Delete a connection: the same as moving it to `DELETED`. Its credentials stay.
    async fn delete_connection(
        &self,
        ctx: &Context<'_>,
        input: DeleteConnectionInput,
    ) -> Result<DeleteConnectionPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("deleteConnection", input.idempotency_key.clone(), &input);
        let done = app(ctx)?.transition_connection(&call, mutation, input.into_app()?).await.or_fail(ctx)?;
        Ok(DeleteConnectionPayload::new(&done, Connection::load(ctx, done.value).await?))
    }

    /// Bring a deleted connection back to the state before, with those of its credentials that you can attach.
    async fn restore_connection(
        &self,
        ctx: &Context<'_>,
        input: RestoreConnectionInput,
    ) -> Result<RestoreConnectionPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("restoreConnection", input.idempotency_key.clone(), &input);
        let which = (connection_id(&input.connection_id)?, revision(input.expected_revision)?);
        let app = app(ctx)?;
        let done = app.restore_connection(&call, mutation, which, before_use(input.skip_verification)).await;
        let done = done.or_fail(ctx)?;
        let (id, lost) = done.value;
        let (rows, hidden_count) = app.credentials_in_sight(&call, &lost).await.or_fail(ctx)?;
        Ok(RestoreConnectionPayload {
            connection: Connection::load(ctx, id).await?,
            lost_credentials: rows.into_iter().map(Credential::now).collect(),
            hidden_count,
            position: done.position,
            visible: done.visible,
            replayed: done.replayed,
        })
    }

    /// Let a connection use a credential of its component. A connected one takes it only after a check.
    async fn attach_credential(
        &self,
        ctx: &Context<'_>,
        input: AttachCredentialInput,
    ) -> Result<AttachCredentialPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("attachCredential", input.idempotency_key.clone(), &input);
        let both = both(&input.connection_id, &input.credential_id)?;
        let (check, expected) = (before_use(input.skip_verification), revision(input.expected_revision)?);
        let done = app(ctx)?.attach_credential(&call, mutation, both, check, expected).await.or_fail(ctx)?;
        Ok(AttachCredentialPayload::new(&done, Connection::load(ctx, done.value).await?))
    }

    /// Let a connection do without a credential.
    async fn detach_credential(
        &self,
        ctx: &Context<'_>,
        input: DetachCredentialInput,
    ) -> Result<DetachCredentialPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("detachCredential", input.idempotency_key.clone(), &input);
        let both = both(&input.connection_id, &input.credential_id)?;
        let expected = revision(input.expected_revision)?;
        let done = app(ctx)?.detach_credential(&call, mutation, both, expected).await.or_fail(ctx)?;
        Ok(DetachCredentialPayload::new(&done, Connection::load(ctx, done.value).await?))
    }
}
