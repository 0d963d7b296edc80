//! The log of facts on a KurrentDB server or cluster.
//!
//! Everything is asked of the leader, so that what was appended is read ([`read`]). A place in the log is
//! the server's own, commit and prepare. A subscription is to `$all`, filtered by the server
//! ([`subscribe`]).

mod append;
mod convert;
mod leaving;
mod read;
mod subscribe;

use std::sync::Arc;

use async_trait::async_trait;
use keytrail_domain::{EventId, NewEvent, Position, RecordedEvent, StreamId};
use keytrail_ports::{Appended, EventStore, Expected, Filter, LogError, Subscription};
use uuid::Uuid;

use crate::{connection::Connection, fault::OpenError, identity, same_log::SameLog, settings::Settings};

/// The event log of a KurrentDB or EventStoreDB server.
pub struct KurrentEventStore {
    connection: Arc<Connection>,
    id: Uuid,
}

impl KurrentEventStore {
    /// Connects, and makes this database a log of ours when it is not yet.
    ///
    /// # Errors
    /// [`OpenError`]: nobody answers, access is denied, or the log's name for itself cannot be read.
    pub async fn open(settings: Settings) -> Result<Self, OpenError> {
        let connection = Arc::new(Connection::new("event log", settings, Arc::default())?);
        let id = identity::of(&connection).await?;
        connection.log().expect(id);
        Ok(Self { connection, id })
    }

    /// The id of the log that is there, if one is; writes nothing.
    ///
    /// # Errors
    /// As [`KurrentEventStore::open`].
    pub async fn peek(settings: Settings) -> Result<Option<Uuid>, OpenError> {
        identity::known(&Connection::new("event log", settings, Arc::default())?).await
    }
}

impl KurrentEventStore {
    /// The log that the server must have, for whoever else speaks to it.
    pub(crate) fn log(&self) -> Arc<SameLog> {
        Arc::clone(self.connection.log())
    }
}

#[async_trait]
impl EventStore for KurrentEventStore {
    async fn append(
        &self,
        stream: &StreamId,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Appended, LogError> {
        if events.is_empty() {
            return Err(LogError::Unavailable("an append needs at least one event".into()));
        }
        append::append(&self.connection, stream, expected, &events).await
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        from: u64,
        max: usize,
    ) -> Result<Vec<RecordedEvent>, LogError> {
        read::stream(&self.connection, stream, from, max).await
    }

    async fn subscribe(&self, after: Option<Position>, filter: Filter) -> Result<Subscription, LogError> {
        subscribe::subscribe(Arc::clone(&self.connection), after, filter).await
    }

    async fn head(&self) -> Result<Option<Position>, LogError> {
        read::head(&self.connection).await
    }

    async fn event_at(&self, position: Position) -> Result<Option<EventId>, LogError> {
        read::id_at(&self.connection, position).await
    }

    async fn log_id(&self) -> Result<Uuid, LogError> {
        Ok(self.id)
    }

    fn is_away(&self) -> bool {
        self.connection.is_away()
    }
}
