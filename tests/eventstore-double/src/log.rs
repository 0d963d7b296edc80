//! The log itself: events in one order, streams in it, and the server's rules for writing.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use uuid::Uuid;

use crate::retention::{self, SOFTLY_DELETED};

/// An append may not be larger: the real server's default.
pub(crate) const MAX_APPEND_SIZE: usize = 1024 * 1024;
/// The revision of the event that ends a stream for ever.
const LAST_REVISION: u64 = i64::MAX as u64;
/// What the real server spends on a record besides names and contents, about.
const FRAME: usize = 83;

/// An event as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its id.
    pub id: Uuid,
    /// The stream that it is in.
    pub stream: String,
    /// Its number in the stream, from 0.
    pub revision: u64,
    /// Where it is in `$all`: both numbers of its position.
    pub position: u64,
    /// Its type.
    pub kind: String,
    /// `application/json` or `application/octet-stream`.
    pub content_type: String,
    /// What it says.
    pub data: Bytes,
    /// What is said about it.
    pub metadata: Bytes,
    /// When it was written.
    pub created: SystemTime,
}

/// An event that is to be written.
#[derive(Clone, Debug)]
pub(crate) struct Proposed {
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    pub(crate) content_type: String,
    pub(crate) data: Bytes,
    pub(crate) metadata: Bytes,
}

/// What a stream has to be for a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Exact(u64),
    NoStream,
    Any,
    StreamExists,
}

/// What a write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// The last revision, if the stream has one.
    pub(crate) revision: Option<u64>,
    /// The last event's position, if there was an event.
    pub(crate) position: Option<u64>,
}

/// Why nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    WrongExpectedVersion { current: Option<u64> },
    Deleted,
    TooLarge,
}

/// Everything that was written.
#[derive(Debug)]
pub(crate) struct Log {
    all: Vec<Arc<Recorded>>,
    streams: HashMap<String, Stream>,
    end: u64,
    /// How far its clock is ahead.
    ahead: Duration,
}

#[derive(Debug, Default)]
struct Stream {
    events: Vec<Arc<Recorded>>,
    tombstoned: bool,
}

impl Log {
    /// As new as a server's at its first start: with events of the system's own.
    pub(crate) fn new() -> Self {
        let mut log = Self { all: Vec::new(), streams: HashMap::new(), end: 161, ahead: Duration::ZERO };
        for (stream, kind, data) in [
            ("$user-admin", "$UserCreated", r#"{"loginName":"admin","groups":["$admins"]}"#),
            ("$user-ops", "$UserCreated", r#"{"loginName":"ops","groups":["$ops"]}"#),
            ("$users", "$User", "admin"),
        ] {
            log.put(stream, own(kind, data));
        }
        log
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a server has a clock of its own; tests move it with `pass`"
    )]
    pub(crate) fn now(&self) -> SystemTime {
        SystemTime::now() + self.ahead
    }

    /// Its clock goes on.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.ahead += time;
    }

    /// Only the first so many events are there, as after a restore.
    pub(crate) fn restore(&mut self, events: usize) {
        let Some(first) = self.all.get(events) else { return };
        self.end = first.position;
        self.all.truncate(events);
        for stream in self.streams.values_mut() {
            stream.events.retain(|event| event.position < self.end);
            stream.tombstoned &= stream.events.last().is_some_and(|last| last.revision == LAST_REVISION);
        }
        self.streams.retain(|_, stream| !stream.events.is_empty());
    }

    pub(crate) fn all(&self) -> &[Arc<Recorded>] {
        &self.all
    }

    /// Every event of a stream, also those that reads no longer show.
    pub(crate) fn stream(&self, name: &str) -> &[Arc<Recorded>] {
        self.streams.get(name).map_or(&[], |stream| &stream.events)
    }

    /// The events of a stream that reads show; nothing when there is no such stream.
    pub(crate) fn visible(&self, name: &str) -> Result<Option<&[Arc<Recorded>]>, Refused> {
        let Some(stream) = self.streams.get(name) else { return Ok(None) };
        if stream.tombstoned {
            return Err(Refused::Deleted);
        }
        let rules = self.rules(name);
        if rules.before == Some(SOFTLY_DELETED) {
            return Ok(None);
        }
        Ok(Some(rules.visible(&stream.events, self.now())))
    }

    /// The last revision that was given to an event of this stream.
    pub(crate) fn current(&self, name: &str) -> Option<u64> {
        self.stream(name).last().map(|event| event.revision)
    }

    /// All of them or none.
    pub(crate) fn append(
        &mut self,
        stream: &str,
        expected: Expected,
        events: &[Proposed],
    ) -> Result<Written, Refused> {
        let size: usize = events.iter().map(|event| event.data.len() + event.metadata.len()).sum();
        if size > MAX_APPEND_SIZE {
            return Err(Refused::TooLarge);
        }
        if let Some(first) = self.check(stream, expected, events)? {
            return Ok(first);
        }
        self.revive(stream);
        let mut written = Written { revision: self.current(stream), position: None };
        for event in events {
            let (revision, position) = self.put(stream, event.clone());
            written = Written { revision: Some(revision), position: Some(position) };
        }
        Ok(written)
    }

