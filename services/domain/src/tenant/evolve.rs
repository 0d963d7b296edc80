//! What facts change about a tenant.

use super::{Membership, RESTORE_DAYS, State, Tenant, TenantEvent};
use crate::credential::EXPIRY_LADDER;

impl Tenant {
    pub(super) fn evolved(self, event: &TenantEvent) -> Self {
        match (self, event) {
            (_, TenantEvent::Created { tenant, name, keys, .. }) => Self::Live(State {
                id: *tenant,
                name: name.clone(),
                keys: *keys,
                restore_days: RESTORE_DAYS,
                expiry_days: EXPIRY_LADDER.to_vec(),
                reconnect: false,
                members: Default::default(),
                revision: 1,
            }),
            (Self::Vacant, _) => Self::Vacant,
            (Self::Live(mut state), event) => {
                state.revision += 1;
                state.apply(event);
                Self::Live(state)
            }
        }
    }
}

impl State {
    fn apply(&mut self, event: &TenantEvent) {
        match event {
            TenantEvent::Created { .. } | TenantEvent::MemberProfileChanged { .. } => {}
            TenantEvent::SettingsChanged { name, restore_days, expiry_days, reconnect } => {
                self.reconnect = reconnect.unwrap_or(self.reconnect);
                self.name.clone_from(name);
                self.restore_days = *restore_days;
                if let Some(days) = expiry_days {
                    self.expiry_days.clone_from(days);
                }
            }
            TenantEvent::MemberAdded { member, issuer, subject, role, .. } => {
                let (issuer, subject, role) = (issuer.clone(), subject.clone(), *role);
                self.members.insert(*member, Membership { issuer, subject, role });
            }
            TenantEvent::MemberRoleChanged { member, role } => {
                if let Some(membership) = self.members.get_mut(member) {
                    membership.role = *role;
                }
            }
            TenantEvent::MemberRemoved { member, .. } => {
                self.members.remove(member);
            }
        }
    }
}
