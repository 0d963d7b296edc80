//! Asks real systems whether a credential works, through one guarded client.
//!
//! It owns the way out ([`guard`]: every request that leaves Keytrail goes through it, also a webhook's, which
//! [`GuardedWebhookSender`] sends), the HTTP recipe ([`recipe`]), the drivers for what is no HTTP, the built-in
//! components (`components/*.json`, read by [`Catalog`]) and the check of fields against a component's schema
//! ([`FieldSchema`]).
//!
//! It must not know who asks, what is stored, or what a verdict leads to; it keeps no answer, and
//! nothing it says quotes a value that it was given or a body that it got.
//!
//! To add a component: one file in `components/`, named after its slug, and a row of its vendor's
//! answers in `tests/verify/vendors/answers.rs`; no Rust. To add a way to check that no recipe can say: a
//! driver in `driver/`.

mod catalog;
mod definition;
mod driver;
pub mod guard;
mod method;
pub mod recipe;
mod schema;
mod token_server;
mod verifier;
mod webhook;

pub use catalog::{Catalog, CatalogError};
pub use definition::validate_definition;
pub use schema::{BadSchema, FieldSchema};
pub use token_server::GuardedTokenServer;
pub use verifier::{ComponentVerifier, VerifyConfig};
pub use webhook::GuardedWebhookSender;
