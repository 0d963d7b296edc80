//! Leases: when a credential was last fetched, by whom, and what of it can still be used.

use keytrail_domain::{LeaseId, lease::LeaseEvent};
use keytrail_ports::views::{ConsumerRow, OpenLease, ViewError, ViewTx};

use super::Fact;
use crate::idempotency::principal_key;

pub(super) fn project(fact: &Fact<'_>, event: &LeaseEvent, views: &mut dyn ViewTx) -> Result<(), ViewError> {
    match event {
        LeaseEvent::Leased { lease, version, purpose, until, accessor } => {
            // What this process keeps is judged when it is used.
            let open = accessor.as_ref().map(|accessor| OpenLease {
                lease: *lease,
                event: fact.event.id,
                consumer: fact.meta.actor.clone(),
                version: *version,
                until: *until,
                accessor: accessor.clone(),
            });
            leased(fact, (*version, purpose), open, views)
        }
        LeaseEvent::Revoked { lease, consumer } => revoked(fact, *lease, consumer, views),
    }
}

fn leased(
    fact: &Fact<'_>,
    (version, purpose): (u32, &str),
    open: Option<OpenLease>,
    views: &mut dyn ViewTx,
) -> Result<(), ViewError> {
    let (tenant, at) = (fact.meta.tenant, fact.meta.recorded_at);
    let credential = fact.event.stream.credential_id().ok_or_else(|| fact.orphan())?;
    let mut row = views.credential(tenant, credential)?.ok_or_else(|| fact.orphan())?;
    row.last_leased_at = row.last_leased_at.max(Some(at));
    views.put_credential(&row)?;
    let known = views.consumer(tenant, credential, &principal_key(&fact.meta.actor))?;
    let since =
        known.as_ref().filter(|known| known.version == version).map_or(at, |known| known.on_version_since);
    let (leases, mut before) = known.map_or((0, Vec::new()), |known| (known.leases, known.open));
    before.retain(|lease| at < lease.until);
    before.extend(open);
    views.put_consumer(&ConsumerRow {
        tenant,
        credential,
        consumer: fact.meta.actor.clone(),
        version,
        last_leased_at: at,
        on_version_since: since,
        purpose: purpose.to_owned(),
        leases: leases + 1,
        open: before,
    })
}

fn revoked(fact: &Fact<'_>, lease: LeaseId, consumer: &str, views: &mut dyn ViewTx) -> Result<(), ViewError> {
    let credential = fact.event.stream.credential_id().ok_or_else(|| fact.orphan())?;
    let row = views.consumer(fact.meta.tenant, credential, consumer)?;
    let mut row = row.ok_or_else(|| fact.orphan())?;
    row.open.retain(|open| open.lease != lease);
    views.put_consumer(&row)
}
