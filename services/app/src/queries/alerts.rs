//! Alerts of credentials that the caller may view.

use keytrail_domain::AlertId;
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
        let scope = self.ports().authorizer.scope(&call.principal).await?;
        let filter = AlertFilter { scope: Some((scope, self.now())), ..filter };
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
        let resource = Resource { tenant, object: Object::Credential(row.credential) };
        match self.ports().authorizer.authorize(&call.principal, Action::View, resource).await {
            Ok(()) => Ok(Some(row)),
            Err(Denied::Hidden | Denied::Forbidden) => Ok(None),
            Err(denied) => Err(denied.into()),
        }
    }
}
