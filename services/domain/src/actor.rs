//! Who does something, and how we know.

use serde::{Deserialize, Serialize};

use crate::{MemberId, Scopes, ServiceAccountId, TenantId, Timestamp, TokenId};

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind", content = "id")]
pub enum Who {
    /// A person, as a member of the tenant.
    Member(MemberId),
    /// A non-human member.
    ServiceAccount(ServiceAccountId),
    /// Keytrail itself: the named reactor, or an operator on the machine.
    System(String),
}

/// How we know who it was.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "by")]
pub enum Authentication {
    /// A signed token of this issuer.
    Token {
        /// The `iss` claim.
        issuer: String,
        /// The `jti` claim, where the token is one of ours.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<TokenId>,
    },
    /// An API token of a service account.
    ApiToken {
        /// Which.
        id: TokenId,
    },
    /// An operator at the admin socket or with the data directory in hand.
    Operator,
    /// Keytrail's own process.
    Internal,
}

/// Who and how, as it stands in every event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// Who.
    pub who: Who,
    /// How authenticated.
    pub via: Authentication,
}

impl Actor {
    /// A part of Keytrail that acts on its own.
    pub fn internal(name: &str) -> Self {
        Self { who: Who::System(name.to_owned()), via: Authentication::Internal }
    }

    /// An operator on the machine.
    pub fn operator() -> Self {
        Self { who: Who::System("operator".to_owned()), via: Authentication::Operator }
    }

    /// The member, if it is one.
    pub fn member(&self) -> Option<MemberId> {
        match self.who {
            Who::Member(member) => Some(member),
            _ => None,
        }
    }
}

/// An authenticated caller, within the one tenant that he may touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The tenant.
    pub tenant: TenantId,
    /// Who and how.
    pub actor: Actor,
    /// When the proof of identity ends: a socket closes then.
    pub expires_at: Option<Timestamp>,
    /// What the proof of identity may be used for.
    pub scopes: Scopes,
}

impl Principal {
    /// Keytrail itself, at work for one tenant.
    pub fn internal(tenant: TenantId, name: &str) -> Self {
        Self { tenant, actor: Actor::internal(name), expires_at: None, scopes: Scopes::ALL }
    }
}
