//! What can be asked of a credential. Times, ids and places of secrets come with the command.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{NewAuthorization, Offer, Refresh, RetirementReason, UsageKind};
use crate::{
    CredentialId, Grantee, Labels, Level, Owner, SecretPayload, SecretRef, SecretWrite, TenantId, Timestamp,
    component::{ComponentRef, CredentialKind},
    verification::{Report, Trigger},
};

/// A wish.
#[derive(Clone, Debug)]
pub enum CredentialCommand {
    /// Make it.
    Create(Box<Create>),
    /// Change what needs no new secret.
    Update(Box<Update>),
    /// Take a new secret version.
    Rotate(Box<Rotate>),
    /// A check of a stored version has come back.
    RecordCheck {
        /// The version that was checked; another current one makes the result stale.
        version: u32,
        /// Who asked.
        trigger: Trigger,
        /// What was found.
        report: Report,
        /// Now.
        now: Timestamp,
    },
    /// Go back to an earlier version.
    RollBack(Box<RollBack>),
    /// An earlier version is not to be used any more.
    Retire {
        /// Which.
        version: u32,
        /// Why.
        reason: RetirementReason,
        /// Now.
        now: Timestamp,
    },
    /// Offer it to somebody.
    OfferTransfer {
        /// To whom, and by what right.
        offer: Offer,
        /// What the receiving side is told.
        note: Option<String>,
    },
    /// The receiving side takes it.
    AcceptTransfer {
        /// To whom it is offered.
        to: Owner,
        /// Its name from then on; none keeps it.
        name: Option<String>,
    },
    /// The receiving side does not want it.
    DeclineTransfer {
        /// To whom it is offered.
        to: Owner,
    },
    /// The offer counts no longer.
    CancelTransfer,
    /// Its owner was removed.
    HandOver {
        /// Who owned it.
        from: Owner,
        /// Who owns it from then on.
        to: Owner,
        /// Its name from then on; none keeps it.
        name: Option<String>,
    },
    /// Of a deleted credential nothing is to be left but its history.
    Purge {
        /// Only when the time for a restore is over.
        when_due: Option<Timestamp>,
    },
    /// Give somebody a level.
    Share(Share),
    /// Take it back.
    RevokeShare {
        /// From whom.
        grantee: Grantee,
    },
    /// Take the next access token.
    Refresh(Box<Refresh>),
    /// The provider gives no more.
    RefuseRefresh {
        /// The access token that was to be replaced.
        of: SecretRef,
        /// What the provider said.
        report: Report,
    },
    /// Its secret is in the wrong hands.
    MarkCompromised {
        /// Since when, or earlier.
        since: Timestamp,
        /// How that is known.
        reason: String,
        /// The present moment.
        now: Timestamp,
    },
    /// Stop it by hand.
    Suspend {
        /// Why.
        reason: String,
    },
    /// Let it go on.
    Resume {
        /// Why.
        reason: String,
    },
    /// Delete it; nothing is destroyed yet.
    Delete {
        /// Now.
        now: Timestamp,
        /// Days that it can be restored.
        restore_days: u32,
        /// Also when something that does not run uses it.
        detach: bool,
    },
    /// What used it was moved to another one.
    NoteRepointed {
        /// To which.
        to: CredentialId,
        /// The connections and flows, by their ids.
        usages: Vec<String>,
    },
    /// Bring it back with everything.
    Restore {
        /// Now.
        now: Timestamp,
    },
    /// Something wants to use it.
    Attach {
        /// The user's id.
        usage: String,
        /// Connection or flow.
        kind: UsageKind,
        /// The component that the user needs.
        component: String,
    },
    /// A user begins to run.
    ActivateUse {
        /// The user's id.
        usage: String,
    },
    /// A user stops running.
    DeactivateUse {
        /// The user's id.
        usage: String,
    },
    /// A user lets go of it.
    Detach {
        /// The user's id.
        usage: String,
    },
    /// The calendar moved on.
    NoteExpiry {
        /// Now.
        now: Timestamp,
        /// Days before the end at which people are told, in any order.
        ladder: Vec<u32>,
    },
}

