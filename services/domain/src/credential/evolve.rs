//! What facts change about a credential.

use super::{
    Authorization, Credential, CredentialEvent as E, Earlier, Grant, Health, NotedExpiry, Offer,
    RollbackReason, State, Usage, VerificationChoice, Version,
};
use crate::{Timestamp, verification::Trigger};

impl Credential {
    pub(super) fn evolved(self, event: &E) -> Self {
        match (self, event) {
            (_, E::Created { .. }) => {
                created(event).map_or(Self::Vacant, |state| Self::Live(Box::new(state)))
            }
            (Self::Live(state), E::Deleted { restorable_until }) => {
                Self::Deleted { state: state.counted(event), restorable_until: *restorable_until }
            }
            (Self::Deleted { state, .. }, E::Restored {}) => Self::Live(state.counted(event)),
            (Self::Deleted { .. }, E::Purged {}) => Self::Purged,
            // Its owner may go while it can be restored, and a token may come that was asked for before.
            (
                Self::Deleted { state, restorable_until },
                E::Transferred { .. } | E::Renamed { .. } | E::TokenRefreshed { .. },
            ) => {
                let mut state = state.counted(event);
                state.apply(event);
                Self::Deleted { state, restorable_until }
            }
            (Self::Live(state), event) => {
                let mut state = state.counted(event);
                state.apply(event);
                Self::Live(state)
            }
            (other, _) => other,
        }
    }
}

fn created(event: &E) -> Option<State> {
    let E::Created {
        credential,
        tenant,
        name,
        external_id,
        component,
        owner,
        labels,
        fields,
        secret_fields,
        allowed_hosts,
        expires_at,
        version,
        secret,
        ..
    } = event
    else {
        return None;
    };
    Some(State {
        tenant: *tenant,
        id: *credential,
        revision: 1,
        owner: *owner,
        name: name.clone(),
        external_id: external_id.clone(),
        component: component.clone(),
        labels: labels.clone(),
        fields: fields.clone(),
        secret_fields: secret_fields.clone(),
        allowed_hosts: allowed_hosts.clone(),
        stated_end: *expires_at,
        proven_end: None,
        version: *version,
        highest_version: *version,
        secret: *secret,
        earlier: Default::default(),
        offer: None,
        health: Health::Unverified,
        last_report: None,
        noted_expiry: None,
        suspended: false,
        compromised_since: None,
        authorization: None,
        refresh_refused: false,
        grants: Default::default(),
        usages: Default::default(),
    })
}

impl State {
    fn counted(mut self: Box<Self>, event: &E) -> Box<Self> {
        self.revision += u64::from(event.counts_as_change());
        self
    }

