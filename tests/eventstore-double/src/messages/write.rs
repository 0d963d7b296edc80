//! `Streams.Append`, `Delete` and `Tombstone`.

use std::collections::HashMap;

use bytes::Bytes;

use super::{Position, StreamIdentifier, Uuid};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AppendReq {
    #[prost(oneof = "AppendContent", tags = "1, 2")]
    pub(crate) content: Option<AppendContent>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum AppendContent {
    #[prost(message, tag = "1")]
    Options(Target),
    #[prost(message, tag = "2")]
    Proposed(ProposedMessage),
}

/// A stream and what it is expected to be: the same in every request that writes.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Target {
    #[prost(message, optional, tag = "1")]
    pub(crate) stream: Option<StreamIdentifier>,
    #[prost(oneof = "ExpectedRevision", tags = "2, 3, 4, 5")]
    pub(crate) expected: Option<ExpectedRevision>,
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub(crate) enum ExpectedRevision {
    #[prost(uint64, tag = "2")]
    Exact(u64),
    #[prost(message, tag = "3")]
    NoStream(()),
    #[prost(message, tag = "4")]
    Any(()),
    #[prost(message, tag = "5")]
    StreamExists(()),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ProposedMessage {
    #[prost(message, optional, tag = "1")]
    pub(crate) id: Option<Uuid>,
    #[prost(map = "string, string", tag = "2")]
    pub(crate) metadata: HashMap<String, String>,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) custom_metadata: Bytes,
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) data: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AppendResp {
    #[prost(oneof = "AppendResult", tags = "1, 2")]
    pub(crate) result: Option<AppendResult>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum AppendResult {
    #[prost(message, tag = "1")]
    Success(Success),
    #[prost(message, tag = "2")]
    WrongExpectedVersion(WrongExpectedVersion),
}

/// The same in the answers of `Append` and `BatchAppend`.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Success {
    #[prost(oneof = "CurrentRevision", tags = "1, 2")]
    pub(crate) current: Option<CurrentRevision>,
    #[prost(oneof = "WrittenAt", tags = "3, 4")]
    pub(crate) position: Option<WrittenAt>,
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub(crate) enum CurrentRevision {
    #[prost(uint64, tag = "1")]
    At(u64),
    #[prost(message, tag = "2")]
    NoStream(()),
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub(crate) enum WrittenAt {
    #[prost(message, tag = "3")]
    Position(Position),
    #[prost(message, tag = "4")]
    Nowhere(()),
}

/// Says both facts twice: once for clients of before 20.6.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct WrongExpectedVersion {
    #[prost(oneof = "OldCurrent", tags = "1, 2")]
    pub(crate) old_current: Option<OldCurrent>,
    #[prost(oneof = "OldExpected", tags = "3, 4, 5")]
    pub(crate) old_expected: Option<OldExpected>,
    #[prost(oneof = "FoundRevision", tags = "6, 7")]
    pub(crate) current: Option<FoundRevision>,
    #[prost(oneof = "WantedRevision", tags = "8, 9, 10, 11")]
    pub(crate) expected: Option<WantedRevision>,
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub(crate) enum OldCurrent {
    #[prost(uint64, tag = "1")]
    At(u64),
    #[prost(message, tag = "2")]
    NoStream(()),
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub(crate) enum OldExpected {
    #[prost(uint64, tag = "3")]
    Exact(u64),
    #[prost(message, tag = "4")]
    Any(()),
    #[prost(message, tag = "5")]
    StreamExists(()),
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub(crate) enum FoundRevision {
    #[prost(uint64, tag = "6")]
    At(u64),
    #[prost(message, tag = "7")]
    NoStream(()),
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub(crate) enum WantedRevision {
    #[prost(uint64, tag = "8")]
    Exact(u64),
    #[prost(message, tag = "9")]
    Any(()),
    #[prost(message, tag = "10")]
    StreamExists(()),
    #[prost(message, tag = "11")]
    NoStream(()),
}

/// `Delete` and `Tombstone` ask the same.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DeleteReq {
    #[prost(message, optional, tag = "1")]
    pub(crate) target: Option<Target>,
}

/// And answer the same.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct DeleteResp {
    #[prost(message, optional, tag = "1")]
    pub(crate) position: Option<Position>,
}
