//! What can have happened to an alert. Names and shapes are for ever.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cause, Severity};
use crate::{CredentialId, DomainEvent, EventId, WebhookEndpointId};

/// A fact about an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the names are the contract")]
pub enum AlertEvent {
    /// It began, or began again after it was resolved. It is about a credential or an endpoint.
    #[serde(rename = "AlertOpened")]
    Opened {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        credential: Option<CredentialId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        endpoint: Option<WebhookEndpointId>,
        cause: Cause,
        severity: Severity,
        message: String,
        source: EventId,
    },
    /// Its cause was seen again while it was open.
    #[serde(rename = "AlertRepeated")]
    Repeated {
        source: EventId,
        /// When it got worse.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        severity: Option<Severity>,
        /// The sentence, when it is another one now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    #[serde(rename = "AlertAcknowledged")]
    Acknowledged { note: Option<String> },
    /// By recovery (with the event that shows it) or by hand.
    #[serde(rename = "AlertResolved")]
    Resolved { source: Option<EventId>, note: Option<String> },
}

impl DomainEvent for AlertEvent {
    fn version(_name: &str) -> u16 {
        1
    }

    fn upcast(_name: &str, _version: u16, data: Value) -> Value {
        data
    }
}
