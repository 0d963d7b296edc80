//! How far an endpoint is: pure bookkeeping, without I/O.
//!
//! Everything up to `read` was looked at and has arrived, or stands in a lane. A lane is what must
//! stay in order, mostly one credential: it holds its oldest event that has not arrived, and knows
//! the last one that waits behind it. So a credential that cannot be delivered holds back itself,
//! and the place stays small however many events wait.

use std::collections::BTreeMap;

use keytrail_domain::{EventId, Position, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A lane that failed so short a time before another one succeeded is not tried at once.
const OWN_TROUBLE_SECONDS: i64 = 60;
/// Most lanes of credentials at once: when so many wait, no more events are read. Far more than fail
/// one by one at an endpoint that takes the others; a mark of them has some 1.2 MB.
const MOST_LANES: usize = 4_096;
/// Most requests that have not been met at once. They have places of their own, so that events that do
/// not arrive hold back no test, no redelivery and no replay.
const MOST_REQUESTS: usize = 256;

/// Why something is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Purpose {
    /// It happened.
    Event,
    /// Somebody asked for a test.
    Test,
    /// Somebody asked for it once more.
    Redelivery,
}

/// What is to arrive next in one lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Lane {
    /// Its place in the log.
    pub(super) at: Position,
    /// The event to send.
    pub(super) event: EventId,
    pub(super) purpose: Purpose,
    /// This delivery's id.
    pub(super) delivery: Uuid,
    /// The last event of the lane that was read.
    pub(super) last: Position,
    pub(super) failures: u32,
    pub(super) tried_at: Option<Timestamp>,
    pub(super) due: Timestamp,
}

/// Something to be delivered, as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) at: Position,
    pub(super) event: EventId,
    pub(super) purpose: Purpose,
    pub(super) delivery: Uuid,
}

/// The journal's mark of one endpoint. *Format*.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Place {
    pub(super) read: Option<Position>,
    #[serde(default)]
    pub(super) lanes: BTreeMap<String, Lane>,
    /// Requests up to here were met, before everything that came earlier was read: read again, they
    /// count no more.
    #[serde(default)]
    pub(super) replayed: Option<Position>,
    /// Since when there were only failures.
    #[serde(default)]
    pub(super) failing_since: Option<Timestamp>,
}

impl Place {
    /// A place from which everything after `read` is to be delivered.
    pub(super) fn after(read: Position) -> Self {
        Self { read: Some(read), ..Self::default() }
    }

    /// Takes up what was read: at once due, or behind what waits in its lane.
    pub(super) fn take_up(&mut self, lane: &str, item: Item, now: Timestamp) {
        if let Some(waiting) = self.lanes.get_mut(lane) {
            waiting.last = waiting.last.max(item.at);
            return;
        }
        self.lanes.insert(lane.to_owned(), Lane::of(item, item.at, now));
    }

    /// What is at this place has been looked at.
    pub(super) fn pass(&mut self, at: Position) {
        self.read = Some(at);
    }

    /// True when no more events can be read.
    pub(super) fn is_full(&self) -> bool {
        self.is_full_of_requests()
            || (self.lanes.len() >= MOST_LANES && self.lanes.len() - self.requests() >= MOST_LANES)
    }

    /// True when no more requests can be read.
    pub(super) fn is_full_of_requests(&self) -> bool {
        self.lanes.len() >= MOST_REQUESTS && self.requests() >= MOST_REQUESTS
    }

    fn requests(&self) -> usize {
        self.lanes.values().filter(|lane| lane.purpose != Purpose::Event).count()
    }

    /// Lanes that are due and not among these, what was asked for first, and then in log order. What
    /// was tried before the endpoint was enabled is due.
    pub(super) fn due(
        &self,
        (now, enabled_at): (Timestamp, Timestamp),
        except: impl Fn(&str) -> bool,
    ) -> Vec<(&String, &Lane)> {
        let stale = |lane: &Lane| lane.tried_at.is_some_and(|tried| tried < enabled_at);
        let due = self.lanes.iter().filter(|(_, lane)| lane.due <= now || stale(lane));
        let mut due: Vec<_> = due.filter(|(key, _)| !except(key)).collect();
        due.sort_by_key(|(_, lane)| (!lane.is_fresh_request(), lane.at));
        due
    }

