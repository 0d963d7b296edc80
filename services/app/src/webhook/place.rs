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

use super::schedule;

/// A lane that failed alone, so short a time before another one succeeded, has a trouble of its own.
const OWN_TROUBLE_SECONDS: i64 = 60;
/// Between two questions to an endpoint that is away, beside its schedule, while new things happen.
const NEWS_SECONDS: i64 = 60;
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
    /// How often something else arrived while it did not.
    #[serde(default)]
    pub(super) refused: u32,
}

/// The endpoint as a whole does not take anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outage {
    /// How often it was asked.
    pub(super) tries: u32,
    /// Until then only what somebody asks for goes out, and now and then something new.
    pub(super) until: Timestamp,
    /// When it was asked last, unless it asked for time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) asked: Option<Timestamp>,
    /// Something has happened since then.
    #[serde(default)]
    pub(super) news: bool,
}

impl Outage {
    /// When a lane may go. Something new lets what waits ask between the steps, once a minute: who is
    /// back after a long time is heard of before hours have passed.
    fn opens_for(&self, lane: &Lane) -> Timestamp {
        let early = self.asked.filter(|_| self.news && lane.due <= self.until);
        match early.map(|asked| asked.plus_seconds(NEWS_SECONDS)) {
            _ if lane.is_fresh_request() => lane.due,
            Some(early) => early.min(self.until),
            None => lane.due.max(self.until),
        }
    }
}

/// Whose trouble a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// The endpoint's: it does not answer, or asks for time.
    Endpoint,
    /// The endpoint's when the next lane has it too.
    Either,
    /// This delivery's.
    Delivery,
}

/// One try that failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    pub(super) began: Timestamp,
    pub(super) ended: Timestamp,
    pub(super) blame: Blame,
    /// How long the receiver asks us to wait, in seconds.
    pub(super) retry_after: Option<u64>,
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
    /// It is away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) outage: Option<Outage>,
    /// The lane that failed since then in a way that could mean that it is away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) suspect: Option<String>,
}

impl Place {
    /// A place from which everything after `read` is to be delivered.
    pub(super) fn after(read: Position) -> Self {
        Self { read: Some(read), ..Self::default() }
    }

    /// Forgets what lies past the log's end: it was noted with a log that had more. True when there was something.
    pub(super) fn keep_within(&mut self, head: Option<Position>) -> bool {
        let is_there = |at: Position| Some(at) <= head;
        let before = (self.read, self.replayed, self.lanes.len());
        (self.read, self.replayed) = (self.read.min(head), self.replayed.min(head));
        self.lanes.retain(|_, lane| is_there(lane.at));
        let mut is_cut = before != (self.read, self.replayed, self.lanes.len());
        for lane in self.lanes.values_mut().filter(|lane| !is_there(lane.last)) {
            (lane.last, is_cut) = (head.unwrap_or(lane.at), true);
        }
        self.suspect = self.suspect.take().filter(|lane| self.lanes.contains_key(lane));
        is_cut
    }

