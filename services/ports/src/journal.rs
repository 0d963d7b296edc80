//! The journal: facts in high volume that may be forgotten after a while.

use async_trait::async_trait;
use keytrail_domain::{TenantId, Timestamp};

/// What can go wrong with the journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Try again later.
    #[error("the journal is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What is stored makes no sense. Wake somebody.
    #[error("the journal is corrupt: {0}")]
    Corrupt(String),
}

/// A fact to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJournalEntry {
    /// Whose.
    pub tenant: TenantId,
    /// What kind of fact, for example `check`.
    pub topic: String,
    /// What it is about, for example a credential's id.
    pub subject: String,
    /// When, by our clock.
    pub at: Timestamp,
    /// JSON. Never a secret.
    pub data: Vec<u8>,
}

/// A fact as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// Its number: growing, never used twice.
    pub number: u64,
    /// The fact.
    pub entry: NewJournalEntry,
}

/// A place among the entries about one subject: by time, then by number.
pub type JournalPlace = (Timestamp, u64);

/// Entries about one subject between two places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Whose.
    pub tenant: TenantId,
    /// What kind of fact.
    pub topic: String,
    /// What they are about.
    pub subject: String,
    /// Only what comes after this place.
    pub after: Option<JournalPlace>,
    /// Only what comes before this place.
    pub before: Option<JournalPlace>,
}

/// Which end of a span is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanEnd {
    /// The newest entries, newest first.
    Newest,
    /// The oldest entries, oldest first.
    Oldest,
}

/// Facts with retention, and small values by name.
///
/// Promises, each a case in [`crate::contract::journal`]:
/// 1. What `append` has answered is durable, in order, and numbered upwards.
/// 2. `read` answers one topic's entries after a number, oldest first, of every tenant.
/// 3. `about` answers one subject's newest entries, newest first, and nothing of another tenant.
/// 4. `forget` drops one topic's entries older than a moment, and numbers are not used again.
/// 5. A mark keeps its last value; an unknown mark is none.
/// 6. `span` answers one end of the entries between two places, by time and then by number, and
///    `count` how many lie between them.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// Keep all of these, or none; answers the last one's number.
    ///
    /// # Errors
    /// [`JournalError`].
    async fn append(&self, entries: Vec<NewJournalEntry>) -> Result<u64, JournalError>;

    /// At most `max` entries of a topic with a number above `after`, oldest first.
    ///
    /// # Errors
    /// [`JournalError`].
    async fn read(&self, topic: &str, after: u64, max: usize) -> Result<Vec<JournalEntry>, JournalError>;

    /// At most `max` entries about a subject with a number below `before`, newest first.
    ///
    /// # Errors
    /// [`JournalError`].
    async fn about(
        &self,
        tenant: TenantId,
        topic: &str,
        subject: &str,
        before: Option<u64>,
        max: usize,
    ) -> Result<Vec<JournalEntry>, JournalError>;

    /// At most `max` entries from one end of a span.
    ///
    /// # Errors
    /// [`JournalError`].
    async fn span(&self, span: Span, end: SpanEnd, max: usize) -> Result<Vec<JournalEntry>, JournalError>;

    /// How many entries lie in a span.
    ///
    /// # Errors
    /// [`JournalError`].
    async fn count(&self, span: Span) -> Result<u64, JournalError>;

    /// Drop a topic's entries from before `moment`; answers how many.
    ///
    /// # Errors
    /// [`JournalError`].
    async fn forget(&self, topic: &str, moment: Timestamp) -> Result<u64, JournalError>;

    /// The value of a mark, for example a reactor's checkpoint.
    ///
    /// # Errors
    /// [`JournalError`].
    async fn mark(&self, name: &str) -> Result<Option<Vec<u8>>, JournalError>;

    /// Sets a mark; durable when it answers.
    ///
    /// # Errors
    /// [`JournalError`].
    async fn set_mark(&self, name: &str, value: Vec<u8>) -> Result<(), JournalError>;
}
