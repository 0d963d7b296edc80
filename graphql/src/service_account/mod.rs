//! Service accounts and API tokens.

pub mod mutation;
pub mod query;
pub mod types;

pub use mutation::ServiceAccountMutation;
pub use query::ServiceAccountQuery;
pub use types::ServiceAccount;
