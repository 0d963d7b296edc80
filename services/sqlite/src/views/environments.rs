//! Environments, and which connections are in them.

use keytrail_domain::EnvironmentId;
use keytrail_ports::views::EnvironmentRow;
use rusqlite::{Connection, params};

use super::{
    doc,
    listing::{Clause, blob, one_of},
    thing::Tenant,
};
use crate::{column::run, fault::Fault};

pub(super) fn put(inside: &Connection, Tenant(tenant): Tenant, row: &EnvironmentRow) -> Result<(), Fault> {
    let (id, doc) = (row.id.as_uuid().into_bytes(), doc::write(row)?);
    let before = one(inside, Tenant(tenant), row.id)?.map(|row| row.connections).unwrap_or_default();
    let now: &[_] = if row.deleted_at.is_none() { &row.connections } else { &[] };
    for gone in before.iter().filter(|known| !now.contains(known)) {
        let drop =
            "DELETE FROM environment_connections WHERE tenant = ? AND connection = ? AND environment = ?";
        run(inside, drop, params![tenant, gone.as_uuid().into_bytes(), id])?;
    }
    for new in now.iter().filter(|connection| !before.contains(connection)) {
        let add = "INSERT INTO environment_connections (tenant, connection, environment) VALUES (?, ?, ?)";
        run(inside, add, params![tenant, new.as_uuid().into_bytes(), id])?;
    }
    let put = "REPLACE INTO environments (tenant, id, present, doc) VALUES (?, ?, ?, ?)";
    run(inside, put, params![tenant, id, row.deleted_at.is_none(), doc]).map(|_| ())
}

/// One, also a deleted one.
pub(super) fn one(
    connection: &Connection,
    Tenant(tenant): Tenant,
    id: EnvironmentId,
) -> Result<Option<EnvironmentRow>, Fault> {
    let find = "SELECT doc FROM environments WHERE tenant = ? AND id = ?";
    doc::find(connection, find, params![tenant, id.as_uuid().into_bytes()])
}

pub(super) fn by_id(
    connection: &Connection,
    tenant: Tenant,
    ids: &[EnvironmentId],
) -> Result<Vec<EnvironmentRow>, Fault> {
    ids.iter().filter_map(|id| one(connection, tenant, *id).transpose()).collect()
}

/// Present ones, by id.
pub(super) fn all(connection: &Connection, Tenant(tenant): Tenant) -> Result<Vec<EnvironmentRow>, Fault> {
    let find = "SELECT doc FROM environments WHERE tenant = ? AND present = 1 ORDER BY id";
    doc::all(connection, find, [tenant], |row| doc::read(row, 0))
}

/// True for a connection of the table `c` that is in one of these.
pub(super) fn hold(environments: &[EnvironmentId]) -> Clause {
    let ids = environments.iter().map(|id| blob(id.as_uuid().into_bytes())).collect();
    one_of("e.environment", ids).within(
        "EXISTS (SELECT 1 FROM environment_connections AS e \
         WHERE e.tenant = c.tenant AND e.connection = c.id AND ",
        ")",
    )
}
