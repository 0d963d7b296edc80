//! Filling the agenda from the views, a page at a time, and keeping it true afterwards.

use std::sync::Arc;

use keytrail_domain::{CredentialId, TenantId};
use keytrail_ports::{
    Scope,
    views::{CredentialFilter, CredentialOrder, CredentialQuery, CredentialRow, PageRequest, SortKey},
};

use super::{Schedule, agenda::Job, plan, slots};
use crate::AppError;

/// Rows that are read at once.
const PAGE: u32 = 500;

/// How far the reading is.
#[derive(Default)]
pub(super) struct Seeding {
    tenants: Option<Vec<TenantId>>,
    /// Of the last tenant, the deleted ones are read, after the present ones.
    deleted: bool,
    after: Option<SortKey>,
}

impl Schedule {
    /// Reads one page; true while there are more.
    pub(super) async fn seed(&mut self) -> Result<bool, AppError> {
        // What cannot be read now is read again from the same place.
        let Some(mut seeding) = self.seeding.take() else { return Ok(false) };
        let read = self.seed_page(&mut seeding).await;
        if !matches!(read, Ok(false)) && self.seeding.is_none() {
            self.seeding = Some(seeding);
        }
        read
    }

    async fn seed_page(&mut self, seeding: &mut Seeding) -> Result<bool, AppError> {
        let views = Arc::clone(&self.app.ports().views);
        if seeding.tenants.is_none() {
            seeding.tenants = Some(views.tenants().await?);
        }
        let tenants = seeding.tenants.get_or_insert_default();
        let Some(tenant) = tenants.last().copied() else { return Ok(false) };
        let query = CredentialQuery {
            tenant,
            scope: Scope::All,
            filter: CredentialFilter { deleted: seeding.deleted, ..CredentialFilter::default() },
            order: CredentialOrder::default(),
            page: PageRequest { after: seeding.after.clone(), ..PageRequest::first(PAGE) },
            now: self.app.now(),
        };
        let page = views.credentials(query).await?;
        seeding.after = page.rows.last().filter(|_| page.has_next).map(|(key, _)| key.clone());
        if seeding.after.is_none() {
            seeding.deleted = !seeding.deleted;
            if !seeding.deleted {
                tenants.pop();
            }
        }
        for (_, row) in page.rows {
            if let Err(error) = self.place(&row).await {
                self.not_placed((row.tenant, row.id), &error);
            }
        }
        Ok(true)
    }

    /// One that cannot be read holds back no other.
    fn not_placed(&mut self, which: (TenantId, CredentialId), error: &AppError) {
        tracing::warn!(credential.id = %which.1, error = error as &dyn std::error::Error, "not scheduled: trying again");
        self.unplaced.0.push(which);
        self.unplaced.1 = self.app.now().as_micros() + slots::MINUTE;
    }

    /// Tries again, a minute later, what could not be read.
    pub(super) async fn place_the_rest(&mut self) {
        if self.unplaced.0.is_empty() || self.app.now().as_micros() < self.unplaced.1 {
            return;
        }
        for (tenant, id) in std::mem::take(&mut self.unplaced.0) {
            if let Err(error) = self.place_again(tenant, id).await {
                self.not_placed((tenant, id), &error);
            }
        }
    }

    /// All of a tenant's rows are read again, after what is being read.
    pub(super) fn seed_again(&mut self, tenant: TenantId) {
        let seeding =
            self.seeding.get_or_insert_with(|| Seeding { tenants: Some(Vec::new()), ..Seeding::default() });
        // One that has not begun reads all tenants.
        if let Some(tenants) = &mut seeding.tenants {
            tenants.insert(0, tenant);
        }
    }

    /// Something happened to it.
    pub(super) async fn place_again(&mut self, tenant: TenantId, id: CredentialId) -> Result<(), AppError> {
        self.placed_again(tenant, id).await.map(drop)
    }

    /// The same; answers its next slot, if it is checked.
    pub(super) async fn placed_again(
        &mut self,
        tenant: TenantId,
        id: CredentialId,
    ) -> Result<Option<i64>, AppError> {
        let row = self.app.ports().views.credentials_by_id(tenant, &[id]).await?.pop();
        match row {
            Some(row) => self.place(&row).await,
            None => Ok(None),
        }
    }

    /// Notes what is to be done with it. A check that is noted already stays where it is, unless
    /// what it waits for is over. Answers the next slot of one that is checked.
    pub(super) async fn place(&mut self, row: &CredentialRow) -> Result<Option<i64>, AppError> {
        let (tenant, id, now) = (row.tenant, row.id, self.app.now());
        let ladder = self.ladder(tenant).await?;
        let expiry = plan::dates(row, &ladder).map(|moment| moment.as_micros());
        self.agenda.set(tenant, id, Job::Expiry, expiry);
        if row.inconclusive_since.is_none() {
            self.agenda.proved(id);
        }
        if self.agenda.is_busy(id) {
            return Ok(None);
        }
        let known = self.app.component_version(tenant, &row.component).await?;
        let component = known.map(|known| known.definition);
        let slot = plan::is_checked(row, component.as_deref(), now).then(|| {
            let interval = plan::interval(component.as_deref(), self.interval);
            match plan::gave_way(row) {
                true => now.as_micros(),
                false => slots::next(id.as_uuid(), interval, now.as_micros()),
            }
        });
        // Never later than the next slot: what was put off is not when its reason is gone.
        let check = slot.map(|slot| self.agenda.at(id, Job::Check).map_or(slot, |noted| noted.min(slot)));
        self.agenda.set(tenant, id, Job::Check, check);
        Ok(slot)
    }

    /// The days before an end at which a tenant wants to hear of it.
    pub(super) async fn ladder(&mut self, tenant: TenantId) -> Result<Arc<[u32]>, AppError> {
        if let Some(known) = self.ladders.get(&tenant) {
            return Ok(Arc::clone(known));
        }
        let row = self.app.ports().views.tenant(tenant).await?;
        let ladder: Arc<[u32]> = row.map_or_else(Vec::new, |row| row.expiry_days).into();
        self.ladders.insert(tenant, Arc::clone(&ladder));
        Ok(ladder)
    }
}
