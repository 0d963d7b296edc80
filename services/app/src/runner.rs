//! Keeps the views up to date: subscribes to the log, projects in batches, tells the authoriser
//! and those who wait.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use keytrail_domain::{Position, RecordedEvent};
use keytrail_ports::{
    EventStore, Filter, LogSignal, Subscription,
    views::{Projected, Views},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{App, AppError, failing::Failing, projection::Projections};

/// Events in one transaction.
const BATCH: usize = 1_024;
/// First and longest wait after a failure.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

impl App {
    /// Projects until `stop`; comes back by itself after every failure, and says each in the log.
    pub async fn run_projections(&self, stop: CancellationToken) {
        let (mut wait, mut failing) = (BACKOFF.0, Failing::new("projections"));
        loop {
            let before = self.0.progress.reached();
            let ended = tokio::select! {
                () = stop.cancelled() => return,
                ended = self.project_until_failure(&mut failing) => ended,
            };
            self.0.progress.fails(Instant::now());
            if let Err(error) = ended {
                failing.failed(&error);
            }
            wait = if self.0.progress.reached() > before { BACKOFF.0 } else { (wait * 2).min(BACKOFF.1) };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn project_until_failure(&self, failing: &mut Failing) -> Result<(), AppError> {
        let (views, log) = (&*self.ports().views, &*self.ports().log);
        // From the last event, and not from the checkpoint behind it: see `views_fit`.
        let (after, shown) = (views.last_event().await?.map(|(at, _)| at), views.checkpoint().await?);
        let mut subscription = log.subscribe(after, Filter::default()).await?;
        // Asked afterwards: a subscription notices by itself when another log comes in the place of this one.
        if !views_fit(views, log).await? {
            return Err(self.goes_astray());
        }
        if let Some(head) = log.head().await? {
            self.0.progress.log_is_at(head, Instant::now());
        }
        while let Some(batch) = Batch::next(&mut subscription).await? {
            if batch.events.first().is_some_and(|event| Some(event.position) <= shown) {
                return Err(self.goes_astray());
            }
            self.take_up(batch).await?;
            failing.works();
        }
        Ok(())
    }

    /// What is written from here on would be seen by nobody here.
    fn goes_astray(&self) -> AppError {
        self.0.progress.goes_astray();
        another_history()
    }

    async fn take_up(&self, batch: Batch) -> Result<(), AppError> {
        if let Some(upto) = batch.upto {
            self.0.progress.log_is_at(upto, Instant::now());
            for event in &batch.events {
                self.ports().clock.observe(event.meta()?.recorded_at);
            }
            let projector = Arc::new(Projections);
            let projected = self.ports().views.project(batch.events, upto, projector).await?;
            self.tell(upto, projected);
        }
        if batch.caught_up {
            self.0.progress.works();
            self.0.progress.set_caught_up();
        }
        Ok(())
    }

    /// The authoriser first: whoever sees the new position must not be judged by old rights.
    fn tell(&self, upto: Position, projected: Projected) {
        // All changes of one event at once: the authoriser takes each position once.
        for same in projected.authority.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let changes: Vec<_> = same.iter().map(|(_, _, change)| *change).collect();
            self.ports().authorizer.apply(same[0].0, same[0].1, &changes);
        }
        self.0.progress.advance(upto, projected.events);
    }

    /// Waits until the views have taken up what was in the log when this process began.
    pub async fn caught_up(&self) {
        self.0.progress.caught_up().await;
    }

    /// Waits until the log turns out to tell another history than the views know.
    pub async fn astray(&self) {
        self.0.progress.astray().await;
    }

    /// True while it does: nothing may rest on both then.
    pub fn is_astray(&self) -> bool {
        self.0.progress.is_astray()
    }

    /// True once the views have taken up everything that was in the log when this process began.
    pub fn views_caught_up(&self) -> bool {
        self.0.progress.is_caught_up()
    }
}

/// Whether views can go on with a log: it has the last event that they know, and between that and their checkpoint
/// none that they do not. An older copy of the log would lack the one, or get the other sooner or later: what is
/// written there would never be seen.
///
/// # Errors
/// Those of the views and of the log.
pub async fn views_fit(views: &dyn Views, log: &dyn EventStore) -> Result<bool, AppError> {
    let (last, shown) = (views.last_event().await?, views.checkpoint().await?);
    if let Some((at, id)) = last
        && log.event_at(at).await? != Some(id)
    {
        return Ok(false);
    }
    let next = first_after(log, last.map(|(at, _)| at)).await?;
    Ok(next.is_none_or(|next| Some(next) > shown))
}

/// The place of the first event after a place, if there is one.
async fn first_after(log: &dyn EventStore, after: Option<Position>) -> Result<Option<Position>, AppError> {
    let mut signals = log.subscribe(after, Filter::default()).await?;
    while let Some(signal) = signals.next().await {
        match signal? {
            LogSignal::Event(event) => return Ok(Some(event.position)),
            LogSignal::CaughtUp => break,
            LogSignal::Checkpoint(_) => {}
        }
    }
    Ok(None)
}

/// The log is an older copy than the one that the views were made from.
pub(crate) fn another_history() -> AppError {
    AppError::internal(
        "the views know another history than the log tells: it is an older copy; put the newer one back, or restart \
         this node, which says what can be done",
    )
}

/// What one look at the subscription gave.
#[derive(Default)]
struct Batch {
    events: Vec<RecordedEvent>,
    upto: Option<Position>,
    caught_up: bool,
}

impl Batch {
    /// Waits for one signal and takes what is ready behind it; none at the end.
    async fn next(subscription: &mut Subscription) -> Result<Option<Self>, AppError> {
        let mut batch = Self::default();
        let Some(signals) = subscription.ready_chunks(BATCH).next().await else { return Ok(None) };
        for signal in signals {
            match signal? {
                LogSignal::Event(event) => {
                    batch.upto = Some(event.position);
                    batch.events.push(event);
                }
                LogSignal::Checkpoint(position) => batch.upto = Some(position),
                LogSignal::CaughtUp => batch.caught_up = true,
            }
        }
        Ok(Some(batch))
    }
}
