//! Who asks, and what comes back.

use keytrail_domain::{Principal, Scope, Timestamp};
use uuid::Uuid;

use crate::{AppError, fingerprint::SecretWarning};

/// One request of one caller.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who.
    pub principal: Principal,
    /// The request's id: every event that it leads to carries it.
    pub correlation: Uuid,
}

impl Call {
    /// What the caller's proof of identity may be used for.
    ///
    /// # Errors
    /// `FORBIDDEN`, with the scope that is missing.
    pub fn must_have(&self, scope: Scope) -> Result<(), AppError> {
        if self.principal.scopes.have(scope) { Ok(()) } else { Err(AppError::OutOfScope(scope)) }
    }
}

/// What makes a mutation repeatable.
#[derive(Clone)]
pub struct Mutation {
    /// Its name in GraphQL.
    pub name: &'static str,
    /// The caller's key, if he gave one: 1 to 255 bytes.
    pub idempotency_key: Option<String>,
    /// The whole input but the key, for comparison. It can hold secrets: only an HMAC is kept.
    pub input: serde_json::Value,
}

impl std::fmt::Debug for Mutation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mutation").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A mutation that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done<T> {
    /// What it answers, mostly the id of the thing that changed.
    pub value: T,
    /// The place in the log that shows it: opaque, for `Keytrail-After`.
    pub position: String,
    /// The views of this node show it already.
    pub visible: bool,
    /// The answer of an earlier mutation with the same key.
    pub replayed: bool,
    /// What whoever stored a secret should know of it; none when the answer is repeated.
    pub warnings: Vec<SecretWarning>,
}

impl<T> Done<T> {
    /// The same with another value.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Done<U> {
        let Self { value, position, visible, replayed, warnings } = self;
        Done { value: make(value), position, visible, replayed, warnings }
    }

    pub(crate) fn warning(self, warnings: Vec<SecretWarning>) -> Self {
        Self { warnings: if self.replayed { Vec::new() } else { warnings }, ..self }
    }
}

/// Which part of a list the caller wants, as Relay's connections say it.
#[derive(Clone, Debug, Default)]
pub struct PageArgs {
    /// The first so many.
    pub first: Option<u32>,
    /// After this cursor.
    pub after: Option<String>,
    /// The last so many.
    pub last: Option<u32>,
    /// Before this cursor.
    pub before: Option<String>,
}

/// Part of a list: each item with its cursor.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed<T> {
    /// Cursor and item.
    pub edges: Vec<(String, T)>,
    /// More come after.
    pub has_next: bool,
    /// More come before.
    pub has_previous: bool,
}

/// A member's name and e-mail, opened for those who may see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// What people call him.
    pub display_name: Option<String>,
    /// Where to write to.
    pub email: Option<String>,
}

/// Who is asking, for himself.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// His tenant.
    pub tenant: keytrail_ports::views::TenantRow,
    /// Himself, if he is a person.
    pub member: Option<keytrail_ports::views::MemberRow>,
    /// His teams, and whether he leads them.
    pub teams: Vec<(keytrail_domain::TeamId, bool)>,
    /// When his proof of identity ends.
    pub expires_at: Option<Timestamp>,
}

/// Numbers for a dashboard.
#[derive(Clone, Debug)]
pub struct Stats {
    /// Credentials by status, component and team, as far as the caller may see them.
    pub counts: keytrail_ports::views::StatusCounts,
    /// Checks by day, oldest first.
    pub daily: Vec<keytrail_ports::views::DailyRow>,
    /// Open alerts that the caller may see.
    pub open_alerts: u64,
    /// Those by severity, worst first; severities without any are left out.
    pub alerts_by_severity: Vec<(keytrail_domain::alert::Severity, u64)>,
    /// Those by cause; causes without any are left out.
    pub alerts_by_cause: Vec<(keytrail_domain::alert::Cause, u64)>,
}
