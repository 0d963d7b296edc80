//! Writing, at an exact revision and never at any: only then the server takes the same events once.

use eventstore::{AppendToStreamOptions, EventData, StreamState};
use keytrail_domain::{NewEvent, Position, StreamId};
use keytrail_ports::{Appended, Expected, LogError};

use super::{convert, read};
use crate::{
    connection::{Connection, PATIENCE},
    fault::Fault,
};

pub(super) async fn append(
    connection: &Connection,
    stream: &StreamId,
    expected: Expected,
    events: &[NewEvent],
) -> Result<Appended, LogError> {
    let data = events.iter().map(convert::outgoing).collect::<Result<Vec<_>, _>>()?;
    match write(connection, stream, expected, data).await {
        Ok(appended) if appended.position != Position::START => Ok(appended),
        // Told that it is there already, but not where.
        Ok(_) => known(connection, stream, expected, events).await.map_err(undecided)?.ok_or_else(gone),
        Err(Fault::Conflict(current)) => {
            let known = known(connection, stream, expected, events).await.map_err(undecided)?;
            known.ok_or(LogError::Conflict { current })
        }
        Err(fault) => Err(fault.into_log()),
    }
}

async fn write(
    connection: &Connection,
    stream: &StreamId,
    expected: Expected,
    data: Vec<EventData>,
) -> Result<Appended, Fault> {
    let name = stream.to_string();
    let state = match expected {
        Expected::NoStream => StreamState::NoStream,
        Expected::Revision(revision) => StreamState::StreamRevision(revision),
    };
    let options = AppendToStreamOptions::default().stream_state(state);
    let options = options.requires_leader(true).deadline(PATIENCE);
    let written = connection
        .again(|client| {
            let (name, options, data) = (name.clone(), options.clone(), data.clone());
            async move { client.append_to_stream(name, &options, data).await }
        })
        .await?;
    Ok(Appended { revision: written.next_expected_version, position: convert::place(written.position) })
}

/// The answer of the append that wrote these very events at this place, if there was one.
async fn known(
    connection: &Connection,
    stream: &StreamId,
    expected: Expected,
    events: &[NewEvent],
) -> Result<Option<Appended>, LogError> {
    let from = match expected {
        Expected::NoStream => 0,
        Expected::Revision(revision) => revision.saturating_add(1),
    };
    let stored = read::stream(connection, stream, from, events.len()).await?;
    let same = stored.iter().map(|event| event.id).eq(events.iter().map(|event| event.id));
    let last = stored.last().filter(|_| same);
    Ok(last.map(|last| Appended { revision: last.revision, position: last.position }))
}

/// As long as it cannot be read whose events stand there, they may be ours, of an earlier try.
fn undecided(error: LogError) -> LogError {
    match error {
        LogError::Unavailable(_) | LogError::Denied => LogError::Unknown(Box::new(error)),
        other => other,
    }
}

fn gone() -> LogError {
    LogError::Unknown("the server took the events for known ones, and does not show them".into())
}
