//! The rows.

use std::collections::{BTreeMap, BTreeSet};

use keytrail_domain::{
    Actor, AlertId, ConnectionId, CredentialId, EnvironmentId, EventId, Grantee, Labels, Level, MemberId,
    Owner, Position, Role, SecretRef, StreamId, TeamId, TenantId, Timestamp, WebhookEndpointId,
    component::{Component, ComponentRef, CredentialKind},
    verification::{Report, Trigger},
    webhook::{DisabledReason, EndpointSettings, EndpointTarget, RetiringSecret},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AuthorizationRow, Status};
use keytrail_domain::credential::{Health, NotedExpiry, RetirementReason, UsageKind};

/// A tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TenantRow {
    /// Its id.
    pub id: TenantId,
    /// Short name.
    pub slug: String,
    /// What people call it.
    pub name: String,
    /// Where its keys lie in the vault.
    pub keys: SecretRef,
    /// Days that a deleted credential can be restored.
    pub restore_days: u32,
    /// Days before a credential's end at which people are told, largest first.
    pub expiry_days: Vec<u32>,
    /// Whether connections come back by themselves when their credentials are well again.
    pub reconnect: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// What people changed.
    pub revision: u64,
}

/// A member; a removed one keeps his row, so that history can name him.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberRow {
    /// Whose.
    pub tenant: TenantId,
    /// His id.
    pub id: MemberId,
    /// Who vouches for him.
    pub issuer: String,
    /// Who he is there.
    pub subject: String,
    /// His role.
    pub role: Role,
    /// Name and e-mail, sealed under a key of his own in the vault.
    pub profile: Option<keytrail_domain::tenant::SealedProfile>,
    /// Since when.
    pub added_at: Timestamp,
    /// Until when, if he was removed.
    pub removed_at: Option<Timestamp>,
}

/// A team.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TeamRow {
    /// Whose.
    pub tenant: TenantId,
    /// Its id.
    pub id: TeamId,
    /// Its name, unique in the tenant.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was deleted, if it was.
    pub deleted_at: Option<Timestamp>,
    /// What people changed.
    pub revision: u64,
}

/// Someone in a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TeamMemberRow {
    /// The member.
    pub member: MemberId,
    /// Leads it.
    pub lead: bool,
}

/// One version of a tenant's own component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComponentRow {
    /// Whose.
    pub tenant: TenantId,
    /// What it is; its slug is `<tenant>/<slug>`.
    pub component: Component,
    /// When it was made.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// When the component was deleted, if it was.
    pub deleted_at: Option<Timestamp>,
    /// What people changed, up to this version.
    pub revision: u64,
}

/// An environment; a deleted one keeps its row, so that history can name it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentRow {
    /// Whose.
    pub tenant: TenantId,
    /// Its id.
    pub id: EnvironmentId,
    /// Its name, unique in the tenant.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// The team that it belongs to.
    pub team: Option<TeamId>,
    /// Who else holds it, since when and until when.
    pub shares: Vec<EnvironmentShareRow>,
    /// The connections in it, in the order in which they were put in.
    pub connections: Vec<ConnectionId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Actor,
    /// When people last changed it.
    pub updated_at: Timestamp,
    /// When it was deleted, if it was.
    pub deleted_at: Option<Timestamp>,
    /// What people changed.
    pub revision: u64,
}

/// Somebody who holds an environment, also past his date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentShareRow {
    /// A member, a team or a service account.
    pub grantee: Grantee,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}

/// One secret version of a credential.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VersionRow {
    /// Ours, from 1, never used twice.
    pub number: u32,
    /// When it was taken.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Actor,
    /// Where it lies.
    pub secret: SecretRef,
    /// When it stopped being the current one.
    pub replaced_at: Option<Timestamp>,
    /// Until when it can still be leased, after that.
    pub leasable_until: Option<Timestamp>,
    /// When it was retired, and why.
    pub retired: Option<(Timestamp, RetirementReason)>,
}

impl VersionRow {
    /// It is the current one, or its overlap is not over.
    pub fn is_leasable(&self, now: Timestamp) -> bool {
        let overlaps = self.leasable_until.is_some_and(|until| now < until);
        self.replaced_at.is_none() || (overlaps && self.retired.is_none())
    }
}

/// What uses a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRow {
    /// Connection or flow.
    pub kind: UsageKind,
    /// Its id.
    pub id: String,
    /// Whether it runs right now.
    pub active: bool,
    /// Since when.
    pub attached_at: Timestamp,
    /// When it was reserved, began or stopped last.
    pub changed_at: Timestamp,
}

