//! Alerts of credentials that the caller may view.

use keytrail_domain::{AlertId, alert::Subject};
use keytrail_ports::{
    Action, Denied, Object, Resource,
    views::{AlertFilter, AlertRow},
};

use super::paging::{Pager, hash_of};
use crate::{App, AppError, Call, Listed, PageArgs};

impl App {
    /// A page of alerts, newest first.
    ///
    /// # Errors
    /// Bad input for page arguments.
    pub async fn alerts(
        &self,
        call: &Call,
        filter: AlertFilter,
        page: PageArgs,
    ) -> Result<Listed<AlertRow>, AppError> {
        let tenant = call.principal.tenant;
        let key = self.cursor_key(tenant).await?;
        let list = hash_of(&("alerts", &filter.states, &filter.severities, filter.credential, &filter.ids));
        let pager = Pager { tenant, key: &key, list };
        let request = pager.request(&page)?;
        let filter = self.in_sight(call, filter).await?;
        pager.seal(self.ports().views.alerts(tenant, filter, request).await?)
    }

    /// One alert; none when it does not exist for the caller.
    ///
    /// # Errors
    /// As every query.
    pub async fn alert(&self, call: &Call, id: AlertId) -> Result<Option<AlertRow>, AppError> {
        self.ports().authorizer.role(&call.principal).await?;
        let tenant = call.principal.tenant;
        let Some(row) = self.ports().views.alert(tenant, id).await? else { return Ok(None) };
        Ok(self.may_view_subject(call, row.about).await?.then_some(row))
    }

    /// The filter, for what the caller may view now.
    pub(super) async fn in_sight(&self, call: &Call, filter: AlertFilter) -> Result<AlertFilter, AppError> {
        let scope = self.ports().authorizer.scope(&call.principal).await?;
        let endpoints = match filter.credential {
            Some(_) => Vec::new(),
            None => self.endpoints_in_sight(call).await?.into_iter().map(|row| row.id).collect(),
        };
        Ok(AlertFilter { scope: Some((scope, self.now())), endpoints, ..filter })
    }

    /// True when the caller may view what an alert is about.
    pub(crate) async fn may_view_subject(&self, call: &Call, about: Subject) -> Result<bool, AppError> {
        let object = match about {
            Subject::Credential(id) => Object::Credential(id),
            Subject::WebhookEndpoint(id) => {
                return Ok(self.webhook_endpoint(call, id).await?.is_some());
            }
        };
        let resource = Resource { tenant: call.principal.tenant, object };
        match self.ports().authorizer.authorize(&call.principal, Action::View, resource).await {
            Ok(()) => Ok(true),
            Err(Denied::Hidden | Denied::Forbidden) => Ok(false),
            Err(denied) => Err(denied.into()),
        }
    }
}
