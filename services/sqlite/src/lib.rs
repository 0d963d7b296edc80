//! Event log, journal and views on embedded SQLite: the default on one machine.
//!
//! It owns three files: `log.db` (the facts, durable when an append answers), `journal.db` (facts
//! that may be forgotten after a while) and `views.db` (rows made from facts, disposable). It
//! knows nothing of commands, permissions, GraphQL or what an event means: a projector is handed
//! to it.
//!
//! Each file has one thread that writes and a few that read; nothing blocks an executor thread,
//! every queue and cache is bounded. To add another file: a folder with its `schema.sql` and a
//! `Kind` of its own (see `file.rs`), a `Ledger` for what is written by group commit (see
//! `group_commit.rs`), and `Readers` for the rest.

mod column;
mod event_store;
mod fault;
mod file;
mod group_commit;
mod journal;
mod readers;
mod settle;
mod stats;
mod views;
mod worker;

pub use event_store::SqliteEventStore;
pub use file::OpenError;
pub use journal::SqliteJournal;
pub use settle::settle;
pub use stats::Stats;
pub use views::{Opened, Origin, Rebuild, SqliteViews, Stale};
