//! What the client's errors mean.

use std::fmt;

use eventstore::{CurrentRevision, Error};
use keytrail_ports::LogError;

use crate::settings::Settings;

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

    /// With hosts and ports: who reads it may have several servers.
    pub(crate) fn at(self, place: &Settings) -> Self {
        match self {
            Self::Refused(why) => Self::Refused(format!("{place}: {why}")),
            Self::NotApplied(why) => Self::NotApplied(format!("{place}: {why}")),
            Self::Unknown(why) => Self::Unknown(format!("{place}: {why}")),
            same @ (Self::Conflict(_) | Self::NotFound | Self::Deleted | Self::Denied) => same,
        }
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

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(_) => f.write_str("the stream is somewhere else"),
            Self::NotFound => f.write_str("nothing is there"),
            Self::Deleted => f.write_str("the stream was deleted"),
            Self::Denied => f.write_str("access was denied"),
            Self::Refused(why) | Self::NotApplied(why) | Self::Unknown(why) => f.write_str(why),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let why = brief(&error.to_string());
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

/// The message alone of a gRPC status that was written out whole, as the client does.
fn brief(why: &str) -> String {
    let message = why.split_once("message: \"").and_then(|(_, rest)| rest.split_once("\", details:"));
    message.map_or(why, |(message, _)| message).to_owned()
}

fn is_refusal(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("maximum append size") || message.contains("maximum size")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_status_that_is_written_out_the_message_is_kept() {
        let status =
            r#"gRPC connection error: status: Unknown, message: "client error (Connect)", details: [], x"#;
        assert_eq!(brief(status), "client error (Connect)");
        assert_eq!(brief("Connection is closed."), "Connection is closed.");
    }

    #[test]
    fn a_fault_names_the_server() {
        let place = Settings::parse("esdb://user:s3cr3t@db.example:7").expect("an address");
        for fault in
            [Fault::Refused("no".into()), Fault::NotApplied("no".into()), Fault::Unknown("no".into())]
        {
            assert_eq!(fault.at(&place).to_string(), "db.example:7: no");
        }
    }
}
