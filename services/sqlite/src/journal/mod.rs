//! The journal in one SQLite file, written by group commit like the log.

mod write;

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use keytrail_domain::{TenantId, Timestamp};
use keytrail_ports::{
    Journal, JournalEntry, JournalError, Mark, NewJournalEntry, Span, SpanEnd, Subject, SwapError,
    WholeJournal,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use crate::{
    column::{integer, limit, to_number},
    fault::{Fault, Place},
    file::{Durable, File, Kind, OpenError},
    group_commit::{Failure, GroupCommit},
    readers::Readers,
    stats::Stats,
};
use write::{Book, Job};

const KIND: Kind = Kind {
    name: "journal",
    application_id: i32::from_be_bytes(*b"KTjn"),
    format: 1,
    schema: include_str!("schema.sql"),
};
/// What files of earlier versions have and lack: entries are asked for by time, and no topic as a whole.
const INDEXES: &str = "CREATE INDEX IF NOT EXISTS entries_about_by_time ON entries (tenant, topic, subject, at); \
     DROP INDEX IF EXISTS entries_of_topic";
/// Marks of earlier versions had no version.
const VERSION: &str = "ALTER TABLE marks ADD COLUMN version INTEGER NOT NULL DEFAULT 1";
/// Threads that read.
const READERS: usize = 2;

/// The embedded journal. It is this process's alone: whoever opens it holds the lock of the directory
/// around it.
pub struct SqliteJournal {
    // Closed before the writer: the last connection empties the log of changes, if it may write.
    readers: Readers,
    writer: GroupCommit<Book>,
    stats: Arc<Stats>,
    place: Place,
    _file: File,
}

impl SqliteJournal {
    /// Opens the journal in this file, or makes a new one.
    ///
    /// # Errors
    /// [`OpenError`]: the file is corrupt, not ours, newer than this program, or cannot be opened.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::start(File::at(&KIND, path), Durable::EachCommit)
    }

    /// A journal of its own that is gone when this value is.
    ///
    /// # Errors
    /// [`OpenError::Unavailable`].
    pub fn in_memory() -> Result<Self, OpenError> {
        Self::start(File::temporary(&KIND)?, Durable::Never)
    }

    fn start(file: File, durable: Durable) -> Result<Self, OpenError> {
        let connection = file.open_writer(durable)?;
        check_last(&connection).map_err(|fault| file.refused(fault))?;
        upgrade(&connection).map_err(|error| file.refused(error.into()))?;
        let stats = Arc::new(Stats::default());
        let readers = Readers::spawn(&file, READERS)?;
        let book = Book::new(Arc::clone(&stats));
        let writer = GroupCommit::spawn("journal-writer", connection, book, Arc::clone(&stats))
            .map_err(|source| OpenError::Unavailable { kind: KIND.name, source: Box::new(source) })?;
        Ok(Self { writer, readers, stats, place: file.place(), _file: file })
    }

    /// What the writer has done since the journal was opened.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Both failures mean "try again": an entry that is there twice does no harm.
    async fn submit(&self, job: Job) -> Result<Option<u64>, JournalError> {
        self.writer.submit(job).await.map_err(|failure| match failure {
            Failure::NotWritten(fault) | Failure::Unknown(fault) => fault.into_journal(&self.place),
        })
    }

    async fn reading<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, JournalError> {
        self.readers.read(work).await.map_err(|fault| fault.into_journal(&self.place))
    }
}

fn upgrade(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(INDEXES)?;
    if connection.column_exists(None, "marks", "version")? {
        return Ok(());
    }
    connection.execute_batch(VERSION)
}

