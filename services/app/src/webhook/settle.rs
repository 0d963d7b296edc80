//! What follows from what became of deliveries.

use keytrail_domain::{
    Principal, StreamId, Timestamp,
    webhook::{DisabledReason, WebhookEndpoint, WebhookEndpointCommand},
};
use keytrail_ports::{NewJournalEntry, WebhookAnswer, views::WebhookEndpointRow};

use super::{
    attempt::Tried,
    courier::{Courier, Outcome},
    log::{WebhookAttempt, WebhookDelivery, Whose},
    numbers::WebhookOutcome,
    place::{Blame, Failure, Lane, Purpose},
    schedule,
};
use crate::{App, AppError, Call, execute::Execution};

/// Name of the part of Keytrail that disables endpoints.
const NAME: &str = "webhooks";
/// How long to wait when something of ours is away.
const HINDRANCE_SECONDS: i64 = 5;
/// The receiver says that it will never be there again.
const GONE: u16 = 410;

impl Courier {
    /// Attempts first, then the place, then what the attempts come to.
    pub(super) async fn note(
        &mut self,
        outcomes: Vec<Outcome>,
        row: &WebhookEndpointRow,
    ) -> Result<(), AppError> {
        let (mut entries, mut disable, mut finished) = (Vec::new(), None, Vec::new());
        for (key, lane, tried) in outcomes {
            match tried {
                Tried::Unwanted => finished.push((key, lane)),
                Tried::Hindered(error) => {
                    self.app.0.webhook_numbers.count(WebhookOutcome::Hindered);
                    self.hindered(&key, &error);
                }
                Tried::Sent { delivery, recorded_at, answer } => {
                    let now = self.app.now();
                    let sent = self.sent(&key, &lane, (delivery, answer), row);
                    self.app.0.webhook_numbers.count(sent.outcome());
                    entries.extend(sent.entries(row, lane.failures == 0, now)?);
                    disable = disable.or(sent.disable);
                    if sent.attempt.arrived() {
                        if lane.purpose == Purpose::Event {
                            self.app.0.webhook_numbers.arrived(recorded_at, now);
                        }
                        finished.push((key, lane));
                    }
                }
            }
        }
        let unfinished = self.finish_all(&finished, row).await;
        self.write(entries).await?;
        unfinished?;
        match disable {
            Some(reason) => self.app.disable_endpoint(row, reason).await,
            None => Ok(()),
        }
    }

    fn hindered(&mut self, key: &str, error: &AppError) {
        tracing::warn!(webhook.id = %self.id, error = error as &dyn std::error::Error,
            "nothing can be sent: trying again");
        let later = self.app.now().plus_seconds(HINDRANCE_SECONDS);
        self.place.wait(key, later);
    }

    /// One lane whose next event cannot be read keeps no other outcome from being written down.
    async fn finish_all(
        &mut self,
        finished: &[(String, Lane)],
        row: &WebhookEndpointRow,
    ) -> Result<(), AppError> {
        let mut first = Ok(());
        for (key, lane) in finished {
            let done = self.finish(key, lane, row).await;
            first = first.and(done);
        }
        first
    }

    async fn finish(&mut self, key: &str, lane: &Lane, row: &WebhookEndpointRow) -> Result<(), AppError> {
        let Some(between) = self.place.done(key) else { return Ok(()) };
        // Only events have successors: what somebody asked for is alone in its lane.
        let next = match lane.purpose {
            Purpose::Event => self.next_in(row, key, between).await?,
            Purpose::Test | Purpose::Redelivery => None,
        };
        self.place.go_on(key, next, self.app.now());
        Ok(())
    }

