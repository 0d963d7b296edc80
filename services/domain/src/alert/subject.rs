//! What an alert is about.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{CredentialId, WebhookEndpointId};

/// What has trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Subject {
    /// A credential.
    Credential(CredentialId),
    /// A webhook endpoint.
    WebhookEndpoint(WebhookEndpointId),
}

impl Subject {
    /// Reads the id's text.
    pub fn parse(text: &str) -> Option<Self> {
        let credential = CredentialId::parse(text).map(Self::Credential);
        credential.or_else(|_| WebhookEndpointId::parse(text).map(Self::WebhookEndpoint)).ok()
    }

    /// The UUID of its id.
    pub const fn as_uuid(&self) -> Uuid {
        match self {
            Self::Credential(id) => id.as_uuid(),
            Self::WebhookEndpoint(id) => id.as_uuid(),
        }
    }

    /// The credential, if it is one.
    pub const fn credential(&self) -> Option<CredentialId> {
        match self {
            Self::Credential(id) => Some(*id),
            Self::WebhookEndpoint(_) => None,
        }
    }

    /// The webhook endpoint, if it is one.
    pub const fn webhook_endpoint(&self) -> Option<WebhookEndpointId> {
        match self {
            Self::Credential(_) => None,
            Self::WebhookEndpoint(id) => Some(*id),
        }
    }
}

impl From<CredentialId> for Subject {
    fn from(id: CredentialId) -> Self {
        Self::Credential(id)
    }
}

impl From<WebhookEndpointId> for Subject {
    fn from(id: WebhookEndpointId) -> Self {
        Self::WebhookEndpoint(id)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential(id) => id.fmt(f),
            Self::WebhookEndpoint(id) => id.fmt(f),
        }
    }
}
