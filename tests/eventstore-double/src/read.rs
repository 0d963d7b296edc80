//! `Streams.Read`: reads that end, and what leads to a subscription.

use std::{
    pin::Pin,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use futures_util::{Stream, stream};
use tonic::{Request, Response, Status};

use crate::{
    answers,
    call::Call,
    faults::Method,
    filter::Filter,
    log::{Log, Recorded, Refused},
    messages::{
        StreamIdentifier, Uuid,
        read::{
            AllSource, Amount, Content, Filtering, Options, Place, ReadEvent, ReadReq, ReadResp,
            RecordedEvent, Revision, Source, Spelling, StreamNotFound, StreamSource,
        },
    },
    subscription,
};

/// What a read answers.
pub(crate) type Answers = Pin<Box<dyn Stream<Item = Result<ReadResp, Status>> + Send>>;

/// How ids are spelled in the answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spell(bool);

pub(crate) async fn read(call: Call, request: Request<ReadReq>) -> Result<Response<Answers>, Status> {
    let (metadata, _, request) = request.into_parts();
    let options = request.options.ok_or_else(|| Status::invalid_argument("a read without options"))?;
    match options.amount {
        Some(Amount::Count(count)) => {
            let after = call.enter(Method::Read, &metadata).await?;
            let found = call.state.read(|log| once(log, options, count))?;
            after.done().await?;
            let answers = found.into_iter().map(|content| Ok(content.into()));
            Ok(Response::new(Box::pin(stream::iter(answers))))
        }
        Some(Amount::Subscription(())) => {
            let after = call.enter(Method::Subscribe, &metadata).await?;
            let answers = subscription::start(&call.state, options, after.fault.clone())?;
            after.done().await?;
            Ok(Response::new(answers))
        }
        None => Err(Status::invalid_argument("a read of nothing")),
    }
}

fn once(log: &Log, options: Options, count: u64) -> Result<Vec<Content>, Status> {
    let spell = spelling(&options);
    let filter = filter(options.filtering)?;
    let backwards = options.direction == 1;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    match options.source {
        Some(Source::All(source)) => {
            let found = from_all(log, &source, backwards)?;
            let wanted =
                found.into_iter().filter(|event| filter.as_ref().is_none_or(|filter| filter.wants(event)));
            Ok(wanted.take(count).map(|event| content(event, spell)).collect())
        }
        Some(Source::Stream(source)) => {
            let compatible = options.control.is_some_and(|control| control.compatibility > 0);
            from_stream(log, &source, backwards, count, spell, compatible)
        }
        None => Err(Status::invalid_argument("a read from nowhere")),
    }
}

/// Forwards from a position on, backwards from before it.
fn from_all<'log>(
    log: &'log Log,
    source: &AllSource,
    backwards: bool,
) -> Result<Vec<&'log Arc<Recorded>>, Status> {
    let all = log.all();
    let from = match source.from {
        Some(Place::At(position)) => index_of(log, position.commit_position)?,
        Some(Place::Start(())) => 0,
        Some(Place::End(())) => all.len(),
        None => return Err(Status::invalid_argument("a read of $all from nowhere")),
    };
    Ok(if backwards { all[..from].iter().rev().collect() } else { all[from..].iter().collect() })
}

/// Where in the log this position is. One that no event has is refused, as by the real server: positions are not
/// for calculating with.
pub(crate) fn index_of(log: &Log, position: u64) -> Result<usize, Status> {
    match log.all().binary_search_by_key(&position, |event| event.position) {
        Ok(index) => Ok(index),
        Err(_) if position == 0 => Ok(0),
        Err(index) if position == u64::MAX => Ok(index),
        Err(_) => Err(Status::invalid_argument("Trying to read from an invalid position")),
    }
}

fn from_stream(
    log: &Log,
    source: &StreamSource,
    backwards: bool,
    count: usize,
    spell: Spell,
    compatible: bool,
) -> Result<Vec<Content>, Status> {
    let stream = name(source)?;
    let Some(events) = log.visible(&stream).map_err(|refused| refusal(&stream, refused))? else {
        return Ok(vec![Content::StreamNotFound(StreamNotFound {
            stream: Some(StreamIdentifier::of(&stream)),
        })]);
    };
    let found: Vec<_> = match (source.from, backwards) {
        (Some(Revision::Start(())), false) => events.iter().collect(),
        (Some(Revision::At(first)), false) => events.iter().filter(|event| event.revision >= first).collect(),
        (Some(Revision::At(last)), true) => {
            events.iter().rev().filter(|event| event.revision <= last).collect()
        }
        (Some(Revision::End(())), true) => events.iter().rev().collect(),
        (Some(Revision::Start(())), true) => events.iter().filter(|event| event.revision == 0).collect(),
        (Some(Revision::End(())), false) => Vec::new(),
        (None, _) => return Err(Status::invalid_argument("a read of a stream from nowhere")),
    };
    let last = log.current(&stream).filter(|_| compatible);
    let events = found.into_iter().take(count).map(|event| content(event, spell));
    Ok(events.chain(last.map(Content::LastStreamPosition)).collect())
}

pub(crate) fn name(source: &StreamSource) -> Result<String, Status> {
    let stream = source.stream.as_ref().map(StreamIdentifier::name).unwrap_or_default();
    if stream.is_empty() { Err(Status::invalid_argument("a stream without a name")) } else { Ok(stream) }
}

pub(crate) fn filter(filtering: Option<Filtering>) -> Result<Option<Filter>, Status> {
    match filtering {
        Some(Filtering::Filter(options)) => Filter::read(options).map(Some),
        Some(Filtering::Nothing(())) | None => Ok(None),
    }
}

/// What reading a stream that is gone for ever answers.
pub(crate) fn refusal(stream: &str, refused: Refused) -> Status {
    match refused {
        Refused::Deleted => answers::stream_deleted(stream),
        Refused::TooLarge | Refused::WrongExpectedVersion { .. } => Status::internal("a read was refused"),
    }
}

pub(crate) fn spelling(options: &Options) -> Spell {
    let asked = options.uuid_option.and_then(|option| option.content);
    Spell(matches!(asked, Some(Spelling::Text(()))))
}

/// An event as it is answered.
pub(crate) fn content(event: &Arc<Recorded>, spell: Spell) -> Content {
    let metadata = [
        ("type", event.kind.clone()),
        ("content-type", event.content_type.clone()),
        ("created", ticks(event.created).to_string()),
    ];
    Content::Event(ReadEvent {
        event: Some(RecordedEvent {
            id: Some(if spell.0 { Uuid::text(event.id) } else { Uuid::structured(event.id) }),
            stream: Some(StreamIdentifier::of(&event.stream)),
            revision: event.revision,
            prepare_position: event.position,
            commit_position: event.position,
            metadata: metadata.map(|(key, value)| (key.to_owned(), value)).into(),
            custom_metadata: event.metadata.clone(),
            data: event.data.clone(),
        }),
        commit_position: Some(event.position),
    })
}

/// Tenths of microseconds since 1970.
fn ticks(at: SystemTime) -> u128 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() / 100
}
