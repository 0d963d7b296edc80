//! One transaction and one fsync for everybody who waits.

use std::io;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use crate::{fault::Fault, stats::Stats, worker::Worker};
use std::sync::Arc;

/// What is written by group commit.
pub(crate) trait Ledger: Send + 'static {
    /// One caller's wish.
    type Job: Send + 'static;
    /// What he is told after the commit. A refusal is an answer, too: it fails nobody else.
    type Answer: Send + 'static;

    /// Writes one job inside the transaction. A fault fails the whole group.
    fn write(&mut self, inside: &Connection, job: Self::Job) -> Result<Self::Answer, Fault>;
    /// What was written since the last call is durable; before anybody is told.
    fn committed(&mut self);
    /// What was written since the last call is gone: forget what was remembered of it.
    fn aborted(&mut self);
}

/// Why a job was not done.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// Surely not written.
    NotWritten(Fault),
    /// Written or not: not known.
    Unknown(Fault),
}

struct Request<L: Ledger> {
    job: L::Job,
    reply: oneshot::Sender<Result<L::Answer, Failure>>,
}

/// The writing side of one file.
pub(crate) struct GroupCommit<L: Ledger>(Worker<Request<L>>);

impl<L: Ledger> GroupCommit<L> {
    pub(crate) fn spawn(
        name: &str,
        connection: Connection,
        mut ledger: L,
        stats: Arc<Stats>,
    ) -> io::Result<Self> {
        let worker = Worker::spawn(name, move |requests: &mut Vec<Request<L>>| {
            let (jobs, replies): (Vec<_>, Vec<_>) =
                requests.drain(..).map(|request| (request.job, request.reply)).unzip();
            let answers = commit(&connection, &mut ledger, jobs);
            stats.count_commit(replies.len(), answers.is_ok());
            tell(replies, answers);
        })?;
        Ok(Self(worker))
    }

    pub(crate) async fn submit(&self, job: L::Job) -> Result<L::Answer, Failure> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Request { job, reply }).await.map_err(Failure::NotWritten)?;
        // The thread died with the job in its hands.
        answer.await.unwrap_or(Err(Failure::Unknown(Fault::Stopped)))
    }
}

type Replies<A> = Vec<oneshot::Sender<Result<A, Failure>>>;

/// A caller who has gone away is not told; his job is done.
fn tell<A>(replies: Replies<A>, answers: Result<Vec<A>, Failure>) {
    match answers {
        Ok(answers) => replies.into_iter().zip(answers).for_each(|(reply, answer)| {
            let _ = reply.send(Ok(answer));
        }),
        Err(failure) => replies.into_iter().for_each(|reply| {
            let _ = reply.send(Err(failure.clone()));
        }),
    }
}

fn commit<L: Ledger>(
    connection: &Connection,
    ledger: &mut L,
    jobs: Vec<L::Job>,
) -> Result<Vec<L::Answer>, Failure> {
    let answers = write(connection, ledger, jobs)
        .map_err(Failure::NotWritten)
        .and_then(|answers| execute(connection, "COMMIT").map(|()| answers).map_err(uncommitted));
    match &answers {
        Ok(_) => ledger.committed(),
        Err(failure) => {
            tracing::error!(?failure, "group commit failed");
            roll_back(connection);
            ledger.aborted();
        }
    }
    answers
}

fn write<L: Ledger>(
    connection: &Connection,
    ledger: &mut L,
    jobs: Vec<L::Job>,
) -> Result<Vec<L::Answer>, Fault> {
    execute(connection, "BEGIN IMMEDIATE")?;
    jobs.into_iter().map(|job| ledger.write(connection, job)).collect()
}

/// A commit frame that did not fit, or a lock that was not had, is surely no commit. After any
/// other failure (an fsync, above all) the frame may be on the disk and count after a crash.
fn uncommitted(fault: Fault) -> Failure {
    match fault.code() {
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::ConstraintViolation) => {
            Failure::NotWritten(fault)
        }
        _ => Failure::Unknown(fault),
    }
}

/// SQLite rolls some failures back by itself.
fn roll_back(connection: &Connection) {
    if connection.is_autocommit() {
        return;
    }
    if let Err(fault) = execute(connection, "ROLLBACK") {
        tracing::error!(?fault, "rollback failed");
    }
}

fn execute(connection: &Connection, statement: &str) -> Result<(), Fault> {
    connection.prepare_cached(statement)?.execute([])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(extended_code: i32) -> Fault {
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(extended_code), None).into()
    }

    #[test]
    fn a_commit_without_room_is_surely_not_written_and_a_failed_fsync_leaves_it_open() {
        use rusqlite::ffi::{SQLITE_BUSY, SQLITE_FULL, SQLITE_IOERR_FSYNC, SQLITE_IOERR_WRITE};
        for code in [SQLITE_FULL, SQLITE_BUSY] {
            assert!(matches!(uncommitted(failed(code)), Failure::NotWritten(_)), "{code}");
        }
        for code in [SQLITE_IOERR_FSYNC, SQLITE_IOERR_WRITE] {
            assert!(matches!(uncommitted(failed(code)), Failure::Unknown(_)), "{code}");
        }
    }

    /// Adds numbers; refuses 0, fails at 13.
    #[derive(Default)]
    struct Numbers {
        uncommitted: Vec<i64>,
        committed: Vec<i64>,
    }

    impl Ledger for Numbers {
        type Job = i64;
        type Answer = Result<i64, ()>;

        fn write(&mut self, inside: &Connection, job: i64) -> Result<Self::Answer, Fault> {
            match job {
                0 => return Ok(Err(())),
                13 => return Err(Fault::Corrupt("thirteen".to_owned())),
                _ => {}
            }
            inside.execute("INSERT INTO numbers VALUES (?)", [job])?;
            self.uncommitted.push(job);
            Ok(Ok(job))
        }

        fn committed(&mut self) {
            self.committed.append(&mut self.uncommitted);
        }

        fn aborted(&mut self) {
            self.uncommitted.clear();
        }
    }

    fn stored(connection: &Connection) -> i64 {
        connection.query_row("SELECT count(*) FROM numbers", [], |row| row.get(0)).unwrap()
    }

    fn numbers() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE numbers (number INTEGER)").unwrap();
        connection
    }

    #[test]
    fn a_refusal_fails_nobody_else_and_a_fault_fails_all() {
        let (connection, mut ledger) = (numbers(), Numbers::default());
        let answers = commit(&connection, &mut ledger, vec![1, 0, 2]).unwrap();
        assert_eq!(answers, [Ok(1), Err(()), Ok(2)]);
        assert!(commit(&connection, &mut ledger, vec![3, 13, 4]).is_err());
        assert_eq!((stored(&connection), ledger.committed.as_slice()), (2, [1, 2].as_slice()));
        assert!(commit(&connection, &mut ledger, vec![5]).is_ok());
        assert_eq!(stored(&connection), 3);
    }
}
