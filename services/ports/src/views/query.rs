//! What can be asked of the read models.

use keytrail_domain::{
    AlertId, CredentialId, EnvironmentId, Grantee, Owner, Position, TenantId, Timestamp,
    alert::{AlertState, Cause, Severity},
    component::CredentialKind,
};
use serde::{Deserialize, Serialize};

pub use keytrail_domain::credential::Status;

use crate::Scope;

/// Which part of a list: the one place where cursors have become keys.
#[derive(Clone, Debug, PartialEq)]
pub struct PageRequest {
    /// At most so many, from 1 on.
    pub limit: u32,
    /// True: the last ones of the window, still in list order.
    pub backwards: bool,
    /// Only what comes after this key.
    pub after: Option<SortKey>,
    /// Only what comes before this key.
    pub before: Option<SortKey>,
}

impl PageRequest {
    /// The first so many.
    pub fn first(limit: u32) -> Self {
        Self { limit, backwards: false, after: None, before: None }
    }

    /// The same page after a key.
    #[must_use]
    pub fn after(self, key: SortKey) -> Self {
        Self { after: Some(key), ..self }
    }
}

/// A place in a sorted list: the sort value, and the id that breaks ties.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SortKey {
    /// A place in the log.
    Position(Position),
    /// A text value (lower case) and an id.
    Text(String, uuid::Uuid),
    /// A number (a time in microseconds; none sorts last) and an id.
    Number(Option<i64>, uuid::Uuid),
    /// An id alone.
    Id(uuid::Uuid),
}

/// Part of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The rows, each with its place.
    pub rows: Vec<(SortKey, T)>,
    /// More come after the last one.
    pub has_next: bool,
    /// More come before the first one.
    pub has_previous: bool,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), has_next: false, has_previous: false }
    }
}

/// What a list of credentials goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CredentialSort {
    /// Name, without regard to case.
    Name,
    /// When it was made.
    #[default]
    CreatedAt,
    /// When people last changed it.
    UpdatedAt,
    /// When it ends; those without an end last.
    ExpiresAt,
}

/// Sort and direction. Descending lists turn everything round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialOrder {
    /// By what.
    pub by: CredentialSort,
    /// Largest first.
    pub descending: bool,
}

/// Which credentials; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CredentialFilter {
    /// Part of name, external id, component slug or a label's value.
    pub text: Option<String>,
    /// Any of these component slugs.
    pub components: Vec<String>,
    /// Any of these kinds.
    pub kinds: Vec<CredentialKind>,
    /// Any of these statuses.
    pub statuses: Vec<Status>,
    /// This owner.
    pub owner: Option<Owner>,
    /// Owned by, or granted to, this team.
    pub team: Option<keytrail_domain::TeamId>,
    /// Put into this environment.
    pub environment: Option<EnvironmentId>,
    /// All of these labels; a label without a value need only have the key.
    pub labels: Vec<(String, Option<String>)>,
    /// Used by this connection or flow.
    pub used_by: Option<String>,
    /// Ends before this moment.
    pub expiring_before: Option<Timestamp>,
    /// Not leased since this moment, or never.
    pub unused_since: Option<Timestamp>,
    /// Has an open alert, or has none.
    pub has_open_alert: Option<bool>,
    /// Only deleted ones (true) or only present ones (false).
    pub deleted: bool,
}

/// A whole question for credentials.
#[derive(Clone, Debug, PartialEq)]
pub struct CredentialQuery {
    /// Whose.
    pub tenant: TenantId,
    /// What the caller may see.
    pub scope: Scope,
    /// Which.
    pub filter: CredentialFilter,
    /// In what order.
    pub order: CredentialOrder,
    /// Which part.
    pub page: PageRequest,
    /// The moment that dates are held against.
    pub now: Timestamp,
}

/// Which alerts; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertFilter {
    /// Any of these states.
    pub states: Vec<AlertState>,
    /// Any of these severities.
    pub severities: Vec<Severity>,
    /// Any of these causes.
    pub causes: Vec<Cause>,
    /// Of this credential.
    pub credential: Option<CredentialId>,
    /// Of credentials that this scope shows, and of the endpoints in `endpoints`.
    pub scope: Option<(Scope, Timestamp)>,
    /// With a scope: webhook endpoints whose alerts are shown beside.
    pub endpoints: Vec<keytrail_domain::WebhookEndpointId>,
    /// These alerts.
    pub ids: Vec<AlertId>,
}

/// Which events; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventFilter {
    /// Any of these stored names.
    pub types: Vec<String>,
    /// About this credential.
    pub credential: Option<CredentialId>,
    /// By this actor (an id as text).
    pub actor: Option<String>,
    /// Recorded at or after.
    pub from: Option<Timestamp>,
    /// Recorded before.
    pub until: Option<Timestamp>,
    /// This stream.
    pub stream: Option<keytrail_domain::StreamId>,
    /// At this position or before it.
    pub upto: Option<Position>,
}

/// Counts for a dashboard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusCounts {
    /// By status.
    pub by_status: Vec<(Status, u64)>,
    /// By component slug.
    pub by_component: Vec<(String, u64)>,
    /// By owning or granted team.
    pub by_team: Vec<(Grantee, u64)>,
}
