//! What answers: one method on [`crate::App`] per question. Every answer holds only what the
//! caller may view.

mod access;
mod alerts;
mod as_of;
mod components;
mod consumers;
mod counted;
mod credentials;
mod environments;
mod events;
mod oauth_clients;
pub(crate) mod paging;
mod people;
mod preview;
mod service_accounts;
mod stats;
mod teams;
mod transfers;
mod verifications;
mod webhooks;

pub use access::{Access, Way};
pub use as_of::AsOf;
pub(crate) use as_of::fact;
pub use components::KnownComponent;
pub(crate) use components::{OWN_COMPONENTS_REMEMBERED, own_slug};
pub use consumers::{SeenUsage, Usages};
pub use counted::Counted;
pub use preview::{AccessChange, Planned, Preview};
pub(crate) use teams::{holders, in_force};
