//! Changes of service accounts.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use keytrail_app::NewApiToken;
use keytrail_domain::{ServiceAccountId, TokenId};

use super::{ServiceAccount, types::Scope};
use crate::{
    context::{app, caller},
    error::{OrFail, bad_id},
    input::{mutation, revision},
    payload::payload,
    scalar::DateTime,
};

/// A new service account.
#[derive(InputObject, Clone)]
pub struct CreateServiceAccountInput {
    /// Its name, unique in the tenant without regard to case.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// The same key and input answer the same account again, for a day.
    pub idempotency_key: Option<String>,
}

/// A service account that ends.
#[derive(InputObject, Clone)]
pub struct DeleteServiceAccountInput {
    /// The account.
    pub service_account_id: ID,
    /// Only when the account is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A new API token.
#[derive(InputObject, Clone)]
pub struct CreateApiTokenInput {
    /// Whose.
    pub service_account_id: ID,
    /// What people call it.
    pub name: String,
    /// What it may be used for: at least one.
    pub scopes: Vec<Scope>,
    /// Until when it is good; without it, until it is revoked.
    pub expires_at: Option<DateTime>,
    /// Only when the account is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input make one token. It is shown by the first answer alone.
    pub idempotency_key: Option<String>,
}

/// An API token that ends.
#[derive(InputObject, Clone)]
pub struct RevokeApiTokenInput {
    /// The token's id, `tok_…`.
    pub token_id: ID,
    /// Only when its account is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

payload! {
    /// The new account.
    CreateServiceAccountPayload {
        /// The account.
        service_account: ServiceAccount
    }
}
payload! {
    /// The deleted account.
    DeleteServiceAccountPayload {
        /// The account, with `deletedAt`.
        service_account: ServiceAccount
    }
}
payload! {
    /// The account without the token.
    RevokeApiTokenPayload {
        /// The account.
        service_account: ServiceAccount
    }
}

/// The account with its new token.
#[derive(SimpleObject)]
pub struct CreateApiTokenPayload {
    /// The account.
    pub service_account: Option<ServiceAccount>,
    /// The token, `kt_…`: shown this once. Null when it was shown already.
    pub token: Option<String>,
    /// The token was shown by an earlier answer to the same `idempotencyKey`.
    pub already_shown: bool,
    /// Place in the log that shows the change: send it as `Keytrail-After` to read your write on any node.
    pub position: String,
    /// This node's answers show the change already.
    pub visible: bool,
    /// This is the answer of an earlier mutation with the same `idempotencyKey`.
    pub replayed: bool,
}

/// Changes of service accounts.
#[derive(Default)]
pub struct ServiceAccountMutation;

#[Object]
impl ServiceAccountMutation {
    /// Make a service account. Share credentials or environments with it as with anybody.
    async fn create_service_account(
        &self,
        ctx: &Context<'_>,
        input: CreateServiceAccountInput,
    ) -> Result<CreateServiceAccountPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("createServiceAccount", input.idempotency_key.clone(), &input);
        let done = app(ctx)?.create_service_account(&call, mutation, input.name, input.description);
        let done = done.await.or_fail(ctx)?;
        Ok(CreateServiceAccountPayload::new(&done, ServiceAccount::load(ctx, done.value).await?))
    }

    /// End a service account: its tokens are dead at once, and what was granted to it counts for nothing.
    async fn delete_service_account(
        &self,
        ctx: &Context<'_>,
        input: DeleteServiceAccountInput,
    ) -> Result<DeleteServiceAccountPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("deleteServiceAccount", input.idempotency_key.clone(), &input);
        let (id, expected) = (account_id(&input.service_account_id)?, revision(input.expected_revision)?);
        let done = app(ctx)?.delete_service_account(&call, mutation, id, expected).await.or_fail(ctx)?;
        Ok(DeleteServiceAccountPayload::new(&done, ServiceAccount::load(ctx, id).await?))
    }

    /// Make an API token of a service account.
    async fn create_api_token(
        &self,
        ctx: &Context<'_>,
        input: CreateApiTokenInput,
    ) -> Result<CreateApiTokenPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("createApiToken", input.idempotency_key.clone(), &input);
        let wish = NewApiToken {
            account: account_id(&input.service_account_id)?,
            name: input.name,
            scopes: input.scopes.into_iter().map(Into::into).collect(),
            expires_at: input.expires_at.map(|end| end.0),
            expected_revision: revision(input.expected_revision)?,
        };
        let done = app(ctx)?.create_api_token(&call, mutation, wish).await.or_fail(ctx)?;
        let (id, token) = done.value;
        Ok(CreateApiTokenPayload {
            service_account: ServiceAccount::load(ctx, id).await?,
            already_shown: token.is_none(),
            token: token.map(|token| token.expose().to_owned()),
            position: done.position,
            visible: done.visible,
            replayed: done.replayed,
        })
    }

    /// End an API token: it is dead at once, on open sockets too.
    async fn revoke_api_token(
        &self,
        ctx: &Context<'_>,
        input: RevokeApiTokenInput,
    ) -> Result<RevokeApiTokenPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("revokeApiToken", input.idempotency_key.clone(), &input);
        let token = TokenId::parse(&input.token_id).map_err(|error| bad_id("input.tokenId", &error))?;
        let expected = revision(input.expected_revision)?;
        let done = app(ctx)?.revoke_api_token(&call, mutation, token, expected).await.or_fail(ctx)?;
        Ok(RevokeApiTokenPayload::new(&done, ServiceAccount::load(ctx, done.value).await?))
    }
}

fn account_id(id: &ID) -> Result<ServiceAccountId> {
    ServiceAccountId::parse(id).map_err(|error| bad_id("input.serviceAccountId", &error))
}