    fn sent(
        &mut self,
        key: &str,
        lane: &Lane,
        (delivery, answer): (WebhookDelivery, WebhookAnswer),
        row: &WebhookEndpointRow,
    ) -> Sent {
        let now = self.app.now();
        self.keep_pace(answer.duration);
        let retry_after = answer.outcome.as_ref().ok().and_then(|reply| reply.retry_after);
        let mut attempt = attempt(answer, now);
        if attempt.arrived() {
            self.place.arrived(now);
            return Sent { delivery, attempt, disable: None };
        }
        if delivery.at < row.enabled_at {
            // What was sent before it moved, or was enabled, says nothing of it as it is now.
            attempt.next_at = Some(now);
            return Sent { delivery, attempt, disable: None };
        }
        let blame = blame(attempt.status, retry_after);
        let failure = Failure { began: delivery.at, ended: now, blame, retry_after };
        attempt.next_at = Some(self.place.failed(key, failure, row.enabled_at));
        let hopeless = self.place.failing_since.is_some_and(|since| schedule::is_hopeless(since, now));
        let disable = match attempt.status {
            Some(GONE) => Some(DisabledReason::Gone),
            _ => hopeless.then_some(DisabledReason::Failing),
        };
        if disable.is_some() {
            attempt.next_at = None;
        }
        tracing::debug!(webhook.id = %self.id, status = attempt.status, lane.failures, "not delivered");
        Sent { delivery, attempt, disable }
    }
}

/// A try that is to be written down.
struct Sent {
    delivery: WebhookDelivery,
    attempt: WebhookAttempt,
    disable: Option<DisabledReason>,
}

impl Sent {
    fn outcome(&self) -> WebhookOutcome {
        match (self.disable, self.attempt.status) {
            (Some(DisabledReason::Gone), _) => WebhookOutcome::Gone,
            (Some(_), _) => WebhookOutcome::GivenUp,
            (None, _) if self.attempt.arrived() => WebhookOutcome::Delivered,
            (None, Some(_)) => WebhookOutcome::Refused,
            (None, None) => WebhookOutcome::Unanswered,
        }
    }

    fn entries(
        &self,
        row: &WebhookEndpointRow,
        first: bool,
        at: Timestamp,
    ) -> Result<Vec<NewJournalEntry>, AppError> {
        let whose = Whose { tenant: row.tenant, endpoint: row.id, at };
        let attempt = whose.attempt(self.delivery.id, &self.attempt)?;
        let delivery = first.then(|| whose.delivery(&self.delivery)).transpose()?;
        Ok(delivery.into_iter().chain([attempt]).collect())
    }
}

/// Whose trouble it is, as far as one answer tells. Refusals that speak of what was sent are the
/// delivery's; everything else can be said by a receiver that says it to everything.
fn blame(status: Option<u16>, retry_after: Option<u64>) -> Blame {
    match status {
        None | Some(408 | 429 | 502..=504) => Blame::Endpoint,
        Some(_) if retry_after.is_some() => Blame::Endpoint,
        Some(400 | 409 | 413 | 415 | 422) => Blame::Delivery,
        Some(_) => Blame::Either,
    }
}

fn attempt(answer: WebhookAnswer, at: Timestamp) -> WebhookAttempt {
    let duration_ms = u64::try_from(answer.duration.as_millis()).unwrap_or(u64::MAX);
    let (status, excerpt, failure) = match answer.outcome {
        Ok(reply) => (Some(reply.status), reply.excerpt, None),
        Err(failure) => (None, None, Some(failure.0)),
    };
    WebhookAttempt { at, status, failure, excerpt, duration_ms, next_at: None }
}

impl App {
    async fn disable_endpoint(
        &self,
        row: &WebhookEndpointRow,
        reason: DisabledReason,
    ) -> Result<(), AppError> {
        let principal = Principal::internal(row.tenant, NAME);
        let call = Call { principal, correlation: self.fresh_id() };
        let execution = Execution {
            call: &call,
            stream: StreamId::webhook(row.tenant, row.id),
            expected_revision: None,
            idempotency: None,
            cause: None,
            fresh: false,
            from: 0,
        };
        let disable = WebhookEndpointCommand::Disable { reason };
        self.execute::<WebhookEndpoint>(execution, |_| Ok(disable.clone())).await?;
        tracing::warn!(webhook.id = %row.id, ?reason, "a webhook endpoint is disabled");
        Ok(())
    }
}
