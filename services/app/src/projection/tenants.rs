//! Tenants and members.

use keytrail_domain::{
    MemberId, Role,
    credential::EXPIRY_LADDER,
    tenant::{RESTORE_DAYS, TenantEvent},
};
use keytrail_ports::{
    AuthorityChange,
    views::{MemberRow, TenantRow, ViewError, ViewTx},
};

use super::Fact;

pub(super) fn project(fact: &Fact<'_>, event: &TenantEvent, views: &mut dyn ViewTx) -> Result<(), ViewError> {
    match event {
        TenantEvent::Created { tenant, slug, name, keys } => {
            views.add_secret(*tenant, *keys)?;
            views.put_tenant(&TenantRow {
                id: *tenant,
                slug: slug.clone(),
                name: name.clone(),
                keys: *keys,
                restore_days: RESTORE_DAYS,
                expiry_days: EXPIRY_LADDER.to_vec(),
                reconnect: false,
                created_at: fact.meta.recorded_at,
                revision: 1,
            })?;
            return Ok(());
        }
        TenantEvent::SettingsChanged { .. } => {}
        TenantEvent::MemberAdded { member, issuer, subject, role, profile } => {
            if let Some(profile) = profile {
                views.add_secret(fact.meta.tenant, profile.key)?;
            }
            views.put_member(&MemberRow {
                tenant: fact.meta.tenant,
                id: *member,
                issuer: issuer.clone(),
                subject: subject.clone(),
                role: *role,
                profile: profile.clone(),
                added_at: fact.meta.recorded_at,
                removed_at: None,
            })?;
            fact.changes(AuthorityChange::Role { member: *member, role: Some(*role) }, views)?;
        }
        TenantEvent::MemberProfileChanged { member, profile } => {
            views.add_secret(fact.meta.tenant, profile.key)?;
            change_member(fact, *member, views, |row| row.profile = Some(profile.clone()))?;
        }
        TenantEvent::MemberRoleChanged { member, role } => set_role(fact, *member, *role, views)?,
        TenantEvent::MemberRemoved { member, .. } => {
            change_member(fact, *member, views, |row| row.removed_at = Some(fact.meta.recorded_at))?;
            fact.changes(AuthorityChange::Role { member: *member, role: None }, views)?;
        }
    }
    let mut row = views.tenant(fact.meta.tenant)?.ok_or_else(|| fact.orphan())?;
    if let TenantEvent::SettingsChanged { name, restore_days, expiry_days, reconnect } = event {
        row.reconnect = reconnect.unwrap_or(row.reconnect);
        row.name.clone_from(name);
        row.restore_days = *restore_days;
        if let Some(days) = expiry_days {
            row.expiry_days.clone_from(days);
        }
    }
    row.revision += 1;
    views.put_tenant(&row)
}

fn set_role(fact: &Fact<'_>, member: MemberId, role: Role, views: &mut dyn ViewTx) -> Result<(), ViewError> {
    change_member(fact, member, views, |row| row.role = role)?;
    fact.changes(AuthorityChange::Role { member, role: Some(role) }, views)
}

fn change_member(
    fact: &Fact<'_>,
    member: MemberId,
    views: &mut dyn ViewTx,
    change: impl FnOnce(&mut MemberRow),
) -> Result<(), ViewError> {
    let mut row = views.member(fact.meta.tenant, member)?.ok_or_else(|| fact.orphan())?;
    change(&mut row);
    views.put_member(&row)
}
