//! A tenant: its settings, its members and their roles.

mod command;
mod decide;
mod event;
mod evolve;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use command::{AddMember, CreateTenant, TenantCommand};
pub use event::TenantEvent;

use crate::{MemberId, Role, SecretRef, TenantId};

/// Days that a deleted credential can be restored, when a tenant does not say otherwise.
pub const RESTORE_DAYS: u32 = 30;

/// A tenant, as far as its rules ask.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Tenant {
    /// Not created.
    #[default]
    Vacant,
    /// In use.
    Live(State),
}

/// What the rules ask of a tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Its id.
    pub id: TenantId,
    /// Its name.
    pub name: String,
    /// Where its keys lie.
    pub keys: SecretRef,
    /// Days that a deleted credential can be restored.
    pub restore_days: u32,
    /// Days before a credential's end at which people are told, largest first.
    pub expiry_days: Vec<u32>,
    /// Whether connections come back by themselves when their credentials are well again.
    pub reconnect: bool,
    /// Present members.
    pub members: BTreeMap<MemberId, Membership>,
    /// How many changes people made.
    pub revision: u64,
}

/// A present member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Who vouches for him.
    pub issuer: String,
    /// Who he is there.
    pub subject: String,
    /// His role.
    pub role: Role,
}

/// Name and e-mail of a member, sealed under a key of his own in the vault: destroying the key
/// erases the person, and the chain still holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SealedProfile {
    /// Where the key lies.
    pub key: SecretRef,
    /// Nonce and AES-256-GCM ciphertext of the JSON profile, in base64; bound to the member's id.
    pub sealed: String,
}
