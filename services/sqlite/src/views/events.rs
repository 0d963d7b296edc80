//! The events table: history, audit log, answers as of then.

use std::sync::Arc;

use keytrail_domain::{Actor, CredentialId, EventId, Position, StreamId, TenantId, Timestamp, Who};
use keytrail_ports::views::{EventFilter, EventRow, Page, PageRequest, SortKey};
use rusqlite::{Connection, Row, params, types::Value};
use uuid::Uuid;

use super::{
    doc,
    listing::{Clause, Listing, blob, one_of},
    plan,
    thing::Tenant,
};
use crate::{
    column::{integer, position, run, to_number, to_position},
    fault::Fault,
};

const COLUMNS: &str = "position, id, stream, revision, type, version, at, actor, correlation, causation, \
                       credential, data";

pub(super) fn insert(inside: &Connection, tenant: Tenant, row: &EventRow) -> Result<(), Fault> {
    let insert = "INSERT INTO events (tenant, position, id, stream, revision, type, version, at, latest, who, \
                  actor, correlation, causation, credential, data) \
                  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let values = params![
        tenant.0,
        position(row.position),
        row.id.as_uuid().into_bytes(),
        row.stream.to_string(),
        integer(row.revision),
        row.event_type,
        row.schema_version,
        row.recorded_at.as_micros(),
        latest(inside, tenant, row.recorded_at)?,
        who(&row.actor),
        doc::write(&row.actor)?,
        row.correlation.into_bytes(),
        row.causation.map(Uuid::into_bytes),
        row.credential.map(|id| id.as_uuid().into_bytes()),
        doc::write(&row.data)?
    ];
    run(inside, insert, values).map(|_| ())
}

/// The tenant's largest time, with this one.
fn latest(inside: &Connection, Tenant(tenant): Tenant, at: Timestamp) -> Result<i64, Fault> {
    let raise = "UPDATE tenants SET latest = max(latest, ?) WHERE number = ? RETURNING latest";
    let latest = doc::one(inside, raise, params![at.as_micros(), tenant], |row| Ok(row.get(0)?))?;
    latest.ok_or_else(|| Fault::Corrupt("an event has no tenant".into()))
}

/// The actor's id, or the name of a part of Keytrail, as the filter has it.
pub(super) fn who(actor: &Actor) -> String {
    match &actor.who {
        Who::Member(id) => id.to_string(),
        Who::ServiceAccount(id) => id.to_string(),
        Who::System(name) => name.clone(),
    }
}

/// What the tenant of an event is, for the rows of one question.
fn event(tenant: TenantId, row: &Row<'_>) -> Result<EventRow, Fault> {
    let stream = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
    Ok(EventRow {
        tenant,
        position: to_position(row.get(0)?),
        id: EventId::from_uuid(Uuid::from_bytes(row.get(1)?)),
        stream: StreamId::parse(stream)
            .ok_or_else(|| Fault::Corrupt("a stream has no name of ours".into()))?,
        revision: to_number(row.get(3)?)?,
        event_type: row.get(4)?,
        schema_version: row.get(5)?,
        recorded_at: Timestamp::from_micros(row.get(6)?),
        actor: doc::read(row, 7)?,
        correlation: Uuid::from_bytes(row.get(8)?),
        causation: row.get::<_, Option<[u8; 16]>>(9)?.map(Uuid::from_bytes),
        credential: row
            .get::<_, Option<[u8; 16]>>(10)?
            .map(|id| CredentialId::from_uuid(Uuid::from_bytes(id))),
        data: doc::read(row, 11)?,
    })
}

pub(super) fn page(
    connection: &Connection,
    (id, tenant): (TenantId, Tenant),
    filter: &EventFilter,
    page: &PageRequest,
) -> Result<Page<Arc<EventRow>>, Fault> {
    listing(connection, tenant, filter)?.page(connection, page, |row| {
        let event = event(id, row)?;
        Ok((SortKey::Position(event.position), Arc::new(event)))
    })
}

/// How many fit.
pub(super) fn count(connection: &Connection, tenant: Tenant, filter: &EventFilter) -> Result<u64, Fault> {
    listing(connection, tenant, filter)?.count(connection)
}

