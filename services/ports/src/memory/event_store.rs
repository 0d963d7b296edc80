//! A log in memory.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use futures_util::stream;
use keytrail_domain::{EventId, NewEvent, Position, RecordedEvent, StreamId};
use parking_lot::RwLock;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    Appended, Clock, EventStore, Expected, Filter, Ids, LogError, LogSignal, Subscription, SystemClock,
    SystemIds,
};

/// A log that lives as long as this value.
pub struct MemoryEventStore {
    id: Uuid,
    log: Arc<RwLock<Log>>,
    /// How many events there are: wakes the subscriptions.
    length: watch::Sender<usize>,
}

#[derive(Default)]
struct Log {
    events: Vec<RecordedEvent>,
    /// Places in `events`, by stream.
    streams: HashMap<StreamId, Vec<usize>>,
}

impl Default for MemoryEventStore {
    fn default() -> Self {
        Self { id: SystemIds.fresh(SystemClock.now()), log: Arc::default(), length: watch::Sender::new(0) }
    }
}

impl MemoryEventStore {
    /// An empty log with an id of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same log as it was after its first `events`, as a backup gives it back.
    #[must_use]
    pub fn restored(&self, events: usize) -> Self {
        let mut log = Log::default();
        for event in self.log.read().events.iter().take(events).cloned() {
            let RecordedEvent { id, stream, event_type, data, metadata, .. } = event;
            log.push(&stream, NewEvent { id, event_type, data, metadata });
        }
        let length = watch::Sender::new(log.events.len());
        Self { id: self.id, log: Arc::new(RwLock::new(log)), length }
    }
}

impl Log {
    fn append(
        &mut self,
        stream: &StreamId,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Appended, LogError> {
        let places = self.streams.get(stream).map_or(&[][..], Vec::as_slice);
        let start = match expected {
            Expected::NoStream => 0,
            Expected::Revision(revision) => usize::try_from(revision).unwrap_or(usize::MAX).saturating_add(1),
        };
        if start != places.len() {
            return self.known(places, start, &events).ok_or(LogError::Conflict { current: last(places) });
        }
        for event in events {
            self.push(stream, event);
        }
        let places = &self.streams[stream];
        Ok(Appended {
            revision: places.len() as u64 - 1,
            position: self.events[places[places.len() - 1]].position,
        })
    }

    /// The answer of the append that wrote these very events at this place.
    fn known(&self, places: &[usize], start: usize, events: &[NewEvent]) -> Option<Appended> {
        let end = start.checked_add(events.len())?;
        let stored = places.get(start..end)?;
        let same = stored.iter().zip(events).all(|(place, event)| self.events[*place].id == event.id);
        let last = &self.events[*stored.last()?];
        same.then_some(Appended { revision: last.revision, position: last.position })
    }

    fn push(&mut self, stream: &StreamId, event: NewEvent) {
        let places = self.streams.entry(stream.clone()).or_default();
        places.push(self.events.len());
        self.events.push(RecordedEvent {
            id: event.id,
            stream: stream.clone(),
            revision: places.len() as u64 - 1,
            position: Position::nth(self.events.len() as u64 + 1),
            event_type: event.event_type,
            data: event.data,
            metadata: event.metadata,
        });
    }
}

fn last(places: &[usize]) -> Option<u64> {
    places.len().checked_sub(1).map(|revision| revision as u64)
}

#[async_trait]
impl EventStore for MemoryEventStore {
    async fn append(
        &self,
        stream: &StreamId,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Appended, LogError> {
        if events.is_empty() {
            return Err(LogError::Unavailable("an append needs at least one event".into()));
        }
        let mut log = self.log.write();
        let appended = log.append(stream, expected, events);
        self.length.send_replace(log.events.len());
        appended
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        from: u64,
        max: usize,
    ) -> Result<Vec<RecordedEvent>, LogError> {
        let log = self.log.read();
        let places = log.streams.get(stream).map_or(&[][..], Vec::as_slice);
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(places.iter().skip(from).take(max).map(|place| log.events[*place].clone()).collect())
    }

    async fn subscribe(&self, after: Option<Position>, filter: Filter) -> Result<Subscription, LogError> {
        let reader = Reader {
            log: Arc::clone(&self.log),
            length: self.length.subscribe(),
            next: after.map_or(0, |it| usize::try_from(it.commit).unwrap_or(usize::MAX)),
            filter,
            caught_up: false,
        };
        Ok(Box::pin(stream::unfold(reader, |mut reader| async {
            reader.next_signal().await.map(|signal| (Ok(signal), reader))
        })))
    }

    async fn head(&self) -> Result<Option<Position>, LogError> {
        Ok(self.log.read().events.last().map(|event| event.position))
    }

    async fn event_at(&self, position: Position) -> Result<Option<EventId>, LogError> {
        let log = self.log.read();
        Ok(log.events.iter().find(|event| event.position == position).map(|event| event.id))
    }

    async fn log_id(&self) -> Result<Uuid, LogError> {
        Ok(self.id)
    }
}

struct Reader {
    log: Arc<RwLock<Log>>,
    length: watch::Receiver<usize>,
    next: usize,
    filter: Filter,
    caught_up: bool,
}

impl Reader {
    async fn next_signal(&mut self) -> Option<LogSignal> {
        loop {
            self.length.borrow_and_update();
            if let Some(event) = self.next_event() {
                return Some(LogSignal::Event(event));
            }
            if !self.caught_up {
                self.caught_up = true;
                return Some(LogSignal::CaughtUp);
            }
            self.length.changed().await.ok()?;
        }
    }

    fn next_event(&mut self) -> Option<RecordedEvent> {
        let log = self.log.read();
        let wanted =
            |event: &RecordedEvent| self.filter.tenant.is_none_or(|it| it == event.stream.tenant_id());
        let found = log.events.iter().enumerate().skip(self.next).find(|(_, event)| wanted(event));
        self.next = found.map_or(self.next.max(log.events.len()), |(place, _)| place + 1);
        found.map(|(_, event)| event.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryEventStore;

    crate::event_store_contract!(async { MemoryEventStore::new() });
}
