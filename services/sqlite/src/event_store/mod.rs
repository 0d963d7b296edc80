//! The log of facts in one SQLite file.
//!
//! One thread writes: everybody who waits shares one transaction and one fsync ([`append`]). A
//! few threads read ([`read`]). A subscription reads the table and is only woken by commits
//! ([`subscribe`]), so one that lags misses nothing.

mod append;
mod read;
mod subscribe;
#[cfg(test)]
mod tests;
mod verify;

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use keytrail_domain::{EventId, NewEvent, Position, RecordedEvent, StreamId};
use keytrail_ports::{
    Appended, Clock, EventStore, Expected, Filter, Ids, LogError, Subscription, SystemClock, SystemIds,
};
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    fault::{Fault, Place},
    file::{Durable, File, Kind, OpenError},
    group_commit::{Failure, GroupCommit},
    readers::Readers,
    stats::Stats,
};
use append::{Append, Log};

const KIND: Kind = Kind {
    name: "event log",
    application_id: i32::from_be_bytes(*b"KTlg"),
    format: 1,
    schema: include_str!("schema.sql"),
};
/// Threads that read: one for the runner, one for commands.
const READERS: usize = 2;

/// The embedded event log.
pub struct SqliteEventStore {
    // Closed before the writer: the last connection empties the log of changes, if it may write.
    readers: Arc<Readers>,
    writer: GroupCommit<Log>,
    /// Number of the last durable event; wakes the subscriptions.
    last: watch::Receiver<u64>,
    id: Uuid,
    stats: Arc<Stats>,
    place: Place,
    _file: File,
}

impl SqliteEventStore {
    /// Opens the log in this file, or makes a new one.
    ///
    /// # Errors
    /// [`OpenError`]: the file is corrupt, not ours, newer than this program, or cannot be opened.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::start(File::at(&KIND, path), Durable::EachCommit)
    }

    /// A log of its own that is gone when this value is.
    ///
    /// # Errors
    /// [`OpenError::Unavailable`].
    pub fn in_memory() -> Result<Self, OpenError> {
        Self::start(File::temporary(&KIND)?, Durable::Never)
    }

    fn start(file: File, durable: Durable) -> Result<Self, OpenError> {
        let connection = file.open_writer(durable)?;
        Self::on(file, connection)
    }

    fn on(file: File, connection: Connection) -> Result<Self, OpenError> {
        let id = log_id(&connection).map_err(|fault| file.refused(fault))?;
        let end = read::checked_end(&connection).map_err(|fault| file.refused(fault))?;
        let stats = Arc::new(Stats::default());
        let (told, last) = watch::channel(end);
        let readers = Arc::new(Readers::spawn(&file, READERS)?);
        let log = Log::new(end, told, Arc::clone(&stats));
        let writer = GroupCommit::spawn("log-writer", connection, log, Arc::clone(&stats))
            .map_err(|source| OpenError::Unavailable { kind: KIND.name, source: Box::new(source) })?;
        Ok(Self { writer, readers, last, id, stats, place: file.place(), _file: file })
    }

    /// What the writer has done since the log was opened.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Reads the whole file and checks that nothing is damaged, missing or out of place. Takes
    /// as long as reading the file takes.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] names the first finding.
    pub async fn verify(&self) -> Result<(), LogError> {
        self.readers.read(verify::verify).await.map_err(|fault| fault.into_log(&self.place))
    }
}

/// The log's id, made with the log.
fn log_id(connection: &Connection) -> Result<Uuid, Fault> {
    let stored = "SELECT value FROM meta WHERE name = 'log_id'";
    let found: Option<[u8; 16]> = connection.query_row(stored, [], |row| row.get(0)).optional()?;
    if let Some(id) = found {
        return Ok(Uuid::from_bytes(id));
    }
    let id = SystemIds.fresh(SystemClock.now());
    connection.execute("INSERT INTO meta VALUES ('log_id', ?)", [id.into_bytes()])?;
    Ok(id)
}

#[async_trait]
impl EventStore for SqliteEventStore {
    async fn append(
        &self,
        stream: &StreamId,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Appended, LogError> {
        if events.is_empty() {
            return Err(LogError::Unavailable("an append needs at least one event".into()));
        }
        let job = Append { stream: stream.clone(), expected, events };
        match self.writer.submit(job).await {
            Ok(Ok(appended)) => Ok(appended),
            Ok(Err(conflict)) => Err(LogError::Conflict { current: conflict.current }),
            Err(Failure::NotWritten(fault)) => Err(fault.into_log(&self.place)),
            Err(Failure::Unknown(fault)) => Err(LogError::Unknown(Box::new(fault.at(&self.place)))),
        }
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        from: u64,
        max: usize,
    ) -> Result<Vec<RecordedEvent>, LogError> {
        let stream = stream.clone();
        let read = self.readers.read(move |connection| read::stream(connection, &stream, from, max));
        read.await.map_err(|fault| fault.into_log(&self.place))
    }

    async fn subscribe(&self, after: Option<Position>, filter: Filter) -> Result<Subscription, LogError> {
        let after = after.map_or(0, |position| position.commit);
        Ok(subscribe::subscription(subscribe::Source {
            readers: Arc::clone(&self.readers),
            last: self.last.clone(),
            place: self.place.clone(),
            tenant: filter.tenant,
            after,
        }))
    }

    async fn head(&self) -> Result<Option<Position>, LogError> {
        let last = *self.last.borrow();
        Ok((last > 0).then(|| Position::nth(last)))
    }

    async fn event_at(&self, position: Position) -> Result<Option<EventId>, LogError> {
        let read = self.readers.read(move |connection| read::id_at(connection, position));
        read.await.map_err(|fault| fault.into_log(&self.place))
    }

    async fn log_id(&self) -> Result<Uuid, LogError> {
        Ok(self.id)
    }
}
