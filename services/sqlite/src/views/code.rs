//! How our enums and ids stand in columns. The numbers are ours, not the compiler's: a new
//! variant takes a new number.

use keytrail_domain::{
    EnvironmentId, Grantee, Level, MemberId, Owner, Role, ServiceAccountId, TeamId,
    alert::{AlertState, Cause, Severity},
    component::CredentialKind,
    credential::Health,
};
use keytrail_ports::views::CredentialRow;
use uuid::Uuid;

use crate::fault::Fault;

/// Who: one byte for the kind, then the id.
pub(super) type Principal = [u8; 17];

pub(super) fn principal(grantee: Grantee) -> Principal {
    let (kind, id) = match grantee {
        Grantee::Member(id) => (0, id.as_uuid()),
        Grantee::Team(id) => (1, id.as_uuid()),
        Grantee::ServiceAccount(id) => (2, id.as_uuid()),
        Grantee::Environment(id) => (3, id.as_uuid()),
    };
    let mut bytes = [kind; 17];
    bytes[1..].copy_from_slice(id.as_bytes());
    bytes
}

pub(super) fn owner(owner: Owner) -> Principal {
    principal(owner.into())
}

/// What every team's bytes begin with, and what comes behind all teams.
pub(super) const TEAMS: ([u8; 1], [u8; 1]) = ([1], [2]);

pub(super) fn to_grantee(bytes: Principal) -> Result<Grantee, Fault> {
    let [kind, id @ ..] = bytes;
    let id = Uuid::from_bytes(id);
    match kind {
        0 => Ok(Grantee::Member(MemberId::from_uuid(id))),
        1 => Ok(Grantee::Team(TeamId::from_uuid(id))),
        2 => Ok(Grantee::ServiceAccount(ServiceAccountId::from_uuid(id))),
        3 => Ok(Grantee::Environment(EnvironmentId::from_uuid(id))),
        _ => Err(unknown("a principal")),
    }
}

pub(super) fn unknown(what: &str) -> Fault {
    Fault::Corrupt(format!("{what} has an unknown code"))
}

/// 0 present, 1 deleted, 2 purged.
pub(super) fn life(row: &CredentialRow) -> i64 {
    match row.deleted_at {
        _ if row.purged => 2,
        Some(_) => 1,
        None => 0,
    }
}

pub(super) const HEALTHS: [Health; 4] = [Health::Unverified, Health::Valid, Health::Invalid, Health::Expired];

pub(super) fn health(health: Health) -> i64 {
    match health {
        Health::Unverified => 0,
        Health::Valid => 1,
        Health::Invalid => 2,
        Health::Expired => 3,
    }
}

pub(super) fn to_health(code: i64) -> Result<Health, Fault> {
    HEALTHS.into_iter().find(|known| health(*known) == code).ok_or_else(|| unknown("a health"))
}

pub(super) fn kind(kind: CredentialKind) -> i64 {
    match kind {
        CredentialKind::ApiKey => 0,
        CredentialKind::Basic => 1,
        CredentialKind::OAuth2 => 2,
        CredentialKind::Certificate => 3,
        CredentialKind::Cloud => 4,
        CredentialKind::ServiceAccountToken => 5,
        CredentialKind::Database => 6,
        CredentialKind::Custom => 7,
    }
}

pub(super) fn alert_state(state: AlertState) -> i64 {
    match state {
        AlertState::Open => 0,
        AlertState::Acknowledged => 1,
        AlertState::Resolved => 2,
    }
}

pub(super) fn severity(severity: Severity) -> i64 {
    match severity {
        Severity::Info => 0,
        Severity::Warning => 1,
        Severity::Critical => 2,
    }
}

pub(super) fn cause(cause: Cause) -> i64 {
    match cause {
        Cause::Invalid => 0,
        Cause::Expiring => 1,
        Cause::Expired => 2,
        Cause::VerificationFailing => 3,
        Cause::Suspended => 4,
        Cause::WebhookFailing => 5,
        Cause::BreakGlass => 6,
        Cause::HandedOver => 7,
        Cause::Compromised => 8,
    }
}

pub(super) fn level(level: Level) -> i64 {
    match level {
        Level::View => 0,
        Level::Use => 1,
        Level::Edit => 2,
        Level::Manage => 3,
    }
}

pub(super) fn to_level(code: i64) -> Result<Level, Fault> {
    Level::ALL.into_iter().find(|known| level(*known) == code).ok_or_else(|| unknown("a level"))
}

const ROLES: [Role; 4] = [Role::Auditor, Role::Member, Role::Admin, Role::Owner];

pub(super) fn role(role: Role) -> i64 {
    match role {
        Role::Auditor => 0,
        Role::Member => 1,
        Role::Admin => 2,
        Role::Owner => 3,
    }
}

pub(super) fn to_role(code: i64) -> Result<Role, Fault> {
    ROLES.into_iter().find(|known| role(*known) == code).ok_or_else(|| unknown("a role"))
}
