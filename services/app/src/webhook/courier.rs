//! Delivers to one endpoint: reads, sends, writes down what came of it.

use std::{collections::HashSet, sync::Arc, time::Duration};

use keytrail_domain::{
    EventId, Position, StreamId, StreamKind, TenantId, WebhookEndpointId,
    webhook::{WebhookEndpointEvent as E, kind_of},
};
use keytrail_ports::views::{EventFilter, EventRow, PageRequest, SortKey, WebhookEndpointRow};
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    attempt::{Tried, Try, fits},
    deliverer::Places,
    place::{Item, Lane, Place, Purpose},
    secret::Signer,
};
use crate::{App, AppError, queries::fact};

/// Deliveries under way at once to one endpoint; to one that fails, a single one.
const AT_ONCE: usize = 16;
/// Events read at once.
const PAGE: u32 = 64;
/// Events after which the place is written down when nothing else makes it worth it.
const MARK_EVERY: u32 = 256;
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
    /// Its last answer took long.
    pub(super) slow: bool,
    pub(super) place: Place,
    signer: Option<Arc<Signer>>,
    under_way: JoinSet<Outcome>,
    lanes_under_way: HashSet<String>,
    unmarked: u32,
    /// A replay waits until nothing is under way.
    halted: bool,
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
    ) -> Result<Self, AppError> {
        let known = app.ports().journal.mark(&mark_of(row.id)).await?;
        let place = match known {
            Some(bytes) => {
                serde_json::from_slice(&bytes).map_err(|error| AppError::Internal(error.into()))?
            }
            None => Place::after(row.created),
        };
        Ok(Self {
            app: app.clone(),
            tenant: row.tenant,
            id: row.id,
            places: places.clone(),
            slow: false,
            place,
            signer: None,
            under_way: JoinSet::new(),
            lanes_under_way: HashSet::new(),
            unmarked: 0,
            halted: false,
        })
    }

    /// Delivers until `stop` or until the endpoint is deleted; comes back after every failure.
    pub(super) async fn run(mut self, wake: Arc<Notify>, stop: CancellationToken) {
        let mut wait = BACKOFF.0;
        while !stop.is_cancelled() {
            match self.turn(&wake, &stop).await {
                Ok(Turn::Again) => wait = BACKOFF.0,
                Ok(Turn::Over) => return,
                Err(error) => {
                    tracing::warn!(webhook.id = %self.id, error = &error as &dyn std::error::Error,
                        "deliveries are held up: trying again");
                    tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(wait) => {} }
                    wait = (wait * 2).min(BACKOFF.1);
                }
            }
        }
        if let Err(error) = self.farewell().await {
            tracing::warn!(webhook.id = %self.id, error = &error as &dyn std::error::Error,
                "what arrived last is not written down: it will be sent again");
        }
    }

    /// Starts what is due, and waits for one thing to happen.
    async fn turn(&mut self, wake: &Notify, stop: &CancellationToken) -> Result<Turn, AppError> {
        let Some(row) = self.row().await? else { return Ok(Turn::Over) };
        if row.is_active() {
            self.start_due(&row).await?;
        }
        let pause = self.pause(&row);
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            Some(first) = self.under_way.join_next() => self.settle(first, &row).await?,
            () = wake.notified() => {}
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

    async fn row(&self) -> Result<Option<Arc<WebhookEndpointRow>>, AppError> {
        let row = self.app.ports().views.webhook_endpoint(self.tenant, self.id).await?;
        Ok(row.filter(|row| row.deleted_at.is_none()).map(Arc::new))
    }

    fn pause(&self, row: &WebhookEndpointRow) -> Duration {
        let due = row.is_active().then(|| self.place.next_due(|lane| self.lanes_under_way.contains(lane)));
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
        if self.slow || self.place.failing_since.is_some() { 1 } else { AT_ONCE }
    }

    async fn start_due(&mut self, row: &Arc<WebhookEndpointRow>) -> Result<(), AppError> {
        if self.halted && self.lanes_under_way.is_empty() {
            self.halted = false;
        }
        self.read(row).await?;
        if self.halted {
            return Ok(());
        }
        for (key, lane) in self.place.due(self.app.now(), row.enabled_at) {
            if self.lanes_under_way.len() >= self.room() {
                break;
            }
            if !self.lanes_under_way.contains(&key) {
                self.start(row, key, lane).await?;
            }
        }
        Ok(())
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
        self.under_way.spawn(async move {
            let _place = places.take().await;
            (key, lane, trying.run().await)
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

    /// Reads on until enough is due or nothing new is there.
    async fn read(&mut self, row: &WebhookEndpointRow) -> Result<(), AppError> {
        while !self.halted && !self.place.is_full() && self.has_room_for_more(row) {
            let mut request = PageRequest::first(PAGE);
            request.after = self.place.read.map(SortKey::Position);
            let page = self.app.ports().views.events(self.tenant, EventFilter::default(), request).await?;
            if page.rows.is_empty() {
                break;
            }
            for (_, event) in page.rows {
                self.meet(row, &event).await?;
                // A replay went back, or waits: what follows in this page is read again.
                if self.place.read != Some(event.position) || self.place.is_full() {
                    break;
                }
            }
        }
        if self.unmarked >= MARK_EVERY {
            self.write_mark().await?;
        }
        Ok(())
    }

    /// What waits for a later moment is no reason to read nothing.
    fn has_room_for_more(&self, row: &WebhookEndpointRow) -> bool {
        self.place.due(self.app.now(), row.enabled_at).len() < 2 * AT_ONCE
    }

    /// What an event of the tenant means for this endpoint.
    async fn meet(&mut self, row: &WebhookEndpointRow, event: &EventRow) -> Result<(), AppError> {
        self.unmarked += 1;
        if event.stream.kind() == StreamKind::Webhook {
            return self.meet_request(event).await;
        }
        match lane_of(event).filter(|_| kind_of(&event.event_type).is_some_and(|kind| fits(row, &kind))) {
            Some(lane) => {
                let item = self.item(event.position, event.id, Purpose::Event);
                self.place.take_up(&lane, item, self.app.now());
            }
            None => self.place.pass(event.position),
        }
        Ok(())
    }

    async fn meet_request(&mut self, event: &EventRow) -> Result<(), AppError> {
        let ours = event.stream.webhook_endpoint_id() == Some(self.id);
        let request = if ours && !self.place.was_met(event.position) { Some(fact(event)?) } else { None };
        match request {
            Some(E::TestRequested {}) => self.ask(event, event.id, Purpose::Test),
            Some(E::RedeliveryRequested { event: wanted }) => self.ask(event, wanted, Purpose::Redelivery),
            Some(E::ReplayRequested { after }) => return self.replay(event, after).await,
            _ => self.place.pass(event.position),
        }
        Ok(())
    }

    /// What somebody asked for waits for nothing else.
    fn ask(&mut self, request: &EventRow, wanted: EventId, purpose: Purpose) {
        let item = self.item(request.position, wanted, purpose);
        self.place.take_up(&format!("request/{}", request.id), item, self.app.now());
    }

    async fn replay(&mut self, request: &EventRow, after: EventId) -> Result<(), AppError> {
        if !self.lanes_under_way.is_empty() {
            self.halted = true;
            return Ok(());
        }
        let from = self.app.ports().views.event(self.tenant, after).await?.map(|event| event.position);
        match from.filter(|from| *from < request.position) {
            Some(from) => self.place.replay(from, request.position),
            None => self.place.pass(request.position),
        }
        // Begun again after a crash, it would be a replay of a replay.
        self.write_mark().await
    }

    fn item(&self, at: Position, event: EventId, purpose: Purpose) -> Item {
        Item { at, event, purpose, delivery: self.app.fresh_id() }
    }

    /// The next event of a lane between two places.
    pub(super) async fn next_in(
        &self,
        row: &WebhookEndpointRow,
        lane: &str,
        (after, upto): (Position, Position),
    ) -> Result<Option<Item>, AppError> {
        let filter = EventFilter { upto: Some(upto), ..lane_filter(self.tenant, lane) };
        let mut request = PageRequest::first(PAGE).after(SortKey::Position(after));
        loop {
            let page = self.app.ports().views.events(self.tenant, filter.clone(), request.clone()).await?;
            let Some((last, _)) = page.rows.last() else { return Ok(None) };
            request.after = Some(last.clone());
            let fit = page
                .rows
                .iter()
                .map(|(_, event)| event)
                .find(|event| kind_of(&event.event_type).is_some_and(|kind| fits(row, &kind)));
            if let Some(event) = fit {
                return Ok(Some(self.item(event.position, event.id, Purpose::Event)));
            }
        }
    }

    /// Takes one outcome and all others that are there.
    async fn settle(&mut self, first: Joined, row: &WebhookEndpointRow) -> Result<(), AppError> {
        let mut outcomes = vec![outcome(first)];
        while let Some(next) = self.under_way.try_join_next() {
            outcomes.push(outcome(next));
        }
        for (lane, ..) in &outcomes {
            self.lanes_under_way.remove(lane);
        }
        self.note(outcomes, row).await
    }

    /// Written down after it arrived: whatever happens in between, nothing is lost.
    pub(super) async fn write_mark(&mut self) -> Result<(), AppError> {
        let bytes = serde_json::to_vec(&self.place).map_err(|error| AppError::Internal(error.into()))?;
        self.app.ports().journal.set_mark(&mark_of(self.id), bytes).await?;
        self.unmarked = 0;
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

/// What must stay in order.
fn lane_of(event: &EventRow) -> Option<String> {
    let credential = event.credential.map(|id| id.to_string());
    credential.or_else(|| event.stream.webhook_endpoint_id().map(|id| id.to_string()))
}

fn lane_filter(tenant: TenantId, lane: &str) -> EventFilter {
    let credential = keytrail_domain::CredentialId::parse(lane).ok();
    let cause = keytrail_domain::alert::Cause::WebhookFailing.as_str();
    let stream = WebhookEndpointId::parse(lane).ok().map(|id| StreamId::alert(tenant, id, cause));
    EventFilter { credential, stream, ..EventFilter::default() }
}
