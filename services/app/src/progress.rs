//! How far the views are, for those who wait, and what they have just taken up, for those who
//! listen.

use std::{sync::Arc, time::Duration};

use keytrail_domain::Position;
use keytrail_ports::views::EventRow;
use tokio::sync::{broadcast, watch};

/// Events that a slow listener may lag behind before he reads the table again.
const LIVE_EVENTS: usize = 4_096;

pub(crate) struct Progress {
    reached: watch::Sender<Option<Position>>,
    live: broadcast::Sender<Arc<EventRow>>,
    caught_up: watch::Sender<bool>,
}

impl Progress {
    pub(crate) fn new(checkpoint: Option<Position>) -> Self {
        Self {
            reached: watch::Sender::new(checkpoint),
            live: broadcast::Sender::new(LIVE_EVENTS),
            caught_up: watch::Sender::new(false),
        }
    }

    /// The views show everything up to here, and these events are the newest of it.
    pub(crate) fn advance(&self, upto: Position, events: impl IntoIterator<Item = Arc<EventRow>>) {
        self.reached.send_modify(|reached| *reached = (*reached).max(Some(upto)));
        for event in events {
            // Nobody listens: nothing to tell.
            let _ = self.live.send(event);
        }
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
}
