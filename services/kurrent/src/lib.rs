//! Event log and journal on KurrentDB, or on EventStoreDB from 20.6.1 on.
//!
//! What a person sees in the database's own page: one stream per aggregate, `kt.<kind>-<tenant>.<id>`,
//! whose events have their names, JSON data and JSON metadata with `$correlationId` and `$causationId`.
//! Streams of other programs in the same database are left alone.
//!
//! The client's mistakes that are worked round here, each at its place: it gives up for ever when it
//! cannot connect (`connection`), it sets no deadline of its own (`connection`), it panics over files
//! that it cannot read and only warns about settings that it does not know (`settings`), it never comes back from a
//! subscription that the server ended without an error (`event_store::leaving`), and it writes ages in milliseconds
//! where the server takes seconds (`journal`).

mod connection;
mod diagnosis;
mod event_store;
mod fault;
mod identity;
mod journal;
mod outage;
mod same_log;
mod settings;

pub use event_store::KurrentEventStore;
pub use fault::OpenError;
pub use journal::KurrentJournal;
pub use settings::{Settings, SettingsError};
