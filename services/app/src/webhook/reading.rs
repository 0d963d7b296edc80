//! Reads what happened, and what somebody asks of an endpoint.

use keytrail_domain::{
    EventId, Position, StreamId, StreamKind, TenantId, WebhookEndpointId,
    webhook::{WebhookEndpointEvent as E, kind_of},
};
use keytrail_ports::views::{EventFilter, EventRow, PageRequest, SortKey, WebhookEndpointRow};

use super::{
    attempt::fits,
    courier::Courier,
    place::{Item, Purpose},
};
use crate::{AppError, queries::fact};

/// Events read at once.
const PAGE: u32 = 64;
/// So many that are due are enough: the rest stays where it is, in the table.
const ENOUGH: usize = 128;
/// Events after which the place is written down when nothing else makes it worth it.
const MARK_EVERY: u32 = 256;

/// How far reading went.
#[derive(PartialEq, Eq)]
enum Reached {
    /// Nothing more is there.
    End,
    /// More may be there, and has to wait.
    Enough,
}

impl Courier {
    /// Reads on until enough is due or nothing new is there. Requests do not wait for events.
    pub(super) async fn read(&mut self, row: &WebhookEndpointRow) -> Result<(), AppError> {
        let reached = self.read_events(row).await?;
        if reached == Reached::Enough && self.woken && !self.halted {
            self.read_requests().await?;
            // A replay may have made room, and went back.
            self.read_events(row).await?;
        }
        if self.unmarked >= MARK_EVERY {
            self.write_mark().await?;
        }
        Ok(())
    }

    async fn read_events(&mut self, row: &WebhookEndpointRow) -> Result<Reached, AppError> {
        while !self.halted && !self.place.is_full() && self.has_room_for_more(row) {
            let page = self.events_after(self.place.read, EventFilter::default()).await?;
            if page.is_empty() {
                return Ok(Reached::End);
            }
            for event in page {
                self.meet(row, &event).await?;
                // A replay went back, or waits: what follows in this page is read again.
                if self.place.read != Some(event.position) || self.place.is_full() {
                    break;
                }
            }
        }
        Ok(Reached::Enough)
    }

    /// Meets the requests of this endpoint ahead of all events that are not read yet.
    async fn read_requests(&mut self) -> Result<(), AppError> {
        let ours = StreamId::webhook(self.tenant, self.id);
        while !self.halted && !self.place.is_full_of_requests() {
            let filter = EventFilter { stream: Some(ours.clone()), ..EventFilter::default() };
            let page = self.events_after(self.place.requests_after(), filter).await?;
            if page.is_empty() {
                self.woken = false;
                break;
            }
            for event in page {
                if self.place.is_full_of_requests() || !self.meet_request(&event).await? {
                    break;
                }
                self.place.met(event.position);
            }
        }
        Ok(())
    }

    async fn events_after(
        &self,
        after: Option<Position>,
        filter: EventFilter,
    ) -> Result<Vec<std::sync::Arc<EventRow>>, AppError> {
        let mut request = PageRequest::first(PAGE);
        request.after = after.map(SortKey::Position);
        let page = self.app.ports().views.events(self.tenant, filter, request).await?;
        Ok(page.rows.into_iter().map(|(_, event)| event).collect())
    }

    /// What waits for a later moment is no reason to read nothing.
    fn has_room_for_more(&self, row: &WebhookEndpointRow) -> bool {
        self.place.ready(self.app.now(), row.enabled_at) < ENOUGH
    }

    /// What an event of the tenant means for this endpoint.
    async fn meet(&mut self, row: &WebhookEndpointRow, event: &EventRow) -> Result<(), AppError> {
        self.unmarked += 1;
        if event.stream.kind() == StreamKind::Webhook {
            let ours = event.stream.webhook_endpoint_id() == Some(self.id);
            if ours && !self.place.was_met(event.position) && !self.meet_request(event).await? {
                return Ok(());
            }
        } else if let Some(lane) = lane_of(event)
            && kind_of(&event.event_type).is_some_and(|kind| fits(row, &kind))
        {
            let item = self.item(event.position, event.id, Purpose::Event);
            self.place.take_up(&lane, item, self.app.now());
        }
        self.place.pass(event.position);
        Ok(())
    }

    /// Answers false when it has to wait, or when it sent reading back.
    async fn meet_request(&mut self, event: &EventRow) -> Result<bool, AppError> {
        match fact(event)? {
            E::TestRequested {} => self.ask(event, event.id, Purpose::Test),
            E::RedeliveryRequested { event: wanted } => self.ask(event, wanted, Purpose::Redelivery),
            E::ReplayRequested { after } => return self.replay(event, after).await,
            _ => {}
        }
        Ok(true)
    }

    /// What somebody asked for waits for nothing else.
    fn ask(&mut self, request: &EventRow, wanted: EventId, purpose: Purpose) {
        let item = self.item(request.position, wanted, purpose);
        self.place.take_up(&format!("request/{}", request.id), item, self.app.now());
    }

    async fn replay(&mut self, request: &EventRow, after: EventId) -> Result<bool, AppError> {
        if self.is_sending() {
            self.halted = true;
            return Ok(false);
        }
        let from = self.app.ports().views.event(self.tenant, after).await?.map(|event| event.position);
        let Some(from) = from.filter(|from| *from < request.position) else { return Ok(true) };
        self.place.replay(from, request.position);
        // Begun again after a crash, it would be a replay of a replay.
        self.write_mark().await?;
        Ok(false)
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
        let mut after = after;
        loop {
            let page = self.events_after(Some(after), filter.clone()).await?;
            let Some(last) = page.last() else { return Ok(None) };
            after = last.position;
            let fit =
                page.iter().find(|event| kind_of(&event.event_type).is_some_and(|kind| fits(row, &kind)));
            if let Some(event) = fit {
                return Ok(Some(self.item(event.position, event.id, Purpose::Event)));
            }
        }
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
