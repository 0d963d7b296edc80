//! OAuth clients.

pub mod inputs;
pub mod mutation;
pub mod query;
pub mod types;

pub use mutation::OAuthClientMutation;
pub use query::OAuthClientQuery;
pub use types::OAuthClient;
