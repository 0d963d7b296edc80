//! Webhook endpoints and what was delivered to them.

use async_graphql::{Context, ID, Object, Result};
use keytrail_app::{Counted, WebhookAttempt as AttemptRow, WebhookDelivery as DeliveryRow};
use keytrail_domain::WebhookEndpointId;
use keytrail_ports::views::WebhookEndpointRow;

use crate::{
    context::{app, caller},
    enums::{WebhookDisabledReason, WebhookFormat, WebhookPurpose},
    error::OrFail,
    member::Actor,
    page::{Paged, Window, connection, cost},
    scalar::DateTime,
    team::Team,
};

/// Where a tenant, or one of its teams, hears of events about credentials. Its signing secret is
/// shown once, when it is made.
#[derive(Clone, Debug)]
pub struct WebhookEndpoint(Box<WebhookEndpointRow>);

impl From<WebhookEndpointRow> for WebhookEndpoint {
    fn from(row: WebhookEndpointRow) -> Self {
        Self(Box::new(row))
    }
}

impl WebhookEndpoint {
    /// The endpoint with this id, if the viewer may see it.
    pub(crate) async fn load(ctx: &Context<'_>, id: WebhookEndpointId) -> Result<Option<Self>> {
        let call = caller(ctx).await?;
        Ok(app(ctx)?.webhook_endpoint(&call, id).await.or_fail(ctx)?.map(Self::from))
    }
}

#[Object]
impl WebhookEndpoint {
    /// Global id, `whe_…`.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Where deliveries go: scheme, host and port, and the last characters when it is long. Whoever
    /// knows all of a chat's URL may write there, so the whole stays in the vault.
    async fn url(&self) -> String {
        self.0.target.visible()
    }

    /// Which types of event, as patterns; empty: all.
    async fn types(&self) -> &[String] {
        &self.0.settings.types
    }

    /// Credentials of which components, by slug; empty: all.
    async fn components(&self) -> &[String] {
        &self.0.settings.components
    }

    /// For people.
    async fn description(&self) -> Option<&str> {
        self.0.settings.description.as_deref()
    }

    /// What a body looks like.
    async fn format(&self) -> WebhookFormat {
        self.0.settings.format.into()
    }

    /// The team that it belongs to; null: the tenant.
    async fn team(&self, ctx: &Context<'_>) -> Result<Option<Team>> {
        match self.0.team {
            Some(id) => Team::load(ctx, id).await,
            None => Ok(None),
        }
    }

    /// Whether deliveries go out.
    async fn enabled(&self) -> bool {
        self.0.disabled.is_none()
    }

    /// Why not, if they do not.
    async fn disabled_reason(&self) -> Option<WebhookDisabledReason> {
        self.0.disabled.map(|(reason, _)| reason.into())
    }

    /// Since when not.
    async fn disabled_at(&self) -> Option<DateTime> {
        self.0.disabled.map(|(_, at)| DateTime(at))
    }

    /// Until when deliveries are signed with the secret before, too.
    async fn previous_secret_until(&self) -> Option<DateTime> {
        self.0.retiring.map(|old| DateTime(old.until))
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// By whom.
    async fn created_by(&self) -> Actor {
        Actor(self.0.created_by.clone())
    }

    /// When it was deleted, if it was.
    async fn deleted_at(&self) -> Option<DateTime> {
        self.0.deleted_at.map(DateTime)
    }

    /// How often it changed: for `expectedRevision`.
    async fn revision(&self) -> u64 {
        self.0.revision
    }

    /// What was to arrive in the last 30 days, newest first. Only forwards.
    #[graphql(complexity = "cost(first, None) * child_complexity + 1")]
    async fn deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 1000; 50 when not given")] first: Option<i32>,
        #[graphql(desc = "After this cursor")] after: Option<String>,
    ) -> Result<Paged<WebhookDelivery>> {
        let call = caller(ctx).await?;
        let page = Window { first, after, last: None, before: None }.args()?;
        let id = self.0.id;
        let listed = app(ctx)?.webhook_deliveries(&call, id, page).await.or_fail(ctx)?;
        let node = |row| WebhookDelivery { endpoint: id, row };
        Ok(connection(listed, node, Counted::WebhookDeliveries(id)))
    }
}

/// Something that was to arrive at an endpoint.
pub struct WebhookDelivery {
    endpoint: WebhookEndpointId,
    row: DeliveryRow,
}

#[Object]
impl WebhookDelivery {
    /// Its id.
    async fn id(&self) -> ID {
        self.row.id.to_string().into()
    }

    /// The event that was sent: for `redeliverWebhook`.
    async fn event_id(&self) -> ID {
        self.row.event.to_string().into()
    }

    /// The type as the receiver sees it, for example `keytrail.credential.invalidated`.
    #[graphql(name = "type")]
    async fn kind(&self) -> &str {
        &self.row.kind
    }

    /// Why it was sent.
    async fn purpose(&self) -> WebhookPurpose {
        self.row.purpose.into()
    }

    /// The header `webhook-id` that it carries: the same for each try.
    async fn webhook_id(&self) -> ID {
        self.row.webhook_id.to_string().into()
    }

    /// When it was first tried.
    async fn created_at(&self) -> DateTime {
        self.row.at.into()
    }

    /// Each try, newest first.
    #[graphql(complexity = "2 * child_complexity + 1")]
    async fn attempts(&self, ctx: &Context<'_>) -> Result<Vec<WebhookAttempt>> {
        let call = caller(ctx).await?;
        let rows = app(ctx)?.webhook_attempts(&call, self.endpoint, self.row.id).await.or_fail(ctx)?;
        Ok(rows.into_iter().map(WebhookAttempt).collect())
    }
}

/// One try of a delivery.
pub struct WebhookAttempt(AttemptRow);

#[Object]
impl WebhookAttempt {
    /// When it ended.
    async fn at(&self) -> DateTime {
        self.0.at.into()
    }

    /// The receiver took it.
    async fn delivered(&self) -> bool {
        self.0.arrived()
    }

    /// The HTTP status; null when there was no answer.
    async fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Why there was no answer.
    async fn failure(&self) -> Option<&str> {
        self.0.failure.as_deref()
    }

    /// The first kilobyte of the answer; null when it came from a private network, or tells something of the URL.
    async fn answer(&self) -> Option<&str> {
        self.0.excerpt.as_deref()
    }

    /// How long it took, in milliseconds.
    async fn duration_ms(&self) -> u64 {
        self.0.duration_ms
    }

    /// When it is tried again; null when it arrived or the endpoint was disabled.
    async fn next_attempt_at(&self) -> Option<DateTime> {
        self.0.next_at.map(DateTime)
    }
}
