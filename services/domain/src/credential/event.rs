//! What can have happened to a credential. Names and shapes are for ever.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Authorization, RetirementReason, RollbackReason, TransferReason, UsageKind, Version};
use crate::{
    CredentialId, DomainEvent, Grantee, Labels, Level, MemberId, Owner, SecretRef, TenantId, Timestamp,
    component::{ComponentRef, CredentialKind},
    verification::{Report, Trigger},
};

/// Whether the maker wanted a check first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VerificationChoice {
    /// It was checked; the report is in the event that follows.
    Checked,
    /// The maker chose not to.
    Skipped,
    /// Nothing that a check depends on changed.
    NotNeeded,
}

/// A fact about a credential.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the names are the contract; product.md lists them")]
pub enum CredentialEvent {
    #[serde(rename = "CredentialCreated")]
    Created {
        credential: CredentialId,
        tenant: TenantId,
        name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        external_id: Option<String>,
        component: ComponentRef,
        kind: CredentialKind,
        owner: Owner,
        labels: Labels,
        fields: BTreeMap<String, Value>,
        secret_fields: BTreeSet<String>,
        allowed_hosts: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
        version: u32,
        secret: SecretRef,
        verification: VerificationChoice,
    },
    #[serde(rename = "CredentialRenamed")]
    Renamed { name: String },
    #[serde(rename = "CredentialLabelsChanged")]
    LabelsChanged { labels: Labels },
    /// Everything else that people can change without a new secret; each part as it is now.
    #[serde(rename = "CredentialDetailsChanged")]
    DetailsChanged {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        external_id: Option<String>,
        fields: BTreeMap<String, Value>,
        allowed_hosts: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
        verification: VerificationChoice,
    },
    #[serde(rename = "CredentialSecretRotated")]
    SecretRotated {
        version: u32,
        secret: SecretRef,
        fields: BTreeMap<String, Value>,
        secret_fields: BTreeSet<String>,
        allowed_hosts: Vec<String>,
        /// The definition that it follows from now on, when that is another one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        component: Option<ComponentRef>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
        /// Until when the version before can still be leased.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        overlap_until: Option<Timestamp>,
        verification: VerificationChoice,
    },
    /// An earlier version counts again, with everything that went with it.
    #[serde(rename = "CredentialRolledBack")]
    RolledBack {
        from: u32,
        version: u32,
        #[serde(flatten)]
        restored: Version,
        reason: RollbackReason,
        verification: VerificationChoice,
    },
    /// An earlier version is not leased any more, nor gone back to.
    #[serde(rename = "CredentialVersionRetired")]
    VersionRetired { version: u32, reason: RetirementReason },
    #[serde(rename = "CredentialVerified")]
    Verified { version: u32, trigger: Trigger, report: Report },
    #[serde(rename = "CredentialInvalidated")]
    Invalidated { version: u32, trigger: Trigger, report: Report },
    #[serde(rename = "CredentialVerificationInconclusive")]
    VerificationInconclusive { version: u32, trigger: Trigger, report: Report },
    #[serde(rename = "CredentialExpiring")]
    Expiring { expires_at: Timestamp, days: u32 },
    #[serde(rename = "CredentialExpired")]
    Expired {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
    },
    #[serde(rename = "CredentialShared")]
    Shared {
        grantee: Grantee,
        level: Level,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// He gave it to himself, or to what acts for him, by his tenant role alone.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        break_glass: bool,
    },
    #[serde(rename = "CredentialShareRevoked")]
    ShareRevoked { grantee: Grantee },
    /// Somebody is to own it, if he wants to.
    #[serde(rename = "CredentialTransferOffered")]
    TransferOffered {
        to: Owner,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        /// Who offers it by his tenant role alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by_role_of: Option<MemberId>,
    },
    #[serde(rename = "CredentialTransferDeclined")]
    TransferDeclined {},
    #[serde(rename = "CredentialTransferCancelled")]
    TransferCancelled {},
    /// It is somebody else's now; grants stay.
    #[serde(rename = "CredentialTransferred")]
    Transferred { from: Owner, to: Owner, reason: TransferReason },
    #[serde(rename = "CredentialAttached")]
    Attached { usage: String, kind: UsageKind },
    #[serde(rename = "CredentialUseActivated")]
    UseActivated { usage: String },
    #[serde(rename = "CredentialUseDeactivated")]
    UseDeactivated { usage: String },
    #[serde(rename = "CredentialDetached")]
    Detached { usage: String },
    /// What used it uses another one now.
    #[serde(rename = "CredentialRepointed")]
    Repointed { to: CredentialId, usages: Vec<String> },
    /// An OAuth client gets its access tokens from now on.
    #[serde(rename = "CredentialAuthorized")]
    Authorized {
        #[serde(flatten)]
        authorization: Authorization,
    },
    /// Another access token took the place of the one before; the version is the same.
    #[serde(rename = "CredentialTokenRefreshed")]
    TokenRefreshed {
        secret: SecretRef,
        /// Another refresh token, where the provider gave one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refresh: Option<SecretRef>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        access_until: Option<Timestamp>,
    },
    /// Its secret is in the wrong hands, since then or earlier: it is frozen until it is rotated, or somebody resumes it.
    #[serde(rename = "CredentialMarkedCompromised")]
    MarkedCompromised { since: Timestamp, reason: String },
    #[serde(rename = "CredentialSuspended")]
    Suspended { reason: String },
    #[serde(rename = "CredentialResumed")]
    Resumed { reason: String },
    #[serde(rename = "CredentialDeleted")]
    Deleted { restorable_until: Timestamp },
    #[serde(rename = "CredentialRestored")]
    Restored {},
    #[serde(rename = "CredentialPurged")]
    Purged {},
}

impl DomainEvent for CredentialEvent {
    fn version(_name: &str) -> u16 {
        1
    }

    fn upcast(_name: &str, _version: u16, data: Value) -> Value {
        data
    }
}

impl CredentialEvent {
    /// The report that it carries, with what it was about.
    pub fn report(&self) -> Option<(u32, Trigger, &Report)> {
        match self {
            Self::Verified { version, trigger, report }
            | Self::Invalidated { version, trigger, report }
            | Self::VerificationInconclusive { version, trigger, report } => {
                Some((*version, *trigger, report))
            }
            _ => None,
        }
    }

    /// True for what people change: these count in `revision`.
    pub fn counts_as_change(&self) -> bool {
        !matches!(
            self,
            Self::Verified { .. }
                | Self::Invalidated { .. }
                | Self::VerificationInconclusive { .. }
                | Self::Authorized { .. }
                | Self::TokenRefreshed { .. }
                | Self::Expiring { .. }
                | Self::Expired { .. }
                | Self::Attached { .. }
                | Self::UseActivated { .. }
                | Self::UseDeactivated { .. }
                | Self::Detached { .. }
                | Self::VersionRetired {
                    reason: RetirementReason::AllMoved
                        | RetirementReason::Compromised
                        | RetirementReason::OverlapOver
                        | RetirementReason::TooMany,
                    ..
                }
        )
    }
}
