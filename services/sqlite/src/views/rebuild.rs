//! Views made anew: into a file beside the old one, indexes last, then renamed into its place.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use keytrail_domain::{Position, RecordedEvent};
use keytrail_ports::views::{Projected, Projector, ViewError};
use rusqlite::{Connection, params};
use tokio::sync::{oneshot, watch};

use super::{
    KIND, Origin, SqliteViews,
    credential_rows::index_text,
    hot::Hot,
    thing::{Numbers, Tenant},
    writer::{Batch, Job, Mode, Writer},
};
use crate::{
    column::run,
    fault::Fault,
    file::{File, OpenError, prepare},
    stats::Stats,
    worker::Worker,
};

/// A rebuild that is under way. The caller feeds it all events in log order and then finishes it;
/// without that, nothing of it counts.
///
/// No [`SqliteViews`] may be open on the path meanwhile: SQLite finds a file's companions by name.
pub struct Rebuild {
    worker: Worker<Work>,
    /// The batch that is being projected while the next one is read.
    pending: Option<oneshot::Receiver<Result<Projected, ViewError>>>,
    fresh: File,
    target: File,
    origin: Origin,
}

enum Work {
    Project(Job),
    Finish(oneshot::Sender<Result<(), ViewError>>),
}

impl Rebuild {
    pub(super) fn start(target: File, origin: Origin) -> Result<Self, OpenError> {
        let fresh = File::at(&KIND, &beside(&target.path, ".rebuild"));
        remove(&fresh.path).map_err(unavailable)?;
        let connection = connect(&fresh, origin)?;
        let mut writer = Writer {
            place: fresh.place(),
            hot: Arc::new(Hot::new()),
            numbers: Numbers::default(),
            checkpoint: watch::Sender::new(None),
            mode: Mode::Rebuild,
            version: origin.projector,
            stats: Arc::new(Stats::default()),
        };
        let worker = Worker::spawn("views-rebuild", move |work: &mut Vec<Work>| {
            for work in work.drain(..) {
                match work {
                    Work::Project(job) => writer.work(&connection, job),
                    Work::Finish(reply) => {
                        let done = finish(&connection).map_err(|fault| fault.into_view(&writer.place));
                        let _ = reply.send(done);
                    }
                }
            }
        });
        let worker = worker.map_err(unavailable)?;
        Ok(Self { worker, pending: None, fresh, target, origin })
    }

    /// Takes the next events, in log order; answers as soon as the batch before is done, so that
    /// the caller reads on while this one is projected.
    ///
    /// # Errors
    /// [`ViewError`] of this batch or the one before: the rebuild is over.
    pub async fn feed(
        &mut self,
        events: Vec<RecordedEvent>,
        upto: Position,
        projector: Arc<dyn Projector>,
    ) -> Result<(), ViewError> {
        let (reply, answer) = oneshot::channel();
        let job = Job { batch: Batch { events, upto, projector }, reply };
        self.send(Work::Project(job)).await?;
        match self.pending.replace(answer) {
            Some(before) => self.outcome(before).await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// Makes the indexes, puts the file in the place of the old one and opens it.
    ///
    /// # Errors
    /// [`ViewError`]: the old file is as it was, or gone.
    pub async fn finish(mut self) -> Result<SqliteViews, ViewError> {
        if let Some(last) = self.pending.take() {
            self.outcome(last).await?;
        }
        let (reply, answer) = oneshot::channel();
        self.send(Work::Finish(reply)).await?;
        self.outcome(answer).await?;
        let Self { worker, fresh, target, origin, .. } = self;
        let opened = tokio::task::spawn_blocking(move || {
            drop(worker);
            if !target.is_temporary() {
                fs::File::open(&fresh.path).and_then(|file| file.sync_all()).map_err(unavailable)?;
            }
            replace(&fresh.path, &target.path).map_err(unavailable)?;
            SqliteViews::start(target, origin.projector)
        });
        let opened = opened.await.map_err(|error| ViewError::Unavailable(Box::new(error)))?;
        opened.map_err(|error| ViewError::Unavailable(Box::new(error)))
    }

    async fn send(&self, work: Work) -> Result<(), ViewError> {
        self.worker.send(work).await.map_err(|fault| fault.into_view(&self.fresh.place()))
    }

    async fn outcome<T>(&self, answer: oneshot::Receiver<Result<T, ViewError>>) -> Result<T, ViewError> {
        answer.await.unwrap_or_else(|_| Err(Fault::Stopped.into_view(&self.fresh.place())))
    }
}

/// A file that nobody needs until it is finished: no journal, no fsync, much memory.
fn connect(fresh: &File, origin: Origin) -> Result<Connection, OpenError> {
    let connect = || -> Result<Connection, Fault> {
        let connection = Connection::open(&fresh.path)?;
        prepare(&connection)?;
        // A sort of everything does not fit into memory.
        connection.pragma_update(None, "temp_store", "DEFAULT")?;
        connection.pragma_update(None, "journal_mode", "OFF")?;
        connection.pragma_update(None, "synchronous", "OFF")?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "cache_size", -64_000)?;
        connection.execute_batch(KIND.schema)?;
        connection.pragma_update(None, "application_id", KIND.application_id)?;
        connection.pragma_update(None, "user_version", KIND.format)?;
        connection.execute("INSERT INTO meta VALUES ('projector', ?)", [origin.projector])?;
        connection.execute("INSERT INTO meta VALUES ('log', ?)", [origin.log.into_bytes()])?;
        connection.execute_batch("BEGIN")?;
        Ok(connection)
    };
    connect().map_err(|fault| fresh.refused(fault))
}

fn finish(connection: &Connection) -> Result<(), Fault> {
    index_texts(connection)?;
    connection.execute_batch(include_str!("indexes.sql"))?;
    run(connection, "INSERT INTO meta VALUES ('complete', 1)", [])?;
    run(connection, "COMMIT", [])?;
    Ok(())
}

fn index_texts(connection: &Connection) -> Result<(), Fault> {
    let mut statement = connection.prepare("SELECT number, tenant, search FROM credentials")?;
    let mut rows = statement.query(params![])?;
    while let Some(row) = rows.next()? {
        let search = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
        index_text(connection, Tenant(row.get(1)?), row.get(0)?, search)?;
    }
    run(connection, "INSERT INTO credential_text (credential_text) VALUES ('optimize')", [])?;
    Ok(())
}

/// The old file goes before its companions, and those before the new one comes: a crash in
/// between leaves no views, never new ones with an old log of changes beside them.
fn replace(fresh: &Path, target: &Path) -> io::Result<()> {
    remove(target)?;
    fs::rename(fresh, target)?;
    match target.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(directory) => fs::File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

/// Removes a database and its companions.
fn remove(path: &Path) -> io::Result<()> {
    for path in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn unavailable(error: io::Error) -> OpenError {
    OpenError::Unavailable { kind: KIND.name, source: Box::new(error) }
}
