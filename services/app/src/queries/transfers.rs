//! Credentials that are offered, as both sides see it.

use std::sync::Arc;

use keytrail_domain::CredentialId;
use keytrail_ports::{
    Action, Denied, Object, Resource,
    views::{CredentialRow, SortKey},
};

use super::paging::{Pager, hash_of, part_of};
use crate::{App, AppError, Call, Listed, PageArgs};

impl App {
    /// A page of the offers that the caller may accept or take back, oldest credential first.
    ///
    /// # Errors
    /// Bad input for page arguments.
    pub async fn transfer_offers(
        &self,
        call: &Call,
        page: PageArgs,
    ) -> Result<Listed<Arc<CredentialRow>>, AppError> {
        let tenant = call.principal.tenant;
        let rows = self.offers_in_sight(call).await?;
        let key = self.cursor_key(tenant).await?;
        let pager = Pager { tenant, key: &key, list: hash_of(&"transferOffers") };
        let request = pager.request(&page)?;
        let rows = rows.into_iter().map(|row| (SortKey::Id(row.id.as_uuid()), row)).collect();
        pager.seal(part_of(rows, &request, |key| match key {
            SortKey::Id(id) => Some(*id),
            _ => None,
        }))
    }

    /// All of that list: few credentials are on their way.
    pub(super) async fn offers_in_sight(&self, call: &Call) -> Result<Vec<Arc<CredentialRow>>, AppError> {
        self.ports().authorizer.role(&call.principal).await?;
        let mut seen = Vec::new();
        for row in self.ports().views.offered(call.principal.tenant).await? {
            let Some(offer) = &row.offer else { continue };
            if self.receives(call, offer.to).await? || self.may_transfer(call, row.id).await? {
                seen.push(row);
            }
        }
        Ok(seen)
    }

    async fn may_transfer(&self, call: &Call, id: CredentialId) -> Result<bool, AppError> {
        let resource = Resource { tenant: call.principal.tenant, object: Object::Credential(id) };
        match self.ports().authorizer.authorize(&call.principal, Action::Transfer, resource).await {
            Ok(()) => Ok(true),
            Err(Denied::Hidden | Denied::Forbidden) => Ok(false),
            Err(denied) => Err(denied.into()),
        }
    }
}
