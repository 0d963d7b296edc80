//! The GraphQL schema: types, resolvers, error codes.
