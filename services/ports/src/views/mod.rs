//! The read models: disposable rows, made from events alone.
//!
//! A [`Projector`] turns each event into rows through [`ViewTx`]; rows and checkpoint commit
//! together, so an event counts once. Deleting the views and starting again gives the same rows.

mod accounts;
mod consumers;
mod leases;
mod oauth_clients;
mod query;
mod refreshes;
mod rows;

use std::sync::Arc;

use async_trait::async_trait;
use keytrail_domain::{
    AlertId, CredentialId, EnvironmentId, EventId, MemberId, Position, RecordedEvent, StreamId, TeamId,
    TenantId, Timestamp, WebhookEndpointId,
};

pub use accounts::{AccountTx, AccountViews, ApiTokenRow, ServiceAccountRow};
pub use consumers::{
    ConnectionFilter, ConnectionRow, ConsumerOrder, ConsumerQuery, ConsumerSort, ConsumerTx, ConsumerViews,
    FlowFilter, FlowRow, InSight, StateChangeRow,
};
pub use leases::{ConsumerRow, LeaseTx, LeaseViews, OpenLease};
pub use oauth_clients::{OAuthClientRow, OAuthClientTx, OAuthClientViews};
pub use query::{
    AlertFilter, CredentialFilter, CredentialOrder, CredentialQuery, CredentialSort, EventFilter, Page,
    PageRequest, SortKey, Status, StatusCounts,
};
pub use refreshes::{AuthorizationRow, RefreshTx, RefreshViews};
pub use rows::{
    AlertRow, ComponentRow, CompromiseRow, CredentialRow, DailyRow, EnvironmentRow, EnvironmentShareRow,
    EventRow, GrantRow, IdempotencyRow, MemberRow, OfferRow, TeamMemberRow, TeamRow, TenantRow, UsageRow,
    VerificationRow, VersionRow, WebhookEndpointRow,
};

use crate::{AuthorityChange, AuthoritySource};

/// What can go wrong with the views.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// Try again later.
    #[error("the views are not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An event cannot be projected. The views stop here: it is never skipped.
    #[error("event cannot be projected: {0}")]
    Projection(String),
    /// What is stored makes no sense: rebuild them.
    #[error("the views are corrupt: {0} (run `keytrail views rebuild`)")]
    Corrupt(String),
}

/// Turns facts into rows: no clock, no network, no randomness.
pub trait Projector: Send + Sync + 'static {
    /// Rows of which shape. Another number than the stored one means a rebuild.
    fn version(&self) -> u32;

    /// Writes what one event changes.
    ///
    /// # Errors
    /// [`ViewError::Projection`] for an event that cannot be read; others from the views.
    fn project(&self, event: &RecordedEvent, views: &mut dyn ViewTx) -> Result<(), ViewError>;
}

