//! Checks of a credential: those that are events, from the views, and those that told nothing new,
//! from the journal, as one list.

use std::{cmp::Reverse, sync::Arc};

use keytrail_domain::{CredentialId, TenantId, Timestamp};
use keytrail_ports::{
    Action, JournalEntry, Object, Span, SpanEnd,
    views::{CredentialRow, Page, PageRequest, SortKey, VerificationRow},
};

use super::paging::{Pager, hash_of};
use crate::{App, AppError, AsOf, Call, Listed, PageArgs, schedule::kept};

impl App {
    /// Checks of a credential, newest first.
    ///
    /// # Errors
    /// `NOT_FOUND`; bad input for page arguments.
    pub async fn verifications(
        &self,
        call: &Call,
        id: CredentialId,
        as_of: AsOf,
        page: PageArgs,
    ) -> Result<Listed<VerificationRow>, AppError> {
        self.authorize(call, Action::View, Object::Credential(id)).await?;
        let tenant = call.principal.tenant;
        let key = self.cursor_key(tenant).await?;
        let pager = Pager { tenant, key: &key, list: hash_of(&("verifications", id)) };
        let request = pager.request(&page)?;
        pager.seal(self.verification_page((tenant, id), as_of.until(), &request).await?)
    }

    /// The newest checks, newest first.
    pub(crate) async fn newest_verifications(
        &self,
        tenant: TenantId,
        id: CredentialId,
        most: u32,
    ) -> Result<Vec<VerificationRow>, AppError> {
        let page = self.verification_page((tenant, id), None, &PageRequest::first(most)).await?;
        Ok(page.rows.into_iter().map(|(_, row)| row).collect())
    }

    async fn verification_page(
        &self,
        whose: (TenantId, CredentialId),
        until: Option<Timestamp>,
        request: &PageRequest,
    ) -> Result<Page<VerificationRow>, AppError> {
        let mut page = self.both(whose, until, request).await?;
        // Whether something lies on the other side of the page's edge, and not only in the source
        // that the edge is from.
        let edge = if request.backwards { page.rows.last() } else { page.rows.first() };
        let bounded = if request.backwards { request.before.is_some() } else { request.after.is_some() };
        if let (Some((edge, _)), true) = (edge.cloned(), bounded) {
            let beyond = if request.backwards {
                PageRequest::first(1).after(edge)
            } else {
                PageRequest { backwards: true, before: Some(edge), ..PageRequest::first(1) }
            };
            let there = !self.both(whose, until, &beyond).await?.rows.is_empty();
            if request.backwards { page.has_next = there } else { page.has_previous = there }
        }
        Ok(page)
    }

    /// One page of both sources, merged; true is said of the direction of reading only.
    async fn both(
        &self,
        (tenant, id): (TenantId, CredentialId),
        until: Option<Timestamp>,
        request: &PageRequest,
    ) -> Result<Page<VerificationRow>, AppError> {
        let mut page = self.ports().views.verifications(tenant, id, until, request.clone()).await?;
        let most = request.limit as usize;
        let span = span((tenant, id), until, request);
        let end = if request.backwards { SpanEnd::Oldest } else { SpanEnd::Newest };
        let entries = self.ports().journal.span(span, end, most + 1).await?;
        for entry in entries {
            let row = kept::row(id, entry)?;
            page.rows.push((place(&row), row));
        }
        page.rows.sort_by_key(|(_, row)| Reverse((row.at, row.id)));
        let too_many = page.rows.len().saturating_sub(most);
        if request.backwards {
            page.rows.drain(..too_many);
            page.has_previous |= too_many > 0;
        } else {
            page.rows.truncate(most);
            page.has_next |= too_many > 0;
        }
        Ok(page)
    }

    /// How many checks of a credential there are.
    pub(super) async fn count_verifications(
        &self,
        tenant: TenantId,
        id: CredentialId,
        until: Option<Timestamp>,
    ) -> Result<u64, AppError> {
        let events = self.ports().views.count_verifications(tenant, id, until).await?;
        let before = until.map(just_after);
        let others = self.ports().journal.count(Span { before, ..kept::all(tenant, id) }).await?;
        Ok(events + others)
    }

