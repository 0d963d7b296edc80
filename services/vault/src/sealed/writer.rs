//! The one thread that writes: many changes share one commit, and so one wait for the disk.

use std::{io, iter, thread};

use keytrail_domain::{SecretRef, Timestamp};
use keytrail_ports::SecretError;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::{envelope::Envelope, error, readers::DEPLOYMENT};

/// Changes that may wait; beyond that, callers wait.
const QUEUE: usize = 1_024;
/// Changes that share one commit at most.
const BATCH: usize = 256;

/// What can be written.
pub(super) enum Change {
    Put {
        at: SecretRef,
        envelope: Envelope,
        written: Timestamp,
    },
    Delete(SecretRef),
    Undelete(SecretRef),
    Destroy(SecretRef),
    /// The deployment mark, as JSON.
    Mark(String),
    /// Only asks whether a commit works.
    Nothing,
}

struct Job {
    change: Change,
    done: oneshot::Sender<Result<(), SecretError>>,
}

/// Hands changes to the thread; the thread ends when this is dropped.
pub(super) struct Writer(mpsc::Sender<Job>);

impl Writer {
    pub(super) fn start(connection: Connection) -> io::Result<Self> {
        let (sender, jobs) = mpsc::channel(QUEUE);
        thread::Builder::new().name("secrets-writer".to_owned()).spawn(move || run(connection, jobs))?;
        Ok(Self(sender))
    }

    /// Answers when the change is durable.
    pub(super) async fn write(&self, change: Change) -> Result<(), SecretError> {
        let (done, answer) = oneshot::channel();
        self.0.send(Job { change, done }).await.map_err(|_| error::closed())?;
        answer.await.map_err(|_| error::closed())?
    }
}

fn run(mut connection: Connection, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.blocking_recv() {
        let waiting = iter::from_fn(|| jobs.try_recv().ok());
        let batch: Vec<Job> = iter::once(first).chain(waiting).take(BATCH).collect();
        let outcome = commit(&mut connection, &batch);
        if batch.iter().any(|job| matches!(job.change, Change::Destroy(_))) {
            // The write-ahead log still has the destroyed bytes. When a reader is in the way, the
            // next checkpoint does it.
            drop(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
        }
        answer(batch, outcome);
    }
}

/// What became of one change of a batch that was committed.
enum Applied {
    Done,
    Taken,
}

/// All of the batch or none of it.
fn commit(connection: &mut Connection, batch: &[Job]) -> rusqlite::Result<Vec<Applied>> {
    let work = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let applied = batch.iter().map(|job| apply(&work, &job.change)).collect::<Result<_, _>>()?;
    work.commit()?;
    Ok(applied)
}

fn answer(batch: Vec<Job>, outcome: rusqlite::Result<Vec<Applied>>) {
    let results: Vec<_> = match outcome {
        Ok(applied) => applied.iter().map(Applied::result).collect(),
        Err(fault) => {
            tracing::error!(code = ?fault.sqlite_error_code(), "secrets were not written");
            batch.iter().map(|_| Err(error::of_database(&fault))).collect()
        }
    };
    for (job, result) in batch.into_iter().zip(results) {
        // Nobody waits for it any more when its patience ended.
        drop(job.done.send(result));
    }
}

impl Applied {
    fn result(&self) -> Result<(), SecretError> {
        match self {
            Self::Done => Ok(()),
            Self::Taken => Err(SecretError::Exists),
        }
    }
}

fn apply(work: &Transaction<'_>, change: &Change) -> rusqlite::Result<Applied> {
    let rows = match change {
        Change::Put { at, envelope, written } => return put(work, *at, envelope, *written),
        Change::Delete(at) => set_state(work, *at, "state = 1", "state = 0")?,
        Change::Undelete(at) => set_state(work, *at, "state = 0", "state = 1")?,
        Change::Destroy(at) => {
            set_state(work, *at, "state = 2, kek = NULL, wrapped = NULL, sealed = NULL", "state < 2")?
        }
        Change::Mark(text) => work
            .prepare_cached("INSERT OR REPLACE INTO marks (name, value) VALUES (?1, ?2)")?
            .execute((DEPLOYMENT, text))?,
        Change::Nothing => 0,
    };
    tracing::trace!(rows, "secrets written");
    Ok(Applied::Done)
}

fn put(
    work: &Transaction<'_>,
    at: SecretRef,
    envelope: &Envelope,
    written: Timestamp,
) -> rusqlite::Result<Applied> {
    let rows = work
        .prepare_cached(
            "INSERT INTO secrets (tenant, owner, secret, written, kek, wrapped, sealed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )?
        .execute((
            at.tenant.as_uuid().as_bytes(),
            at.owner.as_bytes(),
            at.secret.as_uuid().as_bytes(),
            written.as_micros(),
            envelope.kek.0,
            &envelope.wrapped,
            &envelope.sealed,
        ))?;
    Ok(if rows == 1 { Applied::Done } else { Applied::Taken })
}

/// `change` and `only_if` are texts of this file.
fn set_state(work: &Transaction<'_>, at: SecretRef, change: &str, only_if: &str) -> rusqlite::Result<usize> {
    work.prepare_cached(&format!(
        "UPDATE secrets SET {change} WHERE tenant = ?1 AND owner = ?2 AND secret = ?3 AND {only_if}"
    ))?
    .execute((at.tenant.as_uuid().as_bytes(), at.owner.as_bytes(), at.secret.as_uuid().as_bytes()))
}
