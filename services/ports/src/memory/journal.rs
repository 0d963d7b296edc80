//! A journal in memory.

use std::collections::HashMap;

use async_trait::async_trait;
use keytrail_domain::{TenantId, Timestamp};
use parking_lot::Mutex;

use crate::{Journal, JournalEntry, JournalError, NewJournalEntry, Span, SpanEnd};

/// A journal that lives as long as this value.
#[derive(Default)]
pub struct MemoryJournal(Mutex<Book>);

#[derive(Default)]
struct Book {
    entries: Vec<JournalEntry>,
    last: u64,
    marks: HashMap<String, Vec<u8>>,
}

impl Book {
    /// Oldest first.
    fn within(&self, span: &Span) -> Vec<JournalEntry> {
        let about = (span.tenant, span.topic.as_str(), span.subject.as_str());
        let place = |it: &JournalEntry| (it.entry.at, it.number);
        let wanted = self.entries.iter().filter(|it| {
            (it.entry.tenant, it.entry.topic.as_str(), it.entry.subject.as_str()) == about
                && span.after.is_none_or(|after| place(it) > after)
                && span.before.is_none_or(|before| place(it) < before)
        });
        let mut found: Vec<_> = wanted.cloned().collect();
        found.sort_by_key(place);
        found
    }
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn append(&self, entries: Vec<NewJournalEntry>) -> Result<u64, JournalError> {
        let mut book = self.0.lock();
        for entry in entries {
            book.last += 1;
            let number = book.last;
            book.entries.push(JournalEntry { number, entry });
        }
        Ok(book.last)
    }

    async fn read(&self, topic: &str, after: u64, max: usize) -> Result<Vec<JournalEntry>, JournalError> {
        let book = self.0.lock();
        let wanted = book.entries.iter().filter(|it| it.entry.topic == topic && it.number > after);
        Ok(wanted.take(max).cloned().collect())
    }

    async fn about(
        &self,
        tenant: TenantId,
        topic: &str,
        subject: &str,
        before: Option<u64>,
        max: usize,
    ) -> Result<Vec<JournalEntry>, JournalError> {
        let book = self.0.lock();
        let about = (tenant, topic, subject);
        let wanted = book.entries.iter().rev().filter(|it| {
            before.is_none_or(|before| it.number < before)
                && (it.entry.tenant, it.entry.topic.as_str(), it.entry.subject.as_str()) == about
        });
        Ok(wanted.take(max).cloned().collect())
    }

    async fn span(&self, span: Span, end: SpanEnd, max: usize) -> Result<Vec<JournalEntry>, JournalError> {
        let mut found = self.0.lock().within(&span);
        if end == SpanEnd::Newest {
            found.reverse();
        }
        found.truncate(max);
        Ok(found)
    }

    async fn count(&self, span: Span) -> Result<u64, JournalError> {
        Ok(self.0.lock().within(&span).len() as u64)
    }

    async fn forget(&self, topic: &str, moment: Timestamp) -> Result<u64, JournalError> {
        let mut book = self.0.lock();
        let before = book.entries.len();
        book.entries.retain(|it| it.entry.topic != topic || it.entry.at >= moment);
        Ok((before - book.entries.len()) as u64)
    }

    async fn mark(&self, name: &str) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(self.0.lock().marks.get(name).cloned())
    }

    async fn set_mark(&self, name: &str, value: Vec<u8>) -> Result<(), JournalError> {
        self.0.lock().marks.insert(name.to_owned(), value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryJournal;

    crate::journal_contract!(async { MemoryJournal::new() });
}
