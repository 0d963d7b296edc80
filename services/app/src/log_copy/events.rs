//! The events: compared, written, and read back.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::StreamExt;
use keytrail_domain::{EventId, NewEvent, Position, RecordedEvent};
use keytrail_ports::{EventStore, Expected, Filter, LogError, LogSignal, Subscription};

use super::{CopyError, CopyStage, LogCopy, chain::Chains};

/// Most events of one stream in one append.
const BATCH: usize = 64;
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
struct All(Subscription);

impl All {
    async fn of(log: &dyn EventStore) -> Result<Self, LogError> {
        Ok(Self(log.subscribe(None, Filter::default()).await?))
    }

    async fn next(&mut self) -> Result<Option<RecordedEvent>, LogError> {
        loop {
            match self.0.next().await.transpose()? {
                Some(LogSignal::Event(event)) => return Ok(Some(event)),
                Some(LogSignal::Checkpoint(_)) => {}
                Some(LogSignal::CaughtUp) | None => return Ok(None),
            }
        }
    }
}

/// Events of one stream that follow each other in the log.
#[derive(Default)]
struct Run(Vec<RecordedEvent>);

impl Run {
    fn takes(&self, event: &RecordedEvent) -> bool {
        self.0.first().is_none_or(|first| first.stream == event.stream) && self.0.len() < BATCH
    }
}

impl LogCopy<'_> {
    /// Refuses a target that is not the beginning of this log.
    pub(super) async fn is_a_copy_or_empty(&self) -> Result<(), CopyError> {
        let mut from = All::of(self.from).await.map_err(CopyError::From)?;
        let mut to = All::of(self.to).await.map_err(CopyError::To)?;
        while let Some(there) = to.next().await.map_err(CopyError::To)? {
            let here = from.next().await.map_err(CopyError::From)?;
            must_be_same(here.as_ref(), &there)?;
        }
        Ok(())
    }

    /// Writes what the target has not; answers how many events it had.
    pub(super) async fn copy_events(
        &self,
        told: &(dyn Fn(CopyStage, u64, Option<u64>) + Sync),
    ) -> Result<u64, CopyError> {
        let total = self.from.head().await.map_err(CopyError::From)?.map(|head| head.commit);
        let mut from = All::of(self.from).await.map_err(CopyError::From)?;
        let mut to = All::of(self.to).await.map_err(CopyError::To)?;
        let (mut chains, mut there_before) = (Chains::default(), 0);
        while let Some(there) = to.next().await.map_err(CopyError::To)? {
            let here = from.next().await.map_err(CopyError::From)?;
            must_be_same(here.as_ref(), &there)?;
            if let Some(here) = &here {
                must_follow(&mut chains, here)?;
                told(CopyStage::Copying, here.position.commit, total);
            }
            there_before += 1;
        }
        drop(to);
        let mut run = Run::default();
        while let Some(event) = from.next().await.map_err(CopyError::From)? {
            must_follow(&mut chains, &event)?;
            if !run.takes(&event) {
                self.write(std::mem::take(&mut run)).await?;
                told(CopyStage::Copying, event.position.commit, total);
            }
            run.0.push(event);
        }
        self.write(run).await?;
        Ok(there_before)
    }

    /// One append, again with the same ids until it is known to be done. One after the other: the order of the
    /// log is kept across streams.
    async fn write(&self, run: Run) -> Result<(), CopyError> {
        let Some(first) = run.0.first() else { return Ok(()) };
        let stream = first.stream.clone();
        let expected = first.revision.checked_sub(1).map_or(Expected::NoStream, Expected::Revision);
        let events: Vec<NewEvent> = run.0.into_iter().map(as_new).collect();
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
        let total = self.from.head().await.map_err(CopyError::From)?.map(|head| head.commit);
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

fn must_be_same(here: Option<&RecordedEvent>, there: &RecordedEvent) -> Result<(), CopyError> {
    let (event, stream) = (there.id, there.stream.clone());
    match here {
        Some(here) if same(here, there) => Ok(()),
        Some(_) => Err(CopyError::Foreign { event, stream }),
        None => Err(CopyError::InUse { event, stream }),
    }
}

fn must_follow(chains: &mut Chains, event: &RecordedEvent) -> Result<(), CopyError> {
    if chains.follows(event) {
        return Ok(());
    }
    Err(CopyError::Altered { event: event.id, stream: event.stream.clone() })
}
