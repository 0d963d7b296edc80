//! OAuth2: how a person allows an OAuth client to get a credential's tokens.

pub mod inputs;
pub mod mutation;
pub mod types;

pub use mutation::OAuth2Mutation;
pub use types::CredentialAuthorization;
