//! OAuth clients: for who manages or audits them.

use keytrail_domain::{CredentialId, OAuthClientId};
use keytrail_ports::{
    Action, Object,
    views::{OAuthClientRow, SortKey},
};
use serde_json::{Value, json};

use super::paging::{Pager, hash_of, part_of};
use crate::{App, AppError, Call, Listed, PageArgs};

impl App {
    /// A page of the tenant's OAuth clients, oldest first.
    ///
    /// # Errors
    /// `NOT_FOUND` for who neither manages nor audits them; bad input for page arguments.
    pub async fn oauth_clients(
        &self,
        call: &Call,
        page: PageArgs,
    ) -> Result<Listed<OAuthClientRow>, AppError> {
        let tenant = call.principal.tenant;
        let rows = self.all_oauth_clients(call).await?;
        let key = self.cursor_key(tenant).await?;
        let pager = Pager { tenant, key: &key, list: hash_of(&"oauth clients") };
        let request = pager.request(&page)?;
        let rows = rows.into_iter().map(|row| (SortKey::Id(row.id.as_uuid()), row)).collect();
        pager.seal(part_of(rows, &request, |key| match key {
            SortKey::Id(id) => Some(*id),
            _ => None,
        }))
    }

    /// All of that list: a tenant has few.
    pub(super) async fn all_oauth_clients(&self, call: &Call) -> Result<Vec<OAuthClientRow>, AppError> {
        self.authorize(call, Action::View, Object::OAuthClient).await?;
        Ok(self.ports().views.oauth_clients(call.principal.tenant).await?)
    }

    /// One OAuth client, also a deleted one; none when it does not exist for the caller.
    ///
    /// # Errors
    /// As every query.
    pub async fn oauth_client(
        &self,
        call: &Call,
        id: OAuthClientId,
    ) -> Result<Option<OAuthClientRow>, AppError> {
        self.ports().authorizer.role(&call.principal).await?;
        if !self.sees(call, Object::OAuthClient).await? {
            return Ok(None);
        }
        Ok(self.ports().views.oauth_client(call.principal.tenant, id).await?)
    }

    /// A refusal that lists what uses an OAuth client, with what this caller may know of it.
    pub(crate) async fn client_users_as_seen_by(&self, call: &Call, error: AppError) -> AppError {
        let AppError::Refused { reason: reason @ "OAUTH_CLIENT_IN_USE", message, details } = error else {
            return error;
        };
        match self.client_users_seen(call, &details).await {
            Ok(details) => AppError::Refused { reason, message, details },
            Err(error) => error,
        }
    }

    async fn client_users_seen(&self, call: &Call, details: &Value) -> Result<Value, AppError> {
        let users: Vec<CredentialId> = serde_json::from_value(details["credentials"].clone())
            .map_err(|_| AppError::internal("what uses an OAuth client has no id"))?;
        let (seen, hidden) = self.credentials_in_sight(call, &users).await?;
        let seen: Vec<_> = seen.iter().map(|row| row.id).collect();
        Ok(json!({ "credentials": seen, "hiddenCount": hidden }))
    }
}