    fn apply(&mut self, event: &E) {
        match event {
            E::Renamed { name } => self.name.clone_from(name),
            E::LabelsChanged { labels } => self.labels.clone_from(labels),
            E::DetailsChanged { external_id, fields, allowed_hosts, expires_at, verification } => {
                self.external_id.clone_from(external_id);
                self.fields.clone_from(fields);
                self.allowed_hosts.clone_from(allowed_hosts);
                self.stated_end = *expires_at;
                if *verification != VerificationChoice::NotNeeded {
                    self.nothing_is_proven();
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
                let new = Version {
                    secret: *secret,
                    fields: fields.clone(),
                    secret_fields: secret_fields.clone(),
                    allowed_hosts: allowed_hosts.clone(),
                    component: component.as_ref().unwrap_or(&self.component).clone(),
                    expires_at: *expires_at,
                };
                self.make_current(*version, new, *overlap_until);
                self.compromised_since = None;
                (self.authorization, self.refresh_refused) = (None, false);
                if overlap_until.is_none() {
                    self.end_overlaps();
                }
            }
            E::RolledBack { version, restored, reason, .. } => {
                self.make_current(*version, restored.clone(), None);
                (self.authorization, self.refresh_refused) = (None, false);
                // Who goes back by hand wants this version and no other.
                if *reason == RollbackReason::Asked {
                    self.end_overlaps();
                }
            }
            E::VersionRetired { version, .. } => {
                self.earlier.remove(version);
            }
            E::Verified { report, .. }
            | E::Invalidated { report, .. }
            | E::VerificationInconclusive { report, .. } => {
                self.refresh_refused |= matches!(event, E::Invalidated { trigger: Trigger::Refresh, .. });
                self.health = self.health.after(report.verdict);
                // Of a token that is replaced ahead of its end, that says nothing of the credential.
                let refreshes = self.authorization.as_ref().is_some_and(Authorization::is_replaced_ahead);
                self.proven_end = report.expires_at.filter(|_| !refreshes).or(self.proven_end);
                self.last_report = Some(report.clone());
            }
            E::Expiring { expires_at, days } => {
                self.noted_expiry = Some(NotedExpiry { end: *expires_at, days: *days });
            }
            E::Expired { expires_at } => {
                let end = expires_at.or(self.ends_at());
                self.noted_expiry = end.map(|end| NotedExpiry { end, days: 0 });
                let of_token = self.authorization.as_ref().and_then(|known| known.access_until);
                self.proven_end = end.filter(|end| Some(*end) == of_token).or(self.proven_end);
            }
            E::Shared { grantee, level, expires_at, .. } => {
                self.grants.insert(*grantee, Grant { level: *level, expires_at: *expires_at });
            }
            E::ShareRevoked { grantee } => {
                self.grants.remove(grantee);
            }
            E::TransferOffered { to, by_role_of, .. } => {
                self.offer = Some(Offer { to: *to, by_role_of: *by_role_of });
            }
            E::TransferDeclined {} | E::TransferCancelled {} => self.offer = None,
            E::Transferred { to, .. } => (self.owner, self.offer) = (*to, None),
            E::Attached { usage, kind } => {
                self.usages.insert(usage.clone(), Usage { kind: *kind, active: false });
            }
            E::UseActivated { usage } => self.set_active(usage, true),
            E::UseDeactivated { usage } => self.set_active(usage, false),
            E::Detached { usage } => {
                self.usages.remove(usage);
            }
            E::Authorized { authorization } => {
                (self.authorization, self.refresh_refused) = (Some(authorization.clone()), false);
            }
            E::TokenRefreshed { secret, refresh, access_until } => {
                self.secret = *secret;
                if self.health == Health::Expired {
                    (self.health, self.last_report) = (Health::Unverified, None);
                }
                if let Some(known) = &mut self.authorization {
                    if known.was_told(self.noted_expiry) {
                        (self.proven_end, self.noted_expiry) = (None, None);
                    }
                    known.refresh = refresh.or(known.refresh);
                    known.access_until = *access_until;
                }
            }
            E::MarkedCompromised { since, .. } => self.compromised_since = Some(*since),
            E::Suspended { .. } => self.suspended = true,
            E::Resumed { .. } => (self.suspended, self.compromised_since) = (false, None),
            E::Created { .. } | E::Repointed { .. } | E::Deleted { .. } | E::Restored {} | E::Purged {} => {}
        }
    }

    fn end_overlaps(&mut self) {
        self.earlier.values_mut().for_each(|earlier| earlier.leasable_until = None);
    }

    /// The one that was current until now becomes an earlier one.
    fn make_current(&mut self, number: u32, new: Version, leasable_until: Option<Timestamp>) {
        let left = Earlier { version: self.current(), leasable_until, health: self.health };
        self.earlier.insert(self.version, left);
        self.earlier.remove(&number);
        self.version = number;
        self.highest_version = self.highest_version.max(number);
        self.secret = new.secret;
        self.fields = new.fields;
        self.secret_fields = new.secret_fields;
        self.allowed_hosts = new.allowed_hosts;
        self.component = new.component;
        self.stated_end = new.expires_at;
        self.nothing_is_proven();
    }

    fn nothing_is_proven(&mut self) {
        self.health = Health::Unverified;
        self.last_report = None;
        self.proven_end = None;
        self.noted_expiry = None;
    }

    fn set_active(&mut self, usage: &str, active: bool) {
        if let Some(known) = self.usages.get_mut(usage) {
            known.active = active;
        }
    }
}
