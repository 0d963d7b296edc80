//! Alerts.

use std::borrow::Cow;

use async_graphql::{
    Context, ContextSelectionSet, ID, Object, OutputType, Result, Value, resolver_utils::enum_value,
};
use keytrail_app::AsOf;
use keytrail_ports::views::AlertRow;

use crate::{
    credential::Credential,
    enums::{AlertCause, AlertSeverity, AlertState},
    member::Actor,
    quick::InMemory,
    scalar::{DateTime, moment},
    webhook::WebhookEndpoint,
};

/// One cause of trouble with one credential or webhook endpoint, until it is resolved. Seen again later, it is the same
/// alert, opened again.
#[derive(Clone, Debug)]
pub struct Alert {
    pub(crate) row: AlertRow,
    /// The credential as it was asked for, when that was as of then.
    pub(crate) of: Option<Credential>,
}

impl Alert {
    /// An alert as it stands.
    pub(crate) fn now(row: AlertRow) -> Self {
        Self { row, of: None }
    }
}

#[Object]
impl Alert {
    /// Global id, `alrt_…`.
    pub async fn id(&self) -> ID {
        self.row.id.to_string().into()
    }

    /// The credential, if it is about one.
    async fn credential(&self, ctx: &Context<'_>) -> Result<Option<Credential>> {
        match (&self.of, self.row.about.credential()) {
            (Some(credential), _) => Ok(Some(credential.clone())),
            (None, Some(id)) => Credential::load(ctx, id, AsOf::Now).await,
            (None, None) => Ok(None),
        }
    }

    /// The webhook endpoint, if it is about one.
    async fn webhook_endpoint(&self, ctx: &Context<'_>) -> Result<Option<WebhookEndpoint>> {
        match self.row.about.webhook_endpoint() {
            Some(id) => WebhookEndpoint::load(ctx, id).await,
            None => Ok(None),
        }
    }

    /// Why.
    async fn cause(&self) -> AlertCause {
        self.row.cause.into()
    }

    /// How bad.
    async fn severity(&self) -> AlertSeverity {
        self.row.severity.into()
    }

    /// Where it stands.
    async fn state(&self) -> AlertState {
        self.row.state.into()
    }

    /// One sentence for a person.
    async fn message(&self) -> &str {
        &self.row.message
    }

    /// When it was opened (last).
    async fn opened_at(&self) -> DateTime {
        self.row.opened_at.into()
    }

    /// How often its cause was seen since it was opened.
    async fn occurrences(&self) -> u64 {
        self.row.occurrences
    }

    /// Who takes care of it.
    async fn acknowledged_by(&self) -> Option<Actor> {
        self.row.acknowledged.as_ref().map(|(actor, _)| Actor(actor.clone()))
    }

    /// Since when.
    async fn acknowledged_at(&self) -> Option<DateTime> {
        self.row.acknowledged.as_ref().map(|(_, at)| DateTime(*at))
    }

    /// When it was resolved.
    async fn resolved_at(&self) -> Option<DateTime> {
        self.row.resolved_at.map(DateTime)
    }

    /// How often it changed: for `expectedRevision`.
    async fn revision(&self) -> u64 {
        self.row.revision
    }
}

/// Nothing here depends on who asks.
impl InMemory for Alert {
    fn own_type(&self) -> Cow<'static, str> {
        <Self as OutputType>::type_name()
    }

    fn in_memory(&self, field: &str, _: &ContextSelectionSet<'_>) -> Option<Value> {
        let row = &self.row;
        Some(match field {
            "id" => Value::String(row.id.to_string()),
            "cause" => enum_value(AlertCause::from(row.cause)),
            "severity" => enum_value(AlertSeverity::from(row.severity)),
            "state" => enum_value(AlertState::from(row.state)),
            "message" => Value::String(row.message.clone()),
            "openedAt" => moment(Some(row.opened_at)),
            "occurrences" => Value::from(row.occurrences),
            "acknowledgedAt" => moment(row.acknowledged.as_ref().map(|(_, at)| *at)),
            "resolvedAt" => moment(row.resolved_at),
            "revision" => Value::from(row.revision),
            _ => return None,
        })
    }
}
