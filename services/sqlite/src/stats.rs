//! Counters of one file's writer, cheap enough to be always on.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a writer has done since the file was opened.
#[derive(Debug, Default)]
pub struct Stats {
    /// Rows written and committed: events, journal entries, projected events.
    pub rows: AtomicU64,
    /// Commits; with a durable file each is one fsync.
    pub commits: AtomicU64,
    /// Commits that failed.
    pub failures: AtomicU64,
    /// Requests in all commits: divided by `commits`, the mean size of a group.
    pub requests: AtomicU64,
    /// Most requests in one commit.
    pub largest_group: AtomicU64,
}

impl Stats {
    pub(crate) fn count_commit(&self, requests: usize, worked: bool) {
        if !worked {
            self.failures.fetch_add(1, Relaxed);
            return;
        }
        let requests = requests as u64;
        self.commits.fetch_add(1, Relaxed);
        self.requests.fetch_add(requests, Relaxed);
        self.largest_group.fetch_max(requests, Relaxed);
    }

    pub(crate) fn count_rows(&self, rows: u64) {
        self.rows.fetch_add(rows, Relaxed);
    }
}
