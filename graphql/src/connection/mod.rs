//! Connections: links to external systems.

pub mod inputs;
pub mod mutation;
pub mod query;
pub mod types;

pub use mutation::ConnectionMutation;
pub use query::ConnectionQuery;
pub use types::Connection;
