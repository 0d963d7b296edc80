//! What the client's errors mean.

use eventstore::{CurrentRevision, Error};
use keytrail_ports::LogError;

/// Why the log cannot be opened. Says which setting to look at.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nobody answers there, or not as an event store does.
    #[error("the event log at {place} does not answer as a KurrentDB server does: {why}")]
    Unreachable {
        /// Hosts and ports.
        place: String,
        /// What happened.
        why: String,
    },
    /// The server does not let us.
    #[error("the event log at {place} denied access: the user needs to read `$all` and to write streams")]
    Denied {
        /// Hosts and ports.
        place: String,
    },
    /// What is stored makes no sense.
    #[error("the event log at {place} is not one of keytrail: {why}")]
    Foreign {
        /// Hosts and ports.
        place: String,
        /// What is wrong.
        why: String,
    },
}

/// What became of a call.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The stream is somewhere else.
    Conflict(Option<u64>),
    /// The stream has no event, or nothing is at the place.
    NotFound,
    /// The stream was deleted for ever.
    Deleted,
    /// The server does not let us.
    Denied,
    /// The server refuses what was sent; surely not applied, and never will be.
    Refused(String),
    /// Surely not applied.
    NotApplied(String),
    /// Perhaps applied.
    Unknown(String),
}

impl Fault {
    /// True when the next try could be taken.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::NotApplied(_) | Self::Unknown(_))
    }

    pub(crate) fn into_log(self) -> LogError {
        match self {
            Self::Conflict(current) => LogError::Conflict { current },
            Self::Deleted => LogError::StreamDeleted,
            Self::Denied => LogError::Denied,
            Self::NotFound => LogError::Unavailable("the event log does not know the stream".into()),
            Self::Refused(why) | Self::NotApplied(why) => LogError::Unavailable(why.into()),
            Self::Unknown(why) => LogError::Unknown(why.into()),
        }
    }

    /// As the answer to a question: nothing was to be applied.
    pub(crate) fn into_read(self) -> LogError {
        match self {
            Self::Unknown(why) => LogError::Unavailable(why.into()),
            other => other.into_log(),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let why = error.to_string();
        // Servers say it with several codes.
        if why.to_ascii_lowercase().contains("invalid position") {
            return Self::NotFound;
        }
        match error {
            Error::WrongExpectedVersion { current, .. } => Self::Conflict(match current {
                CurrentRevision::Current(revision) => Some(revision),
                CurrentRevision::NoStream => None,
            }),
            Error::AccessDenied => Self::Denied,
            Error::ResourceDeleted => Self::Deleted,
            Error::ResourceNotFound => Self::NotFound,
            // Nothing was sent, or nobody took it.
            Error::NotLeaderException(_)
            | Error::ConnectionClosed
            | Error::GrpcConnectionError(_)
            | Error::InitializationError(_) => Self::NotApplied(why),
            Error::UnsupportedFeature | Error::ResourceAlreadyExists => Self::Refused(why),
            // The client has no name for what is refused for its content, such as its size.
            Error::Grpc { ref message, .. } if is_refusal(message) => Self::Refused(why),
            _ => Self::Unknown(why),
        }
    }
}

fn is_refusal(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("maximum append size") || message.contains("maximum size")
}
