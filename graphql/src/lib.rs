//! The GraphQL schema: types, resolvers, error codes.
//!
//! Resolvers translate and hold no rule: an input becomes a command of `keytrail-app`, a row
//! becomes a type. One folder per entity; `limits` counts what a query stands for before it is
//! validated. It must not know a transport, a token or an adapter.
//!
//! To add a field: a method in the entity's `types.rs`, then `cargo xtask update`. To add a
//! mutation: its input, its payload and its method in the entity's `mutation.rs`, calling a method
//! of `App` with the same name.

pub mod alert;
pub mod component;
pub mod connection;
mod context;
pub mod credential;
pub mod enums;
pub mod environment;
mod error;
pub mod event;
pub mod flow;
mod input;
pub mod limits;
mod loader;
pub mod member;
pub mod node;
pub mod oauth2;
pub mod oauth_client;
mod order;
pub mod page;
mod payload;
mod quick;
pub mod request;
pub mod scalar;
mod schema;
pub mod service_account;
pub mod stats;
pub mod team;
pub mod tenant;
pub mod webhook;

pub use error::Code;
pub use order::AnswerOrder;
pub use schema::{COMPLEXITY, Introspection, KeytrailSchema, Mutation, Query, Subscription, schema, sdl};
