//! What Keytrail asks of the world, in its own language.
//!
//! A port is a role (`EventStore`, `SecretStore`, `Authorizer`, …); its doc comment lists its
//! promises, and each promise is a case of the contract suite in [`contract`], which every adapter
//! runs. No type of a driver stands in a signature. Each error enum has few variants, each one a
//! different reaction for the caller.
//!
//! To add a port: one file here with the trait and its error, one file of cases in `contract/`, a
//! memory adapter in `memory/` when tests above the port want one.

mod authorizer;
mod clock;
mod components;
pub mod contract;
mod event_store;
mod journal;
pub mod memory;
mod secret_store;
mod token_server;
mod verifier;
pub mod views;
mod webhook_sender;

pub use authorizer::{
    Action, AuthorityChange, AuthoritySnapshot, AuthoritySource, Authorizer, Denied, Enough, Object,
    Resource, Scope,
};
pub use clock::{Clock, Ids, SystemClock, SystemIds};
pub use components::{CheckedFields, Completeness, ComponentCatalog};
pub use event_store::{Appended, EventStore, Expected, Filter, LogError, LogSignal, Subscription};
pub use journal::{
    Journal, JournalEntry, JournalError, JournalPlace, Mark, NewJournalEntry, Span, SpanEnd, Subject,
    SwapError, WholeJournal,
};
pub use secret_store::{DeploymentMark, SecretError, SecretStore, StoredSecret, WrappedSecret};
pub use token_server::{TokenClient, TokenError, TokenGrant, TokenServer, Tokens};
pub use verifier::{CheckRequest, Verifier};
pub use webhook_sender::{
    WebhookAnswer, WebhookBusy, WebhookFailure, WebhookReply, WebhookRequest, WebhookSender,
};
