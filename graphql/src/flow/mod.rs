//! Integration flows.

pub mod inputs;
pub mod mutation;
pub mod query;
pub mod types;

pub use mutation::FlowMutation;
pub use query::FlowQuery;
pub use types::Flow;