/// Rows inside one write transaction. Reads see the transaction's own writes.
pub trait ViewTx: ConsumerTx + LeaseTx + AccountTx + OAuthClientTx + RefreshTx {
    /// Puts a tenant's row.
    fn put_tenant(&mut self, row: &TenantRow) -> Result<(), ViewError>;
    /// A tenant's row.
    fn tenant(&mut self, id: TenantId) -> Result<Option<TenantRow>, ViewError>;
    /// Puts a member's row.
    fn put_member(&mut self, row: &MemberRow) -> Result<(), ViewError>;
    /// A member's row, also a removed one's.
    fn member(&mut self, tenant: TenantId, id: MemberId) -> Result<Option<MemberRow>, ViewError>;
    /// Puts a team's row (its members stand in the authority).
    fn put_team(&mut self, row: &TeamRow) -> Result<(), ViewError>;
    /// A team's row, also a deleted one's.
    fn team(&mut self, tenant: TenantId, id: TeamId) -> Result<Option<TeamRow>, ViewError>;
    /// Puts an environment's row (who holds it stands in the authority too).
    fn put_environment(&mut self, row: &EnvironmentRow) -> Result<(), ViewError>;
    /// An environment's row, also a deleted one's.
    fn environment(
        &mut self,
        tenant: TenantId,
        id: EnvironmentId,
    ) -> Result<Option<EnvironmentRow>, ViewError>;
    /// Puts a credential's row, and its place in indexes and text search.
    fn put_credential(&mut self, row: &CredentialRow) -> Result<(), ViewError>;
    /// A credential's row.
    fn credential(&mut self, tenant: TenantId, id: CredentialId) -> Result<Option<CredentialRow>, ViewError>;
    /// Puts a version of a tenant's own component; only the one that was put last is the present one,
    /// unless it is deleted.
    fn put_component(&mut self, row: &ComponentRow) -> Result<(), ViewError>;
    /// The newest version of a tenant's own component, also of a deleted one.
    fn component(&mut self, tenant: TenantId, slug: &str) -> Result<Option<ComponentRow>, ViewError>;
    /// Puts an alert's row.
    fn put_alert(&mut self, row: &AlertRow) -> Result<(), ViewError>;
    /// An alert's row.
    fn alert(&mut self, tenant: TenantId, id: AlertId) -> Result<Option<AlertRow>, ViewError>;
    /// Puts a webhook endpoint's row.
    fn put_webhook_endpoint(&mut self, row: &WebhookEndpointRow) -> Result<(), ViewError>;
    /// A webhook endpoint's row, also a deleted one's.
    fn webhook_endpoint(
        &mut self,
        tenant: TenantId,
        id: WebhookEndpointId,
    ) -> Result<Option<WebhookEndpointRow>, ViewError>;
    /// Adds one check of a credential to its history and to the tenant's daily series.
    fn add_verification(&mut self, row: &VerificationRow) -> Result<(), ViewError>;
    /// Remembers what a mutation with an idempotency key led to; the last event of it stays.
    fn put_idempotency(&mut self, row: &IdempotencyRow) -> Result<(), ViewError>;
    /// Closes the rows that a change ends and opens the ones that it begins, at `event`'s
    /// position; the authoriser is told after the commit.
    fn change_authority(&mut self, event: &RecordedEvent, change: AuthorityChange) -> Result<(), ViewError>;
    /// An event names this secret.
    fn add_secret(&mut self, tenant: TenantId, secret: keytrail_domain::SecretRef) -> Result<(), ViewError>;
    /// No event's secret any more: it was purged.
    fn drop_secret(&mut self, tenant: TenantId, secret: keytrail_domain::SecretRef) -> Result<(), ViewError>;
    /// Adds the event to its tenant's table: history, audit log, subscriptions.
    fn add_event(&mut self, row: &EventRow) -> Result<(), ViewError>;
}

/// What one projected batch changed, for those who listen.
#[derive(Clone, Debug, Default)]
pub struct Projected {
    /// Changes of authority, in order.
    pub authority: Vec<(TenantId, Position, AuthorityChange)>,
    /// The events, as rows.
    pub events: Vec<Arc<EventRow>>,
}

