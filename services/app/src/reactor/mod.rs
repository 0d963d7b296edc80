//! What acts on facts, once per fact; never replayed by a rebuild of the views.

mod alerts;
mod connections;
mod follow;
mod hand_over;
mod releases;
mod repair;
mod versions;
mod webhooks;

pub(crate) use follow::tell_of_older_log;
