//! Events: a credential's history and the tenant's audit log.

use std::sync::Arc;

use keytrail_domain::{CredentialId, StreamId, TenantId, Timestamp};
use keytrail_ports::{
    Action, Object,
    views::{EventFilter, EventRow},
};

use super::paging::LogPager;
use crate::{App, AppError, AsOf, Call, Listed, PageArgs};

impl App {
    /// What happened to a credential, oldest first.
    ///
    /// # Errors
    /// `NOT_FOUND`; bad input for page arguments.
    pub async fn history(
        &self,
        call: &Call,
        id: CredentialId,
        as_of: AsOf,
        page: PageArgs,
    ) -> Result<Listed<Arc<EventRow>>, AppError> {
        self.authorize(call, Action::View, Object::Credential(id)).await?;
        self.events(call, of_credential(call.principal.tenant, id, as_of), page).await
    }

    /// Everything that was done with a credential since a moment (none: since it is compromised, else since it was made),
    /// and by whom: who leased it, was given it, checked it, used it. Oldest first; also the moment.
    ///
    /// # Errors
    /// `NOT_FOUND`, `FORBIDDEN` for who may not review its access; bad input for page arguments.
    pub async fn exposure(
        &self,
        call: &Call,
        id: CredentialId,
        since: Option<Timestamp>,
        page: PageArgs,
    ) -> Result<(Timestamp, Listed<Arc<EventRow>>), AppError> {
        self.authorize(call, Action::ReviewAccess, Object::Credential(id)).await?;
        let row = self.ports().views.credentials_by_id(call.principal.tenant, &[id]).await?.pop();
        let row = row.ok_or(AppError::NotFound)?;
        let known = row.compromise.as_ref().map_or(row.created_at, |known| known.since);
        let since = since.unwrap_or(known);
        Ok((since, self.events(call, exposing(id, since), page).await?))
    }

    /// What happened in the tenant, oldest first.
    ///
    /// # Errors
    /// `FORBIDDEN` for those who may not; bad input for page arguments.
    pub async fn audit_log(
        &self,
        call: &Call,
        filter: EventFilter,
        page: PageArgs,
    ) -> Result<Listed<Arc<EventRow>>, AppError> {
        self.authorize(call, Action::View, Object::AuditLog).await?;
        self.events(call, filter, page).await
    }

    /// A page of the tenant's events, oldest first; whoever asks has been authorised.
    pub(crate) async fn events(
        &self,
        call: &Call,
        filter: EventFilter,
        page: PageArgs,
    ) -> Result<Listed<Arc<EventRow>>, AppError> {
        let tenant = call.principal.tenant;
        let key = self.cursor_key(tenant).await?;
        let request = self.log_request(&page, tenant, &key).await?;
        let page = self.ports().views.events(tenant, filter, request).await?;
        LogPager { tenant, key: &key, log_id: self.0.log_id }.seal(page)
    }
}

/// What is said of a credential, in whatever stream, since then.
pub(super) fn exposing(id: CredentialId, since: Timestamp) -> EventFilter {
    EventFilter { credential: Some(id), from: Some(since), ..EventFilter::default() }
}

/// The events of a credential's own stream.
pub(super) fn of_credential(tenant: TenantId, id: CredentialId, as_of: AsOf) -> EventFilter {
    let stream = Some(StreamId::credential(tenant, id));
    EventFilter { stream, upto: as_of.position(), ..EventFilter::default() }
}
