//! What a stream's metadata says about how long its events are shown.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::log::Recorded;

/// What `$tb` says when a stream was deleted and not written again.
pub(crate) const SOFTLY_DELETED: u64 = i64::MAX as u64;

/// The rules of one stream. `$all` does not know them: there, events stay until the log is scavenged.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    max_age: Option<Duration>,
    max_count: Option<u64>,
    /// Revisions below are hidden.
    pub(crate) before: Option<u64>,
}

impl Rules {
    /// Those of a stream of metadata: what counts is its last event.
    pub(crate) fn last_one() -> Self {
        Self { max_count: Some(1), ..Self::default() }
    }

    /// What is no object, or no number, says nothing.
    pub(crate) fn read(metadata: &[u8]) -> Self {
        let said = object(metadata);
        let number = |key: &str| said.get(key).and_then(Value::as_u64);
        Self {
            max_age: number("$maxAge").map(Duration::from_secs),
            max_count: number("$maxCount"),
            before: number("$tb"),
        }
    }

    /// What of a stream's events is shown.
    pub(crate) fn visible<'events>(
        &self,
        events: &'events [Arc<Recorded>],
        now: SystemTime,
    ) -> &'events [Arc<Recorded>] {
        let Some(last) = events.last() else { return events };
        let counted = self.max_count.map_or(0, |count| (last.revision + 1).saturating_sub(count));
        let first = counted.max(self.before.unwrap_or(0));
        let oldest = self.max_age.and_then(|age| now.checked_sub(age));
        let hidden = events.iter().take_while(|event| {
            event.revision < first || oldest.is_some_and(|oldest| event.created < oldest)
        });
        &events[hidden.count()..]
    }
}

/// The same metadata with another `$tb`.
pub(crate) fn with_before(metadata: Option<&Bytes>, revision: u64) -> String {
    let mut said = metadata.map(|bytes| object(bytes)).unwrap_or_default();
    said.insert("$tb".to_owned(), revision.into());
    Value::Object(said).to_string()
}

fn object(bytes: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(bytes).unwrap_or_default()
}
