//! What can be asked of a connection. Credentials are reserved in their own streams before.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{ConnectionState, Management, Transitions};
use crate::{ConnectionId, CredentialId, Labels, Owner, TenantId, credential::VerificationChoice};

/// A wish.
#[derive(Clone, Debug)]
pub enum ConnectionCommand {
    /// Make it.
    Create(Box<NewConnection>),
    /// Change what people wrote down.
    Update(Box<ConnectionUpdate>),
    /// Use one more credential, which is reserved already.
    Attach {
        /// Which.
        credential: CredentialId,
        /// Whether it was checked first: a connected one takes none unseen.
        verification: VerificationChoice,
    },
    /// Let go of a credential.
    Detach {
        /// Which.
        credential: CredentialId,
    },
    /// Use another credential in the place of one, in whatever state.
    Replace {
        /// The one to let go of.
        from: CredentialId,
        /// The one to use, reserved already.
        to: CredentialId,
    },
    /// Go to another state.
    Move(Move),
    /// A credential went bad: what is connected is not any more.
    Disconnect {
        /// Which credential.
        credential: CredentialId,
        /// What is wrong with it, for people.
        reason: String,
    },
    /// It was disconnected for a credential's trouble, and with this one the last is well again.
    Reconnect {
        /// Which credential.
        credential: CredentialId,
    },
    /// Its owner was removed.
    HandOver {
        /// Who owned it.
        from: Owner,
        /// Who owns it from then on.
        to: Owner,
        /// Its name from then on; none keeps it.
        name: Option<String>,
    },
    /// Come back to the state before the deletion.
    Restore {
        /// Those of its credentials that could be reserved again.
        credentials: Vec<CredentialId>,
        /// Whether they were checked first.
        verification: VerificationChoice,
    },
}

/// Everything about a new connection.
#[derive(Clone, Debug)]
pub struct NewConnection {
    /// Whose.
    pub tenant: TenantId,
    /// Its id.
    pub id: ConnectionId,
    /// Its name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Where the system is.
    pub url: Option<String>,
    /// Slug of its component.
    pub component: String,
    /// The component's secret fields: no key of the metadata has such a name.
    pub secret_fields: BTreeSet<String>,
    /// Who owns it.
    pub owner: Owner,
    /// How Keytrail came to know of it.
    pub management: Management,
    /// Free facts about it.
    pub metadata: Map<String, Value>,
    /// Free labels.
    pub labels: Labels,
    /// Its credentials, reserved already.
    pub credentials: Vec<CredentialId>,
    /// Where it begins.
    pub state: ConnectionState,
}

/// Changes of what people wrote down. Each part is what shall be, none keeps what is.
#[derive(Clone, Debug, Default)]
pub struct ConnectionUpdate {
    /// Its name.
    pub name: Option<String>,
    /// For people; inner none takes it away.
    pub description: Option<Option<String>>,
    /// Where the system is; inner none takes it away.
    pub url: Option<Option<String>>,
    /// All free facts about it.
    pub metadata: Option<Map<String, Value>>,
    /// All labels.
    pub labels: Option<Labels>,
    /// The component's secret fields: no key of the metadata has such a name.
    pub secret_fields: BTreeSet<String>,
}

/// A step that somebody asks for.
#[derive(Clone, Debug)]
pub struct Move {
    /// Where to.
    pub to: ConnectionState,
    /// Why, for people.
    pub reason: Option<String>,
    /// Whether its credentials were checked first.
    pub verification: VerificationChoice,
    /// The ways that its component leaves open.
    pub transitions: Transitions,
}