    /// Hides what is in a stream; it may be written again.
    pub(crate) fn delete(&mut self, stream: &str, expected: Expected) -> Result<u64, Refused> {
        self.check(stream, expected, &[])?;
        Ok(self.set_before(stream, SOFTLY_DELETED))
    }

    /// Ends a stream for ever.
    pub(crate) fn tombstone(&mut self, stream: &str, expected: Expected) -> Result<u64, Refused> {
        self.check(stream, expected, &[])?;
        let (_, position) = self.put(stream, own("$streamDeleted", ""));
        self.streams.entry(stream.to_owned()).or_default().tombstoned = true;
        Ok(position)
    }

    /// Whether this may be written; says the first result when it was written before. The order of the questions
    /// is the real server's: the same ids where they belong are a success, and the first ids without the rest, or
    /// other ids, a conflict.
    fn check(&self, name: &str, expected: Expected, events: &[Proposed]) -> Result<Option<Written>, Refused> {
        let known = self.streams.get(name);
        if known.is_some_and(|stream| stream.tombstoned) {
            return Err(Refused::Deleted);
        }
        let current = self.current(name);
        let conflict = Refused::WrongExpectedVersion { current };
        let hidden = self.rules(name).before == Some(SOFTLY_DELETED);
        let after = match expected {
            Expected::StreamExists if hidden => return Err(Refused::Deleted),
            Expected::StreamExists if current.is_none() && self.stream(&about(name)).is_empty() => {
                return Err(conflict);
            }
            Expected::Any | Expected::StreamExists => return self.seen(name, events).map_err(|()| conflict),
            Expected::NoStream => None,
            Expected::Exact(revision) => Some(revision),
        };
        if after == current {
            return Ok(None);
        }
        if after > current {
            return Err(conflict);
        }
        let from = after.map_or(0, |revision| revision + 1);
        match self.again(name, from, events) {
            Some(first) => Ok(Some(first)),
            None if after.is_none() && hidden && !self.begins(name, from, events) => Ok(None),
            None => Err(conflict),
        }
    }

    /// The same ids, one after another from this revision on.
    fn again(&self, name: &str, from: u64, events: &[Proposed]) -> Option<Written> {
        let written = self.stream(name).iter().skip_while(|event| event.revision < from);
        let same: Vec<_> = written.zip(events).take_while(|(old, new)| old.id == new.id).collect();
        let (last, _) = same.last()?;
        (same.len() == events.len())
            .then_some(Written { revision: Some(last.revision), position: Some(last.position) })
    }

    fn begins(&self, name: &str, from: u64, events: &[Proposed]) -> bool {
        events.first().is_some_and(|first| self.again(name, from, std::slice::from_ref(first)).is_some())
    }

    /// Without a revision to look at, ids are looked for in the whole stream: best effort, as on the real server.
    fn seen(&self, name: &str, events: &[Proposed]) -> Result<Option<Written>, ()> {
        let Some(first) = events.first() else { return Ok(None) };
        let Some(at) = self.stream(name).iter().find(|event| event.id == first.id) else { return Ok(None) };
        self.again(name, at.revision, events).map(Some).ok_or(())
    }

    /// A deleted stream that is written again begins after what was deleted.
    fn revive(&mut self, stream: &str) {
        if self.rules(stream).before == Some(SOFTLY_DELETED) {
            let next = self.current(stream).map_or(0, |last| last + 1);
            self.set_before(stream, next);
        }
    }

    fn set_before(&mut self, stream: &str, revision: u64) -> u64 {
        let about = about(stream);
        let metadata = retention::with_before(self.stream(&about).last().map(|event| &event.data), revision);
        self.put(&about, own("$metadata", &metadata)).1
    }

    fn rules(&self, stream: &str) -> retention::Rules {
        if stream.starts_with("$$") {
            return retention::Rules::last_one();
        }
        self.stream(&about(stream))
            .last()
            .map(|event| retention::Rules::read(&event.data))
            .unwrap_or_default()
    }

    fn put(&mut self, name: &str, event: Proposed) -> (u64, u64) {
        let created = self.now();
        let stream = self.streams.entry(name.to_owned()).or_default();
        let next = stream.events.last().map_or(0, |last| last.revision + 1);
        let revision = if event.kind == "$streamDeleted" { LAST_REVISION } else { next };
        let position = self.end;
        // Names are written in one or two bytes a letter, sizes before and after: what matters is that positions
        // are as far apart as the real ones.
        self.end += (FRAME + name.len() + event.kind.len() + event.data.len() + event.metadata.len()) as u64;
        let recorded = Arc::new(Recorded {
            id: event.id,
            stream: name.to_owned(),
            revision,
            position,
            kind: event.kind,
            content_type: event.content_type,
            data: event.data,
            metadata: event.metadata,
            created,
        });
        stream.events.push(Arc::clone(&recorded));
        self.all.push(recorded);
        (revision, position)
    }
}

/// The stream of a stream's metadata.
fn about(stream: &str) -> String {
    format!("$${stream}")
}

/// An event of the server's own.
fn own(kind: &str, data: &str) -> Proposed {
    Proposed {
        id: Uuid::new_v4(),
        kind: kind.to_owned(),
        content_type: "application/json".to_owned(),
        data: Bytes::copy_from_slice(data.as_bytes()),
        metadata: Bytes::new(),
    }
}
