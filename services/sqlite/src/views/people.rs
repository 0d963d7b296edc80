//! Members and teams.

use keytrail_domain::{MemberId, TeamId};
use keytrail_ports::views::{MemberRow, Page, PageRequest, SortKey, TeamRow};
use rusqlite::{Connection, params, types::Value};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{
    doc,
    listing::{Clause, Listing},
    text,
    thing::Tenant,
};
use crate::fault::Fault;

pub(super) fn member_by_subject(
    connection: &Connection,
    tenant: Tenant,
    issuer: &str,
    subject: &str,
) -> Result<Option<MemberRow>, Fault> {
    let find = "SELECT doc FROM members WHERE tenant = ? AND issuer = ? AND subject = ? AND present = 1";
    doc::find(connection, find, params![tenant.0, issuer, subject])
}

pub(super) fn members_by_id(
    connection: &Connection,
    tenant: Tenant,
    ids: &[MemberId],
) -> Result<Vec<MemberRow>, Fault> {
    let find = "SELECT doc FROM members WHERE tenant = ? AND id = ?";
    each(connection, find, tenant, ids.iter().map(MemberId::as_uuid))
}

pub(super) fn teams_by_id(
    connection: &Connection,
    tenant: Tenant,
    ids: &[TeamId],
) -> Result<Vec<TeamRow>, Fault> {
    let find = "SELECT doc FROM teams WHERE tenant = ? AND id = ?";
    each(connection, find, tenant, ids.iter().map(TeamId::as_uuid))
}

fn each<T: DeserializeOwned>(
    connection: &Connection,
    find: &str,
    tenant: Tenant,
    ids: impl Iterator<Item = Uuid>,
) -> Result<Vec<T>, Fault> {
    ids.filter_map(|id| doc::find(connection, find, params![tenant.0, id.into_bytes()]).transpose()).collect()
}

pub(super) fn team_by_name(
    connection: &Connection,
    tenant: Tenant,
    name: &str,
) -> Result<Option<TeamRow>, Fault> {
    let find = "SELECT doc FROM teams WHERE tenant = ? AND name = ? AND present = 1";
    doc::find(connection, find, params![tenant.0, text::folded(name)])
}

/// Present members, by id.
pub(super) fn members(
    connection: &Connection,
    tenant: Tenant,
    page: &PageRequest,
) -> Result<Page<MemberRow>, Fault> {
    present("members", connection, tenant, page)
}

/// Present teams, by id.
pub(super) fn teams(
    connection: &Connection,
    tenant: Tenant,
    page: &PageRequest,
) -> Result<Page<TeamRow>, Fault> {
    present("teams", connection, tenant, page)
}

/// How many members are present.
pub(super) fn count_members(connection: &Connection, tenant: Tenant) -> Result<u64, Fault> {
    listing("members", tenant).count(connection)
}

/// How many teams are present.
pub(super) fn count_teams(connection: &Connection, tenant: Tenant) -> Result<u64, Fault> {
    listing("teams", tenant).count(connection)
}

fn listing(table: &str, tenant: Tenant) -> Listing {
    Listing {
        columns: "id, doc",
        from: Clause::new(table, []),
        filter: Clause::new("tenant = ? AND present = 1", [Value::Integer(tenant.0)]),
        key: "id",
        descending: false,
    }
}

fn present<T: DeserializeOwned>(
    table: &str,
    connection: &Connection,
    tenant: Tenant,
    page: &PageRequest,
) -> Result<Page<T>, Fault> {
    listing(table, tenant)
        .page(connection, page, |row| Ok((SortKey::Id(Uuid::from_bytes(row.get(0)?)), doc::read(row, 1)?)))
}