/// That somebody may become a credential's owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfferRow {
    /// Who.
    pub to: Owner,
    /// What he is told.
    pub note: Option<String>,
    /// Who offers it.
    pub by: Actor,
    /// Since when.
    pub at: Timestamp,
}

/// That a secret is in the wrong hands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompromiseRow {
    /// Since when, or earlier.
    pub since: Timestamp,
    /// How that is known.
    pub reason: String,
    /// Who said so.
    pub by: Actor,
    /// When he did.
    pub at: Timestamp,
}

/// A credential as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CredentialRow {
    /// Whose.
    pub tenant: TenantId,
    /// Its id.
    pub id: CredentialId,
    /// Its name, unique for its owner.
    pub name: String,
    /// The caller's own id for it, unique in the tenant.
    pub external_id: Option<String>,
    /// What it is for.
    pub component: ComponentRef,
    /// Its kind.
    pub kind: CredentialKind,
    /// Who owns it.
    pub owner: Owner,
    /// Free labels.
    pub labels: Labels,
    /// The fields that are no secret.
    pub fields: BTreeMap<String, Value>,
    /// Names of the secret fields that are set.
    pub secret_fields: BTreeSet<String>,
    /// Where its secret may be sent.
    pub allowed_hosts: Vec<String>,
    /// Secret versions, oldest first; the one that nothing replaced is current.
    pub versions: Vec<VersionRow>,
    /// To whom it is offered, if it is.
    pub offer: Option<OfferRow>,
    /// What verification last proved.
    pub health: Health,
    /// Stopped by hand.
    pub suspended: bool,
    /// What is said of its secret in the wrong hands, if anything is.
    pub compromise: Option<CompromiseRow>,
    /// Where its access tokens come from, when an OAuth client gets them.
    pub authorization: Option<AuthorizationRow>,
    /// When it ends, by evidence where there is any, else by the user's word.
    pub expires_at: Option<Timestamp>,
    /// When it ends by the user's word.
    pub stated_end: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Actor,
    /// When people last changed it.
    pub updated_at: Timestamp,
    /// The last check that is an event; the journal has those that told nothing new.
    pub last_verification: Option<VerificationRow>,
    /// Since when, and since which event, checks have proven nothing, if the last one did not.
    pub inconclusive_since: Option<(EventId, Timestamp)>,
    /// The last step of the expiry ladder that was told.
    pub noted_expiry: Option<NotedExpiry>,
    /// When it was last leased.
    pub last_leased_at: Option<Timestamp>,
    /// What uses it.
    pub usages: Vec<UsageRow>,
    /// How many alerts are open.
    pub open_alerts: u32,
    /// When it was deleted, if it is.
    pub deleted_at: Option<Timestamp>,
    /// Until when it can be restored, if it is deleted.
    pub restorable_until: Option<Timestamp>,
    /// Gone for good.
    pub purged: bool,
    /// What people changed.
    pub revision: u64,
}

impl CredentialRow {
    /// The version that counts.
    pub fn current(&self) -> Option<&VersionRow> {
        self.versions.iter().rev().find(|version| version.replaced_at.is_none())
    }

    /// Its number; 0 when there is none.
    pub fn current_version(&self) -> u32 {
        self.current().map_or(0, |version| version.number)
    }

    /// Whether a version can be leased at a moment.
    pub fn is_leasable(&self, number: u32, now: Timestamp) -> bool {
        self.versions.iter().any(|version| version.number == number && version.is_leasable(now))
    }

    /// When the next overlap ends that has not been noted.
    pub fn next_overlap_end(&self) -> Option<Timestamp> {
        let open = self.versions.iter().filter(|version| version.retired.is_none());
        open.filter_map(|version| version.leasable_until).min()
    }

    /// Nothing is done with it: it was stopped by hand, or its secret is in the wrong hands.
    pub fn is_frozen(&self) -> bool {
        self.suspended || self.compromise.is_some()
    }

    /// When its next access token is to be got, if one is.
    pub fn refresh_at(&self) -> Option<Timestamp> {
        let known = self.authorization.as_ref().filter(|known| !known.refused)?;
        known.refresh_at.filter(|_| !self.is_frozen() && self.deleted_at.is_none() && !self.purged)
    }

