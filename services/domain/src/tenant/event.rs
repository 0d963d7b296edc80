//! What can have happened to a tenant. Names and shapes are for ever.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::SealedProfile;
use crate::{DomainEvent, MemberId, Owner, Role, SecretRef, TenantId};

/// A fact about a tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the names are the contract")]
pub enum TenantEvent {
    #[serde(rename = "TenantCreated")]
    Created { tenant: TenantId, slug: String, name: String, keys: SecretRef },
    /// Each setting as it is now.
    #[serde(rename = "TenantSettingsChanged")]
    SettingsChanged {
        name: String,
        restore_days: u32,
        /// None: the ladder that was the default when this setting did not exist.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expiry_days: Option<Vec<u32>>,
        /// None: as it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reconnect: Option<bool>,
    },
    #[serde(rename = "MemberAdded")]
    MemberAdded {
        member: MemberId,
        issuer: String,
        subject: String,
        role: Role,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        profile: Option<SealedProfile>,
    },
    #[serde(rename = "MemberProfileChanged")]
    MemberProfileChanged { member: MemberId, profile: SealedProfile },
    #[serde(rename = "MemberRoleChanged")]
    MemberRoleChanged { member: MemberId, role: Role },
    #[serde(rename = "MemberRemoved")]
    MemberRemoved {
        member: MemberId,
        /// Who gets what he owned; events of the first versions do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hand_over_to: Option<Owner>,
    },
}

impl DomainEvent for TenantEvent {
    fn version(_name: &str) -> u16 {
        1
    }

    fn upcast(_name: &str, _version: u16, data: Value) -> Value {
        data
    }
}
