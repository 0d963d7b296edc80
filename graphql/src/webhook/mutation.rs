//! Changes of webhook endpoints.

use async_graphql::{Context, Object, Result, SimpleObject};
use keytrail_app::Done;
use keytrail_domain::{SecretValue, WebhookEndpointId};

use super::{
    WebhookEndpoint,
    inputs::{
        CreateWebhookEndpointInput, DeleteWebhookEndpointInput, RedeliverWebhookInput, ReplayWebhooksInput,
        RotateWebhookSecretInput, SendTestWebhookInput, UpdateWebhookEndpointInput, endpoint_id, event_id,
    },
};
use crate::{
    context::{app, caller},
    error::OrFail,
    input::{mutation, revision},
    payload::payload,
};

/// Defines a payload that shows a signing secret once.
macro_rules! with_secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(SimpleObject)]
        pub struct $name {
            /// The endpoint.
            pub webhook_endpoint: Option<WebhookEndpoint>,
            /// The signing secret, `whsec_…`: shown this once. Null when it was shown already.
            pub secret: Option<String>,
            /// The secret was shown by an earlier answer to the same `idempotencyKey`.
            pub already_shown: bool,
            /// Place in the log that shows the change: send it as `Keytrail-After` to read your
            /// write on any node.
            pub position: String,
            /// This node's answers show the change already.
            pub visible: bool,
            /// This is the answer of an earlier mutation with the same `idempotencyKey`.
            pub replayed: bool,
        }

        impl $name {
            async fn new(
                ctx: &Context<'_>,
                done: Done<(WebhookEndpointId, Option<SecretValue>)>,
            ) -> Result<Self> {
                let (id, secret) = done.value;
                Ok(Self {
                    webhook_endpoint: WebhookEndpoint::load(ctx, id).await?,
                    already_shown: secret.is_none(),
                    secret: secret.map(|secret| secret.expose().to_owned()),
                    position: done.position,
                    visible: done.visible,
                    replayed: done.replayed,
                })
            }
        }
    };
}

with_secret! {
    /// The new endpoint and its secret.
    CreateWebhookEndpointPayload
}
with_secret! {
    /// The endpoint with its new secret.
    RotateWebhookSecretPayload
}
payload! {
    /// The changed endpoint.
    UpdateWebhookEndpointPayload {
        /// The endpoint.
        webhook_endpoint: WebhookEndpoint
    }
}
payload! {
    /// The deleted endpoint.
    DeleteWebhookEndpointPayload {
        /// The endpoint, with `deletedAt`.
        webhook_endpoint: WebhookEndpoint
    }
}
payload! {
    /// The endpoint that is tested; `deliveries` will tell.
    SendTestWebhookPayload {
        /// The endpoint.
        webhook_endpoint: WebhookEndpoint
    }
}
payload! {
    /// The endpoint that gets an event once more; `deliveries` will tell.
    RedeliverWebhookPayload {
        /// The endpoint.
        webhook_endpoint: WebhookEndpoint
    }
}
payload! {
    /// The endpoint that gets events again; `deliveries` will tell.
    ReplayWebhooksPayload {
        /// The endpoint.
        webhook_endpoint: WebhookEndpoint
    }
}

/// Changes of webhook endpoints.
#[derive(Default)]
pub struct WebhookMutation;

#[Object]
impl WebhookMutation {
    /// Hear of events about credentials: all of the tenant (for OWNER and ADMIN), or what a team may
    /// view (for its leads too).
    async fn create_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        input: CreateWebhookEndpointInput,
    ) -> Result<CreateWebhookEndpointPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("createWebhookEndpoint", input.idempotency_key.clone(), &input);
        let done =
            app(ctx)?.create_webhook_endpoint(&call, mutation, input.into_app()?).await.or_fail(ctx)?;
        CreateWebhookEndpointPayload::new(ctx, done).await
    }

    /// Change a webhook endpoint, stop it, or let it go on from where it stopped.
    async fn update_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        input: UpdateWebhookEndpointInput,
    ) -> Result<UpdateWebhookEndpointPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("updateWebhookEndpoint", input.idempotency_key.clone(), &input);
        let done =
            app(ctx)?.update_webhook_endpoint(&call, mutation, input.into_app()?).await.or_fail(ctx)?;
        Ok(UpdateWebhookEndpointPayload::new(&done, WebhookEndpoint::load(ctx, done.value).await?))
    }

    /// Give a webhook endpoint a new signing secret; the old one counts for a while.
    async fn rotate_webhook_secret(
        &self,
        ctx: &Context<'_>,
        input: RotateWebhookSecretInput,
    ) -> Result<RotateWebhookSecretPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("rotateWebhookSecret", input.idempotency_key.clone(), &input);
        let which = (endpoint_id(&input.webhook_endpoint_id)?, revision(input.expected_revision)?);
        let rotated = app(ctx)?.rotate_webhook_secret(&call, mutation, which, input.grace_seconds);
        RotateWebhookSecretPayload::new(ctx, rotated.await.or_fail(ctx)?).await
    }

    /// End a webhook endpoint: nothing more is delivered, also not what waits.
    async fn delete_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        input: DeleteWebhookEndpointInput,
    ) -> Result<DeleteWebhookEndpointPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("deleteWebhookEndpoint", input.idempotency_key.clone(), &input);
        let which = (endpoint_id(&input.webhook_endpoint_id)?, revision(input.expected_revision)?);
        let done = app(ctx)?.delete_webhook_endpoint(&call, mutation, which).await.or_fail(ctx)?;
        Ok(DeleteWebhookEndpointPayload::new(&done, WebhookEndpoint::load(ctx, done.value).await?))
    }

    /// Send an event of type `keytrail.webhook.test` to a webhook endpoint.
    async fn send_test_webhook(
        &self,
        ctx: &Context<'_>,
        input: SendTestWebhookInput,
    ) -> Result<SendTestWebhookPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("sendTestWebhook", input.idempotency_key.clone(), &input);
        let id = endpoint_id(&input.webhook_endpoint_id)?;
        let done = app(ctx)?.send_test_webhook(&call, mutation, id).await.or_fail(ctx)?;
        Ok(SendTestWebhookPayload::new(&done, WebhookEndpoint::load(ctx, id).await?))
    }

    /// Send an event to a webhook endpoint once more, with the same `webhook-id`.
    async fn redeliver_webhook(
        &self,
        ctx: &Context<'_>,
        input: RedeliverWebhookInput,
    ) -> Result<RedeliverWebhookPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("redeliverWebhook", input.idempotency_key.clone(), &input);
        let (id, event) = (endpoint_id(&input.webhook_endpoint_id)?, event_id(&input.event_id)?);
        let done = app(ctx)?.redeliver_webhook(&call, mutation, id, event).await.or_fail(ctx)?;
        Ok(RedeliverWebhookPayload::new(&done, WebhookEndpoint::load(ctx, id).await?))
    }

    /// Send everything since a cursor to a webhook endpoint (again), with the same `webhook-id`s.
    async fn replay_webhooks(
        &self,
        ctx: &Context<'_>,
        input: ReplayWebhooksInput,
    ) -> Result<ReplayWebhooksPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("replayWebhooks", input.idempotency_key.clone(), &input);
        let id = endpoint_id(&input.webhook_endpoint_id)?;
        let done = app(ctx)?.replay_webhooks(&call, mutation, id, input.from).await.or_fail(ctx)?;
        Ok(ReplayWebhooksPayload::new(&done, WebhookEndpoint::load(ctx, id).await?))
    }
}
