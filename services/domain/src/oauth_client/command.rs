//! What can be asked of an OAuth client.

use super::{ClientSettings, Provider, SECRET_FIELD};
use crate::{CredentialId, FieldError, OAuthClientId, SecretPayload, SecretRef, SecretValue};

/// Longest secret, in bytes.
const SECRET_LEN: usize = 4_096;

/// A wish. Whether its components are there and take OAuth2 is looked at before, by who knows them.
#[derive(Clone, Debug)]
pub enum OAuthClientCommand {
    /// Make it.
    Create {
        /// Its id.
        client: OAuthClientId,
        /// The id that the provider gave it.
        client_id: String,
        /// What people chose.
        settings: ClientSettings,
        /// Its secret; none for a public client alone.
        secret: Option<NewClientSecret>,
    },
    /// Change it.
    Change {
        /// All settings as they are from now on.
        settings: ClientSettings,
        /// Another secret; none keeps the one that is there.
        secret: Option<NewClientSecret>,
    },
    /// A credential is to have its tokens by this client.
    Reserve {
        /// Which.
        credential: CredentialId,
        /// The credential's component, by slug.
        component: String,
        /// The provider that it has its tokens of.
        provider: Provider,
    },
    /// A credential does so no more.
    Release {
        /// Which.
        credential: CredentialId,
    },
    /// End it.
    Delete,
}

/// A client's secret on its way into the vault.
#[derive(Clone, Debug)]
pub struct NewClientSecret {
    /// Where it is to lie.
    pub at: SecretRef,
    /// What it is.
    pub value: SecretValue,
}

impl NewClientSecret {
    pub(super) fn check(&self) -> Result<(), FieldError> {
        let text = self.value.expose();
        let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if (1..=SECRET_LEN).contains(&text.len()) && printable {
            return Ok(());
        }
        let rule = format!("must have 1 to {SECRET_LEN} printable ASCII characters");
        Err(FieldError::new("clientSecret", rule))
    }

    pub(super) fn payload(&self) -> SecretPayload {
        SecretPayload::new([(SECRET_FIELD.to_owned(), self.value.clone())])
    }
}
