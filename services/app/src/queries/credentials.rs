//! Credentials, as they stand.

use std::sync::Arc;

use keytrail_domain::{CredentialId, Owner};
use keytrail_ports::{
    Action, Denied, Object, Resource,
    views::{CredentialFilter, CredentialOrder, CredentialQuery, CredentialRow, GrantRow, PageRequest},
};

use super::paging::{Pager, hash_of};
use crate::{App, AppError, AsOf, Call, Listed, PageArgs};

impl App {
    /// May the caller view it? No for what does not exist.
    pub(super) async fn may_view(&self, call: &Call, id: CredentialId) -> Result<bool, AppError> {
        let resource = Resource { tenant: call.principal.tenant, object: Object::Credential(id) };
        match self.ports().authorizer.authorize(&call.principal, Action::View, resource).await {
            Ok(()) => Ok(true),
            Err(Denied::Hidden | Denied::Forbidden) => Ok(false),
            Err(denied) => Err(denied.into()),
        }
    }

    /// One credential, also a deleted one; none when it does not exist for the caller.
    ///
    /// # Errors
    /// As every query.
    pub async fn credential(
        &self,
        call: &Call,
        id: CredentialId,
    ) -> Result<Option<Arc<CredentialRow>>, AppError> {
        if !self.may_view(call, id).await? {
            return Ok(None);
        }
        let rows = self.ports().views.credentials_by_id(call.principal.tenant, &[id]).await?;
        Ok(rows.into_iter().next().filter(|row| !row.purged))
    }

    /// One answer per id, in order.
    ///
    /// # Errors
    /// As every query.
    pub async fn credentials_by_id(
        &self,
        call: &Call,
        ids: &[CredentialId],
    ) -> Result<Vec<Option<Arc<CredentialRow>>>, AppError> {
        let mut visible = Vec::with_capacity(ids.len());
        for id in ids {
            if self.may_view(call, *id).await? {
                visible.push(*id);
            }
        }
        let rows = self.ports().views.credentials_by_id(call.principal.tenant, &visible).await?;
        let find = |id: &CredentialId| rows.iter().find(|row| row.id == *id && !row.purged).cloned();
        Ok(ids.iter().map(find).collect())
    }

    /// The present credential of this name that the caller may view; with several, the one of this
    /// owner.
    ///
    /// # Errors
    /// `CONFLICT` when several have the name and no owner is given.
    pub async fn credential_by_name(
        &self,
        call: &Call,
        name: &str,
        owner: Option<Owner>,
    ) -> Result<Option<Arc<CredentialRow>>, AppError> {
        let rows = self.ports().views.credentials_by_name(call.principal.tenant, name).await?;
        let mut found = Vec::new();
        for row in rows {
            let wanted = owner.is_none_or(|owner| owner == row.owner) && row.deleted_at.is_none();
            if wanted && self.may_view(call, row.id).await? {
                found.push(row);
            }
        }
        if found.len() > 1 {
            return Err(AppError::conflict(
                "several credentials have this name: say whose you mean (ownerId)",
            ));
        }
        Ok(found.pop())
    }

    /// A page of the credentials that the caller may view.
    ///
    /// # Errors
    /// Bad input for page arguments and cursors that do not fit.
    pub async fn credentials(
        &self,
        call: &Call,
        filter: CredentialFilter,
        order: CredentialOrder,
        page: PageArgs,
    ) -> Result<Listed<Arc<CredentialRow>>, AppError> {
        let key = self.cursor_key(call.principal.tenant).await?;
        let list = hash_of(&(&filter, order));
        let pager = Pager { tenant: call.principal.tenant, key: &key, list };
        let request = pager.request(&page)?;
        let query = self.credential_query(call, filter, order, request).await?;
        pager.seal(self.ports().views.credentials(query).await?)
    }

    /// How many credentials that is.
    ///
    /// # Errors
    /// As every query.
    pub async fn count_credentials(&self, call: &Call, filter: CredentialFilter) -> Result<u64, AppError> {
        let order = CredentialOrder::default();
        let query = self.credential_query(call, filter, order, PageRequest::first(1)).await?;
        Ok(self.ports().views.count_credentials(query).await?)
    }

    pub(super) async fn credential_query(
        &self,
        call: &Call,
        filter: CredentialFilter,
        order: CredentialOrder,
        page: PageRequest,
    ) -> Result<CredentialQuery, AppError> {
        let scope = self.ports().authorizer.scope(&call.principal).await?;
        Ok(CredentialQuery { tenant: call.principal.tenant, scope, filter, order, page, now: self.now() })
    }

    /// Who was given what on a credential.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub async fn grants(
        &self,
        call: &Call,
        id: CredentialId,
        as_of: AsOf,
    ) -> Result<Vec<GrantRow>, AppError> {
        self.authorize(call, Action::View, Object::Credential(id)).await?;
        Ok(self.ports().views.grants(call.principal.tenant, id, as_of.position()).await?)
    }

    /// What the caller may do with a credential.
    ///
    /// # Errors
    /// As every query.
    pub async fn permissions(&self, call: &Call, id: CredentialId) -> Result<Vec<Action>, AppError> {
        let resource = Resource { tenant: call.principal.tenant, object: Object::Credential(id) };
        Ok(self.ports().authorizer.permissions(&call.principal, resource).await?)
    }
}