/// The read models as a whole. Writes come from one runner; reads from everywhere, and never
/// block an executor thread.
///
/// Promises, each a case in the tests of `keytrail-sqlite`:
/// 1. Rows and checkpoint commit together; an event at or before the checkpoint changes nothing.
/// 2. A failing event leaves rows and checkpoint as they were before its batch.
/// 3. Nothing of one tenant is in an answer for another.
/// 4. A list gives each row that fits exactly once over its pages, forwards and backwards, in
///    order, and says truly whether more follow.
/// 5. The text filter finds parts of names, external ids, component slugs and label values,
///    without regard to case.
/// 6. A status filter agrees with [`CredentialRow::status`] at the asked moment.
/// 7. A list for [`crate::Scope::GrantedTo`] holds the credentials that such a grantee owns or has
///    a grant for that has not ended, and no other.
/// 8. Rows as of a position are those that were in force just after it.
/// 9. A count is how many rows its list has over all pages.
#[async_trait]
pub trait Views:
    AuthoritySource + ConsumerViews + LeaseViews + AccountViews + OAuthClientViews + RefreshViews
{
    /// Everything up to here is in the rows; none when nothing is.
    async fn checkpoint(&self) -> Result<Option<Position>, ViewError>;
    /// Projects a batch, all of it or nothing, and moves the checkpoint to `upto`.
    async fn project(
        &self,
        events: Vec<RecordedEvent>,
        upto: Position,
        projector: Arc<dyn Projector>,
    ) -> Result<Projected, ViewError>;

    /// One tenant.
    async fn tenant(&self, id: TenantId) -> Result<Option<TenantRow>, ViewError>;
    /// All tenants' ids.
    async fn tenants(&self) -> Result<Vec<TenantId>, ViewError>;
    /// The present member with this issuer and subject.
    async fn member_by_subject(
        &self,
        tenant: TenantId,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<MemberRow>, ViewError>;
    /// Members by id, present or removed; an unknown id is left out.
    async fn members_by_id(&self, tenant: TenantId, ids: &[MemberId]) -> Result<Vec<MemberRow>, ViewError>;
    /// Present members, by id.
    async fn members(&self, tenant: TenantId, page: PageRequest) -> Result<Page<MemberRow>, ViewError>;
    /// How many members that is.
    async fn count_members(&self, tenant: TenantId) -> Result<u64, ViewError>;
    /// Teams by id, present or deleted; an unknown id is left out.
    async fn teams_by_id(&self, tenant: TenantId, ids: &[TeamId]) -> Result<Vec<TeamRow>, ViewError>;
    /// Present teams, by id.
    async fn teams(&self, tenant: TenantId, page: PageRequest) -> Result<Page<TeamRow>, ViewError>;
    /// How many teams that is.
    async fn count_teams(&self, tenant: TenantId) -> Result<u64, ViewError>;
    /// The present team of this name, without regard to case.
    async fn team_by_name(&self, tenant: TenantId, name: &str) -> Result<Option<TeamRow>, ViewError>;
    /// The members of a team just after a position, or now.
    async fn team_members(
        &self,
        tenant: TenantId,
        team: TeamId,
        at: Option<Position>,
    ) -> Result<Vec<TeamMemberRow>, ViewError>;

    /// Environments by id, present or deleted; an unknown id is left out.
    async fn environments_by_id(
        &self,
        tenant: TenantId,
        ids: &[EnvironmentId],
    ) -> Result<Vec<EnvironmentRow>, ViewError>;
    /// All present environments of a tenant, by id.
    async fn environments(&self, tenant: TenantId) -> Result<Vec<EnvironmentRow>, ViewError>;

    /// A tenant's own component: the present version, or any that there ever was.
    async fn component(
        &self,
        tenant: TenantId,
        slug: &str,
        version: Option<u32>,
    ) -> Result<Option<ComponentRow>, ViewError>;
    /// The present versions of a tenant's own components, by slug.
    async fn components(&self, tenant: TenantId) -> Result<Vec<ComponentRow>, ViewError>;

    /// Credentials by id, also deleted ones; an unknown id is left out.
    async fn credentials_by_id(
        &self,
        tenant: TenantId,
        ids: &[CredentialId],
    ) -> Result<Vec<Arc<CredentialRow>>, ViewError>;
    /// Present credentials of this name (without regard to case), of any owner.
    async fn credentials_by_name(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<Vec<Arc<CredentialRow>>, ViewError>;
    /// Present credentials that are offered to somebody, by id.
    async fn offered(&self, tenant: TenantId) -> Result<Vec<Arc<CredentialRow>>, ViewError>;
    /// The credential with this external id.
    async fn credential_by_external_id(
        &self,
        tenant: TenantId,
        external_id: &str,
    ) -> Result<Option<Arc<CredentialRow>>, ViewError>;
    /// A page of credentials.
    async fn credentials(&self, query: CredentialQuery) -> Result<Page<Arc<CredentialRow>>, ViewError>;
    /// How many credentials a query without its page would give.
    async fn count_credentials(&self, query: CredentialQuery) -> Result<u64, ViewError>;
    /// Grants on a credential that are there now, or were just after a position; those past their
    /// date too.
    async fn grants(
        &self,
        tenant: TenantId,
        credential: CredentialId,
        at: Option<Position>,
    ) -> Result<Vec<GrantRow>, ViewError>;
    /// What decides who may do what with a credential, now or just after a position: its owner and
    /// grants (those past their date too), who holds the environments among them, the memberships of the
    /// teams among all of these, and all roles.
    async fn access(
        &self,
        tenant: TenantId,
        credential: CredentialId,
        at: Option<Position>,
    ) -> Result<Vec<AuthorityChange>, ViewError>;
    /// Checks of a credential up to a moment, newest first.
    async fn verifications(
        &self,
        tenant: TenantId,
        credential: CredentialId,
        until: Option<Timestamp>,
        page: PageRequest,
    ) -> Result<Page<VerificationRow>, ViewError>;
    /// How many checks that is.
    async fn count_verifications(
        &self,
        tenant: TenantId,
        credential: CredentialId,
        until: Option<Timestamp>,
    ) -> Result<u64, ViewError>;

    /// Alerts, newest first.
    async fn alerts(
        &self,
        tenant: TenantId,
        filter: AlertFilter,
        page: PageRequest,
    ) -> Result<Page<AlertRow>, ViewError>;
    /// How many alerts that is.
    async fn count_alerts(&self, tenant: TenantId, filter: AlertFilter) -> Result<u64, ViewError>;
    /// One alert.
    async fn alert(&self, tenant: TenantId, id: AlertId) -> Result<Option<AlertRow>, ViewError>;

    /// All webhook endpoints of a tenant that are not deleted, by id.
    async fn webhook_endpoints(&self, tenant: TenantId) -> Result<Vec<WebhookEndpointRow>, ViewError>;
    /// One webhook endpoint, also a deleted one.
    async fn webhook_endpoint(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
    ) -> Result<Option<WebhookEndpointRow>, ViewError>;

    /// A tenant's events that fit, in log order after (or, backwards, before) a position.
    async fn events(
        &self,
        tenant: TenantId,
        filter: EventFilter,
        page: PageRequest,
    ) -> Result<Page<Arc<EventRow>>, ViewError>;
    /// How many events that is.
    async fn count_events(&self, tenant: TenantId, filter: EventFilter) -> Result<u64, ViewError>;
    /// One event.
    async fn event(
        &self,
        tenant: TenantId,
        id: keytrail_domain::EventId,
    ) -> Result<Option<Arc<EventRow>>, ViewError>;
    /// The last position of a tenant whose recorded time is at or before a moment.
    async fn position_at(&self, tenant: TenantId, moment: Timestamp) -> Result<Option<Position>, ViewError>;
    /// The last event that was projected, of any tenant: where it is in the log, and its id.
    async fn last_event(&self) -> Result<Option<(Position, EventId)>, ViewError>;
    /// When the last event was recorded, of any tenant.
    async fn last_recorded_at(&self) -> Result<Option<Timestamp>, ViewError>;
    /// A stream's events up to a position, for answers as of then.
    async fn stream_events(
        &self,
        stream: &StreamId,
        upto: Option<Position>,
    ) -> Result<Vec<Arc<EventRow>>, ViewError>;

    /// What a mutation with this key led to.
    async fn idempotency(
        &self,
        tenant: TenantId,
        principal: &str,
        mutation: &str,
        key: &str,
    ) -> Result<Option<IdempotencyRow>, ViewError>;

    /// Counts by status at a moment, of what the scope shows.
    async fn status_counts(&self, query: CredentialQuery) -> Result<StatusCounts, ViewError>;
    /// Checks and failures by day, from this day on.
    async fn daily(&self, tenant: TenantId, from_day: &str) -> Result<Vec<DailyRow>, ViewError>;
    /// Which of these secrets an event names: the sweep keeps those.
    async fn known_secrets(&self, tenant: TenantId) -> Result<Vec<keytrail_domain::SecretRef>, ViewError>;
}
