//! Changes of OAuth clients.

use async_graphql::{Context, Object, Result};

use super::{
    OAuthClient,
    inputs::{CreateOAuthClientInput, DeleteOAuthClientInput, UpdateOAuthClientInput, client_id},
};
use crate::{
    context::{app, caller},
    error::OrFail,
    input::{mutation, refuse_literal, revision},
    payload::payload,
};

/// The field of inputs that holds a secret.
const SECRET: &str = "clientSecret";

payload! {
    /// The new client.
    #[graphql(name = "CreateOAuthClientPayload")]
    CreateOAuthClientPayload {
        /// The client.
        oauth_client: OAuthClient
    }
}
payload! {
    /// The changed client.
    #[graphql(name = "UpdateOAuthClientPayload")]
    UpdateOAuthClientPayload {
        /// The client.
        oauth_client: OAuthClient
    }
}
payload! {
    /// The deleted client.
    #[graphql(name = "DeleteOAuthClientPayload")]
    DeleteOAuthClientPayload {
        /// The client, with `deletedAt`.
        oauth_client: OAuthClient
    }
}

/// Changes of OAuth clients.
#[derive(Default)]
pub struct OAuthClientMutation;

#[Object]
impl OAuthClientMutation {
    /// Write down an app that is registered at an OAuth2 provider.
    #[graphql(name = "createOAuthClient")]
    async fn create_oauth_client(
        &self,
        ctx: &Context<'_>,
        input: CreateOAuthClientInput,
    ) -> Result<CreateOAuthClientPayload> {
        let call = caller(ctx).await?;
        refuse_literal(ctx, SECRET)?;
        let mutation = mutation("createOAuthClient", input.idempotency_key.clone(), &input);
        let done = app(ctx)?.create_oauth_client(&call, mutation, input.into_app()).await.or_fail(ctx)?;
        Ok(CreateOAuthClientPayload::new(&done, OAuthClient::load(ctx, done.value).await?))
    }

    /// Change an OAuth client, or give it another secret.
    #[graphql(name = "updateOAuthClient")]
    async fn update_oauth_client(
        &self,
        ctx: &Context<'_>,
        input: UpdateOAuthClientInput,
    ) -> Result<UpdateOAuthClientPayload> {
        let call = caller(ctx).await?;
        refuse_literal(ctx, SECRET)?;
        let mutation = mutation("updateOAuthClient", input.idempotency_key.clone(), &input);
        let done = app(ctx)?.update_oauth_client(&call, mutation, input.into_app()?).await.or_fail(ctx)?;
        Ok(UpdateOAuthClientPayload::new(&done, OAuthClient::load(ctx, done.value).await?))
    }

    /// End an OAuth client. Refused with `OAUTH_CLIENT_IN_USE` while credentials have their tokens by it.
    #[graphql(name = "deleteOAuthClient")]
    async fn delete_oauth_client(
        &self,
        ctx: &Context<'_>,
        input: DeleteOAuthClientInput,
    ) -> Result<DeleteOAuthClientPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("deleteOAuthClient", input.idempotency_key.clone(), &input);
        let asked = (client_id(&input.oauth_client_id)?, revision(input.expected_revision)?);
        let done = app(ctx)?.delete_oauth_client(&call, mutation, asked).await.or_fail(ctx)?;
        Ok(DeleteOAuthClientPayload::new(&done, OAuthClient::load(ctx, done.value).await?))
    }
}
