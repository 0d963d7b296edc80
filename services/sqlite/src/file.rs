//! A file of ours: made, recognised, refused.

use std::{
    fs, io,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};
use tempfile::TempDir;

use crate::fault::{Fault, Place};

/// What every SQLite file begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// How long to wait for another process's lock before giving up.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// Most memory for pages of one connection; a small file needs less.
const CACHE_KIB: i32 = 12 * 1_024;
/// Statements that one connection keeps ready.
const READY_STATEMENTS: usize = 256;

/// Why a file was not opened. Each message names the file.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its bytes make no sense. Wake somebody.
    #[error("the {kind} is corrupt: {detail} (run `keytrail doctor`)")]
    Corrupt {
        /// What it should be.
        kind: &'static str,
        /// File and finding.
        detail: String,
    },
    /// A SQLite file, but of somebody else.
    #[error("{path} is not the {kind} of keytrail", path = .path.display())]
    NotOurs {
        /// What it should be.
        kind: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// Written by a newer program.
    #[error(
        "{path} has format {found}, this program knows up to {known}: update keytrail",
        path = .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i32,
        /// Ours.
        known: i32,
    },
    /// It cannot be read, made or written now.
    #[error("cannot open the {kind}")]
    Unavailable {
        /// What it should be.
        kind: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What makes a file ours.
#[derive(Debug)]
pub(crate) struct Kind {
    /// In messages.
    pub(crate) name: &'static str,
    /// Stored in the file's header.
    pub(crate) application_id: i32,
    /// Of the tables; grows with each change.
    pub(crate) format: i32,
    /// What a new file begins with.
    pub(crate) schema: &'static str,
}

/// When a commit is on the disk.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Durable {
    /// When it has answered.
    EachCommit,
    /// Now and then: a power cut loses the last commits, never half of one.
    Checkpoints,
    /// When the system likes: for files that are thrown away.
    Never,
}

/// One file, and what it should be.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) kind: &'static Kind,
    pub(crate) path: PathBuf,
    /// Deleted with its last owner.
    temporary: Option<Arc<TempDir>>,
}

impl File {
    pub(crate) fn at(kind: &'static Kind, path: &Path) -> Self {
        Self { kind, path: path.to_owned(), temporary: None }
    }

    /// A file in a directory of its own that vanishes with the last clone.
    pub(crate) fn temporary(kind: &'static Kind) -> Result<Self, OpenError> {
        let directory = tempfile::tempdir()
            .map_err(|source| OpenError::Unavailable { kind: kind.name, source: Box::new(source) })?;
        Ok(Self { kind, path: directory.path().join("data.db"), temporary: Some(Arc::new(directory)) })
    }

    /// It will not be there after the process.
    pub(crate) fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    pub(crate) fn place(&self) -> Place {
        Place::new(&self.path)
    }

    /// The one connection that writes; makes the file when it is missing or empty.
    pub(crate) fn open_writer(&self, durable: Durable) -> Result<Connection, OpenError> {
        self.check_header()?;
        let connect = || -> Result<Connection, Fault> {
            let connection = Connection::open(&self.path)?;
            prepare(&connection)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", durable.pragma())?;
            connection.pragma_update(None, "wal_autocheckpoint", durable.checkpoint_pages())?;
            connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
            Ok(connection)
        };
        let mut connection = connect().map_err(|fault| self.refused(fault))?;
        self.recognise(&mut connection)?;
        Ok(connection)
    }

    /// A connection that cannot write; the writer has been opened before.
    pub(crate) fn open_reader(&self) -> Result<Connection, Fault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        prepare(&connection)?;
        Ok(connection)
    }

    pub(crate) fn refused(&self, fault: Fault) -> OpenError {
        let kind = self.kind.name;
        if fault.is_corrupt() {
            return OpenError::Corrupt { kind, detail: fault.describe(&self.place()) };
        }
        OpenError::Unavailable { kind, source: Box::new(fault.at(&self.place())) }
    }

    /// SQLite would call some damaged files empty and write over them.
    fn check_header(&self) -> Result<(), OpenError> {
        let mut start = Vec::new();
        match fs::File::open(&self.path).and_then(|file| file.take(16).read_to_end(&mut start)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(OpenError::Unavailable { kind: self.kind.name, source: Box::new(source) }),
            Ok(_) if start.is_empty() || start == MAGIC => Ok(()),
            Ok(_) => Err(self.refused(Fault::Corrupt("it does not begin as a SQLite file".to_owned()))),
        }
    }

    fn recognise(&self, connection: &mut Connection) -> Result<(), OpenError> {
        let fault = |error: rusqlite::Error| self.refused(error.into());
        let pragma = |connection: &Connection, name: &str| {
            connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(fault)
        };
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .map_err(fault)?;
        let (owner, format) = (pragma(connection, "application_id")?, pragma(connection, "user_version")?);
        match (owner, format) {
            (0, 0) if tables == 0 => self.make(connection).map_err(|fault| self.refused(fault)),
            (owner, _) if owner != self.kind.application_id => {
                Err(OpenError::NotOurs { kind: self.kind.name, path: self.path.clone() })
            }
            (_, found) if found > self.kind.format => {
                Err(OpenError::Newer { path: self.path.clone(), found, known: self.kind.format })
            }
            _ => Ok(()),
        }
    }

    /// All of it in one transaction: a crash leaves an empty file, which is made again.
    fn make(&self, connection: &mut Connection) -> Result<(), Fault> {
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        transaction.execute_batch(self.kind.schema)?;
        transaction.pragma_update(None, "application_id", self.kind.application_id)?;
        transaction.pragma_update(None, "user_version", self.kind.format)?;
        transaction.commit()?;
        Ok(())
    }
}

impl Durable {
    /// Pages in the log of changes before they go into the file. Each such step costs two fsyncs
    /// and writes a page once however often it changed, so it is rare where nobody waits for it.
    fn checkpoint_pages(self) -> i32 {
        match self {
            Self::EachCommit => 4_000,
            Self::Checkpoints | Self::Never => 16_000,
        }
    }

    fn pragma(self) -> &'static str {
        match self {
            Self::EachCommit => "FULL",
            Self::Checkpoints => "NORMAL",
            Self::Never => "OFF",
        }
    }
}

/// What every connection of ours has.
pub(crate) fn prepare(connection: &Connection) -> Result<(), Fault> {
    // A plan never depends on bound values, so a statement is prepared once.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.busy_timeout(LOCK_PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(READY_STATEMENTS);
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "foreign_keys", false)?;
    Ok(())
}
