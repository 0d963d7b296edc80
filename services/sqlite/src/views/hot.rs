//! Rows that are asked for often, shared and ready: credentials, and the alerts that changed last, which
//! each of their subscribers asks for.

use std::sync::Arc;

use keytrail_domain::{AlertId, CredentialId};
use keytrail_ports::views::{AlertRow, CredentialRow};
use parking_lot::Mutex;
use quick_cache::sync::Cache;

/// Most rows that are kept.
const ROWS: usize = 16_384;
/// Most alerts that are kept.
const ALERTS: usize = 1_024;

/// A row, and which version of it.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) number: i64,
    pub(super) version: i64,
    pub(super) row: Arc<CredentialRow>,
}

/// What a commit changed.
#[derive(Default)]
pub(super) struct Changed {
    pub(super) credentials: Vec<Kept>,
    /// In the order of the changes: the last one of an alert counts.
    pub(super) alerts: Vec<AlertRow>,
}

/// The rows as of the last commit that was told of; a row that is not here is read.
pub(super) struct Hot {
    rows: Cache<CredentialId, Kept>,
    /// Put here by commits alone, so that each is the newest.
    alerts: Cache<AlertId, Arc<AlertRow>>,
    /// How many commits were told of.
    commits: Mutex<u64>,
}

/// Taken before a read begins: what the read finds may be kept only when no commit came between.
#[derive(Clone, Copy)]
pub(super) struct Ticket(u64);

impl Hot {
    pub(super) fn new() -> Self {
        Self { rows: Cache::new(ROWS), alerts: Cache::new(ALERTS), commits: Mutex::new(0) }
    }

    pub(super) fn get(&self, id: CredentialId) -> Option<Kept> {
        self.rows.get(&id)
    }

    pub(super) fn alert(&self, id: AlertId) -> Option<Arc<AlertRow>> {
        self.alerts.get(&id)
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
    pub(super) fn renew(&self, changed: Changed) {
        let mut commits = self.commits.lock();
        *commits += 1;
        for row in changed.credentials {
            self.rows.insert(row.row.id, row);
        }
        for alert in changed.alerts {
            self.alerts.insert(alert.id, Arc::new(alert));
        }
    }
}
