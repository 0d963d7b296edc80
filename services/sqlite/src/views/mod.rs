//! The read models in one SQLite file that may be deleted at any time.
//!
//! Writing: [`writer`] runs one transaction per batch; the projector sees it as [`tx`]. Reading:
//! each question has a file ([`credentials`], [`alerts`], [`events`], [`people`], [`components`],
//! [`environments`], [`consumers`], [`lending`], [`service_accounts`], [`oauth_clients`], [`refreshes`],
//! [`access`], [`counts`]);
//! all lists are pages of a [`listing`] whose candidates [`plan`] picks. Rows that are asked for
//! often are kept ready ([`hot`]). To add a row: a table in `schema.sql`, its indexes in
//! `indexes.sql`, a `put_` in `tx.rs`, and its questions; then raise [`KIND`]'s format.

mod access;
mod alerts;
mod authority;
mod code;
mod components;
mod consumers;
mod counts;
mod credential_rows;
mod credentials;
mod doc;
mod environments;
mod events;
mod holders;
mod hot;
mod lending;
mod listing;
mod oauth_clients;
mod people;
mod plan;
mod reads;
mod rebuild;
mod refreshes;
mod service_accounts;
mod status;
#[cfg(test)]
mod tests;
mod text;
mod thing;
mod tx;
mod webhooks;
mod writer;

use std::{path::Path, sync::Arc};

use keytrail_domain::Position;
use rusqlite::Connection;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    column::to_position,
    fault::{Fault, Place},
    file::{Durable, File, Kind, OpenError},
    readers::Readers,
    stats::Stats,
    worker::Worker,
};
use hot::Hot;
pub use rebuild::Rebuild;
use thing::Numbers;
use writer::{Job, Mode, Writer};

const KIND: Kind = Kind {
    name: "views",
    application_id: i32::from_be_bytes(*b"KTvw"),
    format: 8,
    schema: include_str!("schema.sql"),
};
/// Threads that read.
const READERS: usize = 4;

/// The embedded read models.
pub struct SqliteViews {
    // Closed before the writer: the last connection empties the log of changes, if it may write.
    readers: Readers,
    worker: Worker<Job>,
    hot: Arc<Hot>,
    checkpoint: watch::Receiver<Option<Position>>,
    stats: Arc<Stats>,
    place: Place,
    _file: File,
}

/// What views were made from, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The event log's id.
    pub log: Uuid,
    /// The projector's version.
    pub projector: u32,
}

/// What was found in a file.
pub enum Opened {
    /// Views to go on with.
    Ready(SqliteViews),
    /// None that can be used: make them with [`SqliteViews::rebuild`].
    Stale(Stale),
}

/// Why views must be made anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stale {
    /// There are none.
    Missing,
    /// They were made by another version of the projector or of this program.
    OtherVersion,
    /// They were made from another event log.
    OtherLog,
    /// They are damaged, or were never finished.
    Damaged(String),
}

impl SqliteViews {
    /// Opens the views in this file, if they are whole and of this origin. Makes no file.
    ///
    /// # Errors
    /// [`OpenError`]: the file is somebody else's, or cannot be opened now.
    pub fn open(path: &Path, origin: Origin) -> Result<Opened, OpenError> {
        if std::fs::metadata(path).map_or(true, |found| found.len() == 0) {
            return Ok(Opened::Stale(Stale::Missing));
        }
        let file = File::at(&KIND, path);
        match file.open_writer(Durable::Checkpoints) {
            Err(OpenError::Corrupt { detail, .. }) => Ok(Opened::Stale(Stale::Damaged(detail))),
            Err(OpenError::Newer { .. }) => Ok(Opened::Stale(Stale::OtherVersion)),
            Err(error) => Err(error),
            Ok(connection) => match check(&connection, origin) {
                Ok(None) => Self::on(file, connection, origin.projector).map(Opened::Ready),
                Ok(Some(stale)) => Ok(Opened::Stale(stale)),
                Err(fault) if fault.code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {
                    Err(file.refused(fault))
                }
                // A missing table, too: whatever it is, a rebuild mends it.
                Err(fault) => Ok(Opened::Stale(Stale::Damaged(fault.describe(&file.place())))),
            },
        }
    }

