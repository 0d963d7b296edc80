//! An OAuth client: an app of the tenant that is registered at an OAuth2 provider. Its secret is in the vault.

mod command;
mod decide;
mod event;
mod evolve;
mod settings;

use std::collections::BTreeSet;

pub use command::{NewClientSecret, OAuthClientCommand};
pub use event::OAuthClientEvent;
pub use settings::{ClientAuthentication, ClientSettings, Provider};

use crate::{CredentialId, OAuthClientId, SecretPayload, SecretRef, SecretValue};

/// The field of the payload that holds a client's secret. *Format*.
const SECRET_FIELD: &str = "client_secret";

/// An OAuth client, as far as its rules ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OAuthClient {
    /// Not created.
    #[default]
    Vacant,
    /// There.
    Live(Box<State>),
    /// Gone.
    Deleted,
}

/// What the rules ask of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Its id.
    pub id: OAuthClientId,
    /// The id that the provider gave it; never another one.
    pub client_id: String,
    /// What people chose.
    pub settings: ClientSettings,
    /// Where its secret lies; none for a public client alone.
    pub secret: Option<SecretRef>,
    /// The credentials that have their tokens by it.
    pub users: BTreeSet<CredentialId>,
    /// How many changes people made.
    pub revision: u64,
}

/// The client's secret of a payload that was stored for one.
pub fn secret_in(payload: &SecretPayload) -> Option<&SecretValue> {
    payload.get(SECRET_FIELD)
}

#[cfg(test)]
mod tests;
