//! Writing to and reading from one stream of the journal.

use std::time::Duration;

use bytes::Bytes;
use eventstore::{
    AppendToStreamOptions, EventData, ReadStreamOptions, RecordedEvent, StreamPosition, StreamState,
};
use keytrail_ports::{Clock, Ids, JournalError, SystemClock, SystemIds};
use serde_json::{Value, json, value::RawValue};

use super::KurrentJournal;
use crate::{connection::PATIENCE, fault::Fault};

/// Others can be faster again and again, but each time one of them is done.
const MOST_TRIES: usize = 200;

/// What a stream keeps.
#[derive(Clone, Copy)]
pub(super) enum Keeps {
    /// Everything.
    All,
    /// What is younger.
    Younger(Duration),
    /// The last one.
    Last,
}

impl Keeps {
    /// As the server takes it: seconds. The client's own builder writes milliseconds.
    fn metadata(self) -> Option<Value> {
        match self {
            Self::All => None,
            Self::Younger(age) => Some(json!({ "$maxAge": age.as_secs().max(1) })),
            Self::Last => Some(json!({ "$maxCount": 1 })),
        }
    }
}

/// An event of the journal: JSON where it is, so that a person can read it.
pub(super) fn event(kind: &str, data: &[u8], metadata: &Value) -> EventData {
    let whole = |raw: &&RawValue| raw.get().len() == data.len();
    let json = serde_json::from_slice::<&RawValue>(data).ok().filter(whole);
    let made = json.and_then(|raw| EventData::json(kind, &raw).ok());
    let made = made.unwrap_or_else(|| EventData::binary(kind, Bytes::copy_from_slice(data)));
    made.id(SystemIds.fresh(SystemClock.now())).metadata(Bytes::from(metadata.to_string()))
}

pub(super) fn broken(fault: Fault) -> JournalError {
    JournalError::Unavailable(Box::new(fault.into_read()))
}

impl KurrentJournal {
    /// Writes these where the stream ends, wherever that is; answers the revision of the last one.
    pub(super) async fn write(
        &self,
        stream: &str,
        events: &[EventData],
        keeps: Keeps,
    ) -> Result<u64, JournalError> {
        let mut end = self.ends.get(stream);
        for _ in 0..MOST_TRIES {
            match self.write_at(stream, end, events, keeps).await {
                Err(Fault::Conflict(current)) => end = current,
                done => return done.map_err(broken),
            }
        }
        Err(JournalError::Unavailable("others write to the same stream all the time".into()))
    }

    /// Writes these behind a revision, or at the beginning.
    pub(super) async fn write_at(
        &self,
        stream: &str,
        end: Option<u64>,
        events: &[EventData],
        keeps: Keeps,
    ) -> Result<u64, Fault> {
        if end.is_none() {
            self.limit(stream, keeps).await?;
        }
        let state = end.map_or(StreamState::NoStream, StreamState::StreamRevision);
        let options = AppendToStreamOptions::default().stream_state(state);
        let options = options.requires_leader(true).deadline(PATIENCE);
        let written = self
            .connection
            .again(|client| {
                let (stream, options, events) = (stream.to_owned(), options.clone(), events.to_vec());
                async move { client.append_to_stream(stream, &options, events).await }
            })
            .await?
            .next_expected_version;
        self.ends.insert(stream.to_owned(), written);
        Ok(written)
    }

    /// Says how much of a new stream is kept, before its first event: later, nobody would.
    async fn limit(&self, stream: &str, keeps: Keeps) -> Result<(), Fault> {
        let Some(metadata) = keeps.metadata() else { return Ok(()) };
        let options = AppendToStreamOptions::default().stream_state(StreamState::NoStream);
        let options = options.requires_leader(true).deadline(PATIENCE);
        let event = event("$metadata", metadata.to_string().as_bytes(), &json!({}));
        let limited = self
            .connection
            .again(|client| {
                let (name, options, event) = (format!("$${stream}"), options.clone(), event.clone());
                async move { client.append_to_stream(name, &options, event).await }
            })
            .await;
        match limited {
            // Somebody was faster, or an earlier try got so far.
            Ok(_) | Err(Fault::Conflict(_)) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    /// At most `max` events backwards from a revision (from the end with none).
    pub(super) async fn backwards(
        &self,
        stream: &str,
        from: Option<u64>,
        max: usize,
    ) -> Result<Vec<RecordedEvent>, JournalError> {
        let from = from.map_or(StreamPosition::End, StreamPosition::Position);
        self.read(stream, ReadStreamOptions::default().position(from).backwards().max_count(max)).await
    }

    /// At most `max` events forwards from a revision.
    pub(super) async fn forwards(
        &self,
        stream: &str,
        from: u64,
        max: usize,
    ) -> Result<Vec<RecordedEvent>, JournalError> {
        let from = StreamPosition::Position(from);
        self.read(stream, ReadStreamOptions::default().position(from).max_count(max)).await
    }

    async fn read(
        &self,
        stream: &str,
        options: ReadStreamOptions,
    ) -> Result<Vec<RecordedEvent>, JournalError> {
        let options = options.requires_leader(true).deadline(PATIENCE);
        let read = self
            .connection
            .again(|client| {
                let (stream, options) = (stream.to_owned(), options.clone());
                async move {
                    let mut told = client.read_stream(stream, &options).await?;
                    let mut events = Vec::new();
                    while let Some(event) = told.next().await? {
                        events.extend(event.event);
                    }
                    Ok(events)
                }
            })
            .await;
        match read {
            Ok(events) => Ok(events),
            Err(Fault::NotFound) => Ok(Vec::new()),
            Err(fault) => Err(broken(fault)),
        }
    }
}
