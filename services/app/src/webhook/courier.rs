//! Delivers to one endpoint: reads, sends, writes down what came of it.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::try_join};
use keytrail_domain::{TenantId, WebhookEndpointId};
use keytrail_ports::{NewJournalEntry, views::WebhookEndpointRow};
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    attempt::{Tried, Try},
    deliverer::Places,
    numbers::{InFlight, Share},
    place::{Lane, Place},
    secret::Signer,
};
use crate::{App, AppError, Tenure, leases::Fenced, reactor::tell_of_older_log};

/// Deliveries under way at once to one endpoint: at first, and to one that has shown that it is quick.
/// To one that fails or takes its time, a single one.
const AT_ONCE: (usize, usize) = (16, 64);
/// A receiver that takes longer gets one delivery at a time.
const SLOW: Duration = Duration::from_secs(2);
/// One that takes no longer gets more.
const QUICK: Duration = Duration::from_millis(250);
/// A place is written down after each outcome while it is smaller than this; a larger one, after as
/// many outcomes as it is times larger, and when nothing is under way. Whatever is not written down
/// when the process is killed is sent again.
const BYTES_AN_OUTCOME: usize = 16 * 1_024;
/// Clocks can be set: nobody sleeps longer without looking.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// How long deliveries under way may go on after the stop.
const FAREWELL: Duration = Duration::from_secs(1);
/// First and longest wait after a failure of ours.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// A lane, and what became of its oldest event.
pub(super) type Outcome = (String, Lane, Tried);

/// The one who delivers to one endpoint.
pub(super) struct Courier {
    pub(super) app: App,
    pub(super) tenant: TenantId,
    pub(super) id: WebhookEndpointId,
    /// Places for deliveries of all couriers.
    pub(super) places: Places,
    tenure: Tenure,
    mark: Fenced,
    /// How many it gets at once.
    pub(super) pace: usize,
    pub(super) place: Place,
    signer: Option<Arc<Signer>>,
    under_way: JoinSet<Outcome>,
    lanes_under_way: HashSet<String>,
    /// Events read since the place was written down.
    pub(super) unmarked: u32,
    /// Outcomes since then.
    unmarked_outcomes: usize,
    /// How large it was.
    mark_bytes: usize,
    /// A replay waits until nothing is under way.
    pub(super) halted: bool,
    /// Something happened since requests were looked for.
    pub(super) woken: bool,
    share: Share,
}

/// The journal's mark. *Format*.
fn mark_of(endpoint: WebhookEndpointId) -> String {
    format!("webhook-place/{endpoint}")
}

impl Courier {
    pub(super) async fn engage(
        app: &App,
        row: &WebhookEndpointRow,
        places: &Places,
        tenure: &Tenure,
    ) -> Result<Self, AppError> {
        let (mark, known) = Fenced::take(&*app.ports().journal, mark_of(row.id), tenure).await?;
        let mut place: Place = match known {
            Some(bytes) => {
                serde_json::from_slice(&bytes).map_err(|error| AppError::Internal(error.into()))?
            }
            None => Place::after(row.created),
        };
        let is_past = place.keep_within(app.ports().log.head().await?);
        let mut courier = Self {
            app: app.clone(),
            tenant: row.tenant,
            id: row.id,
            places: places.clone(),
            tenure: tenure.clone(),
            mark,
            pace: AT_ONCE.0,
            place,
            signer: None,
            under_way: JoinSet::new(),
            lanes_under_way: HashSet::new(),
            unmarked: 0,
            unmarked_outcomes: 0,
            mark_bytes: 0,
            halted: false,
            woken: true,
            share: Share::of(&app.0.webhook_numbers),
        };
        if is_past {
            tell_of_older_log("a webhook");
            courier.write_mark().await?;
        }
        Ok(courier)
    }

