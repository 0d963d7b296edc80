//! Environments that the caller may view: by his role, by their team, or because he holds them.

use keytrail_domain::EnvironmentId;
use keytrail_ports::{
    Object,
    views::{EnvironmentRow, SortKey},
};

use super::paging::{Pager, hash_of, part_of};
use crate::{App, AppError, Call, Listed, PageArgs};

impl App {
    /// A page of environments, oldest first.
    ///
    /// # Errors
    /// Bad input for page arguments.
    pub async fn environments(
        &self,
        call: &Call,
        page: PageArgs,
    ) -> Result<Listed<EnvironmentRow>, AppError> {
        let tenant = call.principal.tenant;
        let rows = self.environments_in_sight(call).await?;
        let key = self.cursor_key(tenant).await?;
        let pager = Pager { tenant, key: &key, list: hash_of(&"environments") };
        let request = pager.request(&page)?;
        let rows = rows.into_iter().map(|row| (SortKey::Id(row.id.as_uuid()), row)).collect();
        pager.seal(part_of(rows, &request, |key| match key {
            SortKey::Id(id) => Some(*id),
            _ => None,
        }))
    }

    /// All of that list: a tenant has few.
    pub(super) async fn environments_in_sight(&self, call: &Call) -> Result<Vec<EnvironmentRow>, AppError> {
        self.ports().authorizer.role(&call.principal).await?;
        let held = self.ports().authorizer.environments(&call.principal).await?;
        let mut shown = Vec::new();
        for row in self.ports().views.environments(call.principal.tenant).await? {
            if held.contains(&row.id) || self.sees(call, Object::Environment(row.team)).await? {
                shown.push(row);
            }
        }
        Ok(shown)
    }

    /// One environment, also a deleted one; none when it does not exist for the caller.
    ///
    /// # Errors
    /// As every query.
    pub async fn environment(
        &self,
        call: &Call,
        id: EnvironmentId,
    ) -> Result<Option<EnvironmentRow>, AppError> {
        self.ports().authorizer.role(&call.principal).await?;
        let row = self.ports().views.environments_by_id(call.principal.tenant, &[id]).await?.pop();
        match row {
            Some(row) if self.holds(call, id).await? => Ok(Some(row)),
            Some(row) if self.sees(call, Object::Environment(row.team)).await? => Ok(Some(row)),
            _ => Ok(None),
        }
    }

    /// Whether the caller holds an environment now.
    pub(crate) async fn holds(&self, call: &Call, id: EnvironmentId) -> Result<bool, AppError> {
        Ok(self.ports().authorizer.environments(&call.principal).await?.contains(&id))
    }
}
