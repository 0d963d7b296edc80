//! Reading the log from where a reactor was, again after every failure.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use keytrail_domain::{Position, RecordedEvent, Timestamp};
use keytrail_ports::{Filter, LogSignal};
use tokio_util::sync::CancellationToken;

use crate::{App, AppError, Tenure, failing::Failing, leases::Fenced, runner::another_history};

/// Events after which the mark is written, when nothing else makes it worth it.
const MARK_EVERY: u32 = 256;
/// Between two looks at the clock while an event is too young.
const LOOK_EVERY: Duration = Duration::from_secs(20);
/// First and longest wait after a failure.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// A reactor begins again some events before the one that it failed at: only past that it works again.
struct Stuck {
    said: Failing,
    /// The furthest event that it has begun.
    at: Option<Position>,
}

impl Stuck {
    fn new(work: &'static str) -> Self {
        Self { said: Failing::new(work), at: None }
    }

    /// It is done with this event, or (none) with all that there are.
    fn is_past(&mut self, done: Option<Position>) {
        if done.is_none() || done >= self.at {
            self.said.works();
        }
    }
}

/// Acts on facts, one after another.
#[async_trait]
pub(super) trait Reactor: Send + Sync {
    /// Its name, and that of its mark in the journal.
    fn name(&self) -> &'static str;

    /// True when it changed something. It sees some events twice.
    async fn react(&self, event: &RecordedEvent) -> Result<bool, AppError>;
}

impl App {
    /// Hands a reactor each event since its mark, in order, until `stop`. After a failure it begins again at the mark.
    pub(super) async fn follow(&self, reactor: &dyn Reactor, tenure: &Tenure, stop: &CancellationToken) {
        let (mut wait, mut failing) = (BACKOFF.0, Stuck::new(reactor.name()));
        loop {
            let began = tokio::time::Instant::now();
            let ended = tokio::select! {
                () = stop.cancelled() => return,
                ended = self.follow_until_failure(reactor, tenure, &mut failing) => ended,
            };
            if let Err(error) = ended {
                failing.said.failed(&error);
            }
            // What ran for a while was well: the next failure is a new one.
            wait = if began.elapsed() > BACKOFF.1 { BACKOFF.0 } else { (wait * 2).min(BACKOFF.1) };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn follow_until_failure(
        &self,
        reactor: &dyn Reactor,
        tenure: &Tenure,
        failing: &mut Stuck,
    ) -> Result<(), AppError> {
        let journal = &*self.ports().journal;
        let (mut mark, known) = Fenced::take(journal, reactor.name().to_owned(), tenure).await?;
        let noted: Option<Position> = known.and_then(|place| serde_json::from_slice(&place).ok());
        self.views_at_head().await?;
        let after = noted.min(self.ports().log.head().await?);
        if after != noted {
            tell_of_older_log(reactor.name());
            // At once: after a failure the log has grown, and what came meanwhile would be left out.
            mark.set(journal, serde_json::to_vec(&after).unwrap_or_default(), tenure).await?;
        }
        let mut signals = self.ports().log.subscribe(after, Filter::default()).await?;
        let mut unmarked = 0;
        while let Some(signal) = signals.next().await {
            let event = match signal? {
                LogSignal::Event(event) => event,
                LogSignal::CaughtUp => {
                    failing.is_past(None);
                    continue;
                }
                LogSignal::Checkpoint(_) => continue,
            };
            tenure.check()?;
            failing.at = failing.at.max(Some(event.position));
            let reacted = reactor.react(&event).await?;
            failing.is_past(Some(event.position));
            unmarked += 1;
            if reacted {
                self.views_at_head().await?;
            }
            if reacted || unmarked >= MARK_EVERY {
                let place = serde_json::to_vec(&event.position).unwrap_or_default();
                mark.set(journal, place, tenure).await?;
                unmarked = 0;
            }
        }
        Ok(())
    }

    /// Waits until it is that late by our clock.
    pub(super) async fn until(&self, moment: Timestamp) {
        while self.now() < moment {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until the views show everything that the reactor did: they tell what there is to do.
    pub(crate) async fn views_at_head(&self) -> Result<(), AppError> {
        match self.ports().log.head().await? {
            Some(head) => self.views_at(head).await,
            None => Ok(()),
        }
    }

    /// Waits until the views show a place, as long as it takes.
    pub(super) async fn views_at(&self, place: Position) -> Result<(), AppError> {
        tokio::select! {
            biased;
            () = self.0.progress.astray() => Err(another_history()),
            () = self.0.progress.wait_for_ever(place) => Ok(()),
        }
    }
}

/// A mark past the log's end was noted with a log that had more: what is written from here on would be left out until it
/// is reached.
pub(crate) fn tell_of_older_log(work: &str) {
    tracing::warn!(
        work,
        "it was further than the log is: the log is an older copy, and it goes on from its end"
    );
}
