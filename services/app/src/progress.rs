//! How far the views are, for those who wait, what they have just taken up, for those who listen,
//! and since when they are behind.

use std::{collections::HashMap, sync::Arc, time::Duration};

use keytrail_domain::{Position, StreamKind, TenantId};
use keytrail_ports::views::EventRow;
use parking_lot::Mutex;
use tokio::{
    sync::{broadcast, watch},
    time::Instant,
};

use crate::feed::ends_access;

/// Events that a slow listener may lag behind before he reads the table again.
const LIVE_EVENTS: usize = 4_096;
/// The same for those who listen to one tenant: there may be many tenants.
const LIVE_EVENTS_OF_A_TENANT: usize = 256;

type Channel = broadcast::Sender<Arc<EventRow>>;

/// What subscribers follow.
const FOLLOWED: [StreamKind; 2] = [StreamKind::Credential, StreamKind::Alert];

pub(crate) struct Progress {
    reached: watch::Sender<Option<Position>>,
    live: Channel,
    /// What wakes those who listen to one kind of one tenant's events; not there while nobody does.
    channels: Mutex<HashMap<(TenantId, StreamKind), Channel>>,
    caught_up: watch::Sender<bool>,
    /// The log tells another history than the views know.
    astray: watch::Sender<bool>,
    lag: Mutex<Lag>,
}

/// What the views have not shown yet.
#[derive(Default)]
struct Lag {
    /// The furthest place in the log that is known.
    head: Option<Position>,
    /// A place that the views have not reached, and since when it is known.
    awaited: Option<(Position, Instant)>,
    /// Since when projecting fails.
    failing: Option<Instant>,
}

impl Progress {
    pub(crate) fn new(checkpoint: Option<Position>) -> Self {
        Self {
            reached: watch::Sender::new(checkpoint),
            live: broadcast::Sender::new(LIVE_EVENTS),
            channels: Mutex::default(),
            caught_up: watch::Sender::new(false),
            astray: watch::Sender::new(false),
            lag: Mutex::default(),
        }
    }

    /// The views show everything up to here, and these events are the newest of it. Listeners are told
    /// before the place: who sees it, and has nothing to hear, has heard everything up to it.
    pub(crate) fn advance(&self, upto: Position, events: impl IntoIterator<Item = Arc<EventRow>>) {
        for event in events {
            self.tell_followers(&event);
            // Nobody listens: nothing to tell.
            let _ = self.live.send(event);
        }
        self.reached.send_modify(|reached| *reached = (*reached).max(Some(upto)));
        self.settle(Instant::now());
    }

    /// Each of a tenant's events wakes only those whom it may concern.
    fn tell_followers(&self, event: &Arc<EventRow>) {
        let mut channels = self.channels.lock();
        if channels.is_empty() {
            return;
        }
        let own = event.stream.kind();
        for kind in FOLLOWED.into_iter().filter(|kind| *kind == own || ends_access(event)) {
            let place = (event.tenant, kind);
            let left = channels.get(&place).is_some_and(|channel| channel.send(Arc::clone(event)).is_err());
            if left {
                channels.remove(&place);
            }
        }
    }

    /// The log reaches at least to here.
    pub(crate) fn log_is_at(&self, head: Position, now: Instant) {
        let reached = self.reached();
        let mut lag = self.lag.lock();
        lag.head = lag.head.max(Some(head));
        if reached < Some(head) {
            lag.awaited.get_or_insert((head, now));
        }
    }

    /// What was awaited is there: the next thing to await is the furthest known place, from now on.
    fn settle(&self, now: Instant) {
        let reached = self.reached();
        let mut lag = self.lag.lock();
        lag.failing = None;
        if lag.awaited.is_some_and(|(awaited, _)| reached >= Some(awaited)) {
            lag.awaited = lag.head.filter(|head| reached < Some(*head)).map(|head| (head, now));
        }
    }

    /// Projecting works.
    pub(crate) fn works(&self) {
        self.lag.lock().failing = None;
        self.astray.send_if_modified(std::mem::take);
    }

    /// The log tells another history than the views know: until projecting works again, nothing may rest on both.
    pub(crate) fn goes_astray(&self) {
        self.astray.send_replace(true);
    }

    pub(crate) fn is_astray(&self) -> bool {
        *self.astray.borrow()
    }