    /// When the next lane that is not among these is due.
    pub(super) fn next_due(&self, except: impl Fn(&str) -> bool) -> Option<Timestamp> {
        self.lanes.iter().filter(|(key, _)| !except(key)).map(|(_, lane)| lane.due).min()
    }

    /// It arrived, or is nobody's business: answers where to look for the lane's next event, if
    /// there is one. The lane stays until [`Place::go_on`] says what comes next.
    pub(super) fn done(&mut self, lane: &str) -> Option<(Position, Position)> {
        let waiting = self.lanes.get(lane)?;
        if waiting.last > waiting.at {
            return Some((waiting.at, waiting.last));
        }
        self.lanes.remove(lane);
        None
    }

    /// The lane's next event, or none.
    pub(super) fn go_on(&mut self, lane: &str, next: Option<Item>, now: Timestamp) {
        match (next, self.lanes.get_mut(lane)) {
            (Some(item), Some(waiting)) => *waiting = Lane::of(item, waiting.last, now),
            _ => _ = self.lanes.remove(lane),
        }
    }

    /// It did not arrive; answers how often that happened since the endpoint was enabled.
    pub(super) fn failed(&mut self, lane: &str, now: Timestamp, enabled_at: Timestamp) -> u32 {
        let since = self.failing_since.filter(|since| *since >= enabled_at).unwrap_or(now);
        self.failing_since = Some(since);
        let Some(waiting) = self.lanes.get_mut(lane) else { return 1 };
        if waiting.tried_at.is_some_and(|tried| tried < enabled_at) {
            waiting.failures = 0;
        }
        waiting.failures += 1;
        waiting.tried_at = Some(now);
        waiting.failures
    }

    /// Something arrived: what waits because the whole endpoint was away need not wait on. A lane that
    /// was tried a moment ago has a trouble of its own.
    pub(super) fn recovered(&mut self, now: Timestamp) {
        for lane in self.lanes.values_mut().filter(|lane| lane.due > now) {
            if lane.tried_at.is_some_and(|tried| tried.plus_seconds(OWN_TROUBLE_SECONDS) < now) {
                lane.due = now;
            }
        }
    }

    /// Try a lane (again) then.
    pub(super) fn wait(&mut self, lane: &str, until: Timestamp) {
        if let Some(waiting) = self.lanes.get_mut(lane) {
            waiting.due = until;
        }
    }

    /// Begins again after `target`, as a request at `asked` wants it. What was not read yet comes anyway.
    pub(super) fn replay(&mut self, target: Position, asked: Position) {
        self.lanes.retain(|_, lane| lane.purpose != Purpose::Event || lane.at <= target);
        self.read = self.read.map(|read| read.min(target));
        self.met(asked);
    }

    /// Requests up to here are met, however far events are read.
    pub(super) fn met(&mut self, upto: Position) {
        self.replayed = self.replayed.max(Some(upto));
    }

    /// Where to look for requests that are not met yet.
    pub(super) fn requests_after(&self) -> Option<Position> {
        self.read.max(self.replayed)
    }

    /// True for a request that was met already.
    pub(super) fn was_met(&self, at: Position) -> bool {
        self.replayed.is_some_and(|replayed| at <= replayed)
    }
}

impl Lane {
    /// Somebody asked for it, and it was not tried yet.
    pub(super) fn is_fresh_request(&self) -> bool {
        self.purpose != Purpose::Event && self.failures == 0
    }

    fn of(item: Item, last: Position, now: Timestamp) -> Self {
        let Item { at, event, purpose, delivery } = item;
        Self { at, event, purpose, delivery, last, failures: 0, tried_at: None, due: now }
    }
}

#[cfg(test)]
mod tests;
