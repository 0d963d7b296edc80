//! What can go wrong, in the words of an operator or of the port. Nothing of a payload, no text of
//! a driver.

use std::{io, path::PathBuf};

use keytrail_domain::SecretRef;
use keytrail_ports::SecretError;
use rusqlite::ErrorCode;

/// Why a sealed store cannot be opened, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database cannot be opened or written.
    #[error("cannot open {path}")]
    Database {
        /// The database.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A file cannot be made or read.
    #[error("cannot use {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Some other program's file.
    #[error("{path} is not a secret store of Keytrail: give another path, or move that file away")]
    NotOurs {
        /// The database.
        path: PathBuf,
    },
    /// Written by a later Keytrail.
    #[error("{path} has format {found}, and this Keytrail knows formats up to {known}: use a newer Keytrail")]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: i32,
        /// The last one known here.
        known: i32,
    },
    /// Others than the owner may read the key.
    #[error("{key} can be read by others than its owner: run `chmod 600 '{key}'`")]
    KeyTooOpen {
        /// The key file.
        key: PathBuf,
    },
    /// The key file holds something else.
    #[error(
        "{key} does not hold a key (32 bytes in base64): put back the key file from the backup; only when no \
         secret was stored yet, run `rm '{key}'` and a new one is made"
    )]
    NotAKey {
        /// The key file.
        key: PathBuf,
    },
    /// The configured key is something else.
    #[error("the configured key is not 32 bytes in base64: make one with `head -c 32 /dev/urandom | base64`")]
    NotAKeyValue,
    /// The database is in use, but its key file is gone.
    #[error("{key} is missing, and {database} is sealed with it: put back the key file from the backup")]
    KeyMissing {
        /// The key file.
        key: PathBuf,
        /// The database.
        database: PathBuf,
    },
    /// A good key, but of another database.
    #[error(
        "{key} is not the key that {database} is sealed with: put back the key that belongs to it, from the \
         same backup as the database"
    )]
    WrongKey {
        /// The key file, or where the value came from.
        key: String,
        /// The database.
        database: PathBuf,
    },
    /// The machine gives no random numbers or no thread.
    #[error("cannot start the thread that writes secrets")]
    Thread(#[source] io::Error),
    /// The machine's random source failed.
    #[error("the machine gives no random numbers")]
    NoRandomness,
    /// The program is ending.
    #[error("opening the secret store was interrupted")]
    Interrupted,
}

/// The row of this place cannot be opened: names the place, never its content.
pub(super) fn corrupt(at: SecretRef) -> SecretError {
    SecretError::Corrupt(format!("the sealed secret at {}", at.path()))
}

pub(super) fn cannot_seal() -> SecretError {
    SecretError::Unavailable("the secret could not be encrypted".to_owned())
}

pub(super) fn too_slow() -> SecretError {
    SecretError::Unavailable("the disk of the secret store did not answer in time".to_owned())
}

pub(super) fn closed() -> SecretError {
    SecretError::Unavailable("the secret store is closing".to_owned())
}

/// The port's error for a fault of the database; the driver's text stays behind, for it may quote
/// values.
pub(super) fn of_database(fault: &rusqlite::Error) -> SecretError {
    let unavailable = |why: &str| SecretError::Unavailable(why.to_owned());
    match fault.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) | None => {
            SecretError::Corrupt("the database of the secret store is damaged".to_owned())
        }
        Some(ErrorCode::DiskFull) => unavailable("the disk of the secret store is full"),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            unavailable("another process holds the database of the secret store")
        }
        Some(ErrorCode::ReadOnly) => unavailable("the database of the secret store is read-only"),
        Some(_) => unavailable("the database of the secret store cannot be used"),
    }
}
