//! The shortest durable write: one writer thread, one transaction and one fsync for all who wait.

use std::{path::Path, thread};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use crate::BenchError;

/// Most rows in one commit.
const BATCH: usize = 256;
/// Most rows that wait.
const QUEUE: usize = 1_024;

/// A row to keep.
pub(super) struct NewRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) component: String,
    pub(super) verify: bool,
    pub(super) sealed: Vec<u8>,
}

type Waiting = (NewRow, oneshot::Sender<i64>);

/// Where rows go. The thread ends when the last handle is dropped.
pub(super) struct Store {
    queue: mpsc::Sender<Waiting>,
}

impl Store {
    /// Opens the file in the folder and starts the writer.
    pub(super) fn open(folder: &Path) -> Result<Self, BenchError> {
        let connection = open(folder).map_err(|error| failed(&error))?;
        let (queue, rows) = mpsc::channel(QUEUE);
        thread::Builder::new()
            .name("limit-writer".to_owned())
            .spawn(move || write_until_closed(connection, rows))
            .map_err(BenchError::io("starting the writer"))?;
        Ok(Self { queue })
    }

    /// Answers the row's number when it is durable.
    pub(super) async fn put(&self, row: NewRow) -> Result<i64, BenchError> {
        let (done, wait) = oneshot::channel();
        self.queue.send((row, done)).await.map_err(|_| gone())?;
        wait.await.map_err(|_| gone())
    }
}

fn open(folder: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(folder.join("limit.db"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS credential (
            number INTEGER PRIMARY KEY, id TEXT NOT NULL, name TEXT NOT NULL,
            component TEXT NOT NULL, verify INTEGER NOT NULL, sealed BLOB NOT NULL
        ) STRICT",
    )?;
    Ok(connection)
}

/// A failed commit drops the senders: each waiting caller gets an error.
fn write_until_closed(mut connection: Connection, mut rows: mpsc::Receiver<Waiting>) {
    let mut batch = Vec::with_capacity(BATCH);
    while rows.blocking_recv_many(&mut batch, BATCH) > 0 {
        if let Ok(numbers) = commit(&mut connection, &batch) {
            for ((_, done), number) in batch.drain(..).zip(numbers) {
                // A caller that went away needs no answer.
                _ = done.send(number);
            }
        }
        batch.clear();
    }
}

fn commit(connection: &mut Connection, batch: &[Waiting]) -> rusqlite::Result<Vec<i64>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO credential (id, name, component, verify, sealed) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let numbers = batch
        .iter()
        .map(|(row, _)| insert.insert((&row.id, &row.name, &row.component, row.verify, &row.sealed)))
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    drop(insert);
    transaction.commit()?;
    Ok(numbers)
}

fn failed(error: &rusqlite::Error) -> BenchError {
    BenchError::Store(error.to_string())
}

fn gone() -> BenchError {
    BenchError::Store("the writer is gone".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str) -> NewRow {
        NewRow {
            id: "cred_1".into(),
            name: name.into(),
            component: "http-bearer".into(),
            verify: false,
            sealed: vec![7; 40],
        }
    }

    #[tokio::test]
    async fn an_answered_row_is_in_the_file() {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(folder.path()).expect("store");
        assert_eq!(store.put(row("first")).await.expect("kept"), 1);
        assert_eq!(store.put(row("second")).await.expect("kept"), 2);

        let other = open(folder.path()).expect("opened again");
        let names: String = other
            .query_row("SELECT group_concat(name) FROM credential", [], |row| row.get(0))
            .expect("names");
        assert_eq!(names, "first,second");
        let synchronous: i64 =
            other.pragma_query_value(None, "synchronous", |row| row.get(0)).expect("setting");
        assert_eq!(synchronous, 2, "each commit waits for the disk");
    }
}
