//! Which log this is: one event in a stream of its own, outside of those that are projected. *Format*.

use bytes::Bytes;
use eventstore::{
    AppendToStreamOptions, Client, Error, EventData, ReadStreamOptions, RecordedEvent, StreamState,
};
use keytrail_ports::{Clock, Ids, SystemClock, SystemIds};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    connection::{Connection, PATIENCE},
    fault::{Fault, OpenError},
};

const STREAM: &str = "keytrail-log";
const TYPE: &str = "LogCreated";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogCreated {
    log_id: Uuid,
}

/// The log's id, made with the log: of many who make one, the first wins. It is written each time, which the
/// server takes for the write that it knows: who may only read is found out now and not at the first mutation.
pub(crate) async fn of(connection: &Connection) -> Result<Uuid, OpenError> {
    let there = known(connection).await?;
    let id = there.unwrap_or_else(|| SystemIds.fresh(SystemClock.now()));
    match (write(connection, id).await, there) {
        (Ok(()), _) | (Err(Fault::Conflict(_)), Some(_)) => Ok(id),
        (Err(Fault::Conflict(_)), None) => known(connection).await?.ok_or_else(|| OpenError::Foreign {
            place: connection.place(),
            why: format!("its stream `{STREAM}` is there and has no event"),
        }),
        (Err(fault), _) => Err(refused(connection, fault).await),
    }
}

/// The id that is there, if one is.
pub(crate) async fn known(connection: &Connection) -> Result<Option<Uuid>, OpenError> {
    let found = match connection.again(read).await {
        Ok(found) => found,
        Err(Fault::NotFound) => None,
        Err(fault) => return Err(refused(connection, fault).await),
    };
    let Some(event) = found else { return Ok(None) };
    let named = named_in(&event).ok_or_else(|| OpenError::Foreign {
        place: connection.place(),
        why: format!("its stream `{STREAM}` holds something else"),
    })?;
    Ok(Some(named))
}

/// The event that says so.
pub(crate) async fn read(client: Client) -> Result<Option<RecordedEvent>, Error> {
    let options = ReadStreamOptions::default().max_count(1).requires_leader(true).deadline(PATIENCE);
    Ok(client.read_stream(STREAM, &options).await?.next().await?.and_then(|event| event.event))
}

/// What it says.
pub(crate) fn named_in(event: &RecordedEvent) -> Option<Uuid> {
    let created = event.as_json::<LogCreated>().ok().filter(|_| event.event_type == TYPE);
    created.map(|created| created.log_id)
}

async fn write(connection: &Connection, id: Uuid) -> Result<(), Fault> {
    let options = AppendToStreamOptions::default().stream_state(StreamState::NoStream);
    let options = options.requires_leader(true).deadline(PATIENCE);
    let event = EventData::json(TYPE, &LogCreated { log_id: id })
        .map_err(|error| Fault::Refused(error.to_string()))?;
    let event = event.id(id).metadata(Bytes::from_static(b"{}"));
    let written = connection.again(|client| {
        let (options, event) = (options.clone(), event.clone());
        async move { client.append_to_stream(STREAM, &options, event).await }
    });
    written.await.map(drop)
}

async fn refused(connection: &Connection, fault: Fault) -> OpenError {
    let place = connection.place();
    let bare = |why: String| why.strip_prefix(&format!("{place}: ")).map(str::to_owned).unwrap_or(why);
    match fault {
        Fault::Denied => OpenError::Denied { place },
        Fault::Deleted => OpenError::Foreign { place, why: format!("its stream `{STREAM}` was deleted") },
        Fault::NotApplied(why) | Fault::Unknown(why) => {
            let why = bare(why);
            // The client may have had another reason, with a cluster of which one host is away.
            let found = connection.diagnosis().await.map(|found| format!("{found} ({why})"));
            OpenError::Unreachable { place, why: found.unwrap_or(why) }
        }
        Fault::Refused(why) => OpenError::Unreachable { why: bare(why), place },
        Fault::NotFound | Fault::Conflict(_) => {
            OpenError::Unreachable { place, why: "it gave an answer that means nothing here".to_owned() }
        }
    }
}
