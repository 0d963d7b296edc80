//! What can have happened to a webhook endpoint. Names and shapes are for ever.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{EndpointSettings, EndpointTarget};
use crate::{DomainEvent, EventId, SecretRef, TeamId, Timestamp, WebhookEndpointId};

/// Why nothing is delivered any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DisabledReason {
    /// Somebody said so.
    ByHand,
    /// The receiver answered 410.
    Gone,
    /// Nothing arrived for days.
    Failing,
}

/// Events whose first version had the whole URL among the settings.
const HAD_URL: [&str; 2] = ["WebhookEndpointCreated", "WebhookEndpointChanged"];

/// A fact about a webhook endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the names are the contract")]
pub enum WebhookEndpointEvent {
    #[serde(rename = "WebhookEndpointCreated")]
    Created {
        endpoint: WebhookEndpointId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        team: Option<TeamId>,
        target: EndpointTarget,
        settings: EndpointSettings,
        secret: SecretRef,
    },
    /// All settings as they are from now on, and where deliveries go if that changed.
    #[serde(rename = "WebhookEndpointChanged")]
    Changed {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<EndpointTarget>,
        settings: EndpointSettings,
    },
    /// Until then the secret before counts too; older ones end now.
    #[serde(rename = "WebhookSecretRotated")]
    SecretRotated { secret: SecretRef, previous_until: Timestamp },
    #[serde(rename = "WebhookEndpointDisabled")]
    Disabled { reason: DisabledReason },
    #[serde(rename = "WebhookEndpointEnabled")]
    Enabled {},
    #[serde(rename = "WebhookTestRequested")]
    TestRequested {},
    #[serde(rename = "WebhookRedeliveryRequested")]
    RedeliveryRequested { event: EventId },
    /// Everything after that event is to be delivered (again).
    #[serde(rename = "WebhookReplayRequested")]
    ReplayRequested { after: EventId },
    #[serde(rename = "WebhookEndpointDeleted")]
    Deleted {},
}

impl DomainEvent for WebhookEndpointEvent {
    fn version(name: &str) -> u16 {
        if HAD_URL.contains(&name) { 2 } else { 1 }
    }

    fn upcast(name: &str, version: u16, data: Value) -> Value {
        if HAD_URL.contains(&name) && version < 2 { url_apart(data) } else { data }
    }
}

/// The whole URL of a first version stays shown: it was never in the vault.
fn url_apart(mut data: Value) -> Value {
    if let Some(url) = data["settings"].as_object_mut().and_then(|settings| settings.remove("url")) {
        data["target"] = json!({ "shown": url });
    }
    data
}
