//! The events: compared, written, and read back.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::StreamExt;
use keytrail_domain::{EventId, NewEvent, Position, RecordedEvent};
use keytrail_ports::{EventStore, Expected, Filter, LogError, LogSignal, Subscription};

use super::{CopyError, CopyStage, LogCopy, chain::Chains};

/// Most events of one stream in one append.
const BATCH: usize = 64;
/// And so many bytes: a server takes no more than a megabyte in one.
const BATCH_BYTES: usize = 512 * 1024;
/// Waits before an append is tried again with the same ids.
const AGAIN: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
    Duration::from_secs(20),
];

/// What is known when the target was read back.
pub(super) struct Verified {
    pub(super) events: u64,
    pub(super) head: Option<(Position, EventId)>,
    /// Places of the old log, each with the one that it has in the new log.
    pub(super) places: BTreeMap<Position, Position>,
}

/// All that a log had when it was asked, in order.
struct All {
    events: Subscription,
    over: bool,
}

impl All {
    async fn of(log: &dyn EventStore) -> Result<Self, LogError> {
        Ok(Self { events: log.subscribe(None, Filter::default()).await?, over: false })
    }

    async fn next(&mut self) -> Result<Option<RecordedEvent>, LogError> {
        // What comes after is live, and not asked for.
        while !self.over {
            match self.events.next().await.transpose()? {
                Some(LogSignal::Event(event)) => return Ok(Some(event)),
                Some(LogSignal::Checkpoint(_)) => {}
                Some(LogSignal::CaughtUp) => self.over = true,
                None => return Err(LogError::Unavailable("the log ended too early".into())),
            }
        }
        Ok(None)
    }
}

/// Events of one stream that follow each other in the log.
#[derive(Default)]
struct Run {
    events: Vec<RecordedEvent>,
    bytes: usize,
}

impl Run {
    fn takes(&self, event: &RecordedEvent) -> bool {
        let Some(first) = self.events.first() else { return true };
        first.stream == event.stream && self.events.len() < BATCH && self.bytes + size(event) <= BATCH_BYTES
    }

    fn push(&mut self, event: RecordedEvent) {
        self.bytes += size(&event);
        self.events.push(event);
    }
}

fn size(event: &RecordedEvent) -> usize {
    event.data.len() + event.metadata.len()
}

