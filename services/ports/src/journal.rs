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
    /// Its number: growing among the entries about one subject, and never used twice there.
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

/// A small value by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What was set last.
    pub value: Vec<u8>,
    /// Grows with each change, and is never used twice for one name.
    pub version: u64,
}

/// Why a mark was not swapped.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// It has another version, or is there against expectation, or is not there.
    #[error("somebody else changed the mark")]
    Conflict,
    /// Swapped or not: not known. Reading the mark tells.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Facts with retention, and small values by name.
///
/// Promises, each a case in [`crate::contract::journal`]:
/// 1. What `append` has answered is durable, in order, and numbered upwards within each subject. It is
///    not one step for several subjects: after an error some of it may have been kept.
/// 2. `about` answers one subject's newest entries, newest first, and nothing of another tenant.
/// 3. A number is not used again for its subject, not even when its entry is forgotten.
/// 4. A mark keeps its last value; an unknown mark is none. Each change gives it a higher version.
/// 5. Of swaps that expect the same version of a mark exactly one is done, and the others change nothing.
/// 6. `span` answers one end of the entries between two places, by time and then by number, and
///    `count` how many lie between them.
/// 7. What is not old enough to be forgotten is kept. A store that forgets when it is told to drops one
///    topic's entries from before a moment, and answers how many; these are the cases of
///    `journal_forget_contract`. A store that forgets by itself, by an age that it knows for each topic,
///    answers 0 to `forget`, and may show an entry that is older for a while.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// Keep all of these; answers the last one's number.
    ///
    /// # Errors
    /// [`JournalError`]: some of them may have been kept, of each subject the first ones. Asked again,
    /// those are there twice.
    async fn append(&self, entries: Vec<NewJournalEntry>) -> Result<u64, JournalError>;

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

    /// A topic's entries from before `moment` are not needed any more; answers how many this dropped.
    ///
    /// # Errors
    /// [`JournalError`].
    async fn forget(&self, topic: &str, moment: Timestamp) -> Result<u64, JournalError>;

    /// A mark, for example a reactor's checkpoint.
    ///
    /// # Errors
    /// [`JournalError`].
    async fn mark(&self, name: &str) -> Result<Option<Mark>, JournalError>;

    /// Sets a mark, whatever it was; durable when it answers. Of several at once the last one wins.
    ///
    /// # Errors
    /// [`JournalError`]: set or not.
    async fn set_mark(&self, name: &str, value: Vec<u8>) -> Result<(), JournalError>;

    /// Sets a mark if it has this version still, or, with none, if it is not there; durable when it
    /// answers the new version.
    ///
    /// # Errors
    /// [`SwapError`].
    async fn swap_mark(&self, name: &str, expected: Option<u64>, value: Vec<u8>) -> Result<u64, SwapError>;

    /// Whether another process may use the same journal while this value lives. False is a promise: whoever
    /// wrote something here before, in another process, is not there any more.
    fn is_shared(&self) -> bool;
}

/// What entries are about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// Whose.
    pub tenant: TenantId,
    /// What kind of fact.
    pub topic: String,
    /// What they are about.
    pub subject: String,
}

/// A journal that can be read as a whole, to be copied to another store.
#[async_trait]
pub trait WholeJournal: Journal {
    /// Everything that there are entries about, each once.
    ///
    /// # Errors
    /// [`JournalError`].
    async fn subjects(&self) -> Result<Vec<Subject>, JournalError>;

    /// All marks: names and values.
    ///
    /// # Errors
    /// [`JournalError`].
    async fn marks(&self) -> Result<Vec<(String, Vec<u8>)>, JournalError>;
}
