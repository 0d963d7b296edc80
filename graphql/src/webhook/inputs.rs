//! Inputs about webhook endpoints.

use async_graphql::{ID, InputObject, MaybeUndefined, Result};
use keytrail_app::{NewWebhookEndpoint, WebhookEndpointUpdate};
use keytrail_domain::{EventId, SecretValue, TeamId, WebhookEndpointId, webhook::EndpointSettings};

use crate::{enums::WebhookFormat, error::bad_id, input::revision};

/// A new webhook endpoint.
#[derive(InputObject, Clone)]
pub struct CreateWebhookEndpointInput {
    /// Where deliveries go: https, or http to a network that the operator allows (what a name leads to
    /// is looked at with each delivery). It is kept like a secret: no answer shows all of it.
    pub url: String,
    /// Which types of event, such as `keytrail.credential.invalidated` or `keytrail.credential.*`;
    /// all when not given.
    pub types: Option<Vec<String>>,
    /// Credentials of which components, by slug; all when not given.
    pub components: Option<Vec<String>>,
    /// The team that it belongs to: it gets what the team may view. None: the tenant.
    pub team_id: Option<ID>,
    /// For people.
    pub description: Option<String>,
    /// What a body looks like.
    pub format: Option<WebhookFormat>,
    /// The same key and input answer the same endpoint again, for a day, without its secret.
    pub idempotency_key: Option<String>,
}

impl CreateWebhookEndpointInput {
    pub(super) fn into_app(self) -> Result<NewWebhookEndpoint> {
        let team = self.team_id.map(|id| TeamId::parse(&id)).transpose();
        Ok(NewWebhookEndpoint {
            team: team.map_err(|error| bad_id("input.teamId", &error))?,
            url: SecretValue::new(self.url),
            settings: EndpointSettings {
                types: self.types.unwrap_or_default(),
                components: self.components.unwrap_or_default(),
                description: self.description,
                format: self.format.map(Into::into).unwrap_or_default(),
            },
        })
    }
}

/// Changes of a webhook endpoint; what is not given stays.
#[derive(InputObject, Clone)]
pub struct UpdateWebhookEndpointInput {
    /// The endpoint.
    pub webhook_endpoint_id: ID,
    /// Where deliveries go.
    pub url: Option<String>,
    /// Which types of event; empty: all.
    pub types: Option<Vec<String>>,
    /// Credentials of which components; empty: all.
    pub components: Option<Vec<String>>,
    /// For people.
    pub description: MaybeUndefined<String>,
    /// What a body looks like.
    pub format: Option<WebhookFormat>,
    /// Stop deliveries (false), or go on from where they stopped (true).
    pub enabled: Option<bool>,
    /// Only when the endpoint is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

impl UpdateWebhookEndpointInput {
    pub(super) fn into_app(self) -> Result<WebhookEndpointUpdate> {
        Ok(WebhookEndpointUpdate {
            id: endpoint_id(&self.webhook_endpoint_id)?,
            url: self.url.map(SecretValue::new),
            types: self.types,
            components: self.components,
            description: match self.description {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(None),
                MaybeUndefined::Value(text) => Some(Some(text)),
            },
            format: self.format.map(Into::into),
            enabled: self.enabled,
            expected_revision: revision(self.expected_revision)?,
        })
    }
}

/// A new signing secret for a webhook endpoint.
#[derive(InputObject, Clone)]
pub struct RotateWebhookSecretInput {
    /// The endpoint.
    pub webhook_endpoint_id: ID,
    /// For so long deliveries are signed with the old secret too: 0 to 604800, a day when not given.
    #[graphql(default = 86_400)]
    pub grace_seconds: u32,
    /// Only when the endpoint is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day, without the secret.
    pub idempotency_key: Option<String>,
}

/// A webhook endpoint that ends.
#[derive(InputObject, Clone)]
pub struct DeleteWebhookEndpointInput {
    /// The endpoint.
    pub webhook_endpoint_id: ID,
    /// Only when the endpoint is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A test of a webhook endpoint.
#[derive(InputObject, Clone)]
pub struct SendTestWebhookInput {
    /// The endpoint; it must be enabled.
    pub webhook_endpoint_id: ID,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// An event that is to be sent once more.
#[derive(InputObject, Clone)]
pub struct RedeliverWebhookInput {
    /// The endpoint; it must be enabled.
    pub webhook_endpoint_id: ID,
    /// The event, as `deliveries` names it.
    pub event_id: ID,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// Events that are to be sent (again).
#[derive(InputObject, Clone)]
pub struct ReplayWebhooksInput {
    /// The endpoint.
    pub webhook_endpoint_id: ID,
    /// Everything after this cursor of an event, as `history`, `auditLog`, a subscription or
    /// `position` gave it.
    pub from: String,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

pub(super) fn endpoint_id(id: &ID) -> Result<WebhookEndpointId> {
    WebhookEndpointId::parse(id).map_err(|error| bad_id("input.webhookEndpointId", &error))
}

pub(super) fn event_id(id: &ID) -> Result<EventId> {
    EventId::parse(id).map_err(|error| bad_id("input.eventId", &error))
}
