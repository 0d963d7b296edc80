//! Teams.

pub mod mutation;
pub mod query;
pub mod types;

pub use mutation::TeamMutation;
pub use query::TeamQuery;
pub use types::Team;
