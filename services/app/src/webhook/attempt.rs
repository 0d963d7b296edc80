//! One try: decided, written and signed as of now.

use std::sync::Arc;

use keytrail_domain::{
    TeamId, TenantId, Timestamp, WebhookEndpointId,
    webhook::{EventPattern, TEST_KIND, kind_of},
};
use keytrail_ports::{
    WebhookAnswer, WebhookRequest,
    views::{CredentialRow, EventRow, WebhookEndpointRow},
};
use uuid::Uuid;

use super::{
    body::Told,
    log::WebhookDelivery,
    place::{Lane, Purpose},
    secret::Signer,
};
use crate::{App, AppError};

/// What became of a lane's oldest event.
pub(super) enum Tried {
    /// It was sent.
    Sent {
        /// What was sent.
        delivery: WebhookDelivery,
        /// When that happened.
        recorded_at: Timestamp,
        /// What came of it.
        answer: WebhookAnswer,
    },
    /// It is not for this endpoint (any more).
    Unwanted,
    /// Something of ours is away: nothing was tried.
    Hindered(AppError),
}

/// Everything that a try needs.
pub(super) struct Try {
    pub(super) app: App,
    pub(super) endpoint: Arc<WebhookEndpointRow>,
    pub(super) signer: Arc<Signer>,
    pub(super) lane: Lane,
}

impl Try {
    pub(super) async fn run(self) -> Tried {
        self.send().await.unwrap_or_else(Tried::Hindered)
    }

    async fn send(&self) -> Result<Tried, AppError> {
        let views = &self.app.ports().views;
        let tenant = self.endpoint.tenant;
        let Some(event) = views.event(tenant, self.lane.event).await? else { return Ok(Tried::Unwanted) };
        let Some(kind) = self.kind(&event) else { return Ok(Tried::Unwanted) };
        let credential = self.credential(&event).await?;
        if self.lane.purpose != Purpose::Test && !self.is_wanted(&event, credential.as_deref()).await? {
            return Ok(Tried::Unwanted);
        }
        let told = Told { kind: &kind, event: &event, credential: credential.as_deref() };
        let body = told.body(self.endpoint.settings.format).to_string().into_bytes();
        let now = self.app.now();
        let webhook_id = webhook_id(self.endpoint.id, &event);
        let request = self.request(webhook_id, now, body);
        let answer = self.app.ports().webhooks.send(request).await.map_err(|busy| AppError::Unavailable {
            dependency: "sender of webhooks",
            source: Some(Box::new(busy)),
        })?;
        let delivery = WebhookDelivery {
            id: self.lane.delivery,
            event: event.id,
            kind,
            purpose: self.lane.purpose,
            webhook_id,
            at: now,
        };
        Ok(Tried::Sent { delivery, recorded_at: event.recorded_at, answer })
    }

    fn request(&self, id: Uuid, now: Timestamp, body: Vec<u8>) -> WebhookRequest<'_> {
        let id = id.to_string();
        let signature = self.signer.sign(&id, now, &body);
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("webhook-id", id),
            ("webhook-timestamp", now.as_seconds().to_string()),
            ("webhook-signature", signature),
        ];
        WebhookRequest { url: self.signer.url(), headers, body }
    }

    fn kind(&self, event: &EventRow) -> Option<String> {
        match self.lane.purpose {
            Purpose::Test => Some(TEST_KIND.to_owned()),
            Purpose::Event => kind_of(&event.event_type).filter(|kind| fits(&self.endpoint, kind)),
            // Somebody wants this very event, whatever the filter says.
            Purpose::Redelivery => kind_of(&event.event_type),
        }
    }

    async fn credential(&self, event: &EventRow) -> Result<Option<Arc<CredentialRow>>, AppError> {
        let Some(id) = event.credential else { return Ok(None) };
        Ok(self.app.ports().views.credentials_by_id(event.tenant, &[id]).await?.pop())
    }

    /// Of one of its components, and nothing that its team may not view.
    async fn is_wanted(&self, event: &EventRow, row: Option<&CredentialRow>) -> Result<bool, AppError> {
        let EndpointScope { components, team } = EndpointScope::of(&self.endpoint);
        let of_component =
            components.is_empty() || row.is_some_and(|row| components.contains(&row.component.slug));
        let Some(team) = team else { return Ok(of_component) };
        let in_sight = match row {
            Some(row) => self.app.team_may_view(row, team).await?,
            None => self.app.endpoint_is_of(event, team).await?,
        };
        Ok(of_component && in_sight)
    }
}

struct EndpointScope<'a> {
    components: &'a [String],
    team: Option<TeamId>,
}

impl<'a> EndpointScope<'a> {
    fn of(row: &'a WebhookEndpointRow) -> Self {
        Self { components: &row.settings.components, team: row.team }
    }
}

/// True for a type that the endpoint's filter lets through.
pub(crate) fn fits(endpoint: &WebhookEndpointRow, kind: &str) -> bool {
    let types = &endpoint.settings.types;
    types.is_empty()
        || types.iter().any(|text| EventPattern::parse(text).is_some_and(|pattern| pattern.fits(kind)))
}

/// The same for every try of an event at an endpoint. *Format*.
fn webhook_id(endpoint: WebhookEndpointId, event: &EventRow) -> Uuid {
    Uuid::new_v5(&endpoint.as_uuid(), event.id.as_uuid().as_bytes())
}

impl App {
    /// True when a team, as a team, may view a credential now: it owns it, or has a grant or an environment.
    pub(crate) async fn team_may_view(&self, row: &CredentialRow, team: TeamId) -> Result<bool, AppError> {
        Ok(self.team_level(row, team).await?.is_some())
    }

    /// True for the alert of an endpoint of that team.
    async fn endpoint_is_of(&self, event: &EventRow, team: TeamId) -> Result<bool, AppError> {
        let Some(id) = event.stream.webhook_endpoint_id() else { return Ok(false) };
        Ok(self.team_of_endpoint(event.tenant, id).await? == Some(Some(team)))
    }

    /// The team of an endpoint (none inside: the tenant's own); none for one that never was.
    pub(crate) async fn team_of_endpoint(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
    ) -> Result<Option<Option<TeamId>>, AppError> {
        Ok(self.ports().views.webhook_endpoint(tenant, id).await?.map(|row| row.team))
    }
}
