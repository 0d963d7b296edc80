//! The hash chain of a stream: altering, dropping or reordering an event is seen. *Format*.
//!
//! Each event's metadata carries the hash of the stream's previous event. A hash covers the
//! stream, revision, id, type, version, our recorded time, the raw data and metadata bytes and the
//! previous hash, each with its length in front; never a position or the server's time, which
//! another log would give anew.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{EventId, RecordedEvent, StreamId, Timestamp};

/// A SHA-256 hash; its text is 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(serde::de::Error::custom("not a sha-256 hash in lower-case hexadecimal"));
        }
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte =
                u8::from_str_radix(&text[2 * place..2 * place + 2], 16).map_err(serde::de::Error::custom)?;
        }
        Ok(Self(bytes))
    }
}

/// What one hash covers.
pub struct Link<'a> {
    /// The stream's name.
    pub stream: &'a StreamId,
    /// The event's number in the stream, from 0.
    pub revision: u64,
    /// The event's id.
    pub id: EventId,
    /// Stored name.
    pub event_type: &'a str,
    /// Version of the data's shape.
    pub version: u16,
    /// Our time.
    pub recorded_at: Timestamp,
    /// Raw data.
    pub data: &'a [u8],
    /// Raw metadata.
    pub metadata: &'a [u8],
    /// The hash of the event before; none for the first.
    pub previous: Option<&'a Hash>,
}

/// The hash of one event in its stream.
///
/// Each part is written as its length in bytes (8 bytes, big-endian) and its bytes; numbers are
/// 8 bytes big-endian; the time is microseconds since 1970; a missing previous hash has length 0.
pub fn hash(link: &Link<'_>) -> Hash {
    let mut sum = Context::new(&SHA256);
    let mut part = |bytes: &[u8]| {
        sum.update(&(bytes.len() as u64).to_be_bytes());
        sum.update(bytes);
    };
    part(link.stream.to_string().as_bytes());
    part(&link.revision.to_be_bytes());
    part(link.id.as_uuid().as_bytes());
    part(link.event_type.as_bytes());
    part(&u64::from(link.version).to_be_bytes());
    part(&link.recorded_at.as_micros().to_be_bytes());
    part(link.data);
    part(link.metadata);
    part(link.previous.map_or(&[], |previous| previous.as_bytes()));
    let mut bytes = [0; 32];
    bytes.copy_from_slice(sum.finish().as_ref());
    Hash(bytes)
}

/// The first place where a stream's chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainBreak {
    /// A revision is missing or out of order.
    #[error("revision {found} stands where {expected} belongs")]
    OutOfOrder {
        /// The revision that belongs there.
        expected: u64,
        /// The one that stands there.
        found: u64,
    },
    /// The event before was altered, or this one's link was.
    #[error("event at revision {revision} does not follow from the one before it")]
    Altered {
        /// The event whose link does not fit.
        revision: u64,
    },
    /// An event's metadata is not ours.
    #[error("event at revision {revision} cannot be read")]
    Unreadable {
        /// The event.
        revision: u64,
    },
}

/// Walks one stream from its first event and answers the hash of its last.
///
/// # Errors
/// The first [`ChainBreak`].
pub fn walk(events: &[RecordedEvent]) -> Result<Option<Hash>, ChainBreak> {
    let mut previous = None;
    for (expected, event) in (0u64..).zip(events) {
        let revision = event.revision;
        if revision != expected {
            return Err(ChainBreak::OutOfOrder { expected, found: revision });
        }
        let meta = event.meta().map_err(|_| ChainBreak::Unreadable { revision })?;
        if meta.previous_hash != previous {
            return Err(ChainBreak::Altered { revision });
        }
        previous = Some(event.hash().map_err(|_| ChainBreak::Unreadable { revision })?);
    }
    Ok(previous)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{Actor, EventMeta, Position, TenantId};

    fn stream_of(count: u64) -> Vec<RecordedEvent> {
        let tenant = TenantId::of_slug("acme");
        let mut events: Vec<RecordedEvent> = Vec::new();
        for revision in 0..count {
            let meta = EventMeta {
                schema_version: 1,
                tenant,
                actor: Actor::operator(),
                recorded_at: Timestamp::from_micros(1_000 + revision as i64),
                correlation: Uuid::from_u128(1),
                causation: None,
                idempotency: None,
                previous_hash: events.last().map(|event| event.hash().expect("hash")),
            };
            events.push(RecordedEvent {
                id: EventId::from_uuid(Uuid::from_u128(u128::from(revision))),
                stream: StreamId::tenant(tenant),
                revision,
                position: Position::nth(revision + 1),
                event_type: "TenantCreated".into(),
                data: format!("{{\"n\":{revision}}}").into_bytes().into(),
                metadata: serde_json::to_vec(&meta).expect("json").into(),
            });
        }
        events
    }

    #[test]
    fn an_untouched_stream_holds() {
        assert!(walk(&stream_of(5)).is_ok_and(|head| head.is_some()));
        assert_eq!(walk(&[]), Ok(None));
    }

    #[test]
    fn altered_data_is_seen_at_the_next_event() {
        let mut events = stream_of(5);
        events[2].data = b"{\"n\":9}".as_slice().into();
        assert_eq!(walk(&events), Err(ChainBreak::Altered { revision: 3 }));
    }

    #[test]
    fn dropped_and_swapped_events_are_seen() {
        let mut dropped = stream_of(5);
        dropped.remove(2);
        assert_eq!(walk(&dropped), Err(ChainBreak::OutOfOrder { expected: 2, found: 3 }));
        let mut swapped = stream_of(5);
        swapped.swap(1, 2);
        assert_eq!(walk(&swapped), Err(ChainBreak::OutOfOrder { expected: 1, found: 2 }));
    }

    #[test]
    fn the_hash_does_not_depend_on_the_position() {
        let mut moved = stream_of(1);
        let before = moved[0].hash().expect("hash");
        moved[0].position = Position { commit: 77, prepare: 70 };
        assert_eq!(moved[0].hash().expect("hash"), before);
    }

    /// The format is for ever: this hash was computed when it was fixed.
    #[test]
    fn the_hash_of_a_known_event_is_pinned() {
        assert_eq!(
            stream_of(1)[0].hash().expect("hash").to_string(),
            "ccf79ae9cee3dbde0e64c5bcd7ff333a38a23afeb79a73ce8a397f13cd716f6e"
        );
    }
}
