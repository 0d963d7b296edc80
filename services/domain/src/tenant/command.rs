//! What can be asked of a tenant.

use super::SealedProfile;
use crate::{MemberId, Owner, Role, SecretPayload, SecretRef, TenantId};

/// A wish.
#[derive(Clone, Debug)]
pub enum TenantCommand {
    /// Make the tenant, with its first owner.
    Create(CreateTenant),
    /// Change settings; none keeps a setting.
    ChangeSettings {
        /// New name.
        name: Option<String>,
        /// New number of days, 1 to 3650.
        restore_days: Option<u32>,
        /// New days before an end at which people are told, each 1 to 365, at most ten.
        expiry_days: Option<Vec<u32>>,
        /// Whether connections come back by themselves when their credentials are well again.
        reconnect: Option<bool>,
    },
    /// Add a person.
    AddMember(AddMember),
    /// Change a member's role.
    SetRole {
        /// Who wishes it; none: an operator, who may.
        by: Option<MemberId>,
        /// Whose role.
        member: MemberId,
        /// To what.
        role: Role,
    },
    /// Take a member out.
    RemoveMember {
        /// Who wishes it; none: an operator, who may.
        by: Option<MemberId>,
        /// Whom.
        member: MemberId,
        /// Who gets what he owned; none: an owner of the tenant who stays, him who wishes it if he is one.
        hand_over_to: Option<Owner>,
    },
}

/// Everything about a new tenant.
#[derive(Clone, Debug)]
pub struct CreateTenant {
    /// Its id: the one of the slug.
    pub tenant: TenantId,
    /// Short name: 1 to 63 of a-z, 0-9 and dash, beginning with a letter.
    pub slug: String,
    /// What people call it.
    pub name: String,
    /// Where its keys go.
    pub keys: SecretRef,
    /// The keys.
    pub key_payload: SecretPayload,
    /// The first owner.
    pub owner: AddMember,
}

/// Everything about a new member.
#[derive(Clone, Debug)]
pub struct AddMember {
    /// Who wishes it; none: an operator, who may.
    pub by: Option<MemberId>,
    /// The new member's id.
    pub member: MemberId,
    /// Who vouches for him.
    pub issuer: String,
    /// Who he is there.
    pub subject: String,
    /// His role.
    pub role: Role,
    /// Name and e-mail, sealed, and the key that is to be stored for them.
    pub profile: Option<(SealedProfile, SecretPayload)>,
}
