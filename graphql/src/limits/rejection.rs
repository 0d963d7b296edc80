//! Why a query text is not let through.

use async_graphql::Pos;

/// The answer of the gate when it does not open. Never quotes the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It asks for too much.
    #[error("the query is too complex: more than {most} {limit}")]
    TooComplex {
        /// What there is too much of.
        limit: &'static str,
        /// How much is allowed.
        most: u64,
    },
    /// It is not a GraphQL document that can be run.
    #[error("{message}")]
    Invalid {
        /// Which rule it breaks.
        message: &'static str,
        /// Where, as far as known.
        at: Option<Pos>,
    },
    /// The wanted operation cannot be told.
    #[error("{message}")]
    NoSuchOperation {
        /// Why not.
        message: &'static str,
    },
}

impl Rejection {
    pub(super) fn invalid(message: &'static str) -> Self {
        Self::Invalid { message, at: None }
    }

    /// The stable code for `extensions.code`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooComplex { .. } => "QUERY_TOO_COMPLEX",
            Self::Invalid { .. } | Self::NoSuchOperation { .. } => "BAD_USER_INPUT",
        }
    }

    /// The part of the request that is wrong: `query` or `operationName`.
    pub fn field(&self) -> &'static str {
        match self {
            Self::NoSuchOperation { .. } => "operationName",
            Self::TooComplex { .. } | Self::Invalid { .. } => "query",
        }
    }
}
