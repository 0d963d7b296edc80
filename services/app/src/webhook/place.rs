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
/// Most lanes at once: when so many wait, nothing more is read.
pub(super) const MOST_LANES: usize = 256;

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
    /// Requests up to here were met before a replay: read again, they count no more.
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
        self.read = Some(item.at);
        if let Some(waiting) = self.lanes.get_mut(lane) {
            waiting.last = waiting.last.max(item.at);
            return;
        }
        self.lanes.insert(lane.to_owned(), Lane::of(item, item.at, now));
    }

    /// Nothing at this place is to be delivered.
    pub(super) fn pass(&mut self, at: Position) {
        self.read = Some(at);
    }

    pub(super) fn is_full(&self) -> bool {
        self.lanes.len() >= MOST_LANES
    }

    /// Lanes that are due, in log order. What was tried before the endpoint was enabled is due.
    pub(super) fn due(&self, now: Timestamp, enabled_at: Timestamp) -> Vec<(String, Lane)> {
        let stale = |lane: &Lane| lane.tried_at.is_some_and(|tried| tried < enabled_at);
        let due = self.lanes.iter().filter(|(_, lane)| lane.due <= now || stale(lane));
        let mut due: Vec<_> = due.map(|(key, lane)| (key.clone(), lane.clone())).collect();
        due.sort_by_key(|(_, lane)| lane.at);
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

    /// Begins again after `target`, as a request at `asked` wants it.
    pub(super) fn replay(&mut self, target: Position, asked: Position) {
        self.lanes.retain(|_, lane| lane.purpose != Purpose::Event || lane.at <= target);
        self.read = Some(target);
        self.replayed = Some(asked);
    }

    /// True for a request that was met already.
    pub(super) fn was_met(&self, at: Position) -> bool {
        self.replayed.is_some_and(|replayed| at <= replayed)
    }
}

impl Lane {
    fn of(item: Item, last: Position, now: Timestamp) -> Self {
        let Item { at, event, purpose, delivery } = item;
        Self { at, event, purpose, delivery, last, failures: 0, tried_at: None, due: now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn item(number: u64) -> Item {
        let id = Uuid::from_u128(u128::from(number));
        Item {
            at: Position::nth(number),
            event: EventId::from_uuid(id),
            purpose: Purpose::Event,
            delivery: id,
        }
    }

    fn due(place: &Place, at: Timestamp) -> Vec<(String, u64)> {
        place.due(at, NOW).into_iter().map(|(key, lane)| (key, lane.at.commit)).collect()
    }

    fn read(events: &[(&str, u64)]) -> Place {
        let mut place = Place::after(Position::START);
        for (lane, number) in events {
            place.take_up(lane, item(*number), NOW);
        }
        place
    }

    #[test]
    fn the_oldest_of_each_lane_is_due_in_log_order() {
        let place = read(&[("b", 1), ("a", 2), ("b", 3)]);
        assert_eq!(due(&place, NOW), [("b".into(), 1), ("a".into(), 2)]);
        assert_eq!(place.read, Some(Position::nth(3)));
    }

    #[test]
    fn what_failed_waits_and_holds_back_its_own_lane_alone() {
        let mut place = read(&[("a", 1), ("a", 2), ("b", 3)]);
        assert_eq!(place.failed("a", NOW, NOW), 1);
        place.wait("a", NOW.plus_seconds(5));
        assert_eq!(due(&place, NOW), [("b".into(), 3)]);
        assert_eq!(place.done("b"), None);
        assert_eq!(place.next_due(|_| false), Some(NOW.plus_seconds(5)));
        assert_eq!(due(&place, NOW.plus_seconds(5)), [("a".into(), 1)]);
        assert_eq!(place.done("a"), Some((Position::nth(1), Position::nth(2))), "more waits behind it");
        place.go_on("a", Some(item(2)), NOW);
        assert_eq!(due(&place, NOW), [("a".into(), 2)]);
        assert_eq!((place.done("a"), place.lanes.len()), (None, 0));
    }

    #[test]
    fn enabling_makes_everything_due_and_begins_to_count_again() {
        let mut place = read(&[("a", 1)]);
        place.failed("a", NOW, NOW);
        place.wait("a", NOW.plus_days(1));
        let enabled = NOW.plus_seconds(60);
        assert_eq!(place.due(enabled, enabled).len(), 1);
        assert_eq!(place.failed("a", enabled, enabled), 1);
        assert_eq!(place.failing_since, Some(enabled));
        assert_eq!(place.failed("a", enabled.plus_seconds(5), enabled), 2);
        assert_eq!(place.failing_since, Some(enabled), "the first failure counts");
    }

    #[test]
    fn a_replay_begins_again_and_forgets_what_it_will_meet() {
        let mut place = read(&[("a", 1), ("b", 4)]);
        place.replay(Position::nth(2), Position::nth(5));
        assert_eq!((place.read, place.lanes.len()), (Some(Position::nth(2)), 1));
        assert!(place.was_met(Position::nth(5)) && !place.was_met(Position::nth(6)));
    }

    #[test]
    fn a_place_reads_back_from_the_journal() {
        let place = read(&[("a", 1), ("b", 4)]);
        let bytes = serde_json::to_vec(&place).expect("json");
        assert_eq!(serde_json::from_slice::<Place>(&bytes).expect("json"), place);
    }
}
