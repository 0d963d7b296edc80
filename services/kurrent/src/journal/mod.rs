//! The journal on a KurrentDB server: a stream for each subject, which the server itself forgets by age
//! (`$maxAge`), and a stream for each mark, of which it keeps the last value (`$maxCount`). Their names
//! begin with other letters than those of the log, so that no subscription of the log hears of them.

mod entries;
mod marks;
mod stream;

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use keytrail_domain::{TenantId, Timestamp};
use keytrail_ports::{Journal, JournalEntry, JournalError, Mark, NewJournalEntry, Span, SpanEnd, SwapError};
use quick_cache::sync::Cache;

use crate::{KurrentEventStore, connection::Connection, fault::OpenError, settings::Settings};

/// Streams whose end is remembered: the ones that were written to last.
const ENDS: usize = 16_384;

/// The journal of a KurrentDB or EventStoreDB server, which all nodes share.
pub struct KurrentJournal {
    connection: Arc<Connection>,
    /// How long entries of a topic are kept; of others for ever.
    kept: HashMap<String, Duration>,
    /// Revisions at which streams are expected to end. A wrong one costs a question.
    ends: Cache<String, u64>,
}

impl KurrentJournal {
    /// The journal beside this log, whose topics are kept for so long. Connects with the first call.
    ///
    /// # Errors
    /// [`OpenError`]: the client cannot be made.
    pub fn new(
        settings: Settings,
        log: &KurrentEventStore,
        kept: impl IntoIterator<Item = (String, Duration)>,
    ) -> Result<Self, OpenError> {
        let connection = Arc::new(Connection::new("journal", settings, log.log())?);
        Ok(Self { connection, kept: kept.into_iter().collect(), ends: Cache::new(ENDS) })
    }
}

#[async_trait]
impl Journal for KurrentJournal {
    async fn append(&self, entries: Vec<NewJournalEntry>) -> Result<u64, JournalError> {
        self.keep(entries).await
    }

    async fn about(
        &self,
        tenant: TenantId,
        topic: &str,
        subject: &str,
        before: Option<u64>,
        max: usize,
    ) -> Result<Vec<JournalEntry>, JournalError> {
        self.newest((tenant, topic, subject), before, max).await
    }

    async fn span(&self, span: Span, end: SpanEnd, max: usize) -> Result<Vec<JournalEntry>, JournalError> {
        self.part(&span, end, max).await
    }

    async fn count(&self, span: Span) -> Result<u64, JournalError> {
        Ok(self.part(&span, SpanEnd::Oldest, usize::MAX).await?.len() as u64)
    }

    /// The server forgets by itself.
    async fn forget(&self, _topic: &str, _moment: Timestamp) -> Result<u64, JournalError> {
        Ok(0)
    }

    async fn mark(&self, name: &str) -> Result<Option<Mark>, JournalError> {
        self.last_mark(name).await
    }

    async fn set_mark(&self, name: &str, value: Vec<u8>) -> Result<(), JournalError> {
        self.put_mark(name, value).await
    }

    async fn swap_mark(&self, name: &str, expected: Option<u64>, value: Vec<u8>) -> Result<u64, SwapError> {
        self.swap(name, expected, value).await
    }

    fn is_shared(&self) -> bool {
        true
    }
}