/// A cheap look: the newest entry reads back.
fn check_last(connection: &Connection) -> Result<(), Fault> {
    entries(connection, &format!("{ENTRY} ORDER BY number DESC LIMIT 1"), []).map(|_| ())
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn append(&self, entries: Vec<NewJournalEntry>) -> Result<u64, JournalError> {
        self.submit(Job::Append(entries)).await.map(Option::unwrap_or_default)
    }

    async fn about(
        &self,
        tenant: TenantId,
        topic: &str,
        subject: &str,
        before: Option<u64>,
        max: usize,
    ) -> Result<Vec<JournalEntry>, JournalError> {
        let (topic, subject) = (topic.to_owned(), subject.to_owned());
        let before = before.map_or(i64::MAX, integer);
        let find = select(
            "INDEXED BY entries_about WHERE tenant = ? AND topic = ? AND subject = ? AND number < ? \
             ORDER BY number DESC LIMIT ?",
        );
        self.reading(move |connection| {
            let tenant = tenant.as_uuid().into_bytes();
            entries(connection, &find, params![tenant, topic, subject, before, limit(max)])
        })
        .await
    }

    async fn span(&self, span: Span, end: SpanEnd, max: usize) -> Result<Vec<JournalEntry>, JournalError> {
        let order = match end {
            SpanEnd::Newest => "ORDER BY at DESC, number DESC LIMIT ?8",
            SpanEnd::Oldest => "ORDER BY at, number LIMIT ?8",
        };
        let find = select(&format!("INDEXED BY entries_about_by_time {WITHIN} {order}"));
        self.reading(move |connection| {
            let [after, before] = bounds(&span);
            let tenant = span.tenant.as_uuid().into_bytes();
            let values =
                params![tenant, span.topic, span.subject, after.0, after.1, before.0, before.1, limit(max)];
            entries(connection, &find, values)
        })
        .await
    }

    async fn count(&self, span: Span) -> Result<u64, JournalError> {
        let find = format!("SELECT count(*) FROM entries INDEXED BY entries_about_by_time {WITHIN}");
        self.reading(move |connection| {
            let [after, before] = bounds(&span);
            let tenant = span.tenant.as_uuid().into_bytes();
            let values = params![tenant, span.topic, span.subject, after.0, after.1, before.0, before.1];
            to_number(connection.prepare_cached(&find)?.query_row(values, |row| row.get(0))?)
        })
        .await
    }

    async fn forget(&self, topic: &str, moment: Timestamp) -> Result<u64, JournalError> {
        let mut forgotten = 0;
        loop {
            let some = self.submit(Job::ForgetSome { topic: topic.to_owned(), before: moment }).await?;
            match some {
                None | Some(0) => return Ok(forgotten),
                Some(some) => forgotten += some,
            }
        }
    }

    async fn mark(&self, name: &str) -> Result<Option<Mark>, JournalError> {
        let name = name.to_owned();
        self.reading(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT value, version FROM marks WHERE name = ?")?;
            let found = statement.query_row([name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            found.map(|(value, version)| Ok(Mark { value, version: to_number(version)? })).transpose()
        })
        .await
    }

    async fn set_mark(&self, name: &str, value: Vec<u8>) -> Result<(), JournalError> {
        self.submit(Job::SetMark { name: name.to_owned(), value }).await.map(|_| ())
    }

    async fn swap_mark(&self, name: &str, expected: Option<u64>, value: Vec<u8>) -> Result<u64, SwapError> {
        let swapped = self.submit(Job::SwapMark { name: name.to_owned(), expected, value }).await?;
        swapped.ok_or(SwapError::Conflict)
    }

    fn is_shared(&self) -> bool {
        false
    }
}

#[async_trait]
impl WholeJournal for SqliteJournal {
    async fn subjects(&self) -> Result<Vec<Subject>, JournalError> {
        let find = "SELECT DISTINCT tenant, topic, subject FROM entries ORDER BY tenant, topic, subject";
        self.reading(move |connection| {
            let subject = |row: &Row<'_>| {
                let tenant = TenantId::from_uuid(Uuid::from_bytes(row.get(0)?));
                Ok(Subject { tenant, topic: row.get(1)?, subject: row.get(2)? })
            };
            let mut statement = connection.prepare(find)?;
            let found = statement.query_map([], subject)?.collect::<Result<_, rusqlite::Error>>();
            Ok(found?)
        })
        .await
    }

    async fn marks(&self) -> Result<Vec<(String, Vec<u8>)>, JournalError> {
        self.reading(move |connection| {
            let mut statement = connection.prepare("SELECT name, value FROM marks ORDER BY name")?;
            let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(found.collect::<Result<_, rusqlite::Error>>()?)
        })
        .await
    }
}

/// Strictly between two places.
const WITHIN: &str = "WHERE tenant = ?1 AND topic = ?2 AND subject = ?3 AND at >= ?4 AND at <= ?6 \
                      AND (at, number) > (?4, ?5) AND (at, number) < (?6, ?7)";

