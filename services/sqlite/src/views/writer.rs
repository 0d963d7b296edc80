//! The writing side: one batch, one transaction, and only then is anybody told.

use std::sync::Arc;

use keytrail_domain::{Position, RecordedEvent};
use keytrail_ports::views::{Projected, Projector, ViewError};
use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use super::{
    hot::{Changed, Hot},
    thing::Numbers,
    tx::Tx,
};
use crate::{
    column::run,
    fault::{Fault, Place},
    stats::Stats,
};

/// A batch of events.
pub(super) struct Batch {
    pub(super) events: Vec<RecordedEvent>,
    pub(super) upto: Position,
    pub(super) projector: Arc<dyn Projector>,
}

/// A batch, and who waits for it.
pub(super) struct Job {
    pub(super) batch: Batch,
    pub(super) reply: oneshot::Sender<Result<Projected, ViewError>>,
}

/// What the rows are written for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mode {
    /// To be read at once: each batch commits, and tells what it changed.
    Live,
    /// To be read when all is there: one commit at the end, nobody listens, and the trigram index
    /// is made last.
    Rebuild,
}

/// What the writing thread knows.
pub(super) struct Writer {
    pub(super) place: Place,
    pub(super) hot: Arc<Hot>,
    pub(super) numbers: Numbers,
    pub(super) checkpoint: watch::Sender<Option<Position>>,
    pub(super) mode: Mode,
    /// Version of the projector whose rows these are.
    pub(super) version: u32,
    pub(super) stats: Arc<Stats>,
}

impl Writer {
    /// Does one job. A runner who has gone away is not told.
    pub(super) fn work(&mut self, connection: &Connection, job: Job) {
        let outcome = self.project(connection, &job.batch);
        self.stats.count_commit(1, outcome.is_ok());
        let _ = job.reply.send(outcome);
    }

    fn project(&mut self, connection: &Connection, batch: &Batch) -> Result<Projected, ViewError> {
        let before = *self.checkpoint.borrow();
        if batch.projector.version() != self.version {
            return Err(ViewError::Projection(format!(
                "the rows are of version {}, the projector of version {}",
                self.version,
                batch.projector.version()
            )));
        }
        if before >= Some(batch.upto) {
            return Ok(Projected::default());
        }
        let written = self.transact(connection, before, batch);
        let (projected, changed) = written.inspect_err(|_| self.abort(connection))?;
        self.hot.renew(changed);
        self.stats.count_rows(batch.events.len() as u64);
        self.checkpoint.send_replace(Some(batch.upto));
        Ok(projected)
    }

    fn transact(
        &mut self,
        connection: &Connection,
        before: Option<Position>,
        batch: &Batch,
    ) -> Result<(Projected, Changed), ViewError> {
        let place = self.place.clone();
        let failed = |fault: Fault| fault.into_view(&place);
        if self.mode == Mode::Live {
            run(connection, "BEGIN IMMEDIATE", []).map_err(failed)?;
        }
        let mode = self.mode;
        let mut tx = Tx::new(connection, self);
        for event in batch.events.iter().filter(|event| Some(event.position) > before) {
            batch.projector.project(event, &mut tx)?;
        }
        let written = tx.finish(batch.upto).map_err(failed)?;
        if mode == Mode::Live {
            run(connection, "COMMIT", []).map_err(failed)?;
        }
        Ok(written)
    }

    /// Everything is as before the batch.
    fn abort(&mut self, connection: &Connection) {
        self.numbers.forget();
        if connection.is_autocommit() {
            return;
        }
        if let Err(fault) = run(connection, "ROLLBACK", []) {
            tracing::error!(?fault, "rollback of the views failed");
        }
    }
}