    /// Delivers until `stop` or until the endpoint is deleted; comes back after every failure, unless
    /// somebody else has written the place: then it has to be read again.
    pub(super) async fn run(mut self, wake: &Notify, stop: &CancellationToken) -> Ended {
        let mut wait = BACKOFF.0;
        while !stop.is_cancelled() {
            match self.turn(wake, stop).await {
                Ok(Turn::Again) => wait = BACKOFF.0,
                Ok(Turn::Over) => return Ended::Over,
                Err(error) => {
                    tracing::warn!(webhook.id = %self.id, error = &error as &dyn std::error::Error,
                        "deliveries are held up: trying again");
                    if self.mark.is_lost() {
                        return Ended::Superseded;
                    }
                    tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(wait) => {} }
                    wait = (wait * 2).min(BACKOFF.1);
                }
            }
        }
        if let Err(error) = self.farewell().await {
            tracing::warn!(webhook.id = %self.id, error = &error as &dyn std::error::Error,
                "what arrived last is not written down: it will be sent again");
        }
        Ended::Over
    }

    /// Starts what is due, and waits for one thing to happen.
    async fn turn(&mut self, wake: &Notify, stop: &CancellationToken) -> Result<Turn, AppError> {
        let Some(row) = self.row().await? else { return Ok(Turn::Over) };
        // Below, what has ended is served first: who has much to settle must hear of requests too.
        self.woken |= wake.notified().now_or_never().is_some();
        if row.is_active() {
            self.start_due(&row).await?;
        }
        self.tell(&row);
        let pause = self.pause(&row);
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            Some(first) = self.under_way.join_next() => self.settle(first, &row).await?,
            () = wake.notified() => self.woken = true,
            () = tokio::time::sleep(pause) => {}
        }
        Ok(Turn::Again)
    }

    /// Everything that is due now, until nothing is.
    pub(super) async fn round(&mut self) -> Result<(), AppError> {
        while let Some(row) = self.row().await?.filter(|row| row.is_active()) {
            self.start_due(&row).await?;
            let Some(first) = self.under_way.join_next().await else { break };
            self.settle(first, &row).await?;
        }
        self.write_mark().await
    }

    /// What goes up and down, for the metrics. What is disabled waits for nothing but somebody.
    fn tell(&mut self, row: &WebhookEndpointRow) {
        let waiting = self.place.lanes.len().saturating_sub(self.lanes_under_way.len());
        let waiting = if row.is_active() { waiting } else { 0 };
        self.share.set(waiting, waiting > 0 && self.place.outage_since(row.enabled_at).is_some());
    }

    async fn row(&self) -> Result<Option<Arc<WebhookEndpointRow>>, AppError> {
        let row = self.app.ports().views.webhook_endpoint(self.tenant, self.id).await?;
        Ok(row.filter(|row| row.deleted_at.is_none()).map(Arc::new))
    }

    fn pause(&self, row: &WebhookEndpointRow) -> Duration {
        let busy = |lane: &str| self.lanes_under_way.contains(lane);
        let due = row.is_active().then(|| self.place.next_due(row.enabled_at, busy));
        let Some(due) = due.flatten() else { return LONGEST_SLEEP };
        let micros = due.as_micros() - self.app.now().as_micros();
        // What is due and has no place waits for something under way to end.
        let full = self.lanes_under_way.len() >= self.room() || self.halted;
        match u64::try_from(micros) {
            Ok(micros) if micros > 0 => Duration::from_micros(micros).min(LONGEST_SLEEP),
            _ if full => LONGEST_SLEEP,
            _ => Duration::ZERO,
        }
    }

    /// A receiver in trouble, or one that takes its time, gets one at a time: it must not hold the
    /// places of others.
    fn room(&self) -> usize {
        if self.place.failing_since.is_some() { 1 } else { self.pace }
    }

    pub(super) fn keep_pace(&mut self, took: Duration) {
        self.pace = pace(self.pace, took);
    }

    async fn start_due(&mut self, row: &Arc<WebhookEndpointRow>) -> Result<(), AppError> {
        if self.halted && self.lanes_under_way.is_empty() {
            self.halted = false;
        }
        self.read(row).await?;
        if self.halted {
            return Ok(());
        }
        let room = self.room();
        let busy = |lane: &str| self.lanes_under_way.contains(lane);
        let due = self.place.due((self.app.now(), row.enabled_at), busy);
        // What somebody asked for has a place more: it does not wait for a receiver that takes its time.
        let places = room + usize::from(due.first().is_some_and(|(_, lane)| lane.is_fresh_request()));
        let free = places.saturating_sub(self.lanes_under_way.len());
        let chosen: Vec<_> =
            due.into_iter().take(free).map(|(key, lane)| (key.clone(), lane.clone())).collect();
        for (key, lane) in chosen {
            self.start(row, key, lane).await?;
        }
        Ok(())
    }

    pub(super) fn is_sending(&self) -> bool {
        !self.lanes_under_way.is_empty()
    }

    async fn start(
        &mut self,
        row: &Arc<WebhookEndpointRow>,
        key: String,
        lane: Lane,
    ) -> Result<(), AppError> {
        let signer = self.signer(row).await?;
        let (places, endpoint) = (self.places.clone(), Arc::clone(row));
        let trying = Try { app: self.app.clone(), endpoint, signer, lane: lane.clone() };
        self.lanes_under_way.insert(key.clone());
        let (tenure, numbers) = (self.tenure.clone(), Arc::clone(&self.app.0.webhook_numbers));
        self.under_way.spawn(async move {
            let _place = places.take().await;
            let _counted = InFlight::of(&numbers);
            let tried = match tenure.check() {
                Ok(()) => trying.run().await,
                Err(over) => Tried::Hindered(over),
            };
            (key, lane, tried)
        });
        Ok(())
    }

    async fn signer(&mut self, row: &WebhookEndpointRow) -> Result<Arc<Signer>, AppError> {
        if let Some(known) = self.signer.as_ref().filter(|known| known.is_of(row)) {
            return Ok(Arc::clone(known));
        }
        let signer = Arc::new(Signer::load(&*self.app.ports().secrets, row).await?);
        self.signer = Some(Arc::clone(&signer));
        Ok(signer)
    }

    /// Takes one outcome and all others that are there.
    async fn settle(&mut self, first: Joined, row: &Arc<WebhookEndpointRow>) -> Result<(), AppError> {
        let mut outcomes = vec![outcome(first)];
        while let Some(next) = self.under_way.try_join_next() {
            outcomes.push(outcome(next));
        }
        for (lane, ..) in &outcomes {
            self.lanes_under_way.remove(lane);
        }
        self.unmarked_outcomes += outcomes.len();
        // It may have moved while something was under way; an outcome must not be lost over the question.
        let row = self.row().await.ok().flatten().unwrap_or_else(|| Arc::clone(row));
        self.note(outcomes, &row).await
    }

    /// Writes down what was tried, and the place when that is worth it, side by side so that both can
    /// share one commit. Without the place it is sent again; without the attempt the log has a gap.
    pub(super) async fn write(&mut self, tried: Vec<NewJournalEntry>) -> Result<(), AppError> {
        self.tenure.check()?;
        let app = self.app.clone();
        let attempts = async {
            if !tried.is_empty() {
                app.ports().journal.append(tried).await?;
            }
            Ok(())
        };
        if self.is_sending() && self.unmarked_outcomes * BYTES_AN_OUTCOME < self.mark_bytes {
            return attempts.await;
        }
        try_join(attempts, self.write_mark()).await.map(|_| ())
    }

    /// Written down after it arrived: whatever happens in between, nothing is lost.
    pub(super) async fn write_mark(&mut self) -> Result<(), AppError> {
        let bytes = serde_json::to_vec(&self.place).map_err(|error| AppError::Internal(error.into()))?;
        let length = bytes.len();
        self.mark.set(&*self.app.ports().journal, bytes, &self.tenure).await?;
        (self.unmarked, self.unmarked_outcomes, self.mark_bytes) = (0, 0, length);
        Ok(())
    }

    async fn farewell(&mut self) -> Result<(), AppError> {
        let Some(row) = self.row().await? else { return Ok(()) };
        let deadline = tokio::time::Instant::now() + FAREWELL;
        while let Ok(Some(first)) = tokio::time::timeout_at(deadline, self.under_way.join_next()).await {
            self.settle(first, &row).await?;
        }
        self.write_mark().await
    }
}

