//! Events as the client has them, and as we do. Bytes stay what they are: the hash chain is over them.

use bytes::Bytes;
use eventstore::{EventData, RecordedEvent as Stored, ResolvedEvent};
use keytrail_domain::{EventId, NewEvent, Position, RecordedEvent, StreamId};
use keytrail_ports::LogError;
use serde_json::value::RawValue;

/// An event for the server, marked as JSON so that its own page shows it.
pub(super) fn outgoing(event: &NewEvent) -> Result<EventData, LogError> {
    // A raw value is written as it was read, byte for byte.
    let data: &RawValue = serde_json::from_slice(&event.data).map_err(|_| no_json(event))?;
    let made = EventData::json(&event.event_type, &data).map_err(|_| no_json(event))?;
    Ok(made.id(event.id.as_uuid()).metadata(Bytes::copy_from_slice(&event.metadata)))
}

fn no_json(event: &NewEvent) -> LogError {
    LogError::Corrupt(format!("the data of a new event of type {} is no JSON", event.event_type))
}

/// An event of one of our streams.
pub(super) fn incoming(event: ResolvedEvent) -> Result<RecordedEvent, LogError> {
    // Links are never followed, so the one that is there is the original.
    let Some(stored) = event.event.or(event.link) else {
        return Err(LogError::Corrupt("the server told of an event without an event".to_owned()));
    };
    recorded(stored)
}

fn recorded(stored: Stored) -> Result<RecordedEvent, LogError> {
    let name = stored.stream_id();
    let stream = StreamId::parse(name).ok_or_else(|| {
        let shown: String = name.chars().take(120).collect();
        LogError::Corrupt(format!("the stream {shown:?} has a name that is not ours"))
    })?;
    Ok(RecordedEvent {
        id: EventId::from_uuid(stored.id),
        stream,
        revision: stored.revision,
        position: place(stored.position),
        event_type: stored.event_type,
        data: stored.data.as_ref().into(),
        metadata: stored.custom_metadata.as_ref().into(),
    })
}

pub(super) fn place(position: eventstore::Position) -> Position {
    Position { commit: position.commit, prepare: position.prepare }
}

pub(super) fn position(place: Position) -> eventstore::Position {
    eventstore::Position { commit: place.commit, prepare: place.prepare }
}
