//! What answers: one method on [`crate::App`] per question. Every answer holds only what the
//! caller may view.

mod alerts;
mod as_of;
mod credentials;
mod events;
pub(crate) mod paging;
mod people;
mod stats;
