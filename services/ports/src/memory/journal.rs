//! A journal in memory.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use keytrail_domain::{TenantId, Timestamp};
use parking_lot::{Mutex, MutexGuard};

use crate::{Journal, JournalEntry, JournalError, Mark, NewJournalEntry, Span, SpanEnd, SwapError};

/// A journal that lives as long as this value.
#[derive(Default)]
pub struct MemoryJournal {
    book: Mutex<Book>,
    shared: bool,
    away: AtomicBool,
    wait: Mutex<Duration>,
}

#[derive(Default)]
struct Book {
    entries: Vec<JournalEntry>,
    last: u64,
    marks: HashMap<String, Mark>,
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

    fn set(&mut self, name: &str, value: Vec<u8>) -> u64 {
        let version = self.marks.get(name).map_or(1, |mark| mark.version + 1);
        self.marks.insert(name.to_owned(), Mark { value, version });
        version
    }
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty journal for several nodes at once.
    pub fn shared() -> Self {
        Self { shared: true, ..Self::default() }
    }

    /// From now on it answers nothing.
    pub fn go_away(&self) {
        self.away.store(true, Ordering::Relaxed);
    }

    /// It answers again, as if nothing had been.
    pub fn come_back(&self) {
        self.away.store(false, Ordering::Relaxed);
    }

    /// From now on it takes so long for each answer.
    pub fn slow_down(&self, wait: Duration) {
        *self.wait.lock() = wait;
    }

    async fn book(&self) -> Result<MutexGuard<'_, Book>, JournalError> {
        let wait = *self.wait.lock();
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        match self.away.load(Ordering::Relaxed) {
            true => Err(JournalError::Unavailable("it is away".into())),
            false => Ok(self.book.lock()),
        }
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn append(&self, entries: Vec<NewJournalEntry>) -> Result<u64, JournalError> {
        let mut book = self.book().await?;
        for entry in entries {
            book.last += 1;
            let number = book.last;
            book.entries.push(JournalEntry { number, entry });
        }
        Ok(book.last)
    }

    async fn about(
        &self,
        tenant: TenantId,
        topic: &str,
        subject: &str,
        before: Option<u64>,
        max: usize,
    ) -> Result<Vec<JournalEntry>, JournalError> {
        let book = self.book().await?;
        let about = (tenant, topic, subject);
        let wanted = book.entries.iter().rev().filter(|it| {
            before.is_none_or(|before| it.number < before)
                && (it.entry.tenant, it.entry.topic.as_str(), it.entry.subject.as_str()) == about
        });
        Ok(wanted.take(max).cloned().collect())
    }

    async fn span(&self, span: Span, end: SpanEnd, max: usize) -> Result<Vec<JournalEntry>, JournalError> {
        let mut found = self.book().await?.within(&span);
        if end == SpanEnd::Newest {
            found.reverse();
        }
        found.truncate(max);
        Ok(found)
    }

    async fn count(&self, span: Span) -> Result<u64, JournalError> {
        Ok(self.book().await?.within(&span).len() as u64)
    }

    async fn forget(&self, topic: &str, moment: Timestamp) -> Result<u64, JournalError> {
        let mut book = self.book().await?;
        let before = book.entries.len();
        book.entries.retain(|it| it.entry.topic != topic || it.entry.at >= moment);
        Ok((before - book.entries.len()) as u64)
    }

    async fn mark(&self, name: &str) -> Result<Option<Mark>, JournalError> {
        Ok(self.book().await?.marks.get(name).cloned())
    }

    async fn set_mark(&self, name: &str, value: Vec<u8>) -> Result<(), JournalError> {
        self.book().await?.set(name, value);
        Ok(())
    }

    async fn swap_mark(&self, name: &str, expected: Option<u64>, value: Vec<u8>) -> Result<u64, SwapError> {
        let mut book = self.book().await?;
        if book.marks.get(name).map(|mark| mark.version) != expected {
            return Err(SwapError::Conflict);
        }
        Ok(book.set(name, value))
    }

    fn is_shared(&self) -> bool {
        self.shared
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryJournal;

    crate::journal_contract!(async { MemoryJournal::new() });
    crate::journal_forget_contract!(async { MemoryJournal::new() });
}
