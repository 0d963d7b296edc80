//! Credentials: one pure function from row and fact to row, used for the views and for answers as
//! of a past moment.

use keytrail_domain::{
    EventId, EventMeta, Timestamp,
    credential::{
        Authorization, CredentialEvent as E, Health, NotedExpiry, RollbackReason, VerificationChoice, Version,
    },
    verification::{Report, Trigger, Verdict},
};
use keytrail_ports::{
    AuthorityChange,
    views::{
        CompromiseRow, CredentialRow, OfferRow, UsageRow, VerificationRow, VersionRow, ViewError, ViewTx,
    },
};

use super::{Fact, refreshes};

pub(super) fn project(fact: &Fact<'_>, event: &E, views: &mut dyn ViewTx) -> Result<(), ViewError> {
    let id = fact.event.stream.credential_id().ok_or_else(|| fact.orphan())?;
    let before = views.credential(fact.meta.tenant, id)?;
    let row = evolve(before.clone(), fact.event.id, fact.meta, event).ok_or_else(|| fact.orphan())?;
    match event {
        E::Created { secret, .. } | E::SecretRotated { secret, .. } => {
            views.add_secret(fact.meta.tenant, *secret)?;
        }
        E::Authorized { authorization: Authorization { refresh: Some(refresh), .. } } => {
            views.add_secret(fact.meta.tenant, *refresh)?;
        }
        E::TokenRefreshed { secret, refresh, .. } => {
            for new in std::iter::once(secret).chain(refresh) {
                views.add_secret(fact.meta.tenant, *new)?;
            }
        }
        E::Purged {} => {
            for version in &row.versions {
                views.drop_secret(fact.meta.tenant, version.secret)?;
            }
        }
        _ => {}
    }
    for gone in refreshes::left_behind(before.as_ref(), &row, event) {
        views.drop_secret(fact.meta.tenant, gone)?;
    }
    let at = row.refresh_at();
    if at != before.as_ref().and_then(CredentialRow::refresh_at) {
        views.put_refresh(fact.meta.tenant, id, at)?;
    }
    if event.report().is_some()
        && let Some(check) = &row.last_verification
    {
        views.add_verification(check)?;
    }
    if let Some(change) = authority(&row, event) {
        fact.changes(change, views)?;
    }
    views.put_credential(&row)
}

fn authority(row: &CredentialRow, event: &E) -> Option<AuthorityChange> {
    let credential = row.id;
    match event {
        E::Created { owner, .. } => Some(AuthorityChange::Owned { credential, owner: *owner }),
        E::Shared { grantee, level, expires_at, .. } => Some(AuthorityChange::Granted {
            credential,
            grantee: *grantee,
            level: Some((*level, *expires_at)),
        }),
        E::Transferred { to, .. } => Some(AuthorityChange::Owned { credential, owner: *to }),
        E::ShareRevoked { grantee } => {
            Some(AuthorityChange::Granted { credential, grantee: *grantee, level: None })
        }
        E::Purged {} => Some(AuthorityChange::CredentialGone { credential }),
        _ => None,
    }
}

/// The row after one more fact; none when the fact is about nothing.
pub(crate) fn evolve(
    before: Option<CredentialRow>,
    id: EventId,
    meta: &EventMeta,
    event: &E,
) -> Option<CredentialRow> {
    let mut row = match event {
        E::Created { .. } => return created(meta, event),
        _ => before?,
    };
    if event.counts_as_change() {
        row.revision += 1;
        row.updated_at = meta.recorded_at;
    }
    apply(&mut row, id, meta, event);
    Some(row)
}

