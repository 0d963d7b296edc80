//! The GraphQL schema: types, resolvers, error codes.

pub mod limits;
pub mod request;
