//! What arrives from the server, as something that can be acted on. Bodies and the texts of
//! drivers end here: they may quote paths and values.

use keytrail_ports::SecretError;
use rustify::errors::ClientError as RestError;
use serde::Deserialize;
use vaultrs::error::ClientError;

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Something is written there.
    Exists,
    /// Nothing is there, or it was deleted.
    Missing,
    /// 400: a failed check-and-set, or the server does not like the request.
    Refused,
    /// 403: by policy or by a bad token, not known yet.
    Forbidden,
    /// Our token is good, but the policy says no.
    Policy,
    /// Our token or our login is not accepted.
    Login,
    /// The file with our token or secret id cannot be read or holds none.
    LoginFile,
    /// No KV version 2 engine, or no such namespace.
    NoMount,
    /// Sealed, starting, or a standby without an active node.
    Sealed,
    /// Too many requests for the server.
    Busy,
    /// It answered with a fault of its own.
    Failing,
    /// It could not be reached or did not answer in time.
    Silent,
    /// It did not answer a moment ago, so it was not asked.
    Resting,
    /// Too many calls of ours wait already.
    Crowded,
    /// Something answered that is no vault.
    Stranger,
    /// What is stored has another form than ours.
    Unreadable,
}

impl Fault {
    /// The port's error; `place` is named only where somebody has to look at it.
    pub(super) fn into_error(self, place: &str) -> SecretError {
        let text = self.text().to_owned();
        match self {
            Self::Exists => SecretError::Exists,
            Self::Missing => SecretError::Missing,
            Self::Forbidden | Self::Policy | Self::Login | Self::LoginFile | Self::NoMount => {
                SecretError::Denied(text)
            }
            Self::Unreadable => SecretError::Corrupt(format!("{text}: {place}")),
            Self::Refused | Self::Sealed | Self::Busy | Self::Failing => SecretError::Unavailable(text),
            Self::Silent | Self::Resting | Self::Crowded | Self::Stranger => SecretError::Unavailable(text),
        }
    }

    /// What a log line or an error says.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Exists => "something is written there",
            Self::Missing => "nothing is there",
            Self::Refused => "it refused the request as a bad one",
            Self::Forbidden | Self::Policy => "the policy of keytrail's token does not allow that",
            Self::Login => "it does not accept keytrail's login or token",
            Self::LoginFile => "the file with keytrail's token or secret id cannot be read or holds none",
            Self::NoMount => "there is no KV version 2 engine at the mount, or no such namespace",
            Self::Sealed => "it is sealed or not ready",
            Self::Busy => "it has too many requests",
            Self::Failing => "it answered with an internal error",
            Self::Silent => "it could not be reached or did not answer in time",
            Self::Resting => "it did not answer a moment ago",
            Self::Crowded => "too many calls to it wait already",
            Self::Stranger => "something that is not a vault answers at its address",
            Self::Unreadable => "stored data has an unknown form",
        }
    }
}

impl From<ClientError> for Fault {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::APIError { code: 404, errors } if errors.is_empty() => Self::Missing,
            ClientError::APIError { code, .. } => of_status(code),
            ClientError::RestClientError { source } => of_transport(source),
            ClientError::JsonParseError { .. } => Self::Unreadable,
            _ => Self::Stranger,
        }
    }
}

fn of_transport(error: RestError) -> Fault {
    match error {
        // A deleted or destroyed version is a 404 that still tells of the version.
        RestError::ServerResponseError { code: 404, content } if tells_of_version(content.as_deref()) => {
            Fault::Missing
        }
        RestError::ServerResponseError { code: 404, .. } => Fault::Stranger,
        RestError::ServerResponseError { code, .. } => of_status(code),
        RestError::RequestError { .. } | RestError::ResponseError { .. } => Fault::Silent,
        _ => Fault::Stranger,
    }
}

fn of_status(code: u16) -> Fault {
    match code {
        400 => Fault::Refused,
        403 => Fault::Forbidden,
        404 | 405 => Fault::NoMount,
        429 => Fault::Busy,
        // 472 and 473 are standby nodes, 412 a node that has not caught up.
        412 | 472 | 473 | 503 => Fault::Sealed,
        500.. => Fault::Failing,
        _ => Fault::Stranger,
    }
}

fn tells_of_version(content: Option<&str>) -> bool {
    #[derive(Deserialize)]
    struct Answer {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        metadata: Version,
    }
    #[derive(Deserialize)]
    struct Version {
        version: u64,
    }
    let told = content.and_then(|text| serde_json::from_str::<Answer>(text).ok());
    told.is_some_and(|answer| answer.data.metadata.version > 0)
}
