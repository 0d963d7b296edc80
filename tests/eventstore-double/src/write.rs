//! `Streams.Append`, `Delete` and `Tombstone`.

use tonic::{Request, Response, Status, Streaming};

use crate::{
    answers,
    call::Call,
    faults::Method,
    log::{Expected, Log, Proposed, Refused, Written},
    messages::{
        StreamIdentifier, Uuid,
        write::{
            AppendContent, AppendReq, AppendResp, AppendResult, CurrentRevision, DeleteReq, DeleteResp,
            ExpectedRevision, FoundRevision, OldCurrent, OldExpected, ProposedMessage, Success, Target,
            WantedRevision, WrittenAt, WrongExpectedVersion,
        },
    },
};

pub(crate) async fn append(
    call: Call,
    request: Request<Streaming<AppendReq>>,
) -> Result<Response<AppendResp>, Status> {
    let (metadata, _, mut messages) = request.into_parts();
    let first = messages.message().await?.and_then(|message| message.content);
    let Some(AppendContent::Options(target)) = first else {
        return Err(Status::invalid_argument("an append without options"));
    };
    let (stream, expected) = target_of(&target)?;
    let mut events = Vec::new();
    while let Some(message) = messages.message().await? {
        let Some(AppendContent::Proposed(message)) = message.content else {
            return Err(Status::invalid_argument("an append of no event"));
        };
        events.push(proposed(message)?);
    }
    let after = call.enter(Method::Append, &metadata).await?;
    let result = call.state.write(|log| log.append(&stream, expected, &events));
    let result = match result {
        Ok(written) => AppendResult::Success(success(written)),
        Err(Refused::WrongExpectedVersion { current }) => {
            AppendResult::WrongExpectedVersion(conflict(expected, current))
        }
        Err(refused) => return Err(refusal(&stream, expected, refused)),
    };
    after.done().await?;
    Ok(Response::new(AppendResp { result: Some(result) }))
}

pub(crate) async fn delete(call: Call, request: Request<DeleteReq>) -> Result<Response<DeleteResp>, Status> {
    end(call, request, Method::Delete, Log::delete).await
}

pub(crate) async fn tombstone(
    call: Call,
    request: Request<DeleteReq>,
) -> Result<Response<DeleteResp>, Status> {
    end(call, request, Method::Tombstone, Log::tombstone).await
}

async fn end(
    call: Call,
    request: Request<DeleteReq>,
    method: Method,
    change: impl FnOnce(&mut Log, &str, Expected) -> Result<u64, Refused> + Send,
) -> Result<Response<DeleteResp>, Status> {
    let (metadata, _, request) = request.into_parts();
    let (stream, expected) = target_of(&request.target.unwrap_or_default())?;
    let after = call.enter(method, &metadata).await?;
    let ended = call.state.write(|log| change(log, &stream, expected));
    let position = ended.map_err(|refused| refusal(&stream, expected, refused))?;
    after.done().await?;
    Ok(Response::new(DeleteResp { position: Some(position.into()) }))
}

pub(crate) fn target_of(target: &Target) -> Result<(String, Expected), Status> {
    let stream = target.stream.as_ref().map(StreamIdentifier::name).unwrap_or_default();
    if stream.is_empty() {
        return Err(Status::invalid_argument("a write to no stream"));
    }
    let expected = match target.expected {
        Some(ExpectedRevision::Exact(revision)) => Expected::Exact(revision),
        Some(ExpectedRevision::NoStream(())) => Expected::NoStream,
        Some(ExpectedRevision::Any(())) => Expected::Any,
        Some(ExpectedRevision::StreamExists(())) => Expected::StreamExists,
        None => return Err(Status::invalid_argument("a write that expects nothing")),
    };
    Ok((stream, expected))
}

pub(crate) fn proposed(message: ProposedMessage) -> Result<Proposed, Status> {
    let said = |key: &str| {
        let missing = || Status::invalid_argument(format!("Required Metadata Property '{key}' is missing"));
        message.metadata.get(key).cloned().ok_or_else(missing)
    };
    let id = message.id.as_ref().and_then(Uuid::read);
    Ok(Proposed {
        id: id.ok_or_else(|| Status::invalid_argument("an event without an id"))?,
        kind: said("type")?,
        content_type: said("content-type")?,
        data: message.data,
        metadata: message.custom_metadata,
    })
}

pub(crate) fn success(written: Written) -> Success {
    Success {
        current: Some(written.revision.map_or(CurrentRevision::NoStream(()), CurrentRevision::At)),
        position: Some(match written.position {
            Some(position) => WrittenAt::Position(position.into()),
            None => WrittenAt::Nowhere(()),
        }),
    }
}

fn conflict(expected: Expected, current: Option<u64>) -> WrongExpectedVersion {
    let (old, new) = match expected {
        Expected::Exact(revision) => (Some(OldExpected::Exact(revision)), WantedRevision::Exact(revision)),
        Expected::Any => (Some(OldExpected::Any(())), WantedRevision::Any(())),
        Expected::StreamExists => (Some(OldExpected::StreamExists(())), WantedRevision::StreamExists(())),
        // There was no word for it before 20.6.
        Expected::NoStream => (None, WantedRevision::NoStream(())),
    };
    WrongExpectedVersion {
        old_current: Some(current.map_or(OldCurrent::NoStream(()), OldCurrent::At)),
        old_expected: old,
        current: Some(current.map_or(FoundRevision::NoStream(()), FoundRevision::At)),
        expected: Some(new),
    }
}

fn refusal(stream: &str, expected: Expected, refused: Refused) -> Status {
    match refused {
        Refused::WrongExpectedVersion { current } => {
            answers::wrong_expected_version(stream, expected, current)
        }
        Refused::Deleted => answers::stream_deleted(stream),
        Refused::TooLarge => answers::too_large(),
    }
}