    /// Waits until it does.
    pub(crate) async fn astray(&self) {
        let mut astray = self.astray.subscribe();
        // The sender lives as long as we do.
        let _ = astray.wait_for(|astray| *astray).await;
    }

    /// Projecting has failed.
    pub(crate) fn fails(&self, now: Instant) {
        self.lag.lock().failing.get_or_insert(now);
    }

    /// For how long something has been in the log that the views do not show, or projecting has
    /// failed.
    pub(crate) fn behind_for(&self, now: Instant) -> Duration {
        let lag = self.lag.lock();
        let since = [lag.awaited.map(|(_, since)| since), lag.failing].into_iter().flatten().min();
        since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    pub(crate) fn set_caught_up(&self) {
        self.caught_up.send_replace(true);
    }

    pub(crate) async fn caught_up(&self) {
        let mut caught_up = self.caught_up.subscribe();
        // The sender lives as long as we do.
        let _ = caught_up.wait_for(|caught_up| *caught_up).await;
    }

    pub(crate) fn is_caught_up(&self) -> bool {
        *self.caught_up.borrow()
    }

    /// Says whenever the views show more.
    pub(crate) fn steps(&self) -> watch::Receiver<Option<Position>> {
        self.reached.subscribe()
    }

    pub(crate) fn reached(&self) -> Option<Position> {
        *self.reached.borrow()
    }

    /// True as soon as the views show the position; false when `patience` is over.
    pub(crate) async fn wait(&self, position: Position, patience: Duration) -> bool {
        let mut reached = self.reached.subscribe();
        let shown = reached.wait_for(|reached| *reached >= Some(position));
        tokio::time::timeout(patience, shown).await.is_ok_and(|shown| shown.is_ok())
    }

    /// Waits as long as it takes.
    pub(crate) async fn wait_for_ever(&self, position: Position) {
        let mut reached = self.reached.subscribe();
        // The sender lives as long as we do.
        let _ = reached.wait_for(|reached| *reached >= Some(position)).await;
    }

    /// A tenant's events of one kind that is [`FOLLOWED`], and those that may end somebody's access.
    pub(crate) fn follow(&self, tenant: TenantId, kind: StreamKind) -> broadcast::Receiver<Arc<EventRow>> {
        let mut channels = self.channels.lock();
        let channel = channels.entry((tenant, kind));
        channel.or_insert_with(|| broadcast::Sender::new(LIVE_EVENTS_OF_A_TENANT)).subscribe()
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<EventRow>> {
        self.live.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_ends_when_the_position_is_reached_or_patience_is_over() {
        let progress = Progress::new(None);
        assert!(!progress.wait(Position::nth(1), Duration::ZERO).await);
        progress.advance(Position::nth(2), []);
        assert!(progress.wait(Position::nth(1), Duration::ZERO).await);
        progress.advance(Position::nth(1), []);
        assert_eq!(progress.reached(), Some(Position::nth(2)));
    }

    #[test]
    fn being_behind_begins_with_the_first_place_that_is_not_shown_and_ends_when_it_is() {
        let (progress, start) = (Progress::new(None), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        let behind_for = |seconds| progress.behind_for(after(seconds)).as_secs();
        progress.log_is_at(Position::nth(1), start);
        progress.log_is_at(Position::nth(5), after(3));
        assert_eq!(behind_for(7), 7, "a later place does not hide how old the first one is");
        progress.reached.send_replace(Some(Position::nth(2)));
        progress.settle(after(8));
        assert_eq!(behind_for(10), 2, "views that move on under load are not stuck");
        progress.reached.send_replace(Some(Position::nth(5)));
        progress.settle(after(11));
        assert_eq!(behind_for(60), 0);
        progress.log_is_at(Position::nth(4), after(61));
        assert_eq!(behind_for(90), 0, "a place that is shown already");
    }

    #[test]
    fn failing_counts_as_being_behind_until_it_works_again() {
        let (progress, start) = (Progress::new(None), Instant::now());
        progress.fails(start);
        progress.fails(start + Duration::from_secs(5));
        assert_eq!(progress.behind_for(start + Duration::from_secs(11)), Duration::from_secs(11));
        progress.works();
        assert_eq!(progress.behind_for(start + Duration::from_secs(12)), Duration::ZERO);
    }
}
