//! Inputs of the use cases about connections and flows, parsed from GraphQL.

use keytrail_domain::{
    ConnectionId, CredentialId, FlowId, Labels, Owner,
    connection::{ConnectionState, Management},
};
use serde_json::{Map, Value};

use crate::NewCredential;

/// A new connection.
#[derive(Clone)]
pub struct NewConnection {
    /// Component slug.
    pub component: String,
    /// Its name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Where the system is.
    pub url: Option<String>,
    /// Its owner; none: the caller.
    pub owner: Option<Owner>,
    /// Found, or entered by hand.
    pub management: Management,
    /// Free facts about it.
    pub metadata: Map<String, Value>,
    /// Free labels.
    pub labels: Labels,
    /// Credentials to use.
    pub credentials: Vec<CredentialId>,
    /// A credential to make for it, of the same component and owner.
    pub new_credential: Option<NewCredential>,
    /// Where it begins: `DISCOVERED` or `REGISTERED`.
    pub state: ConnectionState,
}

/// Changes of what people wrote down; none keeps what is, an inner none takes it away.
#[derive(Clone, Debug)]
pub struct ConnectionChange {
    /// Which.
    pub id: ConnectionId,
    /// Its name.
    pub name: Option<String>,
    /// For people.
    pub description: Option<Option<String>>,
    /// Where the system is.
    pub url: Option<Option<String>>,
    /// All free facts about it.
    pub metadata: Option<Map<String, Value>>,
    /// All labels.
    pub labels: Option<Labels>,
    /// Only at this revision.
    pub expected_revision: Option<u64>,
}

/// Whether credentials are checked before something begins to use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeforeUse {
    /// They are, and one that does not work stops it.
    Check,
    /// They are not, and the event says so.
    Skip,
}

/// A step to another state.
#[derive(Clone, Debug)]
pub struct ConnectionStep {
    /// Which.
    pub id: ConnectionId,
    /// Where to.
    pub to: ConnectionState,
    /// Why, for people.
    pub reason: Option<String>,
    /// On the way to `CONNECTED`.
    pub before_use: BeforeUse,
    /// Only at this revision.
    pub expected_revision: Option<u64>,
}

/// One step of a flow, as it shall be.
#[derive(Clone, Debug)]
pub struct NewStep {
    /// Its name inside the flow; none: made from its place.
    pub id: Option<String>,
    /// For people.
    pub title: Option<String>,
    /// Component slug.
    pub component: String,
    /// The credential that it uses.
    pub credential: Option<CredentialId>,
}

/// A new flow.
#[derive(Clone, Debug)]
pub struct NewFlow {
    /// Its name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Its owner; none: the caller.
    pub owner: Option<Owner>,
    /// Free labels.
    pub labels: Labels,
    /// What it does, in order.
    pub steps: Vec<NewStep>,
}

/// Changes of a flow; none keeps what is, an inner none takes it away.
#[derive(Clone, Debug)]
pub struct FlowChange {
    /// Which.
    pub id: FlowId,
    /// Its name.
    pub name: Option<String>,
    /// For people.
    pub description: Option<Option<String>>,
    /// All labels.
    pub labels: Option<Labels>,
    /// All steps.
    pub steps: Option<Vec<NewStep>>,
    /// Only at this revision.
    pub expected_revision: Option<u64>,
}

/// A copy of a flow.
#[derive(Clone, Debug)]
pub struct FlowCopy {
    /// Which.
    pub id: FlowId,
    /// Its name.
    pub name: String,
    /// Its owner; none: the caller.
    pub owner: Option<Owner>,
}
