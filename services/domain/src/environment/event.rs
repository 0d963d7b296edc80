//! What can have happened to an environment. Names and shapes are for ever.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ConnectionId, DomainEvent, EnvironmentId, Grantee, TeamId, Timestamp};

/// A fact about an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the names are the contract")]
pub enum EnvironmentEvent {
    #[serde(rename = "EnvironmentCreated")]
    Created {
        environment: EnvironmentId,
        name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        team: Option<TeamId>,
    },
    #[serde(rename = "EnvironmentRenamed")]
    Renamed { name: String },
    #[serde(rename = "EnvironmentDescriptionChanged")]
    DescriptionChanged {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
    /// Somebody holds it from now on.
    #[serde(rename = "EnvironmentShared")]
    Shared {
        grantee: Grantee,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
    },
    #[serde(rename = "EnvironmentShareRevoked")]
    ShareRevoked { grantee: Grantee },
    #[serde(rename = "EnvironmentConnectionAdded")]
    ConnectionAdded { connection: ConnectionId },
    #[serde(rename = "EnvironmentConnectionRemoved")]
    ConnectionRemoved { connection: ConnectionId },
    /// Nobody holds it any more; what was put in stays where it is.
    #[serde(rename = "EnvironmentDeleted")]
    Deleted {},
}

impl DomainEvent for EnvironmentEvent {
    fn version(_name: &str) -> u16 {
        1
    }

    fn upcast(_name: &str, _version: u16, data: Value) -> Value {
        data
    }
}
