//! What can have happened to a connection. Names and shapes are for ever.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ConnectionState, Management, Mover};
use crate::{
    ConnectionId, CredentialId, DomainEvent, Labels, Owner, TenantId,
    credential::{TransferReason, VerificationChoice},
};

/// A fact about a connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the names are the contract")]
pub enum ConnectionEvent {
    #[serde(rename = "ConnectionCreated")]
    Created {
        connection: ConnectionId,
        tenant: TenantId,
        name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        component: String,
        owner: Owner,
        management: Management,
        metadata: Map<String, Value>,
        labels: Labels,
        credentials: Vec<CredentialId>,
        state: ConnectionState,
    },
    #[serde(rename = "ConnectionRenamed")]
    Renamed { name: String },
    #[serde(rename = "ConnectionLabelsChanged")]
    LabelsChanged { labels: Labels },
    /// Everything else that people wrote down; each part as it is now.
    #[serde(rename = "ConnectionDetailsChanged")]
    DetailsChanged {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        metadata: Map<String, Value>,
    },
    #[serde(rename = "ConnectionCredentialAttached")]
    CredentialAttached { credential: CredentialId, verification: VerificationChoice },
    #[serde(rename = "ConnectionCredentialDetached")]
    CredentialDetached { credential: CredentialId },
    /// One credential took the place of another.
    #[serde(rename = "ConnectionCredentialReplaced")]
    CredentialReplaced { from: CredentialId, to: CredentialId },
    #[serde(rename = "ConnectionStateChanged")]
    StateChanged {
        from: ConnectionState,
        to: ConnectionState,
        mover: Mover,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The credential whose trouble or recovery is the reason, when it moved by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        credential: Option<CredentialId>,
        verification: VerificationChoice,
    },
    /// It is somebody else's now.
    #[serde(rename = "ConnectionTransferred")]
    Transferred { from: Owner, to: Owner, reason: TransferReason },
    /// Back in the state before the deletion, with those of its credentials that it could get again.
    #[serde(rename = "ConnectionRestored")]
    Restored { state: ConnectionState, credentials: Vec<CredentialId>, verification: VerificationChoice },
}

impl DomainEvent for ConnectionEvent {
    fn version(_name: &str) -> u16 {
        1
    }

    fn upcast(_name: &str, _version: u16, data: Value) -> Value {
        data
    }
}

impl ConnectionEvent {
    /// True for what people change: these count in `revision`.
    pub fn counts_as_change(&self) -> bool {
        !matches!(self, Self::StateChanged { mover: Mover::Automatic, .. })
    }
}
