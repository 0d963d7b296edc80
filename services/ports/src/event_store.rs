//! The log of facts.

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use keytrail_domain::{EventId, NewEvent, Position, RecordedEvent, StreamId, TenantId};

/// Where a stream must stand for an append to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It has no event yet.
    NoStream,
    /// Its last event has this number.
    Revision(u64),
}

/// What an append answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Number of the stream's last event now.
    pub revision: u64,
    /// Place of that event in the log.
    pub position: Position,
}

/// What a subscription tells.
#[derive(Clone, Debug)]
pub enum LogSignal {
    /// The next event, in log order.
    Event(RecordedEvent),
    /// Nothing for this filter up to here; worth remembering.
    Checkpoint(Position),
    /// Everything that was there at the start has been told; from here on it is live.
    CaughtUp,
}

/// Which events a subscription wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this tenant's.
    pub tenant: Option<TenantId>,
}

/// Signals in log order. It ends only with an error or when the store closes.
pub type Subscription = BoxStream<'static, Result<LogSignal, LogError>>;

/// What can go wrong with the log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The stream is not where it was expected; nothing was written. Reload and decide again.
    #[error("stream is at {current:?}, not where it was expected")]
    Conflict {
        /// Where it is: its last revision, or none when it has no event.
        current: Option<u64>,
    },
    /// The stream was deleted under us.
    #[error("stream was deleted")]
    StreamDeleted,
    /// The log's server does not let us.
    #[error("the event log denied access")]
    Denied,
    /// Written or not: not known. Append again with the same event ids.
    #[error("outcome of the append is not known")]
    Unknown(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Surely not written. Try again later.
    #[error("the event log is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What is stored makes no sense. Wake somebody.
    #[error("the event log is corrupt: {0}")]
    Corrupt(String),
}

/// The log of facts: streams of events in one global order.
///
/// Promises, each a case in [`crate::contract::event_store`]:
/// 1. An append writes all of its events, or none.
/// 2. An append at another revision than `expected` is a [`LogError::Conflict`] that names the
///    current one, and writes nothing.
/// 3. The same event ids at the same `expected` again answer the first result again.
/// 4. Events of a stream come back in order, byte for byte, numbered from 0 without a gap.
/// 5. Positions grow with the log; a subscription tells events in their order.
/// 6. A subscription after a position tells every later event exactly once, first the old ones,
///    then `CaughtUp`, then live ones, and nothing is lost where the two meet.
/// 7. An event is told only after it is durable.
/// 8. A tenant filter tells only that tenant's events.
/// 9. When `append` has answered, `read_stream` and `head` show it.
/// 10. Of many appends at one `expected`, exactly one wins.
/// 11. An event's place tells its id; a place without an event tells none.
#[async_trait]
pub trait EventStore: Send + Sync + 'static {
    /// Append all of `events` (at least one), or none; durable when it answers.
    ///
    /// # Errors
    /// [`LogError`]; only [`LogError::Unknown`] leaves open whether it was written.
    async fn append(
        &self,
        stream: &StreamId,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Appended, LogError>;

    /// At most `max` events of a stream, from revision `from` on; none when there is no stream.
    ///
    /// # Errors
    /// [`LogError`].
    async fn read_stream(
        &self,
        stream: &StreamId,
        from: u64,
        max: usize,
    ) -> Result<Vec<RecordedEvent>, LogError>;

    /// Everything after `after` (from the start when none), then live.
    ///
    /// # Errors
    /// [`LogError`].
    async fn subscribe(&self, after: Option<Position>, filter: Filter) -> Result<Subscription, LogError>;

    /// The place of the last event; none when the log is empty.
    ///
    /// # Errors
    /// [`LogError`].
    async fn head(&self) -> Result<Option<Position>, LogError>;

    /// The id of the event at a place; none when there is no event just there.
    ///
    /// # Errors
    /// [`LogError`].
    async fn event_at(&self, position: Position) -> Result<Option<EventId>, LogError>;

    /// Which log this is: the same for its whole life, another for every other log.
    ///
    /// # Errors
    /// [`LogError`].
    async fn log_id(&self) -> Result<uuid::Uuid, LogError>;

    /// True while the store knows, without asking, that nobody answers. False says nothing.
    fn is_away(&self) -> bool {
        false
    }
}
