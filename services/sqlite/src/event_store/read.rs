//! Reading: rows become events again.

use keytrail_domain::{EventId, Position, RecordedEvent, StreamId, TenantId};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use crate::{
    column::{integer, limit, to_number},
    fault::Fault,
};

/// At most `max` events of a stream, from a revision on.
pub(super) fn stream(
    connection: &Connection,
    stream: &StreamId,
    from: u64,
    max: usize,
) -> Result<Vec<RecordedEvent>, Fault> {
    let find = "SELECT position, revision, id, type, data, metadata FROM events \
                WHERE stream = (SELECT number FROM streams WHERE name = ?) AND revision >= ? \
                ORDER BY revision LIMIT ?";
    let mut statement = connection.prepare_cached(find)?;
    let mut rows = statement.query(params![stream.to_string(), integer(from), limit(max)])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push(event(row, stream.clone())?);
    }
    Ok(events)
}

/// At most `max` events after a position, of one tenant or of all, in log order.
pub(super) fn after(
    connection: &Connection,
    tenant: Option<TenantId>,
    position: u64,
    max: usize,
) -> Result<Vec<RecordedEvent>, Fault> {
    let of_tenant = "SELECT position, revision, id, type, data, metadata, name \
                     FROM events JOIN streams ON number = stream \
                     WHERE events.tenant = ?3 AND position > ?1 ORDER BY position LIMIT ?2";
    let of_all = "SELECT position, revision, id, type, data, metadata, name \
                  FROM events JOIN streams ON number = stream \
                  WHERE position > ?1 ORDER BY position LIMIT ?2";
    let (position, max) = (integer(position), limit(max));
    let mut statement = connection.prepare_cached(if tenant.is_some() { of_tenant } else { of_all })?;
    let mut rows = match tenant {
        Some(tenant) => statement.query(params![position, max, tenant.as_uuid().into_bytes()])?,
        None => statement.query(params![position, max])?,
    };
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push(event(row, stream_name(row)?)?);
    }
    Ok(events)
}

/// The id of the event at a position.
pub(super) fn id_at(connection: &Connection, position: Position) -> Result<Option<EventId>, Fault> {
    if position != Position::nth(position.commit) {
        return Ok(None);
    }
    let mut statement = connection.prepare_cached("SELECT id FROM events WHERE position = ?")?;
    let id = statement.query_row([integer(position.commit)], |row| row.get(0)).optional()?;
    Ok(id.map(|id| EventId::from_uuid(Uuid::from_bytes(id))))
}

/// Position of the last event (0: none), after a look at both ends of the log: each must read
/// back, and the counts of tables must fit.
pub(super) fn checked_end(connection: &Connection) -> Result<u64, Fault> {
    let last: i64 =
        connection.query_row("SELECT coalesce(max(position), 0) FROM events", [], |row| row.get(0))?;
    for position in [1, last].into_iter().filter(|_| last > 0) {
        check_event(connection, position)?;
    }
    to_number(last)
}

fn check_event(connection: &Connection, position: i64) -> Result<(), Fault> {
    let found = after(connection, None, to_number(position)?.saturating_sub(1), 1)?;
    let [event] = found.as_slice() else {
        return Err(Fault::Corrupt(format!("the event at position {position} is missing")));
    };
    let indexed: Option<i64> = connection
        .query_row(
            "SELECT position FROM events INDEXED BY events_of_stream \
             WHERE stream = (SELECT number FROM streams WHERE name = ?) AND revision = ?",
            params![event.stream.to_string(), integer(event.revision)],
            |row| row.get(0),
        )
        .optional()?;
    if event.position != Position::nth(to_number(position)?) || indexed != Some(position) {
        return Err(Fault::Corrupt(format!("the event at position {position} is missing")));
    }
    Ok(())
}

fn stream_name(row: &Row<'_>) -> Result<StreamId, Fault> {
    let name = row.get_ref(6)?.as_str().map_err(rusqlite::Error::from)?;
    StreamId::parse(name).ok_or_else(|| Fault::Corrupt("a stream has a name that is not ours".to_owned()))
}

fn event(row: &Row<'_>, stream: StreamId) -> Result<RecordedEvent, Fault> {
    let bytes = |column: usize| -> Result<std::sync::Arc<[u8]>, Fault> {
        Ok(row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from)?.into())
    };
    Ok(RecordedEvent {
        id: EventId::from_uuid(Uuid::from_bytes(row.get(2)?)),
        stream,
        revision: to_number(row.get(1)?)?,
        position: Position::nth(to_number(row.get(0)?)?),
        event_type: row.get(3)?,
        data: bytes(4)?,
        metadata: bytes(5)?,
    })
}
