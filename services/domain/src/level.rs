//! Roles in a tenant, levels on a credential, and who can hold them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{EnvironmentId, MemberId, ParseIdError, ServiceAccountId, TeamId};

/// A member's role in the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Sees everything and the audit log, changes nothing.
    Auditor,
    /// Makes credentials for himself and his teams.
    Member,
    /// Manages members, teams and every credential.
    Admin,
    /// Also changes the tenant's settings and makes owners.
    Owner,
}

impl Role {
    /// The name, as in the policy files and in GraphQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auditor => "AUDITOR",
            Self::Member => "MEMBER",
            Self::Admin => "ADMIN",
            Self::Owner => "OWNER",
        }
    }

    /// What the role gives on every credential of the tenant. It opens no lease.
    pub const fn level(self) -> Option<Level> {
        match self {
            Self::Owner | Self::Admin => Some(Level::Manage),
            Self::Auditor => Some(Level::View),
            Self::Member => None,
        }
    }

    /// `OWNER` includes `ADMIN` includes `MEMBER`; `AUDITOR` stands beside them.
    pub fn includes(self, least: Self) -> bool {
        self == least || (least != Self::Auditor && self > least)
    }
}

/// What a grant allows on a credential; each level includes the ones before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Level {
    /// Metadata, status, history.
    View,
    /// Lease, attach, verify.
    Use,
    /// Rename, labels, rotate.
    Edit,
    /// Share, transfer, suspend, delete, restore.
    Manage,
}

impl Level {
    /// All levels, lowest first.
    pub const ALL: [Self; 4] = [Self::View, Self::Use, Self::Edit, Self::Manage];
    /// What owning a credential gives.
    pub const OF_OWNER: Self = Self::Manage;

    /// What being in the team that owns a credential gives, by whether he leads it.
    pub const fn of_owning_team(lead: bool) -> Self {
        if lead { Self::OF_OWNER } else { Self::Use }
    }

    /// The name, as in the policy files and in GraphQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::View => "VIEW",
            Self::Use => "USE",
            Self::Edit => "EDIT",
            Self::Manage => "MANAGE",
        }
    }
}

macro_rules! either_id {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $($(#[$case_doc:meta])* $case:ident($id:ident),)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$case_doc])* $case($id),)*
        }

        impl $name {
            /// Reads the id; its prefix says which kind it is.
            ///
            /// # Errors
            /// [`ParseIdError`] when it is an id of another kind, or none.
            pub fn parse(text: &str) -> Result<Self, ParseIdError> {
                $(if let Ok(id) = $id::parse(text) {
                    return Ok(Self::$case(id));
                })*
                Err(ParseIdError { prefix: $expected })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$case(id) => id.fmt(f),)*
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

either_id! {
    /// Who owns a credential. Stored as the id alone: its prefix tells which it is.
    Owner, "mem_` or `team",
    /// A person.
    Member(MemberId),
    /// A team: its leads manage, its other members use.
    Team(TeamId),
}

either_id! {
    /// Who holds a grant. Stored as the id alone: its prefix tells which it is.
    Grantee, "mem`, `team`, `svc` or `env",
    /// A person.
    Member(MemberId),
    /// A team: all its members.
    Team(TeamId),
    /// A service account.
    ServiceAccount(ServiceAccountId),
    /// An environment: all who hold it.
    Environment(EnvironmentId),
}

impl From<Owner> for Grantee {
    fn from(owner: Owner) -> Self {
        match owner {
            Owner::Member(member) => Self::Member(member),
            Owner::Team(team) => Self::Team(team),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grantee_is_told_by_its_prefix() {
        let team = TeamId::from_uuid(uuid::Uuid::from_u128(1));
        assert_eq!(Grantee::parse(&team.to_string()), Ok(Grantee::Team(team)));
        assert_eq!(Owner::parse(&team.to_string()).map(Grantee::from), Ok(Grantee::Team(team)));
        assert!(Owner::parse("svc_00000000000000000000000001").is_err());
    }

    #[test]
    fn levels_grow() {
        assert!(Level::ALL.is_sorted());
    }
}
