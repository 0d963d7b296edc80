//! What can be asked of a webhook endpoint.

use super::{DisabledReason, EndpointSettings, NewTarget};
use crate::{EventId, SecretPayload, SecretRef, TeamId, Timestamp, WebhookEndpointId};

/// A wish. Whether a URL may be called at all is judged before, by who calls it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it; the events explain each")]
pub enum WebhookEndpointCommand {
    Create {
        endpoint: WebhookEndpointId,
        team: Option<TeamId>,
        target: NewTarget,
        settings: EndpointSettings,
        secret: SecretRef,
        payload: SecretPayload,
    },
    Change {
        /// None leaves it where it is.
        target: Option<NewTarget>,
        settings: EndpointSettings,
        /// None leaves it as it is.
        enabled: Option<bool>,
    },
    /// A new secret; the old one counts until then.
    RotateSecret {
        secret: SecretRef,
        payload: SecretPayload,
        previous_until: Timestamp,
    },
    Disable {
        reason: DisabledReason,
    },
    /// Send something that says that it is a test.
    Test,
    /// Send this event once more.
    Redeliver {
        event: EventId,
    },
    /// Send everything after this event (again).
    Replay {
        after: EventId,
    },
    Delete,
}