    /// Takes up what was read: at once due, or behind what waits in its lane.
    pub(super) fn take_up(&mut self, lane: &str, item: Item, now: Timestamp) {
        if let Some(outage) = self.outage.as_mut().filter(|_| item.purpose == Purpose::Event) {
            outage.news = true;
        }
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

    /// How many lanes have something that waits for nothing but its turn.
    pub(super) fn ready(&self, now: Timestamp, enabled_at: Timestamp) -> usize {
        let outage = self.outage_since(enabled_at);
        self.lanes.values().filter(|lane| lane.may_go((now, enabled_at), outage)).count()
    }

    /// Lanes that may be tried now and are not among these: what was asked for first, then in log
    /// order. While the endpoint is away, whoever was tried last comes last: one event that it cannot
    /// take must not be all that it is asked with.
    pub(super) fn due(
        &self,
        (now, enabled_at): (Timestamp, Timestamp),
        except: impl Fn(&str) -> bool,
    ) -> Vec<(&String, &Lane)> {
        let outage = self.outage_since(enabled_at);
        let may_go = |lane: &Lane| lane.may_go((now, enabled_at), outage);
        let due = self.lanes.iter().filter(|(key, lane)| may_go(lane) && !except(key));
        let mut due: Vec<_> = due.collect();
        due.sort_by_key(|(_, lane)| {
            let tried = lane.tried_at.filter(|_| outage.is_some());
            (!lane.is_fresh_request(), tried, lane.at)
        });
        due
    }

    /// When the next lane that is not among these may be tried.
    pub(super) fn next_due(&self, enabled_at: Timestamp, except: impl Fn(&str) -> bool) -> Option<Timestamp> {
        let outage = self.outage_since(enabled_at);
        let moment = |lane: &Lane| match outage {
            Some(outage) => outage.opens_for(lane),
            None => lane.due,
        };
        self.lanes.iter().filter(|(key, _)| !except(key)).map(|(_, lane)| moment(lane)).min()
    }

    /// What happened before the endpoint was enabled counts no more.
    pub(super) fn outage_since(&self, enabled_at: Timestamp) -> Option<Outage> {
        self.outage.filter(|_| self.failing_since.is_some_and(|since| since >= enabled_at))
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

    /// It did not arrive; answers when it is tried again.
    pub(super) fn failed(&mut self, key: &str, failure: Failure, enabled_at: Timestamp) -> Timestamp {
        let Failure { ended, retry_after, .. } = failure;
        if self.failing_since.is_some_and(|since| since < enabled_at) {
            (self.failing_since, self.outage, self.suspect) = (None, None, None);
        }
        self.failing_since.get_or_insert(ended);
        let Some(what) = self.lanes.get(key).map(|lane| lane.delivery) else { return ended };
        if self.is_away(key, failure.blame) {
            self.put_off(failure, what);
        }
        let Some(lane) = self.lanes.get_mut(key) else { return ended };
        if lane.tried_at.is_some_and(|tried| tried < enabled_at) {
            (lane.failures, lane.refused) = (0, 0);
        }
        lane.failures += 1;
        lane.tried_at = Some(ended);
        let own = || schedule::next(ended, lane.failures, retry_after, what);
        lane.due = self.outage.map_or_else(own, |outage| outage.until);
        lane.due
    }

    fn is_away(&mut self, key: &str, blame: Blame) -> bool {
        let proven = match blame {
            Blame::Endpoint => true,
            Blame::Either => self.suspect.get_or_insert_with(|| key.to_owned()) != key,
            Blame::Delivery => false,
        };
        proven || self.outage.is_some()
    }

    /// One step of the endpoint's schedule. What began before the last step ended asked nothing new.
    fn put_off(&mut self, Failure { began, ended, retry_after, .. }: Failure, what: Uuid) {
        let asked = retry_after.is_none().then_some(ended);
        self.outage = Some(match self.outage {
            Some(known) if began < known.until => {
                let later = retry_after.map(|_| schedule::next(ended, 1, retry_after, what));
                let until = later.map_or(known.until, |later| known.until.max(later));
                // Who asked for time once in this step has asked for it.
                Outage { until, asked: known.asked.and(asked), news: false, ..known }
            }
            known => {
                let tries = known.map_or(1, |known| known.tries + 1);
                Outage { tries, until: schedule::next(ended, tries, retry_after, what), asked, news: false }
            }
        });
    }

    /// Something arrived: what waits because the whole endpoint was away need not wait on. Who has
    /// failed again and again while others arrived waits for as long as that alone would make him.
    pub(super) fn arrived(&mut self, now: Timestamp) {
        self.suspect = None;
        let outage = self.outage.take();
        let Some(since) = self.failing_since.take() else { return };
        let was_away = outage.is_some() || since.plus_seconds(OWN_TROUBLE_SECONDS) < now;
        for lane in self.lanes.values_mut() {
            let Some(tried) = lane.tried_at.filter(|tried| *tried >= since) else { continue };
            if was_away {
                lane.due = match lane.refused {
                    0 => now,
                    refused => schedule::next(tried, refused, None, lane.delivery),
                };
            }
            lane.refused += 1;
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
        // Whoever asks for so much has a reason to think that somebody is there.
        self.outage = None;
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
    /// What was tried before the endpoint was enabled is due.
    fn is_due(&self, now: Timestamp, enabled_at: Timestamp) -> bool {
        self.due <= now || self.tried_at.is_some_and(|tried| tried < enabled_at)
    }

    /// Neither its own trouble nor the endpoint's keeps it.
    fn may_go(&self, (now, enabled_at): (Timestamp, Timestamp), outage: Option<Outage>) -> bool {
        match outage {
            Some(outage) => now >= outage.opens_for(self),
            None => self.is_due(now, enabled_at),
        }
    }

    /// Somebody asked for it, and it was not tried yet.
    pub(super) fn is_fresh_request(&self) -> bool {
        self.purpose != Purpose::Event && self.failures == 0
    }

    fn of(item: Item, last: Position, now: Timestamp) -> Self {
        let Item { at, event, purpose, delivery } = item;
        Self { at, event, purpose, delivery, last, failures: 0, tried_at: None, due: now, refused: 0 }
    }
}

#[cfg(test)]
mod tests;
