//! Members.

pub mod mutation;
pub mod query;
pub mod types;

pub use mutation::MemberMutation;
pub use query::MemberQuery;
pub use types::{Actor, Member};
