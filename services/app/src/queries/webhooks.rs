//! Webhook endpoints, and what was delivered to them.

use keytrail_domain::{TenantId, WebhookEndpointId};
use keytrail_ports::{
    Action, Denied, JournalEntry, Object, Resource,
    views::{Page, SortKey, WebhookEndpointRow},
};
use uuid::Uuid;

use super::paging::{Pager, hash_of, part_of};
use crate::{
    App, AppError, Call, Listed, PageArgs, WebhookAttempt, WebhookDelivery,
    webhook::log::{ATTEMPTS, DELIVERIES, read, subject},
};

/// Attempts that are shown of one delivery: more than five days can hold.
const MOST_ATTEMPTS: usize = 100;
/// Entries counted at once.
const COUNT_PAGE: usize = 1_000;

impl App {
    /// A page of the endpoints that the caller may view, oldest first.
    ///
    /// # Errors
    /// Bad input for page arguments.
    pub async fn webhook_endpoints(
        &self,
        call: &Call,
        page: PageArgs,
    ) -> Result<Listed<WebhookEndpointRow>, AppError> {
        let tenant = call.principal.tenant;
        let rows = self.endpoints_in_sight(call).await?;
        let key = self.cursor_key(tenant).await?;
        let pager = Pager { tenant, key: &key, list: hash_of(&"webhook endpoints") };
        let request = pager.request(&page)?;
        let rows = rows.into_iter().map(|row| (SortKey::Id(row.id.as_uuid()), row)).collect();
        pager.seal(part_of(rows, &request, |key| match key {
            SortKey::Id(id) => Some(*id),
            _ => None,
        }))
    }

    /// All of that list: a tenant has few.
    pub(super) async fn endpoints_in_sight(&self, call: &Call) -> Result<Vec<WebhookEndpointRow>, AppError> {
        self.ports().authorizer.role(&call.principal).await?;
        let mut shown = Vec::new();
        for row in self.ports().views.webhook_endpoints(call.principal.tenant).await? {
            if self.may_view_endpoint(call, &row).await? {
                shown.push(row);
            }
        }
        Ok(shown)
    }

    /// One endpoint; none when it does not exist for the caller.
    ///
    /// # Errors
    /// As every query.
    pub async fn webhook_endpoint(
        &self,
        call: &Call,
        id: WebhookEndpointId,
    ) -> Result<Option<WebhookEndpointRow>, AppError> {
        self.ports().authorizer.role(&call.principal).await?;
        let Some(row) = self.ports().views.webhook_endpoint(call.principal.tenant, id).await? else {
            return Ok(None);
        };
        Ok(self.may_view_endpoint(call, &row).await?.then_some(row))
    }

    pub(super) async fn may_view_endpoint(
        &self,
        call: &Call,
        row: &WebhookEndpointRow,
    ) -> Result<bool, AppError> {
        let resource = Resource { tenant: row.tenant, object: Object::WebhookEndpoint(row.team) };
        match self.ports().authorizer.authorize(&call.principal, Action::View, resource).await {
            Ok(()) => Ok(true),
            Err(Denied::Hidden | Denied::Forbidden) => Ok(false),
            Err(denied) => Err(denied.into()),
        }
    }

    /// A page of what was to arrive at an endpoint, newest first; forwards only.
    ///
    /// # Errors
    /// `NOT_FOUND`; bad input for page arguments.
    pub async fn webhook_deliveries(
        &self,
        call: &Call,
        id: WebhookEndpointId,
        page: PageArgs,
    ) -> Result<Listed<WebhookDelivery>, AppError> {
        self.webhook_endpoint(call, id).await?.ok_or(AppError::NotFound)?;
        let tenant = call.principal.tenant;
        let key = self.cursor_key(tenant).await?;
        let pager = Pager { tenant, key: &key, list: hash_of(&("webhook deliveries", id)) };
        let request = pager.request(&page)?;
        if request.backwards || request.before.is_some() {
            return Err(AppError::bad_input(
                "last",
                "deliveries are read newest first: give `first` and `after`",
            ));
        }
        let before = match request.after {
            Some(SortKey::Number(Some(number), _)) => Some(u64::try_from(number).unwrap_or_default()),
            _ => None,
        };
        let limit = request.limit as usize;
        let mut entries =
            self.ports().journal.about(tenant, DELIVERIES, &id.to_string(), before, limit + 1).await?;
        let has_next = entries.len() > limit;
        entries.truncate(limit);
        let rows = entries.iter().map(row).collect::<Result<_, _>>()?;
        pager.seal(Page { rows, has_next, has_previous: before.is_some() })
    }

    /// How many deliveries of an endpoint are remembered.
    pub(super) async fn count_deliveries(&self, call: &Call, id: WebhookEndpointId) -> Result<u64, AppError> {
        self.webhook_endpoint(call, id).await?.ok_or(AppError::NotFound)?;
        let (tenant, id) = (call.principal.tenant, id.to_string());
        let (mut count, mut before) = (0, None);
        loop {
            let page = self.ports().journal.about(tenant, DELIVERIES, &id, before, COUNT_PAGE).await?;
            count += page.len() as u64;
            match page.last() {
                Some(last) if page.len() == COUNT_PAGE => before = Some(last.number),
                _ => return Ok(count),
            }
        }
    }

    /// The tries of one delivery, newest first.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub async fn webhook_attempts(
        &self,
        call: &Call,
        id: WebhookEndpointId,
        delivery: Uuid,
    ) -> Result<Vec<WebhookAttempt>, AppError> {
        self.webhook_endpoint(call, id).await?.ok_or(AppError::NotFound)?;
        let tenant: TenantId = call.principal.tenant;
        let subject = subject(id, delivery);
        let entries = self.ports().journal.about(tenant, ATTEMPTS, &subject, None, MOST_ATTEMPTS).await?;
        entries.iter().map(read).collect()
    }
}

fn row(entry: &JournalEntry) -> Result<(SortKey, WebhookDelivery), AppError> {
    Ok((SortKey::Number(i64::try_from(entry.number).ok(), Uuid::nil()), read(entry)?))
}
