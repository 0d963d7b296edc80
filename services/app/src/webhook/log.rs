//! The delivery log: journal entries that are kept for a month.

use keytrail_domain::{EventId, TenantId, Timestamp, WebhookEndpointId};
use keytrail_ports::{JournalEntry, NewJournalEntry};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::place::Purpose;
use crate::{App, AppError};

/// One entry for each thing that is to arrive at an endpoint, when it is first tried. *Format*.
pub(crate) const DELIVERIES: &str = "webhook-delivery";
/// One entry for each try; its subject is `<endpoint>/<delivery>`. *Format*.
pub(crate) const ATTEMPTS: &str = "webhook-attempt";
/// How long entries are kept.
pub(crate) const DAYS: i64 = 30;

/// Something that is to arrive at an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookDelivery {
    /// Its id.
    pub id: Uuid,
    /// The event that is sent.
    pub event: EventId,
    /// The type, as the receiver sees it.
    pub kind: String,
    /// Why it is sent.
    pub purpose: Purpose,
    /// The `webhook-id` that it carries.
    pub webhook_id: Uuid,
    /// When it was first tried.
    pub at: Timestamp,
}

/// One try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookAttempt {
    /// When it ended.
    pub at: Timestamp,
    /// What the receiver answered; none when there was no answer.
    pub status: Option<u16>,
    /// Why there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The beginning of the answer; never of a private network's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
    /// How long it took.
    pub duration_ms: u64,
    /// When it is tried again; none when it arrived or is given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
}

impl WebhookAttempt {
    /// The receiver took it.
    pub fn arrived(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// Whose entry, and when.
#[derive(Clone, Copy)]
pub(super) struct Whose {
    pub(super) tenant: TenantId,
    pub(super) endpoint: WebhookEndpointId,
    pub(super) at: Timestamp,
}

impl Whose {
    pub(super) fn delivery(self, delivery: &WebhookDelivery) -> Result<NewJournalEntry, AppError> {
        self.entry(DELIVERIES, self.endpoint.to_string(), delivery)
    }

    pub(super) fn attempt(
        self,
        delivery: Uuid,
        attempt: &WebhookAttempt,
    ) -> Result<NewJournalEntry, AppError> {
        self.entry(ATTEMPTS, subject(self.endpoint, delivery), attempt)
    }

    fn entry(self, topic: &str, subject: String, data: &impl Serialize) -> Result<NewJournalEntry, AppError> {
        let data = serde_json::to_vec(data).map_err(|error| AppError::Internal(Box::new(error)))?;
        Ok(NewJournalEntry { tenant: self.tenant, topic: topic.to_owned(), subject, at: self.at, data })
    }
}

/// The subject of a delivery's attempts.
pub(crate) fn subject(endpoint: WebhookEndpointId, delivery: Uuid) -> String {
    format!("{endpoint}/{delivery}")
}

/// Reads an entry.
pub(crate) fn read<T: for<'a> Deserialize<'a>>(entry: &JournalEntry) -> Result<T, AppError> {
    serde_json::from_slice(&entry.entry.data).map_err(|error| AppError::Internal(Box::new(error)))
}

impl App {
    /// Drops what is older than a month.
    pub(super) async fn forget_old_deliveries(&self) -> Result<(), AppError> {
        let moment = self.now().plus_days(-DAYS);
        for topic in [DELIVERIES, ATTEMPTS] {
            self.ports().journal.forget(topic, moment).await?;
        }
        Ok(())
    }
}