fn created(meta: &EventMeta, event: &E) -> Option<CredentialRow> {
    let E::Created {
        credential,
        tenant,
        name,
        external_id,
        component,
        kind,
        owner,
        labels,
        fields,
        secret_fields,
        allowed_hosts,
        expires_at,
        version,
        secret,
        ..
    } = event.clone()
    else {
        return None;
    };
    let at = meta.recorded_at;
    Some(CredentialRow {
        tenant,
        id: credential,
        name,
        external_id,
        component,
        kind,
        owner,
        labels,
        fields,
        secret_fields,
        allowed_hosts,
        versions: vec![version_row(version, secret, meta)],
        offer: None,
        health: Health::Unverified,
        suspended: false,
        compromise: None,
        authorization: None,
        expires_at,
        stated_end: expires_at,
        created_at: at,
        created_by: meta.actor.clone(),
        updated_at: at,
        last_verification: None,
        inconclusive_since: None,
        noted_expiry: None,
        last_leased_at: None,
        usages: Vec::new(),
        open_alerts: 0,
        deleted_at: None,
        restorable_until: None,
        purged: false,
        revision: 1,
    })
}

fn version_row(number: u32, secret: keytrail_domain::SecretRef, meta: &EventMeta) -> VersionRow {
    VersionRow {
        number,
        created_at: meta.recorded_at,
        created_by: meta.actor.clone(),
        secret,
        replaced_at: None,
        leasable_until: None,
        retired: None,
    }
}

/// Another version becomes the current one; the one that it was until now can be leased until the given moment.
fn replace_version(row: &mut CredentialRow, at: Timestamp, leasable_until: Option<Timestamp>) {
    for version in row.versions.iter_mut().filter(|version| version.replaced_at.is_none()) {
        (version.replaced_at, version.leasable_until) = (Some(at), leasable_until);
    }
}

/// Those that are over already stay in the history as they were.
fn end_overlaps(row: &mut CredentialRow) {
    for version in row.versions.iter_mut().filter(|version| version.retired.is_none()) {
        version.leasable_until = None;
    }
}

fn roll_back(row: &mut CredentialRow, number: u32, restored: &Version, at: Timestamp) {
    replace_version(row, at, None);
    for version in row.versions.iter_mut().filter(|version| version.number == number) {
        (version.replaced_at, version.leasable_until) = (None, None);
    }
    row.component.clone_from(&restored.component);
    row.fields.clone_from(&restored.fields);
    row.secret_fields.clone_from(&restored.secret_fields);
    row.allowed_hosts.clone_from(&restored.allowed_hosts);
    row.stated_end = restored.expires_at;
    nothing_is_proven(row);
}

