//! Copying a log and its journal to another store: byte for byte, in the same order, as often as it takes.
//!
//! The target's own events say how far an earlier run came, so that one that was killed goes on where it was and
//! nothing is there twice. Then everything is read back and compared, each stream's hash chain is walked, and only
//! then the journal follows, with the places in its marks turned into places of the new log.

mod chain;
mod events;
mod journal;

use keytrail_domain::{EventId, Position, StreamId};
use keytrail_ports::{EventStore, Journal, JournalError, LogError, WholeJournal};
use serde::{Deserialize, Serialize};

/// The target's mark that tells how far a copy is. *Format*.
pub(crate) const MARK: &str = "log-copy";

/// Where from and where to.
pub struct LogCopy<'a> {
    /// The log that is copied; nothing else may write to it.
    pub from: &'a dyn EventStore,
    /// Its journal.
    pub from_journal: &'a dyn WholeJournal,
    /// The log that it is copied to; nothing else may write to it.
    pub to: &'a dyn EventStore,
    /// Its journal.
    pub to_journal: &'a dyn Journal,
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyStage {
    /// The log that is copied is walked, and compared with what the target has.
    Looking,
    /// Events are written where the target has none.
    Copying,
    /// The target is read back.
    Verifying,
    /// The journal follows.
    Journal,
}

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Events in the log.
    pub events: u64,
    /// How many of them were there already, from an earlier run.
    pub there_before: u64,
    /// Entries of the journal that this run copied.
    pub entries: u64,
    /// The target's last event.
    pub head: Option<(Position, EventId)>,
}

/// Why a copy is not done. What was copied stays, and the next run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The log that is copied cannot be read.
    #[error("the log that is copied cannot be read")]
    From(#[source] LogError),
    /// The target cannot be read or written.
    #[error("the target cannot be read or written")]
    To(#[source] LogError),
    /// A journal cannot be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// An event of the log that is copied does not fit to the one before it in its stream.
    #[error("event {event} of {stream} was altered, or one before it is missing or was moved")]
    Altered {
        /// The first such event.
        event: EventId,
        /// Its stream.
        stream: StreamId,
    },
    /// The target has another event at a place.
    #[error(
        "the target has event {event} of {stream} where this log has another one: it is no copy of this log"
    )]
    Foreign {
        /// The first such event.
        event: EventId,
        /// Its stream.
        stream: StreamId,
    },
    /// The target has more events than this log.
    #[error("the target has event {event} of {stream}, which this log has not: somebody uses it already")]
    InUse {
        /// The first such event.
        event: EventId,
        /// Its stream.
        stream: StreamId,
    },
    /// What was written is not what is there.
    #[error("event {event} of {stream} is not in the target as it was written")]
    Lost {
        /// The first such event.
        event: EventId,
        /// Its stream.
        stream: StreamId,
    },
}

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum State {
    /// Events are not all there yet.
    Events,
    /// Entries of the journal are not all there yet.
    Journal,
    /// Everything is there.
    Done,
}

/// True while a copy into this log was begun and is not done: nobody should work with it.
///
/// # Errors
/// [`JournalError`].
pub async fn copy_is_unfinished(journal: &dyn Journal) -> Result<bool, JournalError> {
    Ok(state(journal).await?.is_some_and(|state| state != State::Done))
}

async fn state(journal: &dyn Journal) -> Result<Option<State>, JournalError> {
    let Some(mark) = journal.mark(MARK).await? else { return Ok(None) };
    let state = serde_json::from_slice(&mark.value);
    state.map(Some).map_err(|_| JournalError::Corrupt(format!("the mark `{MARK}` cannot be read")))
}

async fn set_state(journal: &dyn Journal, state: State) -> Result<(), JournalError> {
    let value = serde_json::to_vec(&state).map_err(|error| JournalError::Corrupt(error.to_string()))?;
    journal.set_mark(MARK, value).await
}

impl LogCopy<'_> {
    /// Copies what is not there yet and compares all of it; `told` hears how far it is, with the number of all
    /// where that is known. Nobody works with the target before [`LogCopy::finish`].
    ///
    /// # Errors
    /// [`CopyError`].
    pub async fn run(
        &self,
        told: &(dyn Fn(CopyStage, u64, Option<u64>) + Sync),
    ) -> Result<Copied, CopyError> {
        let before = state(self.to_journal).await?;
        // What is wrong is found out before anything is written.
        let missing = self.look(told).await?;
        if before.is_none() || missing > 0 {
            set_state(self.to_journal, State::Events).await?;
        }
        let there_before = self.copy_events(told).await?;
        let marks = journal::marks_of(self.from_journal).await?;
        let verified = self.verify(journal::places_in(&marks), told).await?;
        let (events, head) = (verified.events, verified.head);
        if before == Some(State::Done) && missing == 0 {
            return Ok(Copied { events, there_before, entries: 0, head });
        }
        set_state(self.to_journal, State::Journal).await?;
        let entries =
            journal::copy_entries(self.from_journal, self.to_journal, before.is_some(), told).await?;
        journal::copy_marks(self.to_journal, marks, &verified.places).await?;
        Ok(Copied { events, there_before, entries, head })
    }

    /// Everything around the copy is right too: servers may work with it.
    ///
    /// # Errors
    /// [`CopyError`].
    pub async fn finish(&self) -> Result<(), CopyError> {
        Ok(set_state(self.to_journal, State::Done).await?)
    }
}
