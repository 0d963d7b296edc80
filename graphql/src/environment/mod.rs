//! Environments.

pub mod mutation;
pub mod query;
pub mod types;

pub use mutation::EnvironmentMutation;
pub use query::EnvironmentQuery;
pub use types::Environment;
