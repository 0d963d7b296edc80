//! Reading, from the leader: a follower may not have what was appended a moment ago.

use eventstore::{
    Client, Error, ReadAllOptions, ReadEvent, ReadStream, ReadStreamOptions, ResolvedEvent, StreamPosition,
    SubscriptionFilter,
};
use keytrail_domain::{EventId, Position, RecordedEvent, StreamId, StreamKind, TenantId};
use keytrail_ports::LogError;

use super::convert;
use crate::{
    connection::{Connection, PATIENCE},
    fault::Fault,
};

/// What all our streams begin with, and no stream of somebody else.
const PREFIX: &str = "kt.";

/// At most `max` events of a stream, from a revision on.
pub(super) async fn stream(
    connection: &Connection,
    stream: &StreamId,
    from: u64,
    max: usize,
) -> Result<Vec<RecordedEvent>, LogError> {
    if max == 0 {
        return Ok(Vec::new());
    }
    let name = stream.to_string();
    let options = ReadStreamOptions::default().position(StreamPosition::Position(from)).max_count(max);
    let options = options.requires_leader(true).deadline(PATIENCE);
    let read = connection
        .again(|client| {
            let (name, options) = (name.clone(), options.clone());
            async move { all(client.read_stream(name, &options).await?).await }
        })
        .await;
    match read {
        Ok(events) => events.into_iter().map(convert::incoming).collect(),
        Err(Fault::NotFound) => Ok(Vec::new()),
        Err(fault) => Err(fault.into_read()),
    }
}

/// The place of our last event.
pub(super) async fn head(connection: &Connection) -> Result<Option<Position>, LogError> {
    last(connection, None).await
}

/// The place of the last event of one tenant, or of all.
pub(super) async fn last(
    connection: &Connection,
    tenant: Option<TenantId>,
) -> Result<Option<Position>, LogError> {
    let options = ReadAllOptions::default().position(StreamPosition::End);
    let last = one(connection, options.filter(filter_of(tenant))).await.map_err(Fault::into_read)?;
    last.map(|event| convert::incoming(event).map(|event| event.position)).transpose()
}

/// The id of our event at a position.
pub(super) async fn id_at(connection: &Connection, at: Position) -> Result<Option<EventId>, LogError> {
    found_at(connection, at).await.map_err(Fault::into_read)
}

/// The same for who tries again himself.
pub(super) async fn found_at(connection: &Connection, at: Position) -> Result<Option<EventId>, Fault> {
    let options = ReadAllOptions::default().position(StreamPosition::Position(convert::position(at)));
    let found = one(connection, options).await?.and_then(|event| event.event);
    let ours =
        found.filter(|event| convert::place(event.position) == at && event.stream_id().starts_with(PREFIX));
    Ok(ours.map(|event| EventId::from_uuid(event.id)))
}

async fn one(connection: &Connection, options: ReadAllOptions) -> Result<Option<ResolvedEvent>, Fault> {
    let options = options.max_count(1).requires_leader(true).deadline(PATIENCE);
    let read = connection
        .again(|client: Client| {
            let options = options.clone();
            async move { all(client.read_all(&options).await?).await }
        })
        .await;
    match read {
        Ok(mut events) => Ok(events.pop()),
        Err(Fault::NotFound) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Everything that an answer tells.
async fn all(mut answer: ReadStream) -> Result<Vec<ResolvedEvent>, Error> {
    let mut events = Vec::new();
    while let Some(told) = answer.next_read_event().await? {
        if let ReadEvent::Event(event) = told {
            events.push(event);
        }
    }
    Ok(events)
}

/// All of our streams, or those of one tenant.
pub(super) fn filter_of(tenant: Option<TenantId>) -> SubscriptionFilter {
    let filter = SubscriptionFilter::on_stream_name();
    let Some(tenant) = tenant else { return filter.add_prefix(PREFIX) };
    let prefixes = StreamKind::ALL.iter().map(|kind| format!("{}{}-{tenant}.", PREFIX, kind.as_str()));
    prefixes.fold(filter, |filter, prefix| filter.add_prefix(prefix))
}
