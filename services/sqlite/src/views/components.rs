//! Tenants' own components: every version, so that a credential finds the one that it was made with.

use keytrail_ports::views::ComponentRow;
use rusqlite::{Connection, params};

use super::{doc, thing::Tenant};
use crate::{column::run, fault::Fault};

pub(super) fn put(connection: &Connection, tenant: Tenant, row: &ComponentRow) -> Result<(), Fault> {
    let (slug, version) = (&row.component.slug, row.component.version);
    let past = "UPDATE components SET present = 0 WHERE tenant = ? AND slug = ? AND present = 1";
    run(connection, past, params![tenant.0, slug])?;
    let put = "REPLACE INTO components (tenant, slug, version, present, doc) VALUES (?, ?, ?, ?, ?)";
    run(connection, put, params![tenant.0, slug, version, row.deleted_at.is_none(), doc::write(row)?])?;
    Ok(())
}

/// The newest version, also of a deleted one.
pub(super) fn newest(
    connection: &Connection,
    tenant: Tenant,
    slug: &str,
) -> Result<Option<ComponentRow>, Fault> {
    let find = "SELECT doc FROM components WHERE tenant = ? AND slug = ? ORDER BY version DESC LIMIT 1";
    doc::find(connection, find, params![tenant.0, slug])
}

/// The present version, or any.
pub(super) fn one(
    connection: &Connection,
    tenant: Tenant,
    slug: &str,
    version: Option<u32>,
) -> Result<Option<ComponentRow>, Fault> {
    match version {
        Some(version) => {
            let find = "SELECT doc FROM components WHERE tenant = ? AND slug = ? AND version = ?";
            doc::find(connection, find, params![tenant.0, slug, version])
        }
        None => {
            let find = "SELECT doc FROM components WHERE tenant = ? AND slug = ? AND present = 1";
            doc::find(connection, find, params![tenant.0, slug])
        }
    }
}

pub(super) fn present(connection: &Connection, tenant: Tenant) -> Result<Vec<ComponentRow>, Fault> {
    let find = "SELECT doc FROM components WHERE tenant = ? AND present = 1 ORDER BY slug";
    doc::all(connection, find, params![tenant.0], |row| doc::read(row, 0))
}
