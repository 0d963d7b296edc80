//! Facts become rows. Pure: no clock, no network, no randomness, so that deleting the views and
//! starting again gives the same rows.

pub(crate) mod alerts;
mod authority;
mod components;
mod connections;
pub(crate) mod credentials;
mod environments;
mod flows;
mod leases;
mod oauth_clients;
mod refreshes;
mod service_accounts;
mod teams;
mod tenants;
mod webhooks;

use keytrail_domain::{
    EventMeta, RecordedEvent, StreamKind, alert::AlertEvent, component::ComponentEvent,
    connection::ConnectionEvent, credential::CredentialEvent, environment::EnvironmentEvent, flow::FlowEvent,
    lease::LeaseEvent, oauth_client::OAuthClientEvent, service_account::ServiceAccountEvent, team::TeamEvent,
    tenant::TenantEvent, webhook::WebhookEndpointEvent,
};
use keytrail_ports::views::{EventRow, IdempotencyRow, Projector, ViewError, ViewTx};

/// The shape of the rows. Raise it when a projection changes: the views are then made anew.
const SHAPE: u32 = 14;

/// All projections as one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Projections;

/// One event with its envelope opened.
pub(crate) struct Fact<'a> {
    pub(crate) event: &'a RecordedEvent,
    pub(crate) meta: &'a EventMeta,
}

impl Projector for Projections {
    fn version(&self) -> u32 {
        SHAPE
    }

    fn project(&self, event: &RecordedEvent, views: &mut dyn ViewTx) -> Result<(), ViewError> {
        let meta = event.meta().map_err(|error| unreadable(&error))?;
        let fact = Fact { event, meta: &meta };
        match event.stream.kind() {
            StreamKind::Tenant => tenants::project(&fact, &decode::<TenantEvent>(event)?, views)?,
            StreamKind::Team => teams::project(&fact, &decode::<TeamEvent>(event)?, views)?,
            StreamKind::Credential => {
                credentials::project(&fact, &decode::<CredentialEvent>(event)?, views)?;
            }
            StreamKind::Alert => alerts::project(&fact, &decode::<AlertEvent>(event)?, views)?,
            StreamKind::Webhook => {
                webhooks::project(&fact, &decode::<WebhookEndpointEvent>(event)?, views)?;
            }
            StreamKind::Component => components::project(&fact, &decode::<ComponentEvent>(event)?, views)?,
            StreamKind::Connection => {
                connections::project(&fact, &decode::<ConnectionEvent>(event)?, views)?;
            }
            StreamKind::Flow => flows::project(&fact, &decode::<FlowEvent>(event)?, views)?,
            StreamKind::Environment => {
                environments::project(&fact, &decode::<EnvironmentEvent>(event)?, views)?;
            }
            StreamKind::ServiceAccount => {
                service_accounts::project(&fact, &decode::<ServiceAccountEvent>(event)?, views)?;
            }
            StreamKind::OAuthClient => {
                oauth_clients::project(&fact, &decode::<OAuthClientEvent>(event)?, views)?;
            }
            StreamKind::Lease => leases::project(&fact, &decode::<LeaseEvent>(event)?, views)?,
            StreamKind::Token | StreamKind::Policy => {}
        }
        if let Some(row) = idempotency_row(&fact) {
            views.put_idempotency(&row)?;
        }
        views.add_event(&event_row(&fact)?)
    }
}

fn decode<E: keytrail_domain::DomainEvent>(event: &RecordedEvent) -> Result<E, ViewError> {
    event.decode().map_err(|error| unreadable(&error))
}

fn unreadable(error: &keytrail_domain::DecodeError) -> ViewError {
    ViewError::Projection(error.to_string())
}

fn event_row(fact: &Fact<'_>) -> Result<EventRow, ViewError> {
    let Fact { event, meta } = fact;
    Ok(EventRow {
        tenant: meta.tenant,
        id: event.id,
        position: event.position,
        stream: event.stream.clone(),
        revision: event.revision,
        event_type: event.event_type.clone(),
        schema_version: meta.schema_version,
        recorded_at: meta.recorded_at,
        actor: meta.actor.clone(),
        correlation: meta.correlation,
        causation: meta.causation,
        credential: event.stream.credential_id(),
        data: serde_json::from_slice(&event.data)
            .map_err(|_| ViewError::Projection(format!("event {} is not json", event.id)))?,
    })
}

fn idempotency_row(fact: &Fact<'_>) -> Option<IdempotencyRow> {
    let given = fact.meta.idempotency.as_ref()?;
    Some(IdempotencyRow {
        tenant: fact.meta.tenant,
        principal: crate::idempotency::principal_key(&fact.meta.actor),
        mutation: given.mutation.clone(),
        key: given.key.clone(),
        input: given.input.clone(),
        stream: fact.event.stream.clone(),
        event: fact.event.id,
        position: fact.event.position,
        at: fact.meta.recorded_at,
    })
}