fn listing(connection: &Connection, tenant: Tenant, filter: &EventFilter) -> Result<Listing, Fault> {
    Ok(Listing {
        columns: COLUMNS,
        from: source(connection, tenant, filter)?,
        filter: predicate(tenant, filter),
        key: "position",
        descending: false,
    })
}

/// The index that leads to the fewest rows.
fn source(connection: &Connection, tenant: Tenant, filter: &EventFilter) -> Result<Clause, Fault> {
    let indexed = |name| Clause::new(format!("events INDEXED BY {name}"), []);
    if filter.stream.is_some() {
        return Ok(indexed("events_of_stream"));
    }
    if filter.credential.is_some() {
        return Ok(indexed("events_of_credential"));
    }
    if filter.types.is_empty() {
        return Ok(indexed("events_by_position"));
    }
    let mut of_types = Clause::new(
        "SELECT number FROM events INDEXED BY events_by_type WHERE tenant = ?",
        [Value::Integer(tenant.0)],
    );
    of_types.and(types(filter));
    Ok(match plan::fewest(connection, vec![of_types], plan::FEW)? {
        Some(few) => few.within("(", ") AS few CROSS JOIN events USING (number)"),
        None => indexed("events_by_position"),
    })
}

fn types(filter: &EventFilter) -> Clause {
    one_of("type", filter.types.iter().cloned().map(Value::Text).collect())
}

fn predicate(tenant: Tenant, filter: &EventFilter) -> Clause {
    let mut all = Clause::new("tenant = ?", [Value::Integer(tenant.0)]);
    if !filter.types.is_empty() {
        all.and(types(filter));
    }
    if let Some(credential) = filter.credential {
        all.and(Clause::new("credential = ?", [blob(credential.as_uuid().as_bytes())]));
    }
    if let Some(actor) = &filter.actor {
        all.and(Clause::new("who = ?", [Value::Text(actor.clone())]));
    }
    if let Some(from) = filter.from {
        all.and(Clause::new("at >= ?", [Value::Integer(from.as_micros())]));
    }
    if let Some(until) = filter.until {
        all.and(Clause::new("at < ?", [Value::Integer(until.as_micros())]));
    }
    if let Some(stream) = &filter.stream {
        all.and(Clause::new("stream = ?", [Value::Text(stream.to_string())]));
    }
    if let Some(upto) = filter.upto {
        all.and(Clause::new("position <= ?", [blob(position(upto))]));
    }
    all
}

pub(super) fn one(
    connection: &Connection,
    (id, tenant): (TenantId, Tenant),
    wanted: EventId,
) -> Result<Option<EventRow>, Fault> {
    let find = format!("SELECT {COLUMNS} FROM events INDEXED BY events_by_id WHERE id = ? AND tenant = ?");
    let values = params![wanted.as_uuid().into_bytes(), tenant.0];
    doc::one(connection, &find, values, |row| event(id, row))
}

/// The last position up to which no event is of after a moment. Of two appends at once, the one that
/// was written first can have the later time.
pub(super) fn position_at(
    connection: &Connection,
    tenant: Tenant,
    moment: Timestamp,
) -> Result<Option<Position>, Fault> {
    let find = "SELECT position FROM events INDEXED BY events_by_time WHERE tenant = ? AND latest <= ? \
                ORDER BY latest DESC, position DESC LIMIT 1";
    let values = params![tenant.0, moment.as_micros()];
    doc::one(connection, find, values, |row| Ok(to_position(row.get(0)?)))
}

/// A stream's events up to a position.
pub(super) fn of_stream(
    connection: &Connection,
    stream: &StreamId,
    upto: Option<Position>,
) -> Result<Vec<Arc<EventRow>>, Fault> {
    let find = format!(
        "SELECT {COLUMNS} FROM events INDEXED BY events_of_stream WHERE stream = ? AND position <= ? \
         ORDER BY revision"
    );
    let upto = position(upto.unwrap_or(Position { commit: u64::MAX, prepare: u64::MAX }));
    let tenant = stream.tenant_id();
    doc::all(connection, &find, params![stream.to_string(), upto], |row| event(tenant, row).map(Arc::new))
}
