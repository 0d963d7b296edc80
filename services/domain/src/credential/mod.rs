//! A credential: from created to deleted, with its secret versions, grants and users.

mod authorization;
mod command;
mod decide;
mod event;
mod evolve;
mod expiry;
mod rules;
mod status;
mod versions;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use authorization::{ACCESS_TOKEN, Authorization, NewAuthorization, OAuthGrant, Refresh};
pub use command::{Change, Create, CredentialCommand, RollBack, Rotate, Share, Update};
pub use event::{CredentialEvent, VerificationChoice};
pub use expiry::{EXPIRY_LADDER, NotedExpiry, next_step, step_reached};
pub use status::{EXPIRING_DAYS, Health, Status, status};
pub use versions::{Earlier, MOST_EARLIER, MOST_OVERLAP_SECONDS, RetirementReason, RollbackReason, Version};

use crate::{
    CredentialId, Grantee, Labels, Level, MemberId, Owner, Refusal, SecretRef, TenantId, Timestamp,
    component::ComponentRef, verification::Report,
};

/// Longest name, in bytes.
pub const NAME_LEN: usize = 255;
/// Longest external id, in bytes.
pub const EXTERNAL_ID_LEN: usize = 255;
/// Most grants on one credential.
pub const MOST_GRANTS: usize = 1_000;

/// A credential, as far as its rules ask.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Credential {
    /// Not created.
    #[default]
    Vacant,
    /// In use.
    Live(Box<State>),
    /// Deleted, and restorable until the day.
    Deleted {
        /// As it was.
        state: Box<State>,
        /// The last moment for a restore.
        restorable_until: Timestamp,
    },
    /// Gone for good.
    Purged,
}

/// What the rules ask of a credential that exists.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Whose.
    pub tenant: TenantId,
    /// Its id.
    pub id: CredentialId,
    /// How many changes people made.
    pub revision: u64,
    /// Who owns it.
    pub owner: Owner,
    /// Its name.
    pub name: String,
    /// The caller's own id for it.
    pub external_id: Option<String>,
    /// What it is for.
    pub component: ComponentRef,
    /// Free labels.
    pub labels: Labels,
    /// The fields that are no secret.
    pub fields: BTreeMap<String, Value>,
    /// Names of the secret fields that are set.
    pub secret_fields: BTreeSet<String>,
    /// Where its secret may be sent.
    pub allowed_hosts: Vec<String>,
    /// When it ends, by the user's word.
    pub stated_end: Option<Timestamp>,
    /// When it ends, by evidence.
    pub proven_end: Option<Timestamp>,
    /// Number of the current secret version.
    pub version: u32,
    /// The highest version number ever used.
    pub highest_version: u32,
    /// Where the current secret lies.
    pub secret: SecretRef,
    /// Other versions that are not retired, by number.
    pub earlier: BTreeMap<u32, Earlier>,
    /// To whom it is offered, if it is.
    pub offer: Option<Offer>,
    /// What verification last proved.
    pub health: Health,
    /// The last report, to tell whether a new one says anything new.
    pub last_report: Option<Report>,
    /// The last step of the expiry ladder that was told.
    pub noted_expiry: Option<NotedExpiry>,
    /// Stopped by hand.
    pub suspended: bool,
    /// Since when its secret may be in the wrong hands, when somebody said so.
    pub compromised_since: Option<Timestamp>,
    /// Where its access tokens come from, when an OAuth client gets them.
    pub authorization: Option<Authorization>,
    /// The provider gives no more of them.
    pub refresh_refused: bool,
    /// Grants, also those past their date.
    pub grants: BTreeMap<Grantee, Grant>,
    /// What uses it, by id.
    pub usages: BTreeMap<String, Usage>,
}

/// What somebody was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// How much.
    pub level: Level,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}

impl Grant {
    /// True while it counts.
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// That somebody may become the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Who.
    pub to: Owner,
    /// Who offers it by his tenant role alone: it must not come to him by that.
    pub by_role_of: Option<MemberId>,
}

/// Why a credential is somebody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TransferReason {
    /// It was offered and accepted.
    Accepted,
    /// Its owner was removed from the tenant.
    MemberRemoved,
}

/// What kind of thing uses a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UsageKind {
    /// A link to an external system.
    Connection,
    /// An integration flow.
    Flow,
}

/// One user of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Connection or flow.
    pub kind: UsageKind,
    /// It runs right now.
    pub active: bool,
}

impl Credential {
    /// The state of a present credential.
    pub fn live(&self) -> Option<&State> {
        match self {
            Self::Live(state) => Some(state),
            _ => None,
        }
    }

    /// The state of a present or deleted credential.
    pub fn known(&self) -> Option<&State> {
        match self {
            Self::Live(state) | Self::Deleted { state, .. } => Some(state),
            Self::Vacant | Self::Purged => None,
        }
    }
}

impl State {
    /// When it ends: by evidence where there is any, else by the user's word.
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.proven_end.or(self.stated_end)
    }

    /// Its status at a moment.
    pub fn status(&self, now: Timestamp) -> Status {
        status(self.health, self.is_frozen(), false, self.ends_at(), now)
    }

    /// Nothing is done with it: it was stopped by hand, or its secret is in the wrong hands.
    pub fn is_frozen(&self) -> bool {
        self.suspended || self.compromised_since.is_some()
    }

    /// A frozen credential is not checked: asked before anything leaves.
    ///
    /// # Errors
    /// The refusal.
    pub fn may_be_checked(&self) -> Result<(), Refusal> {
        if self.compromised_since.is_some() {
            return Err(rules::compromise::frozen());
        }
        self.new_secret_may_be_checked()
    }

    /// What replaces a compromised secret is checked.
    ///
    /// # Errors
    /// The refusal.
    pub fn new_secret_may_be_checked(&self) -> Result<(), Refusal> {
        if self.suspended { Err(rules::changing::suspended()) } else { Ok(()) }
    }

    /// The version that a rollback would go to.
    ///
    /// # Errors
    /// `NO_EARLIER_VERSION`, `VERSION_RETIRED`, `VERSION_IS_CURRENT`; bad input.
    pub fn rollback_target(&self, named: Option<u32>) -> Result<(u32, &Version), Refusal> {
        let number = rules::versions::target(self, named)?;
        self.earlier.get(&number).map(|earlier| (number, &earlier.version)).ok_or(Refusal::NotFound)
    }

    /// A frozen credential is not leased.
    ///
    /// # Errors
    /// The refusal.
    pub fn may_be_leased(&self) -> Result<(), Refusal> {
        if self.compromised_since.is_some() {
            return Err(rules::compromise::frozen());
        }
        if self.suspended {
            let message = "the credential is suspended and is not leased: resume it first";
            return Err(Refusal::rule("CREDENTIAL_SUSPENDED", message));
        }
        Ok(())
    }
}
