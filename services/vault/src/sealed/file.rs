//! The database file: whose it is, its tables, how it is opened. *Format*.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::OpenError;

/// Stands in the file's header, so that nobody's file is taken for ours: `KTss`.
const APPLICATION: i32 = 0x4b54_7373;
/// Version of the tables and of the envelopes in them.
const FORMAT: i32 = 1;
/// How long to wait for another process, well under the patience of a call.
const BUSY: Duration = Duration::from_secs(2);

/// `state` is 0 live, 1 deleted, 2 destroyed; a destroyed row stays as a mark that its place was
/// used, without its key and content. Times are microseconds since 1970, ids are 16 bytes.
const TABLES: &str = "
    CREATE TABLE keys (id BLOB PRIMARY KEY, added INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE marks (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE secrets (
        tenant BLOB NOT NULL,
        owner BLOB NOT NULL,
        secret BLOB NOT NULL,
        written INTEGER NOT NULL,
        state INTEGER NOT NULL DEFAULT 0,
        kek BLOB,
        wrapped BLOB,
        sealed BLOB,
        PRIMARY KEY (tenant, owner, secret)
    ) STRICT, WITHOUT ROWID;
";

/// Opens the database for writing, and makes it when it is not there.
pub(super) fn open(path: &Path) -> Result<Connection, OpenError> {
    create(path).map_err(|source| OpenError::File { path: path.to_owned(), source })?;
    let fault = |source| database_error(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    connection.busy_timeout(BUSY).map_err(fault)?;
    recognise(&connection, path)?;
    // FULL: what was answered survives a power cut. `secure_delete`: destroyed bytes are written over.
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
             PRAGMA trusted_schema = OFF;",
        )
        .map_err(fault)?;
    prepare(&mut connection).map_err(fault)?;
    Ok(connection)
}

/// Opens one more connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let fault = |source| database_error(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    connection.busy_timeout(BUSY).map_err(fault)?;
    Ok(connection)
}

/// Makes the file ourselves, for the sake of its mode; `SQLite` gives its side files the same one.
fn create(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => sync_folder(path),
        Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(fault) => Err(fault),
    }
}

/// Makes the name of a new file survive a power cut.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Refuses a file that is not ours or newer, before anything in it is touched.
fn recognise(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let fault = |source| database_error(path, source);
    let application = number("application_id").map_err(fault)?;
    let found = number("user_version").map_err(fault)?;
    let pages = number("page_count").map_err(fault)?;
    match (application, found) {
        (0, 0) if pages == 0 => Ok(()),
        (APPLICATION, 1..=FORMAT) => Ok(()),
        (APPLICATION, FORMAT..) => Err(OpenError::Newer { path: path.to_owned(), found, known: FORMAT }),
        _ => Err(OpenError::NotOurs { path: path.to_owned() }),
    }
}

/// Makes the tables; of two processes that start at once, one finds them made.
fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    let work = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let format: i32 = work.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if format == 0 {
        work.execute_batch(TABLES)?;
        work.pragma_update(None, "application_id", APPLICATION)?;
        work.pragma_update(None, "user_version", FORMAT)?;
    }
    work.commit()
}

pub(super) fn database_error(path: &Path, source: rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotOurs { path },
        _ => OpenError::Database { path, source },
    }
}
