//! Alerts.

use async_graphql::{Context, ID, Object, Result};
use keytrail_ports::views::AlertRow;

use crate::{
    credential::Credential,
    enums::{AlertCause, AlertSeverity, AlertState},
    loader::load,
    member::Actor,
    scalar::DateTime,
};

/// One cause of trouble with one credential, until it is resolved. Seen again later, it is the same
/// alert, opened again.
#[derive(Clone, Debug)]
pub struct Alert(pub AlertRow);

#[Object]
impl Alert {
    /// Global id, `alrt_…`.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The credential.
    async fn credential(&self, ctx: &Context<'_>) -> Result<Option<Credential>> {
        Ok(load(ctx, self.0.credential).await?.map(Credential))
    }

    /// Why.
    async fn cause(&self) -> AlertCause {
        self.0.cause.into()
    }

    /// How bad.
    async fn severity(&self) -> AlertSeverity {
        self.0.severity.into()
    }

    /// Where it stands.
    async fn state(&self) -> AlertState {
        self.0.state.into()
    }

    /// One sentence for a person.
    async fn message(&self) -> &str {
        &self.0.message
    }

    /// When it was opened (last).
    async fn opened_at(&self) -> DateTime {
        self.0.opened_at.into()
    }

    /// How often its cause was seen since it was opened.
    async fn occurrences(&self) -> u64 {
        self.0.occurrences
    }

    /// Who takes care of it.
    async fn acknowledged_by(&self) -> Option<Actor> {
        self.0.acknowledged.as_ref().map(|(actor, _)| Actor(actor.clone()))
    }

    /// Since when.
    async fn acknowledged_at(&self) -> Option<DateTime> {
        self.0.acknowledged.as_ref().map(|(_, at)| DateTime(*at))
    }

    /// When it was resolved.
    async fn resolved_at(&self) -> Option<DateTime> {
        self.0.resolved_at.map(DateTime)
    }

    /// How often it changed: for `expectedRevision`.
    async fn revision(&self) -> u64 {
        self.0.revision
    }
}
