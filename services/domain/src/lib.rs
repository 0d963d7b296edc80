//! The rules of Keytrail: ids, aggregates, events, secret values and the hash chain.
//!
//! Everything here is pure: no async, no I/O, no clock, no randomness. Times, ids and the places
//! of secrets arrive inside commands. An aggregate is two functions, `decide` (may this happen,
//! and what is then a fact?) and `evolve` (what does the fact change?); see [`Aggregate`].
//!
//! To add an aggregate: make a folder named after the noun with `command.rs`, `event.rs`,
//! `decide.rs` and `evolve.rs`, give its events explicit stored names, and put one JSON file per
//! event into `tests/golden/`. What is stored is for ever: a change of meaning is a new version
//! and one more step in the aggregate's `upcast`.

mod actor;
mod aggregate;
pub mod alert;
pub mod chain;
pub mod component;
pub mod connection;
pub mod credential;
pub mod environment;
mod event;
pub mod flow;
mod id;
mod label;
mod leak;
pub mod lease;
mod level;
pub mod oauth_client;
pub mod policy;
mod scope;
mod secret;
pub mod service_account;
mod stream;
pub mod team;
pub mod tenant;
mod text;
mod time;
pub mod token;
pub mod verification;
pub mod webhook;

pub use actor::{Actor, Authentication, Principal, Who};
pub use aggregate::{Aggregate, Decision, FieldError, Refusal, SecretWrite};
pub use event::{
    DecodeError, DomainEvent, EncodeError, EventMeta, Idempotency, NewEvent, Position, RecordedEvent,
};
pub use id::{
    AlertId, ConnectionId, CredentialId, EnvironmentId, EventId, FlowId, LeaseId, MemberId, OAuthClientId,
    ParseIdError, SecretId, ServiceAccountId, TeamId, TenantId, TokenId, WebhookEndpointId,
};
pub use label::{Labels, LabelsError};
pub use level::{Grantee, Level, Owner, Role};
pub use scope::{Scope, Scopes};
pub use secret::{SecretPayload, SecretRef, SecretValue};
pub use stream::{StreamId, StreamKind};
pub use time::{Timestamp, ends_later};
