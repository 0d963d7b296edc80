//! `Streams.BatchAppend`.

use super::{
    StreamIdentifier, Uuid,
    write::{ProposedMessage, Success, Target},
};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct BatchAppendReq {
    #[prost(message, optional, tag = "1")]
    pub(crate) correlation_id: Option<Uuid>,
    /// Its two first fields are those of an append; the deadline that follows is not looked at.
    #[prost(message, optional, tag = "2")]
    pub(crate) target: Option<Target>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) proposed: Vec<ProposedMessage>,
    #[prost(bool, tag = "4")]
    pub(crate) is_final: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct BatchAppendResp {
    #[prost(message, optional, tag = "1")]
    pub(crate) correlation_id: Option<Uuid>,
    #[prost(oneof = "BatchResult", tags = "2, 3")]
    pub(crate) result: Option<BatchResult>,
    #[prost(message, optional, tag = "4")]
    pub(crate) stream: Option<StreamIdentifier>,
    #[prost(oneof = "BatchExpected", tags = "5, 6, 7, 8")]
    pub(crate) expected: Option<BatchExpected>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum BatchResult {
    #[prost(message, tag = "2")]
    Error(Status),
    #[prost(message, tag = "3")]
    Success(Success),
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub(crate) enum BatchExpected {
    #[prost(uint64, tag = "5")]
    Exact(u64),
    #[prost(message, tag = "6")]
    NoStream(()),
    #[prost(message, tag = "7")]
    Any(()),
    #[prost(message, tag = "8")]
    StreamExists(()),
}

/// `google.rpc.Status` as this protocol has it: with one detail.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Status {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(message, optional, tag = "3")]
    pub(crate) details: Option<prost_types::Any>,
}

/// The detail of a conflict.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct WrongExpectedVersion {
    #[prost(oneof = "Found", tags = "1, 2")]
    pub(crate) current: Option<Found>,
    #[prost(oneof = "Wanted", tags = "3, 4, 5, 6")]
    pub(crate) expected: Option<Wanted>,
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub(crate) enum Found {
    #[prost(uint64, tag = "1")]
    At(u64),
    #[prost(message, tag = "2")]
    NoStream(()),
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub(crate) enum Wanted {
    #[prost(uint64, tag = "3")]
    Exact(u64),
    #[prost(message, tag = "4")]
    Any(()),
    #[prost(message, tag = "5")]
    StreamExists(()),
    #[prost(message, tag = "6")]
    NoStream(()),
}

/// The detail of a stream that is gone for ever.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StreamDeleted {
    #[prost(message, optional, tag = "1")]
    pub(crate) stream: Option<StreamIdentifier>,
}

/// The detail of an append that is too large.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct MaximumAppendSizeExceeded {
    #[prost(uint32, tag = "1")]
    pub(crate) max_append_size: u32,
}