    /// Its status at a moment: dates count when asked, not when written.
    pub fn status(&self, now: Timestamp) -> Status {
        keytrail_domain::credential::status(
            self.health,
            self.is_frozen(),
            self.deleted_at.is_some(),
            self.expires_at,
            now,
        )
    }
}

/// A grant in force, or ended by its date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRow {
    /// Who holds it.
    pub grantee: Grantee,
    /// What it allows.
    pub level: Level,
    /// Until when.
    pub expires_at: Option<Timestamp>,
    /// Since when.
    pub granted_at: Timestamp,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerificationRow {
    /// Whose.
    pub tenant: TenantId,
    /// Of what.
    pub credential: CredentialId,
    /// The event or journal entry that says so.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// Which secret version.
    pub version: u32,
    /// Who asked.
    pub trigger: Trigger,
    /// What was found.
    pub report: Report,
}

/// An alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertRow {
    /// Whose.
    pub tenant: TenantId,
    /// Its id.
    pub id: AlertId,
    /// About what.
    pub about: keytrail_domain::alert::Subject,
    /// Why.
    pub cause: keytrail_domain::alert::Cause,
    /// How bad.
    pub severity: keytrail_domain::alert::Severity,
    /// Open, acknowledged, resolved.
    pub state: keytrail_domain::alert::AlertState,
    /// One sentence for a person.
    pub message: String,
    /// When it was opened (last).
    pub opened_at: Timestamp,
    /// Place of the event that opened it (last): what lists go by.
    pub opened: Position,
    /// How often its cause was seen since.
    pub occurrences: u64,
    /// Who takes care of it, and since when.
    pub acknowledged: Option<(Actor, Timestamp)>,
    /// When it was resolved.
    pub resolved_at: Option<Timestamp>,
    /// What people changed.
    pub revision: u64,
}

/// A webhook endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WebhookEndpointRow {
    /// Whose.
    pub tenant: TenantId,
    /// Its id.
    pub id: WebhookEndpointId,
    /// The team that it belongs to; none: the tenant.
    pub team: Option<TeamId>,
    /// Where deliveries go.
    pub target: EndpointTarget,
    /// What people chose.
    pub settings: EndpointSettings,
    /// Where the secret lies that deliveries are signed with.
    pub secret: SecretRef,
    /// The secret before, while it counts.
    pub retiring: Option<RetiringSecret>,
    /// Why nothing is delivered, and since when.
    pub disabled: Option<(DisabledReason, Timestamp)>,
    /// Since when deliveries go out.
    pub enabled_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Actor,
    /// Place of the event that made it: nothing older is delivered unless somebody asks.
    pub created: Position,
    /// When it was deleted, if it was.
    pub deleted_at: Option<Timestamp>,
    /// What people changed.
    pub revision: u64,
}

impl WebhookEndpointRow {
    /// Deliveries go out.
    pub fn is_active(&self) -> bool {
        self.disabled.is_none() && self.deleted_at.is_none()
    }
}

/// An event in its tenant's table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventRow {
    /// Whose.
    pub tenant: TenantId,
    /// Its id.
    pub id: EventId,
    /// Its place.
    pub position: Position,
    /// Its stream.
    pub stream: StreamId,
    /// Its number in the stream.
    pub revision: u64,
    /// Stored name.
    pub event_type: String,
    /// Version of the data's shape.
    pub schema_version: u16,
    /// When, by our clock.
    pub recorded_at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// The request.
    pub correlation: uuid::Uuid,
    /// The event that caused it.
    pub causation: Option<uuid::Uuid>,
    /// The credential that it is about.
    pub credential: Option<CredentialId>,
    /// JSON, as stored.
    pub data: Value,
}

/// What a mutation with an idempotency key led to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IdempotencyRow {
    /// Whose.
    pub tenant: TenantId,
    /// Who asked, as text.
    pub principal: String,
    /// The mutation.
    pub mutation: String,
    /// The caller's key.
    pub key: String,
    /// HMAC of the input.
    pub input: String,
    /// The stream that it changed.
    pub stream: StreamId,
    /// The last event that it led to.
    pub event: EventId,
    /// That event's place.
    pub position: Position,
    /// When: a key counts for a day.
    pub at: Timestamp,
}

/// Checks of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyRow {
    /// The day in UTC, `2026-11-22`.
    pub day: String,
    /// How many checks.
    pub verifications: u64,
    /// How many of them were a definite no.
    pub failures: u64,
}
