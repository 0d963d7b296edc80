//! `Streams.BatchAppend`: many appends over one call. An append may come in parts.

use std::{collections::HashMap, pin::Pin};

use futures_util::Stream;
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status, Streaming, metadata::MetadataMap};

use crate::{
    call::Call,
    faults::Method,
    log::{Expected, MAX_APPEND_SIZE, Proposed, Refused},
    messages::{
        StreamIdentifier, Uuid,
        batch::{
            BatchAppendReq, BatchAppendResp, BatchExpected, BatchResult, Found, MaximumAppendSizeExceeded,
            Status as Problem, StreamDeleted, Wanted, WrongExpectedVersion,
        },
        write::Target,
    },
    write,
};

/// What a batch answers.
pub(crate) type Answers = Pin<Box<dyn Stream<Item = Result<BatchAppendResp, Status>> + Send>>;

/// Answers that may wait for a slow reader.
const WAITING: usize = 16;

pub(crate) async fn append(
    call: Call,
    request: Request<Streaming<BatchAppendReq>>,
) -> Result<Response<Answers>, Status> {
    let (metadata, _, mut messages) = request.into_parts();
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let mut open = HashMap::new();
        while let Ok(Some(message)) = messages.message().await {
            let answer = match part(&mut open, message) {
                Ok(None) => continue,
                Ok(Some((id, whole))) => whole.write(&call, &metadata, id).await,
                Err(status) => Err(status),
            };
            let failed = answer.is_err();
            if sender.send(answer).await.is_err() || failed {
                break;
            }
        }
    });
    Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
}

/// An append of which some parts have come.
struct Open {
    target: Target,
    events: Vec<Proposed>,
}

/// Takes one part; says the append when it was the last one.
fn part(
    open: &mut HashMap<uuid::Uuid, Open>,
    message: BatchAppendReq,
) -> Result<Option<(uuid::Uuid, Open)>, Status> {
    let id = message.correlation_id.as_ref().and_then(Uuid::read);
    let id = id.ok_or_else(|| Status::invalid_argument("a batch without an id"))?;
    if let Some(target) = message.target {
        open.insert(id, Open { target, events: Vec::new() });
    }
    let known = open.get_mut(&id).ok_or_else(|| Status::invalid_argument("a batch without options"))?;
    for event in message.proposed {
        known.events.push(write::proposed(event)?);
    }
    Ok(if message.is_final { open.remove(&id).map(|whole| (id, whole)) } else { None })
}

impl Open {
    async fn write(
        self,
        call: &Call,
        metadata: &MetadataMap,
        id: uuid::Uuid,
    ) -> Result<BatchAppendResp, Status> {
        let (stream, expected) = write::target_of(&self.target)?;
        let after = call.enter(Method::BatchAppend, metadata).await?;
        let result = match call.state.write(|log| log.append(&stream, expected, &self.events)) {
            Ok(written) => BatchResult::Success(write::success(written)),
            Err(refused) => BatchResult::Error(problem(&stream, expected, refused)),
        };
        after.done().await?;
        Ok(BatchAppendResp {
            correlation_id: Some(Uuid::structured(id)),
            result: Some(result),
            stream: Some(StreamIdentifier::of(&stream)),
            expected: Some(match expected {
                Expected::Exact(revision) => BatchExpected::Exact(revision),
                Expected::NoStream => BatchExpected::NoStream(()),
                Expected::Any => BatchExpected::Any(()),
                Expected::StreamExists => BatchExpected::StreamExists(()),
            }),
        })
    }
}

/// Unlike an append's answers: a status with a detail, in the message.
fn problem(stream: &str, expected: Expected, refused: Refused) -> Problem {
    let (code, message, details) = match refused {
        Refused::WrongExpectedVersion { current } => {
            let detail = WrongExpectedVersion {
                current: Some(current.map_or(Found::NoStream(()), Found::At)),
                expected: Some(match expected {
                    Expected::Exact(revision) => Wanted::Exact(revision),
                    Expected::NoStream => Wanted::NoStream(()),
                    Expected::Any => Wanted::Any(()),
                    Expected::StreamExists => Wanted::StreamExists(()),
                }),
            };
            (Code::FailedPrecondition, "WrongExpectedVersion", any("WrongExpectedVersion", &detail))
        }
        Refused::Deleted => {
            let detail = StreamDeleted { stream: Some(StreamIdentifier::of(stream)) };
            (Code::FailedPrecondition, "StreamDeleted", any("StreamDeleted", &detail))
        }
        Refused::TooLarge => {
            let detail = MaximumAppendSizeExceeded { max_append_size: MAX_APPEND_SIZE as u32 };
            (Code::InvalidArgument, "MaximumAppendSizeExceeded", any("MaximumAppendSizeExceeded", &detail))
        }
    };
    Problem { code: code.into(), message: message.to_owned(), details: Some(details) }
}

fn any(name: &str, detail: &impl Message) -> prost_types::Any {
    prost_types::Any {
        type_url: format!("type.googleapis.com/event_store.client.{name}"),
        value: detail.encode_to_vec(),
    }
}
