//! The protocol's messages, as far as they are spoken here: package `event_store.client`, written by hand from its
//! field numbers. Fields that the double does not look at are left out; the decoder skips them.

pub(crate) mod batch;
pub(crate) mod cluster;
pub(crate) mod read;
pub(crate) mod write;

use bytes::Bytes;

/// A stream's name.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StreamIdentifier {
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) stream_name: Bytes,
}

impl StreamIdentifier {
    pub(crate) fn of(name: &str) -> Self {
        Self { stream_name: Bytes::copy_from_slice(name.as_bytes()) }
    }

    pub(crate) fn name(&self) -> String {
        String::from_utf8_lossy(&self.stream_name).into_owned()
    }
}

/// An id, in one of its two spellings.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Uuid {
    #[prost(oneof = "Id", tags = "1, 2")]
    pub(crate) value: Option<Id>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Id {
    #[prost(message, tag = "1")]
    Structured(Structured),
    #[prost(string, tag = "2")]
    Text(String),
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Structured {
    #[prost(int64, tag = "1")]
    pub(crate) most_significant_bits: i64,
    #[prost(int64, tag = "2")]
    pub(crate) least_significant_bits: i64,
}

impl Uuid {
    /// What it says, if that is an id.
    pub(crate) fn read(&self) -> Option<uuid::Uuid> {
        match self.value.as_ref()? {
            Id::Text(text) => text.parse().ok(),
            Id::Structured(halves) => Some(uuid::Uuid::from_u64_pair(
                halves.most_significant_bits.cast_unsigned(),
                halves.least_significant_bits.cast_unsigned(),
            )),
        }
    }

    pub(crate) fn text(id: uuid::Uuid) -> Self {
        Self { value: Some(Id::Text(id.to_string())) }
    }

    pub(crate) fn structured(id: uuid::Uuid) -> Self {
        let (most, least) = id.as_u64_pair();
        Self {
            value: Some(Id::Structured(Structured {
                most_significant_bits: most.cast_signed(),
                least_significant_bits: least.cast_signed(),
            })),
        }
    }
}

/// A place in `$all`. Both numbers are the same here, as they are on the real server since it writes without
/// explicit transactions.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Position {
    #[prost(uint64, tag = "1")]
    pub(crate) commit_position: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) prepare_position: u64,
}

impl From<u64> for Position {
    fn from(place: u64) -> Self {
        Self { commit_position: place, prepare_position: place }
    }
}
