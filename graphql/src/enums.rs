//! Enums of the API, each the twin of one of the domain's.

use async_graphql::Enum;
use keytrail_domain::{alert, component, connection, credential, verification, webhook};
use keytrail_ports::{Action, views};

/// The status of a credential. Dates count when asked.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "credential::Status")]
pub enum CredentialStatus {
    /// Deleted, and restorable for a while.
    Deleted,
    /// Stopped by hand: no lease, check or refresh.
    Suspended,
    /// The system rejects it.
    Invalid,
    /// Its time is over.
    Expired,
    /// Its time is over within 30 days.
    Expiring,
    /// The system accepts it.
    Valid,
    /// Nothing is known yet.
    Unverified,
}

/// The broad kind of a credential.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "component::CredentialKind")]
pub enum CredentialKind {
    /// One key or token.
    ApiKey,
    /// User and password.
    Basic,
    /// OAuth2 tokens.
    #[graphql(name = "OAUTH2")]
    OAuth2,
    /// A certificate and its key.
    Certificate,
    /// An account of AWS, GCP or Azure.
    Cloud,
    /// A Kubernetes service account's token.
    ServiceAccountToken,
    /// A database account.
    Database,
    /// Anything else.
    Custom,
}

/// What a check proved.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "verification::Verdict")]
pub enum Verdict {
    /// It works.
    Valid,
    /// It is alive, but its scope is too small for what the check asked.
    Limited,
    /// Rejected.
    Invalid,
    /// Rejected because its time is over.
    Expired,
    /// Rejected because somebody took it back.
    Revoked,
    /// Nothing: see the reason. The status does not change.
    Inconclusive,
    /// There is no check for this component.
    Unsupported,
}

/// Why a check proved nothing.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "verification::InconclusiveReason")]
pub enum InconclusiveReason {
    /// The system asked us to come back later, or Keytrail itself has too much to do.
    RateLimited,
    /// No connection, or it was not allowed.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// An answer that the component's rules do not know.
    Unexpected,
}

/// Who or what asked for a check.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "verification::Trigger")]
pub enum CheckTrigger {
    /// Before the credential was created.
    Create,
    /// Before a change was taken.
    Change,
    /// Somebody asked.
    Demand,
    /// The schedule.
    Routine,
    /// The provider was asked for the next access token.
    Refresh,
}

/// How much a grant allows; each level includes the ones before.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "keytrail_domain::Level")]
pub enum Level {
    /// See metadata, status and history.
    View,
    /// Lease, attach, verify.
    Use,
    /// Rename, label, rotate.
    Edit,
    /// Share, transfer, suspend, delete, restore.
    Manage,
}

/// A member's role in the tenant.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "keytrail_domain::Role")]
pub enum Role {
    /// Sees everything and the audit log, changes nothing.
    Auditor,
    /// Makes credentials for himself and his teams.
    Member,
    /// Manages members, teams and every credential.
    Admin,
    /// Also changes the tenant's settings and makes owners.
    Owner,
}

/// Where an alert stands.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "alert::AlertState")]
pub enum AlertState {
    /// Nobody has it yet.
    Open,
    /// Somebody takes care of it.
    Acknowledged,
    /// Over.
    Resolved,
}

/// How bad an alert is.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "alert::Severity")]
pub enum AlertSeverity {
    /// Good to know.
    Info,
    /// Somebody should look this week.
    Warning,
    /// Something is broken now.
    Critical,
}

/// Why there is an alert.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "alert::Cause")]
pub enum AlertCause {
    /// The system rejects the credential.
    Invalid,
    /// Its end is near.
    Expiring,
    /// Its end has come.
    Expired,
    /// Checks have come to nothing for a day.
    VerificationFailing,
    /// It was suspended while something uses it.
    Suspended,
    /// An owner or admin took the use of the credential by his role alone, for an hour.
    BreakGlass,
    /// Its owner was removed from the tenant: he may know its secret, rotate it.
    HandedOver,
    /// Its secret is in the wrong hands: end it at its system, and rotate.
    Compromised,
    /// Nothing arrives at a webhook endpoint.
    WebhookFailing,
}

/// Why a secret version was retired.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "credential::RetirementReason")]
pub enum RetirementReason {
    /// Somebody wanted it.
    Asked,
    /// Everybody who had leased it, and still may, had leased the newer one for five minutes.
    AllMoved,
    /// The overlap was over.
    OverlapOver,
    /// There were a hundred newer ones.
    TooMany,
    /// It was in the wrong hands.
    Compromised,
}

