//! A connection: a managed or unmanaged link to an external system, with a state and any number of
//! credentials of the system's component.

mod command;
mod decide;
mod event;
mod evolve;
mod state;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use command::{ConnectionCommand, ConnectionUpdate, Move, NewConnection};
pub use event::ConnectionEvent;
pub use evolve::replace;
pub use state::{ConnectionState, Transitions};

use crate::{ConnectionId, CredentialId, Labels, Owner, TenantId};

/// Longest name, in bytes.
pub const NAME_LEN: usize = 255;
/// Most credentials of one connection.
pub const MOST_CREDENTIALS: usize = 64;

/// How Keytrail came to know of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Management {
    /// Found by discovery, and kept by it.
    Managed,
    /// Entered by hand.
    #[default]
    Unmanaged,
}

/// What set a connection to another state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Mover {
    /// Somebody asked for it.
    User,
    /// A credential of it went bad, or is well again.
    Automatic,
}

/// A connection, as far as its rules ask.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Connection {
    /// Not created.
    #[default]
    Vacant,
    /// There, or (by its state) deleted.
    Known(Box<State>),
}

/// What the rules ask of a connection.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Whose.
    pub tenant: TenantId,
    /// Its id.
    pub id: ConnectionId,
    /// How many changes people made.
    pub revision: u64,
    /// Who owns it.
    pub owner: Owner,
    /// Its name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Where the system is.
    pub url: Option<String>,
    /// Slug of the component of which its credentials must be.
    pub component: String,
    /// How Keytrail came to know of it.
    pub management: Management,
    /// Free facts about it. Never a secret.
    pub metadata: Map<String, Value>,
    /// Free labels.
    pub labels: Labels,
    /// Its credentials, in the order in which they were attached.
    pub credentials: Vec<CredentialId>,
    /// Where it stands.
    pub state: ConnectionState,
    /// Where it stood when it was deleted.
    pub before_deletion: Option<ConnectionState>,
    /// The credential whose trouble disconnected it, while it is so.
    pub disconnected_by: Option<CredentialId>,
}

impl Connection {
    /// The state of one that is not deleted.
    pub fn live(&self) -> Option<&State> {
        self.known().filter(|state| state.state != ConnectionState::Deleted)
    }

    /// The state of one that is there or deleted.
    pub fn known(&self) -> Option<&State> {
        match self {
            Self::Known(state) => Some(state),
            Self::Vacant => None,
        }
    }
}

#[cfg(test)]
mod tests;
