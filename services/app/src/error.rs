//! What can go wrong with a request, by what the caller can do about it.

use keytrail_domain::{DecodeError, EncodeError, FieldError, Refusal, Scope};
use keytrail_ports::{Denied, JournalError, LogError, SecretError, views::ViewError};

/// Why a request was not done. Nothing in it is secret, except that `Internal`'s source is for the
/// log alone.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// No valid identity, or no member of the tenant.
    #[error("sign in as a member of the tenant")]
    Unauthenticated,
    /// The caller may see it, but not do this.
    #[error("you may not do this")]
    Forbidden,
    /// The caller's token is not for that.
    #[error("this token is not for that: it needs the scope {}", .0.as_str())]
    OutOfScope(Scope),
    /// It does not exist, or the caller may not know that it does.
    #[error("not found")]
    NotFound,
    /// The input is wrong at these places.
    #[error("the input is not valid")]
    BadInput(Vec<FieldError>),
    /// Somebody was faster, or a name is taken.
    #[error("{message}")]
    Conflict {
        /// What is in the way and what to do.
        message: String,
        /// The revision that the caller expected, if he did.
        expected: Option<u64>,
        /// The revision as it is.
        actual: Option<u64>,
    },
    /// A rule said no.
    #[error("{message}")]
    Refused {
        /// Stable name.
        reason: &'static str,
        /// For a person.
        message: String,
        /// What may be shown beside it.
        details: serde_json::Value,
    },
    /// Too many at once.
    #[error("too many requests: try again in {retry_after_seconds} s")]
    RateLimited {
        /// When to try again.
        retry_after_seconds: u64,
    },
    /// Something that we need is away.
    #[error("{dependency} is not available: try again")]
    Unavailable {
        /// `vault`, `event log`, `journal`.
        dependency: &'static str,
        /// For the log.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The views of this node do not show yet what the caller has seen elsewhere; nothing was done.
    #[error("this node does not show that position yet: ask again, or ask the node that answered with it")]
    Behind,
    /// Perhaps it was done: the log did not say.
    #[error(
        "the event log did not answer, and whether this was done is not known: ask again with the same \
         idempotencyKey and it is done once; without one, look first"
    )]
    OutcomeUnknown(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A mistake of ours.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl AppError {
    /// One wrong place.
    pub fn bad_input(path: &str, message: impl Into<String>) -> Self {
        Self::BadInput(vec![FieldError::new(path, message)])
    }

    /// Something is in the way.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::Conflict { message: message.into(), expected: None, actual: None }
    }

    /// The caller may not do this, or may not even see what he would do it to.
    pub(crate) fn is_about_rights(&self) -> bool {
        matches!(self, Self::Unauthenticated | Self::Forbidden | Self::NotFound)
    }

    /// Surely nothing was written to the log. False while the outcome is not known.
    pub(crate) fn nothing_was_written(&self) -> bool {
        !matches!(self, Self::Unavailable { .. } | Self::OutcomeUnknown(_) | Self::Internal(_))
    }

    pub(crate) fn internal(message: &str) -> Self {
        Self::Internal(message.into())
    }
}

impl From<Refusal> for AppError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => Self::NotFound,
            Refusal::Invalid(fields) => Self::BadInput(fields),
            Refusal::Conflict { message } => Self::conflict(message),
            Refusal::Rule { reason, message, details } => Self::Refused { reason, message, details },
        }
    }
}

impl From<Denied> for AppError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Hidden => Self::NotFound,
            Denied::Forbidden => Self::Forbidden,
            Denied::NotAMember => Self::Unauthenticated,
            Denied::Unavailable => Self::internal("authorisation failed"),
        }
    }
}

impl From<LogError> for AppError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Conflict { .. } => Self::conflict("somebody changed it at the same time: try again"),
            LogError::Corrupt(_) | LogError::StreamDeleted => Self::Internal(Box::new(error)),
            LogError::Unknown(_) => Self::OutcomeUnknown(Box::new(error)),
            LogError::Denied | LogError::Unavailable(_) => {
                Self::Unavailable { dependency: "event log", source: Some(Box::new(error)) }
            }
        }
    }
}

impl From<SecretError> for AppError {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Unavailable(_) | SecretError::Denied(_) => {
                Self::Unavailable { dependency: "vault", source: Some(Box::new(error)) }
            }
            SecretError::Exists | SecretError::Missing | SecretError::Corrupt(_) => {
                Self::Internal(Box::new(error))
            }
        }
    }
}

macro_rules! internal {
    ($($error:ty),*) => {$(
        impl From<$error> for AppError {
            fn from(error: $error) -> Self {
                Self::Internal(Box::new(error))
            }
        }
    )*};
}

impl From<JournalError> for AppError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Unavailable(_) => {
                Self::Unavailable { dependency: "journal", source: Some(Box::new(error)) }
            }
            JournalError::Corrupt(_) => Self::Internal(Box::new(error)),
        }
    }
}

internal!(ViewError, DecodeError, EncodeError);
