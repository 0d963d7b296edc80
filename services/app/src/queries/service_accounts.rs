//! Service accounts: their names for every member, their tokens for who manages or audits them.

use keytrail_domain::ServiceAccountId;
use keytrail_ports::{
    Action, Object,
    views::{ServiceAccountRow, SortKey},
};

use super::paging::{Pager, hash_of, part_of};
use crate::{App, AppError, Call, Listed, PageArgs};

impl App {
    /// A page of the tenant's service accounts, oldest first.
    ///
    /// # Errors
    /// `NOT_FOUND` for who neither manages nor audits them; bad input for page arguments.
    pub async fn service_accounts(
        &self,
        call: &Call,
        page: PageArgs,
    ) -> Result<Listed<ServiceAccountRow>, AppError> {
        let tenant = call.principal.tenant;
        let rows = self.all_service_accounts(call).await?;
        let key = self.cursor_key(tenant).await?;
        let pager = Pager { tenant, key: &key, list: hash_of(&"service accounts") };
        let request = pager.request(&page)?;
        let rows = rows.into_iter().map(|row| (SortKey::Id(row.id.as_uuid()), row)).collect();
        pager.seal(part_of(rows, &request, |key| match key {
            SortKey::Id(id) => Some(*id),
            _ => None,
        }))
    }

    /// All of that list: a tenant has few.
    pub(super) async fn all_service_accounts(&self, call: &Call) -> Result<Vec<ServiceAccountRow>, AppError> {
        self.authorize(call, Action::View, Object::ServiceAccount).await?;
        Ok(self.ports().views.service_accounts(call.principal.tenant).await?)
    }

    /// One account, also a deleted one, so that history can name it.
    ///
    /// # Errors
    /// As every query.
    pub async fn service_account(
        &self,
        call: &Call,
        id: ServiceAccountId,
    ) -> Result<Option<ServiceAccountRow>, AppError> {
        self.ports().authorizer.role(&call.principal).await?;
        Ok(self.ports().views.service_accounts_by_id(call.principal.tenant, &[id]).await?.pop())
    }

    /// May the caller see which tokens an account has?
    ///
    /// # Errors
    /// As every query.
    pub async fn sees_tokens(&self, call: &Call) -> Result<bool, AppError> {
        self.sees(call, Object::ServiceAccount).await
    }
}