/// Whether a check was made before the change, and what it found.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Nothing that a check depends on changed.
    NoCheckNeeded,
    /// The caller chose not to check.
    Unchecked,
    /// This is what the check found.
    Checked(Report),
}

/// Everything about a new credential.
#[derive(Clone, Debug)]
pub struct Create {
    /// Whose.
    pub tenant: TenantId,
    /// Its id.
    pub id: CredentialId,
    /// Its name.
    pub name: String,
    /// The caller's own id for it.
    pub external_id: Option<String>,
    /// What it is for.
    pub component: ComponentRef,
    /// Its kind.
    pub kind: CredentialKind,
    /// Who owns it.
    pub owner: Owner,
    /// Free labels.
    pub labels: Labels,
    /// The fields that are no secret.
    pub fields: BTreeMap<String, Value>,
    /// The fields that are.
    pub secrets: SecretPayload,
    /// Where they go.
    pub secret: SecretRef,
    /// What else goes to the vault with it: its fingerprint.
    pub beside: Option<SecretWrite>,
    /// Where its access tokens come from, when an OAuth client gets them.
    pub authorization: Option<NewAuthorization>,
    /// Where they may be sent.
    pub allowed_hosts: Vec<String>,
    /// When it ends, by the user's word.
    pub expires_at: Option<Timestamp>,
    /// The check before.
    pub check: Change,
}

/// Changes that need no new secret. Each part is what shall be, none keeps what is.
#[derive(Clone, Debug)]
pub struct Update {
    /// Its name.
    pub name: Option<String>,
    /// All labels.
    pub labels: Option<Labels>,
    /// The caller's own id; inner none takes it away.
    pub external_id: Option<Option<String>>,
    /// The end by the user's word; inner none takes it away.
    pub expires_at: Option<Option<Timestamp>>,
    /// Where the secret may be sent.
    pub allowed_hosts: Option<Vec<String>>,
    /// All fields that are no secret.
    pub fields: Option<BTreeMap<String, Value>>,
    /// Names of the fields that decide where secrets are sent.
    pub destinations: BTreeSet<String>,
    /// The check before, when fields change.
    pub check: Change,
}

/// A new secret version.
#[derive(Clone, Debug)]
pub struct Rotate {
    /// All fields that are no secret, as they shall be.
    pub fields: BTreeMap<String, Value>,
    /// All secret fields: the stored ones with the given ones over them.
    pub secrets: SecretPayload,
    /// Names of the secret fields that the caller gave.
    pub given: BTreeSet<String>,
    /// Where the new version goes.
    pub secret: SecretRef,
    /// What else goes to the vault with it: its fingerprint.
    pub beside: Option<SecretWrite>,
    /// Where its access tokens come from, when an OAuth client gets them.
    pub authorization: Option<NewAuthorization>,
    /// Where it may be sent; none keeps what is.
    pub allowed_hosts: Option<Vec<String>>,
    /// The definition that it follows from now on, when that is another one: every secret must be
    /// given again then.
    pub component: Option<ComponentRef>,
    /// Its end by the user's word; none: unknown again.
    pub expires_at: Option<Timestamp>,
    /// Names of the fields that decide where secrets are sent.
    pub destinations: BTreeSet<String>,
    /// The check before.
    pub check: Change,
    /// Take it also when the check proved nothing.
    pub accept_inconclusive: bool,
    /// Until when the version before can still be leased.
    pub overlap_until: Option<Timestamp>,
}

/// An earlier version that is to count again.
#[derive(Clone, Debug)]
pub struct RollBack {
    /// Which; none: the one before the current one.
    pub to: Option<u32>,
    /// The check of it before.
    pub check: Change,
    /// Take it also when the check proved nothing.
    pub accept_inconclusive: bool,
}

/// A level for somebody.
#[derive(Clone, Debug)]
pub struct Share {
    /// To whom.
    pub grantee: Grantee,
    /// How much.
    pub level: Level,
    /// Until when.
    pub expires_at: Option<Timestamp>,
    /// Why, where a reason is asked for.
    pub reason: Option<String>,
    /// The right to give it comes from a tenant role alone: a reason is needed, and it ends within an hour.
    pub break_glass: bool,
    /// Now.
    pub now: Timestamp,
}