/// Why a courier works no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// He was stopped, or there is no endpoint any more.
    Over,
    /// The place is not as he left it.
    Superseded,
}

enum Turn {
    Again,
    Over,
}

type Joined = Result<Outcome, tokio::task::JoinError>;

/// A try that panicked is a mistake of ours: it must not be taken for silence.
fn outcome(joined: Joined) -> Outcome {
    match joined {
        Ok(outcome) => outcome,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// One more for each quick answer; who is slow begins anew.
fn pace(before: usize, took: Duration) -> usize {
    match took {
        took if took > SLOW => 1,
        took if took > QUICK => AT_ONCE.0,
        _ => (before.max(AT_ONCE.0) + 1).min(AT_ONCE.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_answers_earn_more_at_once_up_to_a_bound_and_slow_ones_lose_it() {
        let after = |answers: &[u64]| {
            answers.iter().fold(AT_ONCE.0, |before, millis| pace(before, Duration::from_millis(*millis)))
        };
        assert_eq!(after(&[1, 2]), 18);
        assert_eq!(after(&[1; 500]), 64);
        assert_eq!(after(&[1, 1, 251]), 16);
        assert_eq!(after(&[1, 1, 2_001]), 1);
        assert_eq!(after(&[2_001, 1]), 17);
    }
}