fn apply(row: &mut CredentialRow, id: EventId, meta: &EventMeta, event: &E) {
    match event {
        E::Renamed { name } => row.name.clone_from(name),
        E::LabelsChanged { labels } => row.labels.clone_from(labels),
        E::DetailsChanged { external_id, fields, allowed_hosts, expires_at, verification } => {
            row.external_id.clone_from(external_id);
            row.fields.clone_from(fields);
            row.allowed_hosts.clone_from(allowed_hosts);
            set_stated_end(row, *expires_at);
            if *verification != VerificationChoice::NotNeeded {
                nothing_is_proven(row);
            }
        }
        E::SecretRotated {
            version,
            secret,
            fields,
            secret_fields,
            allowed_hosts,
            component,
            expires_at,
            overlap_until,
            ..
        } => {
            if let Some(component) = component {
                row.component.clone_from(component);
            }
            replace_version(row, meta.recorded_at, *overlap_until);
            if overlap_until.is_none() {
                end_overlaps(row);
            }
            row.versions.push(version_row(*version, *secret, meta));
            row.fields.clone_from(fields);
            row.secret_fields.clone_from(secret_fields);
            row.allowed_hosts.clone_from(allowed_hosts);
            row.stated_end = *expires_at;
            (row.compromise, row.authorization) = (None, None);
            nothing_is_proven(row);
        }
        E::RolledBack { version, restored, reason, .. } => {
            roll_back(row, *version, restored, meta.recorded_at);
            row.authorization = None;
            if *reason == RollbackReason::Asked {
                end_overlaps(row);
            }
        }
        E::VersionRetired { version, reason } => {
            for retired in row.versions.iter_mut().filter(|known| known.number == *version) {
                retired.retired = Some((meta.recorded_at, *reason));
            }
        }
        E::Verified { version, trigger, report }
        | E::Invalidated { version, trigger, report }
        | E::VerificationInconclusive { version, trigger, report } => {
            checked(row, &Check { id, version: *version, trigger: *trigger, report }, meta);
        }
        E::TransferOffered { to, note, .. } => {
            let (by, at) = (meta.actor.clone(), meta.recorded_at);
            row.offer = Some(OfferRow { to: *to, note: note.clone(), by, at });
        }
        E::TransferDeclined {} | E::TransferCancelled {} => row.offer = None,
        E::Transferred { to, .. } => (row.owner, row.offer) = (*to, None),
        E::Attached { usage, kind } => row.usages.push(UsageRow {
            kind: *kind,
            id: usage.clone(),
            active: false,
            attached_at: meta.recorded_at,
            changed_at: meta.recorded_at,
        }),
        E::UseActivated { usage } => set_active(row, usage, true, meta),
        E::UseDeactivated { usage } => set_active(row, usage, false, meta),
        E::Detached { usage } => row.usages.retain(|known| known.id != *usage),
        E::Authorized { authorization } => refreshes::authorized(row, authorization, meta),
        E::TokenRefreshed { secret, refresh, access_until } => {
            refreshes::refreshed(row, (*secret, *refresh), *access_until, meta);
        }
        E::MarkedCompromised { since, reason } => {
            let (by, at) = (meta.actor.clone(), meta.recorded_at);
            row.compromise = Some(CompromiseRow { since: *since, reason: reason.clone(), by, at });
        }
        E::Suspended { .. } => row.suspended = true,
        E::Resumed { .. } => (row.suspended, row.compromise) = (false, None),
        E::Deleted { restorable_until } => {
            row.deleted_at = Some(meta.recorded_at);
            row.restorable_until = Some(*restorable_until);
        }
        E::Restored {} => (row.deleted_at, row.restorable_until) = (None, None),
        E::Purged {} => row.purged = true,
        E::Expiring { expires_at, days } => {
            row.noted_expiry = Some(NotedExpiry { end: *expires_at, days: *days });
        }
        E::Expired { expires_at } => {
            let end = expires_at.or(row.expires_at);
            row.noted_expiry = end.map(|end| NotedExpiry { end, days: 0 });
            row.expires_at = end.filter(|end| refreshes::is_of_token(row, *end)).or(row.expires_at);
        }
        E::Created { .. } | E::Shared { .. } | E::ShareRevoked { .. } | E::Repointed { .. } => {}
    }
}

struct Check<'a> {
    id: EventId,
    version: u32,
    trigger: Trigger,
    report: &'a Report,
}

fn checked(row: &mut CredentialRow, check: &Check<'_>, meta: &EventMeta) {
    if let Some(known) = row.authorization.as_mut().filter(|_| check.trigger == Trigger::Refresh) {
        known.refused = true;
    }
    row.health = row.health.after(check.report.verdict);
    row.expires_at = check.report.expires_at.filter(|_| !refreshes::are_replaced(row)).or(row.expires_at);
    row.inconclusive_since = match check.report.verdict {
        Verdict::Inconclusive => row.inconclusive_since.or(Some((check.id, meta.recorded_at))),
        _ => None,
    };
    row.last_verification = Some(VerificationRow {
        tenant: row.tenant,
        credential: row.id,
        id: check.id,
        at: meta.recorded_at,
        version: check.version,
        trigger: check.trigger,
        report: check.report.clone(),
    });
}

/// An end by evidence stays; the user's word counts where there is none.
fn set_stated_end(row: &mut CredentialRow, end: Option<Timestamp>) {
    if row.expires_at == row.stated_end {
        row.expires_at = end;
    }
    row.stated_end = end;
}

fn nothing_is_proven(row: &mut CredentialRow) {
    row.health = Health::Unverified;
    row.expires_at = row.stated_end;
    (row.inconclusive_since, row.noted_expiry) = (None, None);
}

fn set_active(row: &mut CredentialRow, usage: &str, active: bool, meta: &EventMeta) {
    for known in row.usages.iter_mut().filter(|known| known.id == usage) {
        known.active = active;
        known.changed_at = meta.recorded_at;
    }
}
