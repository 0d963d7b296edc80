//! Events: a credential's history and the tenant's audit log.

use std::sync::Arc;

use keytrail_domain::{CredentialId, StreamId};
use keytrail_ports::{
    Action, Object,
    views::{EventFilter, EventRow},
};

use super::paging::LogPager;
use crate::{App, AppError, Call, Listed, PageArgs};

impl App {
    /// What happened to a credential, oldest first.
    ///
    /// # Errors
    /// `NOT_FOUND`; bad input for page arguments.
    pub async fn history(
        &self,
        call: &Call,
        id: CredentialId,
        page: PageArgs,
    ) -> Result<Listed<Arc<EventRow>>, AppError> {
        self.authorize(call, Action::View, Object::Credential(id)).await?;
        let stream = Some(StreamId::credential(call.principal.tenant, id));
        self.events(call, EventFilter { stream, ..EventFilter::default() }, page).await
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

    async fn events(
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