impl LogCopy<'_> {
    /// Walks all of this log, and refuses a target that is not its beginning; answers how many events the target
    /// has not.
    pub(super) async fn look(
        &self,
        told: &(dyn Fn(CopyStage, u64, Option<u64>) + Sync),
    ) -> Result<u64, CopyError> {
        let total = self.total().await?;
        let mut from = All::of(self.from).await.map_err(CopyError::From)?;
        let mut to = All::of(self.to).await.map_err(CopyError::To)?;
        let (mut chains, mut missing) = (Chains::default(), 0);
        while let Some(here) = from.next().await.map_err(CopyError::From)? {
            if !chains.follows(&here) {
                return Err(CopyError::Altered { event: here.id, stream: here.stream });
            }
            match to.next().await.map_err(CopyError::To)? {
                Some(there) if same(&here, &there) => {}
                Some(there) => return Err(CopyError::Foreign { event: there.id, stream: there.stream }),
                None => missing += 1,
            }
            told(CopyStage::Looking, here.position.commit, total);
        }
        match to.next().await.map_err(CopyError::To)? {
            Some(more) => Err(CopyError::InUse { event: more.id, stream: more.stream }),
            None => Ok(missing),
        }
    }

    /// Positions of an embedded log are counted.
    async fn total(&self) -> Result<Option<u64>, CopyError> {
        Ok(self.from.head().await.map_err(CopyError::From)?.map(|head| head.commit))
    }

    /// Writes what the target has not, after what it has; answers how many events it had.
    pub(super) async fn copy_events(
        &self,
        told: &(dyn Fn(CopyStage, u64, Option<u64>) + Sync),
    ) -> Result<u64, CopyError> {
        let total = self.total().await?;
        let mut from = All::of(self.from).await.map_err(CopyError::From)?;
        let mut to = All::of(self.to).await.map_err(CopyError::To)?;
        let mut there_before = 0;
        while to.next().await.map_err(CopyError::To)?.is_some() {
            from.next().await.map_err(CopyError::From)?;
            there_before += 1;
        }
        drop(to);
        let mut run = Run::default();
        while let Some(event) = from.next().await.map_err(CopyError::From)? {
            if !run.takes(&event) {
                self.write(std::mem::take(&mut run)).await?;
                told(CopyStage::Copying, event.position.commit, total);
            }
            run.push(event);
        }
        self.write(run).await?;
        Ok(there_before)
    }

    /// One append, again with the same ids until it is known to be done. One after the other: the order of the
    /// log is kept across streams.
    async fn write(&self, run: Run) -> Result<(), CopyError> {
        let Some(first) = run.events.first() else { return Ok(()) };
        let stream = first.stream.clone();
        let expected = first.revision.checked_sub(1).map_or(Expected::NoStream, Expected::Revision);
        let events: Vec<NewEvent> = run.events.into_iter().map(as_new).collect();
        let mut waits = AGAIN.into_iter();
        loop {
            let error = match self.to.append(&stream, expected, events.clone()).await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            let again = matches!(error, LogError::Unknown(_) | LogError::Unavailable(_));
            match waits.next().filter(|_| again) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(CopyError::To(error)),
            }
        }
    }

    /// Compares the whole target with the log, and finds the new places of old ones.
    pub(super) async fn verify(
        &self,
        mut wanted: Vec<Position>,
        told: &(dyn Fn(CopyStage, u64, Option<u64>) + Sync),
    ) -> Result<Verified, CopyError> {
        let total = self.total().await?;
        let mut from = All::of(self.from).await.map_err(CopyError::From)?;
        let mut to = All::of(self.to).await.map_err(CopyError::To)?;
        let mut chains = Chains::default();
        let mut verified = Verified { events: 0, head: None, places: BTreeMap::new() };
        wanted.sort_unstable_by(|a, b| b.cmp(a));
        while let Some(here) = from.next().await.map_err(CopyError::From)? {
            let (event, stream) = (here.id, here.stream.clone());
            let lost = || CopyError::Lost { event, stream: stream.clone() };
            let there = to.next().await.map_err(CopyError::To)?.ok_or_else(lost)?;
            if !same(&here, &there) || !chains.follows(&there) {
                return Err(lost());
            }
            // An old place between two events means everything up to the one before it.
            while let Some(place) = wanted.pop_if(|place| *place < here.position) {
                verified.places.insert(place, verified.head.map_or(Position::START, |(at, _)| at));
            }
            verified.events += 1;
            verified.head = Some((there.position, there.id));
            told(CopyStage::Verifying, here.position.commit, total);
        }
        if let Some(more) = to.next().await.map_err(CopyError::To)? {
            return Err(CopyError::InUse { event: more.id, stream: more.stream });
        }
        let end = verified.head.map_or(Position::START, |(at, _)| at);
        verified.places.extend(wanted.into_iter().map(|place| (place, end)));
        Ok(verified)
    }
}

fn as_new(event: RecordedEvent) -> NewEvent {
    let RecordedEvent { id, event_type, data, metadata, .. } = event;
    NewEvent { id, event_type, data: Arc::clone(&data), metadata: Arc::clone(&metadata) }
}

fn same(here: &RecordedEvent, there: &RecordedEvent) -> bool {
    let parts = |event: &RecordedEvent| (event.id, event.revision);
    parts(here) == parts(there)
        && here.stream == there.stream
        && here.event_type == there.event_type
        && here.data == there.data
        && here.metadata == there.metadata
}