    /// The last check of a credential as it stands.
    ///
    /// # Errors
    /// The journal does not answer.
    pub async fn last_verification(
        &self,
        row: &CredentialRow,
    ) -> Result<Option<Arc<VerificationRow>>, AppError> {
        let others = self.last_kept(row.tenant, row.id).await?;
        let event = row.last_verification.clone().map(Arc::new);
        Ok(event.into_iter().chain(others).max_by_key(|check| check.at))
    }

    /// The last check of a credential as it stands, or of `row` as it stood.
    ///
    /// # Errors
    /// The journal does not answer.
    pub async fn last_verification_seen(
        &self,
        row: &CredentialRow,
        as_of: AsOf,
    ) -> Result<Option<Arc<VerificationRow>>, AppError> {
        let Some(until) = as_of.until() else { return self.last_verification(row).await };
        let span = Span { before: Some(just_after(until)), ..kept::all(row.tenant, row.id) };
        let entry = self.ports().journal.span(span, SpanEnd::Newest, 1).await?.pop();
        let other = entry.map(|entry| kept::row(row.id, entry)).transpose()?;
        Ok(row.last_verification.clone().into_iter().chain(other).max_by_key(|check| check.at).map(Arc::new))
    }

    /// Asked for once; from then on the schedule tells, unless it is another node's.
    async fn last_kept(
        &self,
        tenant: TenantId,
        id: CredentialId,
    ) -> Result<Option<Arc<VerificationRow>>, AppError> {
        if let Some(known) = self.0.last_kept.get(&id).filter(|_| !self.ports().journal.is_shared()) {
            return Ok(known);
        }
        let entry = self.ports().journal.span(kept::all(tenant, id), SpanEnd::Newest, 1).await?.pop();
        let last = entry.map(|entry| kept::row(id, entry)).transpose()?.map(Arc::new);
        if self.ports().journal.is_shared() {
            return Ok(last);
        }
        // One that was kept meanwhile is newer.
        self.0.last_kept.get_or_insert_with(&id, || Ok(last))
    }

    /// The schedule has kept one more.
    pub(crate) fn remember_check(&self, id: CredentialId, entry: JournalEntry) -> Result<(), AppError> {
        self.0.last_kept.insert(id, Some(Arc::new(kept::row(id, entry)?)));
        Ok(())
    }
}

fn place(row: &VerificationRow) -> SortKey {
    SortKey::Number(Some(row.at.as_micros()), row.id.as_uuid())
}

/// A moment itself belongs to what had happened by then.
fn just_after(moment: Timestamp) -> (Timestamp, u64) {
    (moment.plus_micros(1), 0)
}

/// The part of the journal that a page can be of: the list goes backwards in time.
fn span((tenant, id): (TenantId, CredentialId), until: Option<Timestamp>, request: &PageRequest) -> Span {
    let around = |key: &Option<SortKey>| match key {
        Some(SortKey::Number(Some(at), id)) => Some(kept::around(Timestamp::from_micros(*at), *id)),
        _ => None,
    };
    let newest = around(&request.after).map(|(_, above)| above);
    let oldest = around(&request.before).map(|(below, _)| below);
    let until = until.map(just_after);
    let before = newest.into_iter().chain(until).min();
    Span { after: oldest, before, ..kept::all(tenant, id) }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_page_of_the_past_ends_at_the_earlier_of_both_bounds() {
        let whose = (TenantId::of_slug("acme"), CredentialId::from_uuid(Uuid::nil()));
        let at = Timestamp::from_micros(1_800_000_000_000_000);
        let key = SortKey::Number(Some(at.as_micros()), Uuid::max());
        let request = PageRequest::first(1).after(key);
        assert_eq!(span(whose, None, &request).before, Some((at, u64::MAX)));
        assert_eq!(
            span(whose, Some(at.plus_seconds(-1)), &request).before,
            Some((at.plus_micros(-999_999), 0))
        );
        assert_eq!(span(whose, Some(at.plus_seconds(1)), &request).before, Some((at, u64::MAX)));
    }
}
