//! `Streams.Read`.

use std::collections::HashMap;

use bytes::Bytes;

use super::{Position, StreamIdentifier, Uuid};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ReadReq {
    #[prost(message, optional, tag = "1")]
    pub(crate) options: Option<Options>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Options {
    #[prost(oneof = "Source", tags = "1, 2")]
    pub(crate) source: Option<Source>,
    /// 0 is forwards, 1 backwards.
    #[prost(int32, tag = "3")]
    pub(crate) direction: i32,
    #[prost(oneof = "Amount", tags = "5, 6")]
    pub(crate) amount: Option<Amount>,
    #[prost(oneof = "Filtering", tags = "7, 8")]
    pub(crate) filtering: Option<Filtering>,
    #[prost(message, optional, tag = "9")]
    pub(crate) uuid_option: Option<UuidOption>,
    #[prost(message, optional, tag = "10")]
    pub(crate) control: Option<Control>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Source {
    #[prost(message, tag = "1")]
    Stream(StreamSource),
    #[prost(message, tag = "2")]
    All(AllSource),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StreamSource {
    #[prost(message, optional, tag = "1")]
    pub(crate) stream: Option<StreamIdentifier>,
    #[prost(oneof = "Revision", tags = "2, 3, 4")]
    pub(crate) from: Option<Revision>,
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub(crate) enum Revision {
    #[prost(uint64, tag = "2")]
    At(u64),
    #[prost(message, tag = "3")]
    Start(()),
    #[prost(message, tag = "4")]
    End(()),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AllSource {
    #[prost(oneof = "Place", tags = "1, 2, 3")]
    pub(crate) from: Option<Place>,
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub(crate) enum Place {
    #[prost(message, tag = "1")]
    At(Position),
    #[prost(message, tag = "2")]
    Start(()),
    #[prost(message, tag = "3")]
    End(()),
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub(crate) enum Amount {
    #[prost(uint64, tag = "5")]
    Count(u64),
    #[prost(message, tag = "6")]
    Subscription(()),
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Filtering {
    #[prost(message, tag = "7")]
    Filter(FilterOptions),
    #[prost(message, tag = "8")]
    Nothing(()),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FilterOptions {
    #[prost(oneof = "Subject", tags = "1, 2")]
    pub(crate) subject: Option<Subject>,
    #[prost(oneof = "Window", tags = "3, 4")]
    pub(crate) window: Option<Window>,
    #[prost(uint32, tag = "5")]
    pub(crate) checkpoint_interval_multiplier: u32,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Subject {
    #[prost(message, tag = "1")]
    Stream(Expression),
    #[prost(message, tag = "2")]
    Kind(Expression),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Expression {
    #[prost(string, tag = "1")]
    pub(crate) regex: String,
    #[prost(string, repeated, tag = "2")]
    pub(crate) prefix: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub(crate) enum Window {
    #[prost(uint32, tag = "3")]
    Max(u32),
    #[prost(message, tag = "4")]
    Count(()),
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct UuidOption {
    #[prost(oneof = "Spelling", tags = "1, 2")]
    pub(crate) content: Option<Spelling>,
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub(crate) enum Spelling {
    #[prost(message, tag = "1")]
    Structured(()),
    #[prost(message, tag = "2")]
    Text(()),
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Control {
    #[prost(uint32, tag = "1")]
    pub(crate) compatibility: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ReadResp {
    #[prost(oneof = "Content", tags = "1, 2, 3, 4, 6, 8")]
    pub(crate) content: Option<Content>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Content {
    #[prost(message, tag = "1")]
    Event(ReadEvent),
    #[prost(message, tag = "2")]
    Confirmation(Confirmation),
    #[prost(message, tag = "3")]
    Checkpoint(Checkpoint),
    #[prost(message, tag = "4")]
    StreamNotFound(StreamNotFound),
    #[prost(uint64, tag = "6")]
    LastStreamPosition(u64),
    #[prost(message, tag = "8")]
    CaughtUp(CaughtUp),
}

impl From<Content> for ReadResp {
    fn from(content: Content) -> Self {
        Self { content: Some(content) }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ReadEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) event: Option<RecordedEvent>,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) commit_position: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RecordedEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) id: Option<Uuid>,
    #[prost(message, optional, tag = "2")]
    pub(crate) stream: Option<StreamIdentifier>,
    #[prost(uint64, tag = "3")]
    pub(crate) revision: u64,
    #[prost(uint64, tag = "4")]
    pub(crate) prepare_position: u64,
    #[prost(uint64, tag = "5")]
    pub(crate) commit_position: u64,
    #[prost(map = "string, string", tag = "6")]
    pub(crate) metadata: HashMap<String, String>,
    #[prost(bytes = "bytes", tag = "7")]
    pub(crate) custom_metadata: Bytes,
    #[prost(bytes = "bytes", tag = "8")]
    pub(crate) data: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Confirmation {
    #[prost(string, tag = "1")]
    pub(crate) subscription_id: String,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Checkpoint {
    #[prost(uint64, tag = "1")]
    pub(crate) commit_position: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) prepare_position: u64,
    #[prost(message, optional, tag = "3")]
    pub(crate) timestamp: Option<prost_types::Timestamp>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StreamNotFound {
    #[prost(message, optional, tag = "1")]
    pub(crate) stream: Option<StreamIdentifier>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct CaughtUp {
    #[prost(message, optional, tag = "1")]
    pub(crate) timestamp: Option<prost_types::Timestamp>,
    #[prost(int64, optional, tag = "2")]
    pub(crate) stream_revision: Option<i64>,
    #[prost(message, optional, tag = "3")]
    pub(crate) position: Option<Position>,
}
