//! Tenants by number: a small number stands in every index instead of 16 bytes.

use std::collections::HashMap;

use keytrail_domain::TenantId;
use rusqlite::Connection;

use super::doc;
use crate::{column::run, fault::Fault};

/// Numbers that the writer remembers before it starts anew.
const MOST_REMEMBERED: usize = 65_536;

/// A tenant's number in the views.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tenant(pub(super) i64);

/// The tenant's number; none when nothing was ever projected for it.
pub(super) fn find(connection: &Connection, id: TenantId) -> Result<Option<Tenant>, Fault> {
    let statement = "SELECT number FROM tenants WHERE id = ?";
    doc::one(connection, statement, [id.as_uuid().into_bytes()], |row| Ok(Tenant(row.get(0)?)))
}

/// What the writer knows of tenants' numbers. Forget it when a transaction is rolled back.
#[derive(Default)]
pub(super) struct Numbers(HashMap<TenantId, Tenant>);

impl Numbers {
    /// The tenant's number; a new one when it has none.
    pub(super) fn of(&mut self, inside: &Connection, id: TenantId) -> Result<Tenant, Fault> {
        if let Some(known) = self.0.get(&id) {
            return Ok(*known);
        }
        let tenant = match find(inside, id)? {
            Some(tenant) => tenant,
            None => {
                run(inside, "INSERT INTO tenants (id) VALUES (?)", [id.as_uuid().into_bytes()])?;
                Tenant(inside.last_insert_rowid())
            }
        };
        if self.0.len() >= MOST_REMEMBERED {
            self.0.clear();
        }
        self.0.insert(id, tenant);
        Ok(tenant)
    }

    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}
