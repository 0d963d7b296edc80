//! Numbers for what has a UUID: small in indexes, and the row of a credential is found by it.

use std::collections::HashMap;

use keytrail_domain::TenantId;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::doc;
use crate::{column::run, fault::Fault};

/// Numbers that the writer remembers before it starts anew.
const MOST_REMEMBERED: usize = 65_536;

/// A tenant's number in the views.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tenant(pub(super) i64);

/// The number of a team or credential in the views, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Thing(pub(super) i64);

/// The tenant's number; none when nothing was ever projected for it.
pub(super) fn find_tenant(connection: &Connection, id: TenantId) -> Result<Option<Tenant>, Fault> {
    let statement = "SELECT number FROM tenants WHERE id = ?";
    doc::one(connection, statement, [id.as_uuid().into_bytes()], |row| Ok(Tenant(row.get(0)?)))
}

/// The thing's number; none when nothing was ever projected for it.
pub(super) fn find(connection: &Connection, tenant: Tenant, id: Uuid) -> Result<Option<Thing>, Fault> {
    let statement = "SELECT number FROM things WHERE tenant = ? AND id = ?";
    doc::one(connection, statement, params![tenant.0, id.into_bytes()], |row| Ok(Thing(row.get(0)?)))
}

/// What the writer knows of numbers. Forget it when a transaction is rolled back.
#[derive(Default)]
pub(super) struct Numbers {
    tenants: HashMap<TenantId, Tenant>,
    things: HashMap<(Tenant, Uuid), Thing>,
}

impl Numbers {
    /// The tenant's number; a new one when it has none.
    pub(super) fn of_tenant(&mut self, inside: &Connection, id: TenantId) -> Result<Tenant, Fault> {
        if let Some(known) = self.tenants.get(&id) {
            return Ok(*known);
        }
        let tenant = match find_tenant(inside, id)? {
            Some(tenant) => tenant,
            None => {
                run(inside, "INSERT INTO tenants (id) VALUES (?)", [id.as_uuid().into_bytes()])?;
                Tenant(inside.last_insert_rowid())
            }
        };
        remember(&mut self.tenants, id, tenant);
        Ok(tenant)
    }

    /// The thing's number; a new one when it has none.
    pub(super) fn of_thing(&mut self, inside: &Connection, tenant: Tenant, id: Uuid) -> Result<Thing, Fault> {
        if let Some(known) = self.things.get(&(tenant, id)) {
            return Ok(*known);
        }
        let thing = match find(inside, tenant, id)? {
            Some(thing) => thing,
            None => {
                let insert = "INSERT INTO things (tenant, id) VALUES (?, ?)";
                run(inside, insert, params![tenant.0, id.into_bytes()])?;
                Thing(inside.last_insert_rowid())
            }
        };
        remember(&mut self.things, (tenant, id), thing);
        Ok(thing)
    }

    pub(super) fn forget(&mut self) {
        self.tenants.clear();
        self.things.clear();
    }
}

fn remember<K: Eq + std::hash::Hash, V>(known: &mut HashMap<K, V>, key: K, value: V) {
    if known.len() >= MOST_REMEMBERED {
        known.clear();
    }
    known.insert(key, value);
}