/// What uses a credential.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "credential::UsageKind")]
pub enum UsageKind {
    /// A link to an external system.
    Connection,
    /// An integration flow.
    Flow,
}

/// Where a connection stands.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "connection::ConnectionState")]
pub enum ConnectionState {
    /// Found, and nobody has said yet what to do with it.
    Discovered,
    /// Taken up, not in use yet.
    Registered,
    /// In use: its credentials cannot be deleted.
    Connected,
    /// Not to be bothered with.
    Ignored,
    /// Taken out of use for a while by its administrators.
    Maintenance,
    /// Out of use, by hand or because a credential went bad.
    Disconnected,
    /// The system was not there when somebody looked.
    NotFound,
    /// Deleted; it can be restored.
    Deleted,
}

/// How Keytrail came to know of a connection.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "connection::Management")]
pub enum Management {
    /// Found by discovery, and kept by it.
    Managed,
    /// Entered by hand.
    Unmanaged,
}

/// What set a connection to another state.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "connection::Mover")]
pub enum Mover {
    /// Somebody asked for it.
    User,
    /// A credential of it went bad, or is well again.
    Automatic,
}

/// Whether credentials were checked before.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "credential::VerificationChoice")]
pub enum VerificationChoice {
    /// They were, and worked.
    Checked,
    /// Somebody chose not to.
    Skipped,
    /// There was nothing to check.
    NotNeeded,
}

/// What a list of connections or flows goes by.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "views::ConsumerSort")]
pub enum ConsumerSort {
    /// Name, without regard to case.
    Name,
    /// When it was made.
    CreatedAt,
    /// When people last changed it.
    UpdatedAt,
}

/// Something that the viewer may do.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "Action")]
pub enum Permission {
    /// Make one.
    Create,
    /// See it.
    View,
    /// Check it against the real system.
    Verify,
    /// Fetch its secret once.
    Lease,
    /// Put it into a flow or connection.
    Attach,
    /// Change what is no secret.
    Update,
    /// Give it a new secret.
    Rotate,
    /// Give others a level, or take it back.
    Share,
    /// Stop it, and let it go on.
    Suspend,
    /// Delete it.
    Delete,
    /// Bring it back.
    Restore,
    /// Offer it to another owner.
    Transfer,
    /// See who had access, and when.
    ReviewAccess,
    /// Change a team's members and leads.
    ChangeMembers,
    /// Change a member's role.
    ChangeRole,
    /// Take care of its alerts.
    Acknowledge,
}

/// What a list of credentials goes by.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "views::CredentialSort")]
pub enum CredentialSort {
    /// Name, without regard to case.
    Name,
    /// When it was made.
    CreatedAt,
    /// When people last changed it.
    UpdatedAt,
    /// When it ends; those without an end last.
    ExpiresAt,
}

/// What the body of a webhook looks like.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "webhook::WebhookFormat")]
pub enum WebhookFormat {
    /// CloudEvents 1.0 as JSON.
    #[graphql(name = "CLOUDEVENTS")]
    CloudEvents,
    /// A message for Slack.
    Slack,
    /// A card for Microsoft Teams.
    Teams,
}

/// Why nothing is delivered to a webhook endpoint.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "webhook::DisabledReason")]
pub enum WebhookDisabledReason {
    /// Somebody said so.
    ByHand,
    /// The receiver answered 410.
    Gone,
    /// Nothing arrived for five days.
    Failing,
}

/// Why a webhook was sent.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "keytrail_app::Purpose")]
pub enum WebhookPurpose {
    /// It happened.
    Event,
    /// Somebody asked for a test.
    Test,
    /// Somebody asked for it once more.
    Redelivery,
}

/// The values of an enumeration of the schema, by its name.
pub fn values_of(enumeration: &str) -> Option<Vec<&'static str>> {
    let (_, rest) = include_str!("../schema.graphql").split_once(&format!("\nenum {enumeration} {{"))?;
    let (body, _) = rest.split_once("\n}")?;
    let is_value = |line: &&str| {
        !line.is_empty() && line.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    Some(body.lines().map(str::trim).filter(is_value).collect())
}

#[cfg(test)]
mod tests {
    use super::values_of;

    #[test]
    fn an_enumeration_names_its_values() {
        assert_eq!(values_of("Level"), Some(vec!["EDIT", "MANAGE", "USE", "VIEW"]));
        assert!(values_of("CredentialKind").is_some_and(|kinds| kinds.contains(&"OAUTH2")));
        assert_eq!(values_of("Nothing"), None);
    }
}