/// Both places; an open end lies beyond every entry.
fn bounds(span: &Span) -> [(i64, i64); 2] {
    let place = |(at, number): keytrail_ports::JournalPlace| (at.as_micros(), integer(number));
    [span.after.map_or((i64::MIN, i64::MIN), place), span.before.map_or((i64::MAX, i64::MAX), place)]
}

const ENTRY: &str = "SELECT number, tenant, topic, subject, at, data FROM entries";

fn select(rest: &str) -> String {
    format!("{ENTRY} {rest}")
}

fn entries(
    connection: &Connection,
    find: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<JournalEntry>, Fault> {
    let mut statement = connection.prepare_cached(find)?;
    let mut rows = statement.query(values)?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(entry(row)?);
    }
    Ok(entries)
}

fn entry(row: &Row<'_>) -> Result<JournalEntry, Fault> {
    let entry = NewJournalEntry {
        tenant: TenantId::from_uuid(Uuid::from_bytes(row.get(1)?)),
        topic: row.get(2)?,
        subject: row.get(3)?,
        at: Timestamp::from_micros(row.get(4)?),
        data: row.get(5)?,
    };
    Ok(JournalEntry { number: to_number(row.get(0)?)?, entry })
}

#[cfg(test)]
mod tests {
    use super::*;

    keytrail_ports::journal_contract!(async { SqliteJournal::in_memory().unwrap() });
    keytrail_ports::journal_forget_contract!(async { SqliteJournal::in_memory().unwrap() });

    fn check(second: i64) -> NewJournalEntry {
        NewJournalEntry {
            tenant: TenantId::of_slug("acme"),
            topic: "check".to_owned(),
            subject: "a".to_owned(),
            at: Timestamp::EPOCH.plus_seconds(second),
            data: b"{}".to_vec(),
        }
    }

    #[tokio::test]
    async fn a_journal_is_the_same_after_it_was_closed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.db");
        let journal = SqliteJournal::open(&path).unwrap();
        let last = journal.append(vec![check(1), check(2)]).await.unwrap();
        journal.set_mark("webhooks", b"7".to_vec()).await.unwrap();
        journal.forget("check", Timestamp::EPOCH.plus_days(1)).await.unwrap();
        drop(journal);
        let journal = SqliteJournal::open(&path).unwrap();
        let mark = Mark { value: b"7".to_vec(), version: 1 };
        assert_eq!(journal.mark("webhooks").await.unwrap(), Some(mark));
        assert!(journal.append(vec![check(3)]).await.unwrap() > last);
    }

    #[tokio::test]
    async fn a_journal_whose_marks_had_no_version_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.db");
        drop(SqliteJournal::open(&path).unwrap());
        let earlier = "ALTER TABLE marks DROP COLUMN version; INSERT INTO marks VALUES ('webhooks', x'37'); \
                       DROP INDEX entries_about_by_time; CREATE INDEX entries_of_topic ON entries (topic)";
        Connection::open(&path).unwrap().execute_batch(earlier).unwrap();
        let journal = SqliteJournal::open(&path).unwrap();
        let mark = Mark { value: b"7".to_vec(), version: 1 };
        assert_eq!(journal.mark("webhooks").await.unwrap(), Some(mark));
        assert_eq!(journal.swap_mark("webhooks", Some(1), b"8".to_vec()).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn much_is_forgotten_in_small_steps() {
        let journal = SqliteJournal::in_memory().unwrap();
        journal.append((0..12_000).map(check).collect()).await.unwrap();
        let forgotten = journal.forget("check", Timestamp::EPOCH.plus_seconds(11_000)).await.unwrap();
        assert_eq!(forgotten, 11_000);
        let check = check(0);
        let span = Span {
            tenant: check.tenant,
            topic: check.topic,
            subject: check.subject,
            after: None,
            before: None,
        };
        assert_eq!(journal.count(span).await.unwrap(), 1_000);
        let commits = journal.stats().commits.load(std::sync::atomic::Ordering::Relaxed);
        assert!(commits > 3, "{commits}");
    }

    #[test]
    fn the_log_is_no_journal() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log.db");
        drop(crate::SqliteEventStore::open(&path).unwrap());
        let error = SqliteJournal::open(&path).err();
        assert!(matches!(error, Some(OpenError::NotOurs { .. })), "{error:?}");
    }
}
