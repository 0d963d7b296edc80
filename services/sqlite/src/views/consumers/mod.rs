//! Connections and flows: one table, because every list of the ones is a list of the others.
//! [`put`] writes their rows, [`list`] asks for them.

mod list;
mod put;

use async_trait::async_trait;
use keytrail_domain::{
    ConnectionId, CredentialId, FlowId, TenantId,
    connection::{ConnectionState, Management},
    credential::UsageKind,
};
use keytrail_ports::views::{
    ConnectionFilter, ConnectionRow, ConsumerQuery, ConsumerTx, ConsumerViews, FlowFilter, FlowRow, Page,
    ViewError,
};
use rusqlite::{Connection, params};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{SqliteViews, code, doc, text, thing::Tenant, tx::Tx};
use crate::fault::Fault;
use list::Consumers;

fn kind(kind: UsageKind) -> i64 {
    match kind {
        UsageKind::Connection => 0,
        UsageKind::Flow => 1,
    }
}

fn state(state: ConnectionState) -> i64 {
    match state {
        ConnectionState::Discovered => 0,
        ConnectionState::Registered => 1,
        ConnectionState::Connected => 2,
        ConnectionState::Ignored => 3,
        ConnectionState::Maintenance => 4,
        ConnectionState::Disconnected => 5,
        ConnectionState::NotFound => 6,
        ConnectionState::Deleted => 7,
    }
}

fn to_state(code: i64) -> Result<ConnectionState, Fault> {
    let known = ConnectionState::ALL.into_iter().find(|known| state(*known) == code);
    known.ok_or_else(|| code::unknown("a connection's state"))
}

fn credential_tag(id: CredentialId) -> String {
    id.to_string()
}

fn component_tag(slug: &str) -> String {
    format!("component {slug}")
}

fn management_tag(management: Management) -> &'static str {
    match management {
        Management::Managed => "managed",
        Management::Unmanaged => "unmanaged",
    }
}

/// With the value, or for any.
fn label_tag(key: &str, value: Option<&str>) -> String {
    match value {
        Some(value) => format!("label {key}={value}"),
        None => format!("label {key}"),
    }
}

/// One, also a deleted one.
fn one<T: DeserializeOwned>(connection: &Connection, tenant: Tenant, id: Uuid) -> Result<Option<T>, Fault> {
    let find = "SELECT doc FROM consumers WHERE tenant = ? AND id = ?";
    doc::find(connection, find, params![tenant.0, id.into_bytes()])
}

fn by_id<T: DeserializeOwned>(
    connection: &Connection,
    tenant: Tenant,
    ids: &[Uuid],
) -> Result<Vec<T>, Fault> {
    ids.iter().filter_map(|id| one(connection, tenant, *id).transpose()).collect()
}

fn by_name<T: DeserializeOwned>(
    connection: &Connection,
    tenant: Tenant,
    of: UsageKind,
    name: &str,
) -> Result<Vec<T>, Fault> {
    let find = "SELECT doc FROM consumers INDEXED BY consumers_by_name \
                WHERE tenant = ? AND kind = ? AND present = 1 AND name = ? ORDER BY id";
    let values = params![tenant.0, kind(of), text::folded(name)];
    doc::all(connection, find, values, |row| doc::read(row, 0))
}

impl ConsumerTx for Tx<'_> {
    fn put_connection(&mut self, row: &ConnectionRow) -> Result<(), ViewError> {
        let tenant = self.number(row.tenant)?;
        self.told(put::connection(self.inside, tenant, row))
    }

    fn connection(&mut self, tenant: TenantId, id: ConnectionId) -> Result<Option<ConnectionRow>, ViewError> {
        let tenant = self.number(tenant)?;
        self.told(one(self.inside, tenant, id.as_uuid()))
    }

    fn put_flow(&mut self, row: &FlowRow) -> Result<(), ViewError> {
        let tenant = self.number(row.tenant)?;
        self.told(put::flow(self.inside, tenant, row))
    }

    fn flow(&mut self, tenant: TenantId, id: FlowId) -> Result<Option<FlowRow>, ViewError> {
        let tenant = self.number(tenant)?;
        self.told(one(self.inside, tenant, id.as_uuid()))
    }
}

#[async_trait]
impl ConsumerViews for SqliteViews {
    async fn connections_by_id(
        &self,
        tenant: TenantId,
        ids: &[ConnectionId],
    ) -> Result<Vec<ConnectionRow>, ViewError> {
        let ids: Vec<_> = ids.iter().map(ConnectionId::as_uuid).collect();
        self.read_of(tenant, move |connection, tenant| by_id(connection, tenant, &ids)).await
    }

    async fn connections_by_name(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<Vec<ConnectionRow>, ViewError> {
        let (of, name) = (UsageKind::Connection, name.to_owned());
        self.read_of(tenant, move |connection, tenant| by_name(connection, tenant, of, &name)).await
    }

    async fn connections(
        &self,
        query: ConsumerQuery<ConnectionFilter>,
    ) -> Result<Page<ConnectionRow>, ViewError> {
        self.read_of(query.tenant, move |connection, tenant| {
            Consumers::connections(tenant, &query).page(connection, &query.page)
        })
        .await
    }

    async fn count_connections(
        &self,
        query: ConsumerQuery<ConnectionFilter>,
    ) -> Result<Vec<(ConnectionState, u64)>, ViewError> {
        self.read_of(query.tenant, move |connection, tenant| {
            Consumers::connections(tenant, &query).count_by_state(connection)
        })
        .await
    }

    async fn flows_by_id(&self, tenant: TenantId, ids: &[FlowId]) -> Result<Vec<FlowRow>, ViewError> {
        let ids: Vec<_> = ids.iter().map(FlowId::as_uuid).collect();
        self.read_of(tenant, move |connection, tenant| by_id(connection, tenant, &ids)).await
    }

    async fn flows_by_name(&self, tenant: TenantId, name: &str) -> Result<Vec<FlowRow>, ViewError> {
        let (of, name) = (UsageKind::Flow, name.to_owned());
        self.read_of(tenant, move |connection, tenant| by_name(connection, tenant, of, &name)).await
    }

    async fn flows(&self, query: ConsumerQuery<FlowFilter>) -> Result<Page<FlowRow>, ViewError> {
        self.read_of(query.tenant, move |connection, tenant| {
            Consumers::flows(tenant, &query).page(connection, &query.page)
        })
        .await
    }

    async fn count_flows(&self, query: ConsumerQuery<FlowFilter>) -> Result<u64, ViewError> {
        self.read_of(query.tenant, move |connection, tenant| {
            Consumers::flows(tenant, &query).count(connection)
        })
        .await
    }
}
