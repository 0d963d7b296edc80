//! Writing: decides each append on its own, inside the transaction that it shares.

use std::sync::Arc;

use keytrail_domain::{EventId, NewEvent, Position, StreamId};
use keytrail_ports::{Appended, Expected};
use quick_cache::unsync::Cache;
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::watch;

use crate::{
    column::{integer, limit, run, to_number},
    fault::Fault,
    group_commit::Ledger,
    stats::Stats,
};

/// Streams whose end is remembered: the ones that were written to last.
const HEADS: usize = 16_384;

/// One append.
pub(super) struct Append {
    pub(super) stream: StreamId,
    pub(super) expected: Expected,
    pub(super) events: Vec<NewEvent>,
}

/// The stream is somewhere else.
pub(super) struct Conflict {
    pub(super) current: Option<u64>,
}

/// Where a stream stands.
#[derive(Clone, Copy)]
struct Head {
    /// Its row; none before its first event.
    row: Option<i64>,
    /// How many events it has: its last revision plus one.
    length: u64,
}

/// What the writer remembers.
pub(super) struct Log {
    heads: Cache<StreamId, Head>,
    /// Position of the last event, also of the open transaction.
    last: u64,
    told: watch::Sender<u64>,
    stats: Arc<Stats>,
}

impl Log {
    pub(super) fn new(last: u64, told: watch::Sender<u64>, stats: Arc<Stats>) -> Self {
        Self { heads: Cache::new(HEADS), last, told, stats }
    }

    fn head(&mut self, inside: &Connection, stream: &StreamId) -> Result<Head, Fault> {
        if let Some(head) = self.heads.get(stream) {
            return Ok(*head);
        }
        load_head(inside, stream)
    }

    fn insert(&mut self, inside: &Connection, append: Append, head: Head) -> Result<Appended, Fault> {
        let row = match head.row {
            Some(row) => row,
            None => insert_stream(inside, &append.stream)?,
        };
        let tenant = append.stream.tenant_id().as_uuid().into_bytes();
        let mut length = head.length;
        let mut statement = inside.prepare_cached("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
        for event in &append.events {
            self.last += 1;
            statement.execute(params![
                integer(self.last),
                row,
                integer(length),
                tenant,
                event.id.as_uuid().into_bytes(),
                event.event_type,
                &*event.data,
                &*event.metadata,
            ])?;
            length += 1;
        }
        self.heads.insert(append.stream, Head { row: Some(row), length });
        Ok(Appended { revision: length - 1, position: Position::nth(self.last) })
    }
}

impl Ledger for Log {
    type Job = Append;
    type Answer = Result<Appended, Conflict>;

    fn write(&mut self, inside: &Connection, append: Append) -> Result<Self::Answer, Fault> {
        let head = self.head(inside, &append.stream)?;
        let wanted = match append.expected {
            Expected::NoStream => 0,
            Expected::Revision(revision) => revision.saturating_add(1),
        };
        if wanted == head.length {
            return self.insert(inside, append, head).map(Ok);
        }
        let known = known(inside, head, wanted, &append.events)?;
        Ok(known.ok_or(Conflict { current: head.length.checked_sub(1) }))
    }

    fn committed(&mut self) {
        let before = self.told.send_replace(self.last);
        self.stats.count_rows(self.last - before);
    }

    fn aborted(&mut self) {
        self.heads.clear();
        self.last = *self.told.borrow();
    }
}

fn load_head(inside: &Connection, stream: &StreamId) -> Result<Head, Fault> {
    let find = "SELECT number, (SELECT max(revision) FROM events WHERE stream = number) FROM streams \
                WHERE name = ?";
    let found: Option<(i64, Option<i64>)> = inside
        .prepare_cached(find)?
        .query_row([stream.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((row, last)) = found else {
        return Ok(Head { row: None, length: 0 });
    };
    let length = last.map_or(Ok(0), |last| to_number(last).map(|last| last + 1))?;
    Ok(Head { row: Some(row), length })
}

fn insert_stream(inside: &Connection, stream: &StreamId) -> Result<i64, Fault> {
    let tenant = stream.tenant_id().as_uuid().into_bytes();
    run(inside, "INSERT INTO streams (name, tenant) VALUES (?, ?)", params![stream.to_string(), tenant])?;
    Ok(inside.last_insert_rowid())
}

/// The answer of the append that wrote these very events at this place, if there was one.
fn known(inside: &Connection, head: Head, from: u64, events: &[NewEvent]) -> Result<Option<Appended>, Fault> {
    let Some(row) = head.row.filter(|_| from < head.length) else { return Ok(None) };
    let find = "SELECT id, position FROM events WHERE stream = ? AND revision >= ? ORDER BY revision LIMIT ?";
    let mut statement = inside.prepare_cached(find)?;
    let stored = statement
        .query_map(params![row, integer(from), limit(events.len())], |row| {
            Ok((EventId::from_uuid(uuid::Uuid::from_bytes(row.get(0)?)), row.get(1)?))
        })?
        .collect::<Result<Vec<(EventId, i64)>, _>>()?;
    let same = stored.iter().map(|(id, _)| *id).eq(events.iter().map(|event| event.id));
    let Some((_, position)) = stored.last().filter(|_| same) else { return Ok(None) };
    let revision = from + stored.len() as u64 - 1;
    Ok(Some(Appended { revision, position: Position::nth(to_number(*position)?) }))
}
