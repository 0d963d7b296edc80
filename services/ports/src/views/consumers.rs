//! What uses credentials: connections and flows, and what can be asked of their rows.

use async_trait::async_trait;
use keytrail_domain::{
    Actor, ConnectionId, CredentialId, EnvironmentId, FlowId, Labels, Owner, TenantId, Timestamp,
    connection::{ConnectionState, Management, Mover},
    credential::VerificationChoice,
    flow::FlowStep,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Page, PageRequest, ViewError};

/// How a connection came to stand where it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateChangeRow {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// Somebody's wish, or a credential's trouble or recovery.
    pub mover: Mover,
    /// Why, for people.
    pub reason: Option<String>,
    /// The credential that was the reason, when it moved by itself.
    pub credential: Option<CredentialId>,
    /// Whether its credentials were checked first.
    pub verification: VerificationChoice,
}

/// A connection as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectionRow {
    /// Whose.
    pub tenant: TenantId,
    /// Its id.
    pub id: ConnectionId,
    /// Its name, unique for its owner.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Where the system is.
    pub url: Option<String>,
    /// Slug of its component.
    pub component: String,
    /// Who owns it.
    pub owner: Owner,
    /// How Keytrail came to know of it.
    pub management: Management,
    /// Free facts about it.
    pub metadata: Map<String, Value>,
    /// Free labels.
    pub labels: Labels,
    /// Its credentials, in the order in which they were attached.
    pub credentials: Vec<CredentialId>,
    /// Where it stands.
    pub state: ConnectionState,
    /// How it came there; none since it was made.
    pub state_change: Option<StateChangeRow>,
    /// Where it stood when it was deleted, while it is.
    pub before_deletion: Option<ConnectionState>,
    /// The credential whose trouble disconnected it, while it is so.
    pub disconnected_by: Option<CredentialId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Actor,
    /// When people last changed it.
    pub updated_at: Timestamp,
    /// What people changed.
    pub revision: u64,
}

/// A flow as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowRow {
    /// Whose.
    pub tenant: TenantId,
    /// Its id.
    pub id: FlowId,
    /// Its name, unique for its owner.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Who owns it.
    pub owner: Owner,
    /// Free labels.
    pub labels: Labels,
    /// What it does, in order.
    pub steps: Vec<FlowStep>,
    /// Whether it runs.
    pub active: bool,
    /// When it was last started or stopped, and by whom.
    pub switched: Option<(Timestamp, Actor)>,
    /// Why it was stopped, while it is and somebody said why.
    pub stopped_because: Option<String>,
    /// The flow that it is a copy of.
    pub copied_from: Option<FlowId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Actor,
    /// When people last changed it.
    pub updated_at: Timestamp,
    /// When it was deleted, if it was.
    pub deleted_at: Option<Timestamp>,
    /// What people changed.
    pub revision: u64,
}

/// What a list of connections or flows goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ConsumerSort {
    /// Name, without regard to case.
    Name,
    /// When it was made.
    #[default]
    CreatedAt,
    /// When people last changed it.
    UpdatedAt,
}

/// Sort and direction of such a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ConsumerOrder {
    /// By what.
    pub by: ConsumerSort,
    /// Largest first.
    pub descending: bool,
}

/// Which connections or flows the caller may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InSight {
    /// All of the tenant.
    All,
    /// Those of these owners, and connections that are in these environments.
    Some {
        /// Whose.
        owners: Vec<Owner>,
        /// Environments that the caller holds.
        environments: Vec<EnvironmentId>,
    },
}

/// Which connections; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConnectionFilter {
    /// Part of name, description, address, component slug or a label's value.
    pub text: Option<String>,
    /// Any of these component slugs.
    pub components: Vec<String>,
    /// Any of these states.
    pub states: Vec<ConnectionState>,
    /// Found, or entered by hand.
    pub management: Option<Management>,
    /// This owner.
    pub owner: Option<Owner>,
    /// All of these labels; a label without a value need only have the key.
    pub labels: Vec<(String, Option<String>)>,
    /// Those that use this credential.
    pub credential: Option<CredentialId>,
    /// Only deleted ones (true) or only present ones (false).
    pub deleted: bool,
}

/// Which flows; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FlowFilter {
    /// Part of name, description, a step's title, a component slug or a label's value.
    pub text: Option<String>,
    /// With a step of any of these components.
    pub components: Vec<String>,
    /// Those that run, or that do not.
    pub active: Option<bool>,
    /// This owner.
    pub owner: Option<Owner>,
    /// All of these labels; a label without a value need only have the key.
    pub labels: Vec<(String, Option<String>)>,
    /// With a step that uses this credential.
    pub credential: Option<CredentialId>,
}

/// A whole question for connections or flows.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsumerQuery<F> {
    /// Whose.
    pub tenant: TenantId,
    /// What the caller may see.
    pub in_sight: InSight,
    /// Which.
    pub filter: F,
    /// In what order.
    pub order: ConsumerOrder,
    /// Which part.
    pub page: PageRequest,
}

/// Rows of connections and flows inside one write transaction.
pub trait ConsumerTx {
    /// Puts a connection's row.
    fn put_connection(&mut self, row: &ConnectionRow) -> Result<(), ViewError>;
    /// A connection's row, also a deleted one's.
    fn connection(&mut self, tenant: TenantId, id: ConnectionId) -> Result<Option<ConnectionRow>, ViewError>;
    /// Puts a flow's row.
    fn put_flow(&mut self, row: &FlowRow) -> Result<(), ViewError>;
    /// A flow's row, also a deleted one's.
    fn flow(&mut self, tenant: TenantId, id: FlowId) -> Result<Option<FlowRow>, ViewError>;
}

/// Questions about connections and flows. The promises about tenants, pages and counts of
/// [`super::Views`] hold here too; a list shows what [`InSight`] says and nothing else.
#[async_trait]
pub trait ConsumerViews: Send + Sync + 'static {
    /// Connections by id, also deleted ones; an unknown id is left out.
    async fn connections_by_id(
        &self,
        tenant: TenantId,
        ids: &[ConnectionId],
    ) -> Result<Vec<ConnectionRow>, ViewError>;
    /// Present connections of this name (without regard to case), of any owner.
    async fn connections_by_name(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<Vec<ConnectionRow>, ViewError>;
    /// A page of connections.
    async fn connections(
        &self,
        query: ConsumerQuery<ConnectionFilter>,
    ) -> Result<Page<ConnectionRow>, ViewError>;
    /// How many connections a query without its page would give, by state; states without any are left out.
    async fn count_connections(
        &self,
        query: ConsumerQuery<ConnectionFilter>,
    ) -> Result<Vec<(ConnectionState, u64)>, ViewError>;
    /// Flows by id, also deleted ones; an unknown id is left out.
    async fn flows_by_id(&self, tenant: TenantId, ids: &[FlowId]) -> Result<Vec<FlowRow>, ViewError>;
    /// Present flows of this name (without regard to case), of any owner.
    async fn flows_by_name(&self, tenant: TenantId, name: &str) -> Result<Vec<FlowRow>, ViewError>;
    /// A page of flows.
    async fn flows(&self, query: ConsumerQuery<FlowFilter>) -> Result<Page<FlowRow>, ViewError>;
    /// How many flows a query without its page would give.
    async fn count_flows(&self, query: ConsumerQuery<FlowFilter>) -> Result<u64, ViewError>;
}
