//! Components: the kinds of system that credentials are for.

pub mod mutation;
pub mod query;
pub mod types;

pub use mutation::ComponentMutation;
pub use query::ComponentQuery;
pub use types::Component;
