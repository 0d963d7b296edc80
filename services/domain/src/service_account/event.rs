//! What can have happened to a service account. Names and shapes are for ever.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{DomainEvent, Scope, ServiceAccountId, Timestamp, TokenId};

/// A fact about a service account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the names are the contract")]
pub enum ServiceAccountEvent {
    #[serde(rename = "ServiceAccountCreated")]
    Created {
        account: ServiceAccountId,
        name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
    /// With it end its tokens and everything that was granted to it.
    #[serde(rename = "ServiceAccountDeleted")]
    Deleted {},
    /// The SHA-256 of the token, as hexadecimal digits; the token itself is nowhere.
    #[serde(rename = "ApiTokenCreated")]
    TokenCreated {
        token: TokenId,
        name: String,
        hash: String,
        scopes: Vec<Scope>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
    },
    #[serde(rename = "ApiTokenRevoked")]
    TokenRevoked { token: TokenId },
}

impl DomainEvent for ServiceAccountEvent {
    fn version(_name: &str) -> u16 {
        1
    }

    fn upcast(_name: &str, _version: u16, data: Value) -> Value {
        data
    }
}
