//! What can have happened to an OAuth client. Names and shapes are for ever.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ClientSettings;
use crate::{CredentialId, DomainEvent, OAuthClientId, SecretRef};

/// A fact about an OAuth client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the names are the contract")]
pub enum OAuthClientEvent {
    #[serde(rename = "OAuthClientCreated")]
    Created {
        client: OAuthClientId,
        client_id: String,
        #[serde(flatten)]
        settings: ClientSettings,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret: Option<SecretRef>,
    },
    /// All settings as they are from now on. A client that does not authenticate has no secret any more.
    #[serde(rename = "OAuthClientChanged")]
    Changed {
        #[serde(flatten)]
        settings: ClientSettings,
    },
    /// The secret before is of no use from now on.
    #[serde(rename = "OAuthClientSecretReplaced")]
    SecretReplaced { secret: SecretRef },
    /// A credential has its tokens by this client: it is not deleted while one does.
    #[serde(rename = "OAuthClientReserved")]
    Reserved { credential: CredentialId },
    #[serde(rename = "OAuthClientReleased")]
    Released { credential: CredentialId },
    #[serde(rename = "OAuthClientDeleted")]
    Deleted {},
}

impl DomainEvent for OAuthClientEvent {
    fn version(_name: &str) -> u16 {
        1
    }

    fn upcast(_name: &str, _version: u16, data: Value) -> Value {
        data
    }
}
