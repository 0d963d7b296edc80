//! Writing the journal.

use std::sync::Arc;

use keytrail_domain::Timestamp;
use keytrail_ports::NewJournalEntry;
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    column::{integer, run, to_number},
    fault::Fault,
    group_commit::Ledger,
    stats::Stats,
};

/// Most entries that are dropped in one step, so that others are not held up.
const FORGET_AT_ONCE: i64 = 4_000;

/// What is asked of the writer.
pub(super) enum Job {
    /// Answers the last number.
    Append(Vec<NewJournalEntry>),
    /// Answers how many it dropped; none when all are gone.
    ForgetSome { topic: String, before: Timestamp },
    /// Answers the new version.
    SetMark { name: String, value: Vec<u8> },
    /// Answers the new version, or nothing when the mark has another one than expected.
    SwapMark { name: String, expected: Option<u64>, value: Vec<u8> },
}

pub(super) struct Book {
    uncommitted: u64,
    stats: Arc<Stats>,
}

impl Book {
    pub(super) fn new(stats: Arc<Stats>) -> Self {
        Self { uncommitted: 0, stats }
    }
}

impl Ledger for Book {
    type Job = Job;
    type Answer = Option<u64>;

    fn write(&mut self, inside: &Connection, job: Job) -> Result<Option<u64>, Fault> {
        match job {
            Job::Append(entries) => {
                self.uncommitted += entries.len() as u64;
                append(inside, &entries).map(Some)
            }
            Job::ForgetSome { topic, before } => forget(inside, &topic, before).map(Some),
            Job::SetMark { name, value } => change(inside, SET, params![name, value]),
            Job::SwapMark { name, expected: None, value } => change(inside, MAKE, params![name, value]),
            Job::SwapMark { name, expected: Some(expected), value } => {
                change(inside, SWAP, params![name, value, integer(expected)])
            }
        }
    }

    fn committed(&mut self) {
        self.stats.count_rows(std::mem::take(&mut self.uncommitted));
    }

    fn aborted(&mut self) {
        self.uncommitted = 0;
    }
}

const SET: &str = "INSERT INTO marks (name, value) VALUES (?1, ?2) ON CONFLICT (name) \
                   DO UPDATE SET value = excluded.value, version = version + 1 RETURNING version";
const MAKE: &str =
    "INSERT INTO marks (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING RETURNING version";
const SWAP: &str = "UPDATE marks SET value = ?2, version = version + 1 \
                    WHERE name = ?1 AND version = ?3 RETURNING version";

/// The new version of the mark that was changed, if one was.
fn change(inside: &Connection, statement: &str, values: impl rusqlite::Params) -> Result<Option<u64>, Fault> {
    let version = inside.prepare_cached(statement)?.query_row(values, |row| row.get(0)).optional()?;
    version.map(to_number).transpose()
}

fn append(inside: &Connection, entries: &[NewJournalEntry]) -> Result<u64, Fault> {
    let insert = "INSERT INTO entries (tenant, topic, subject, at, data) VALUES (?, ?, ?, ?, ?)";
    let mut statement = inside.prepare_cached(insert)?;
    for entry in entries {
        let tenant = entry.tenant.as_uuid().into_bytes();
        statement.execute(params![tenant, entry.topic, entry.subject, entry.at.as_micros(), entry.data])?;
    }
    last_number(inside)
}

fn last_number(inside: &Connection) -> Result<u64, Fault> {
    let find = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'entries'";
    to_number(inside.prepare_cached(find)?.query_row([], |row| row.get(0))?)
}

fn forget(inside: &Connection, topic: &str, before: Timestamp) -> Result<u64, Fault> {
    let delete = "DELETE FROM entries WHERE number IN (SELECT number FROM entries INDEXED BY entries_by_age \
                  WHERE topic = ? AND at < ? LIMIT ?)";
    Ok(run(inside, delete, params![topic, before.as_micros(), FORGET_AT_ONCE])? as u64)
}
