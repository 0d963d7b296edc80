//! Leaving one whole file behind.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};

/// How long other connections may be busy.
const PATIENCE: Duration = Duration::from_secs(1);

/// Moves everything that was committed into the file itself, so that copying the one file copies
/// all of it. Others may have it open, but idle. Blocks.
///
/// # Errors
/// The file cannot be opened, or somebody is busy with it: nothing is lost, it is only in two files.
pub fn settle(path: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(PATIENCE)?;
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy == 0 { Ok(()) } else { Err("the file is in use".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_connection_committed_is_in_the_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.db");
        let other = Connection::open(&path).unwrap();
        other
            .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)")
            .unwrap();
        settle(&path).unwrap();
        let copy = folder.path().join("copy.db");
        std::fs::copy(&path, &copy).unwrap();
        let count: i64 = Connection::open(copy)
            .unwrap()
            .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
            .unwrap();
        assert_eq!(count, 1);
    }
}