    /// Begins to make the views anew, beside the file; see [`Rebuild`].
    ///
    /// # Errors
    /// [`OpenError::Unavailable`].
    pub fn rebuild(path: &Path, origin: Origin) -> Result<Rebuild, OpenError> {
        Rebuild::start(File::at(&KIND, path), origin)
    }

    /// Empty views of their own that are gone when this value is.
    ///
    /// # Errors
    /// [`OpenError::Unavailable`].
    pub async fn in_memory(projector_version: u32) -> Result<Self, OpenError> {
        let origin = Origin { log: Uuid::nil(), projector: projector_version };
        let rebuild = Rebuild::start(File::temporary(&KIND)?, origin)?;
        let finished = rebuild.finish().await;
        finished.map_err(|error| OpenError::Unavailable { kind: KIND.name, source: Box::new(error) })
    }

    /// What the writer has done since the views were opened.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    fn start(file: File, version: u32) -> Result<Self, OpenError> {
        let durable = if file.is_temporary() { Durable::Never } else { Durable::Checkpoints };
        let connection = file.open_writer(durable)?;
        Self::on(file, connection, version)
    }

    fn on(file: File, connection: Connection, version: u32) -> Result<Self, OpenError> {
        let stored = checkpoint(&connection).map_err(|fault| file.refused(fault))?;
        let readers = Readers::spawn(&file, READERS)?;
        let (hot, stats) = (Arc::new(Hot::new()), Arc::new(Stats::default()));
        let (told, checkpoint) = watch::channel(stored);
        let mut writer = Writer {
            place: file.place(),
            hot: Arc::clone(&hot),
            numbers: Numbers::default(),
            checkpoint: told,
            mode: Mode::Live,
            version,
            stats: Arc::clone(&stats),
        };
        let worker = Worker::spawn("views-writer", move |jobs: &mut Vec<Job>| {
            jobs.drain(..).for_each(|job| writer.work(&connection, job));
        });
        let worker =
            worker.map_err(|source| OpenError::Unavailable { kind: KIND.name, source: Box::new(source) })?;
        Ok(Self { worker, readers, hot, checkpoint, stats, place: file.place(), _file: file })
    }
}

/// A cheap look at whether these views can be gone on with: finished, of this origin, and with
/// an end that reads back.
fn check(connection: &Connection, origin: Origin) -> Result<Option<Stale>, Fault> {
    let format: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let number = |name: &str| {
        doc::one(connection, "SELECT value FROM meta WHERE name = ?", [name], |row| Ok(row.get::<_, i64>(0)?))
    };
    // Which log it was is said by every version.
    let log = doc::one(connection, "SELECT value FROM meta WHERE name = 'log'", [], |row| {
        Ok(row.get::<_, [u8; 16]>(0)?)
    })?;
    if log != Some(origin.log.into_bytes()) {
        return Ok(Some(Stale::OtherLog));
    }
    if format != KIND.format || number("projector")? != Some(i64::from(origin.projector)) {
        return Ok(Some(Stale::OtherVersion));
    }
    if number("complete")? != Some(1) {
        return Ok(Some(Stale::Damaged("a rebuild was not finished".to_owned())));
    }
    checkpoint(connection)?;
    check_ends(connection)?;
    Ok(None)
}

/// The last rows of the large tables: what a cut-off file lacks.
fn check_ends(connection: &Connection) -> Result<(), Fault> {
    for table in ["events", "credential_docs", "credentials", "authority", "things", "tenants"] {
        let find = format!("SELECT * FROM {table} ORDER BY number DESC LIMIT 1");
        doc::one(connection, &find, [], |_| Ok(()))?;
    }
    Ok(())
}

fn checkpoint(connection: &Connection) -> Result<Option<Position>, Fault> {
    let find = "SELECT value FROM meta WHERE name = 'checkpoint'";
    doc::one(connection, find, [], |row| Ok(to_position(row.get(0)?)))
}
