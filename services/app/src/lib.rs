//! The use cases: executes commands, projects events into views, reacts to facts, answers queries.
//!
//! There is one write path ([`App::execute`]): authorise, load, decide, store secrets, append,
//! wait until the views show it. It speaks to the world through `keytrail-ports` only and must not
//! know an adapter, a token or GraphQL.
//!
//! To add a use case: a method on [`App`] in `commands/` or `queries/`, named after its mutation
//! or query.

mod call;
mod error;
mod inputs;

pub use call::{Call, Done, Listed, Mutation, PageArgs, Profile, Stats, Viewer};
pub use error::AppError;
pub use inputs::{CredentialRotation, CredentialUpdate, FieldsTest, NewCredential, NewGrant, NewMember};
