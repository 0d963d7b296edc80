//! Credentials' rows that are asked for often, shared and ready.

use std::sync::Arc;

use keytrail_domain::CredentialId;
use keytrail_ports::views::CredentialRow;
use parking_lot::Mutex;
use quick_cache::sync::Cache;

/// Most rows that are kept.
const ROWS: usize = 16_384;

/// A row, and which version of it.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) number: i64,
    pub(super) version: i64,
    pub(super) row: Arc<CredentialRow>,
}

/// The rows as of the last commit that was told of; a row that is not here is read.
pub(super) struct Hot {
    rows: Cache<CredentialId, Kept>,
    /// How many commits were told of.
    commits: Mutex<u64>,
}

/// Taken before a read begins: what the read finds may be kept only when no commit came between.
#[derive(Clone, Copy)]
pub(super) struct Ticket(u64);

impl Hot {
    pub(super) fn new() -> Self {
        Self { rows: Cache::new(ROWS), commits: Mutex::new(0) }
    }

    pub(super) fn get(&self, id: CredentialId) -> Option<Kept> {
        self.rows.get(&id)
    }

    pub(super) fn ticket(&self) -> Ticket {
        Ticket(*self.commits.lock())
    }

    /// Keeps what a read found, unless it may be stale by now.
    pub(super) fn keep(&self, ticket: Ticket, found: Kept) {
        let commits = self.commits.lock();
        if *commits == ticket.0 {
            self.rows.insert(found.row.id, found);
        }
    }

    /// What a commit changed: by the writer, after the commit and before it is told of.
    pub(super) fn renew(&self, changed: impl IntoIterator<Item = Kept>) {
        let mut commits = self.commits.lock();
        *commits += 1;
        for row in changed {
            self.rows.insert(row.row.id, row);
        }
    }
}
