//! What can go wrong with a file, in the words of the ports.

use std::{path::Path, sync::Arc};

use keytrail_ports::{JournalError, LogError, views::ViewError};
use rusqlite::ErrorCode;

/// Why work on a file came to nothing. Cloneable: a failed commit fails everybody in it.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// SQLite refused.
    #[error("sqlite refused")]
    Sql(#[source] Arc<rusqlite::Error>),
    /// A stored value is not what we write.
    #[error("{0}")]
    Corrupt(String),
    /// A caller of ours went wrong.
    #[error("that is not {0}")]
    Misused(&'static str),
    /// The thread that would do it is gone.
    #[error("the file is closed")]
    Stopped,
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(Arc::new(error))
    }
}

impl Fault {
    /// The stored bytes are at fault, not the disk or the moment.
    pub(crate) fn is_corrupt(&self) -> bool {
        match self {
            Self::Corrupt(_) => true,
            Self::Sql(error) => {
                matches!(
                    **error,
                    rusqlite::Error::InvalidColumnType(..)
                        | rusqlite::Error::FromSqlConversionFailure(..)
                        | rusqlite::Error::IntegralValueOutOfRange(..)
                ) || matches!(self.code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
            }
            Self::Misused(_) | Self::Stopped => false,
        }
    }

    pub(crate) fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Sql(error) => error.sqlite_error_code(),
            _ => None,
        }
    }

    fn what(&self) -> &'static str {
        match self.code() {
            Some(ErrorCode::DiskFull) => "no room left on the disk",
            Some(ErrorCode::SystemIoFailure) => "the disk failed",
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another process has locked it",
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => "it may not be written",
            Some(ErrorCode::CannotOpen) => "it cannot be opened",
            _ if self.is_corrupt() => "it is corrupt",
            _ => "it cannot be read or written",
        }
    }

    pub(crate) fn into_log(self, place: &Place) -> LogError {
        if self.is_corrupt() {
            return LogError::Corrupt(self.describe(place));
        }
        LogError::Unavailable(Box::new(self.at(place)))
    }

    pub(crate) fn into_journal(self, place: &Place) -> JournalError {
        if self.is_corrupt() {
            return JournalError::Corrupt(self.describe(place));
        }
        JournalError::Unavailable(Box::new(self.at(place)))
    }

    pub(crate) fn into_view(self, place: &Place) -> ViewError {
        if self.is_corrupt() {
            return ViewError::Corrupt(self.describe(place));
        }
        ViewError::Unavailable(Box::new(self.at(place)))
    }

    pub(crate) fn at(self, place: &Place) -> Trouble {
        Trouble { place: place.clone(), what: self.what(), source: self }
    }

    /// One line that names the file; for errors that carry only text.
    pub(crate) fn describe(&self, place: &Place) -> String {
        match self {
            Self::Sql(error) => format!("{place}: {error}"),
            Self::Corrupt(why) => format!("{place}: {why}"),
            Self::Misused(_) | Self::Stopped => format!("{place}: {self}"),
        }
    }
}

/// Which file, for messages.
#[derive(Clone, Debug)]
pub(crate) struct Place(Arc<Path>);

impl Place {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.into())
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.display().fmt(f)
    }
}

/// A fault and the file that it is about.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{place}: {what}")]
pub(crate) struct Trouble {
    place: Place,
    what: &'static str,
    #[source]
    source: Fault,
}
