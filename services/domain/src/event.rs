//! The envelope: what every event carries, and how it becomes bytes and back. *Format*.

use std::sync::Arc;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{Actor, EventId, StreamId, TenantId, Timestamp, chain::Hash};

/// A kind of event with a stored name and a version, both for ever.
///
/// Implementors are enums whose variants name themselves with `#[serde(rename = "…")]`.
pub trait DomainEvent: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The current version of the events with this stored name, counted from 1.
    fn version(name: &str) -> u16;

    /// Lifts stored data to the current version: one `if` per shipped change, oldest first.
    fn upcast(name: &str, version: u16, data: Value) -> Value;
}

/// Why an event could not be written down.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// JSON refused it.
    #[error("event cannot be written as json")]
    Json(#[from] serde_json::Error),
    /// It is not an enum variant with one body.
    #[error("event has no stored name")]
    Nameless,
}

/// Why a stored event could not be read. Never quotes the data.
#[derive(Debug, thiserror::Error)]
#[error("event {id} of type {event_type} in {stream} at revision {revision} cannot be read: {why}")]
pub struct DecodeError {
    /// The event.
    pub id: EventId,
    /// Its stored name.
    pub event_type: String,
    /// Its stream.
    pub stream: StreamId,
    /// Its revision.
    pub revision: u64,
    /// What is wrong, without the data.
    pub why: String,
}

/// What makes a repeated mutation recognisable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Idempotency {
    /// The mutation's name.
    pub mutation: String,
    /// The caller's key.
    pub key: String,
    /// HMAC-SHA-256 of the input under the tenant's key, in hex.
    pub input: String,
}

/// Who, when, why: beside every event's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventMeta {
    /// Version of the data's shape.
    pub schema_version: u16,
    /// The tenant.
    pub tenant: TenantId,
    /// Who, and how authenticated.
    pub actor: Actor,
    /// Our clock, never going back.
    pub recorded_at: Timestamp,
    /// The request that all of this belongs to. The name is one that KurrentDB follows.
    #[serde(rename = "$correlationId")]
    pub correlation: Uuid,
    /// The event that caused this one, if an event did.
    #[serde(rename = "$causationId", default, skip_serializing_if = "Option::is_none")]
    pub causation: Option<Uuid>,
    /// The caller's idempotency key, if he gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
    /// Hash of the stream's previous event; none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_hash: Option<Hash>,
}

/// An event to be appended: already bytes, so that what is hashed is what is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Its id; the same id at the same place is the same event.
    pub id: EventId,
    /// Stored name.
    pub event_type: String,
    /// JSON object.
    pub data: Arc<[u8]>,
    /// JSON of [`EventMeta`].
    pub metadata: Arc<[u8]>,
}

impl NewEvent {
    /// Writes an event down. `meta.schema_version` is set here.
    ///
    /// # Errors
    /// [`EncodeError`]: a mistake in the event's definition.
    pub fn encode<E: DomainEvent>(id: EventId, event: &E, meta: &EventMeta) -> Result<Self, EncodeError> {
        let Value::Object(tagged) = serde_json::to_value(event)? else {
            return Err(EncodeError::Nameless);
        };
        let (event_type, data) = tagged.into_iter().next().ok_or(EncodeError::Nameless)?;
        let meta = EventMeta { schema_version: E::version(&event_type), ..meta.clone() };
        Ok(Self {
            id,
            data: serde_json::to_vec(&data)?.into(),
            metadata: serde_json::to_vec(&meta)?.into(),
            event_type,
        })
    }
}

/// A place in the whole log: ordered, sparse, no arithmetic.
///
/// Two numbers because KurrentDB has two (commit, prepare); the embedded log uses its row number
/// for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Commit position.
    pub commit: u64,
    /// Prepare position.
    pub prepare: u64,
}

impl Position {
    /// Before every event.
    pub const START: Self = Self { commit: 0, prepare: 0 };

    /// The place of the nth event of an embedded log, counted from 1.
    pub const fn nth(number: u64) -> Self {
        Self { commit: number, prepare: number }
    }
}

/// An event as the log gives it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Its id.
    pub id: EventId,
    /// Its stream.
    pub stream: StreamId,
    /// Its number in the stream, from 0.
    pub revision: u64,
    /// Its place in the log.
    pub position: Position,
    /// Stored name.
    pub event_type: String,
    /// JSON object, byte for byte as appended.
    pub data: Arc<[u8]>,
    /// JSON of [`EventMeta`], byte for byte as appended.
    pub metadata: Arc<[u8]>,
}

impl RecordedEvent {
    /// Who, when, why.
    ///
    /// # Errors
    /// [`DecodeError`] when the metadata is not ours.
    pub fn meta(&self) -> Result<EventMeta, DecodeError> {
        serde_json::from_slice(&self.metadata).map_err(|error| self.unreadable(&error))
    }

    /// The event, lifted to its current version.
    ///
    /// # Errors
    /// [`DecodeError`] for an unknown name, a version newer than this program, or data of another
    /// shape.
    pub fn decode<E: DomainEvent>(&self) -> Result<E, DecodeError> {
        let stored = self.meta()?.schema_version;
        let known = E::version(&self.event_type);
        if stored > known {
            return Err(self.refused(format!(
                "it has version {stored}, this program knows up to {known}: update keytrail"
            )));
        }
        let data: Value = serde_json::from_slice(&self.data).map_err(|error| self.unreadable(&error))?;
        let data = E::upcast(&self.event_type, stored, data);
        let tagged = Map::from_iter([(self.event_type.clone(), data)]);
        serde_json::from_value(Value::Object(tagged)).map_err(|error| self.unreadable(&error))
    }

    /// The hash that the stream's next event carries as `previousHash`.
    ///
    /// # Errors
    /// [`DecodeError`] when the metadata is not ours.
    pub fn hash(&self) -> Result<Hash, DecodeError> {
        let meta = self.meta()?;
        Ok(crate::chain::hash(&crate::chain::Link {
            stream: &self.stream,
            revision: self.revision,
            id: self.id,
            event_type: &self.event_type,
            version: meta.schema_version,
            recorded_at: meta.recorded_at,
            data: &self.data,
            metadata: &self.metadata,
            previous: meta.previous_hash.as_ref(),
        }))
    }

    /// serde's own text can quote the data; its place and class cannot.
    fn unreadable(&self, error: &serde_json::Error) -> DecodeError {
        self.refused(format!("{:?} error at column {}", error.classify(), error.column()))
    }

    fn refused(&self, why: String) -> DecodeError {
        DecodeError {
            id: self.id,
            event_type: self.event_type.clone(),
            stream: self.stream.clone(),
            revision: self.revision,
            why,
        }
    }
}
