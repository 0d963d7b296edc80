//! What an API token may be used for, within what its service account may do.

use serde::{Deserialize, Serialize};

/// One kind of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Scope {
    /// Queries and subscriptions.
    Read,
    /// `verifyCredential`.
    Verify,
    /// `leaseCredential`.
    Lease,
    /// Every other mutation.
    Write,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Verify, Self::Lease, Self::Write];

    /// What a mutation of this name needs.
    pub fn of_mutation(name: &str) -> Self {
        match name {
            "verifyCredential" => Self::Verify,
            "leaseCredential" => Self::Lease,
            _ => Self::Write,
        }
    }

    /// The name, as in GraphQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "READ",
            Self::Verify => "VERIFY",
            Self::Lease => "LEASE",
            Self::Write => "WRITE",
        }
    }
}

/// The kinds of use of one token. A person's token has all.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scopes(u8);

impl Scopes {
    /// All of them.
    pub const ALL: Self = Self(0b1111);

    /// These.
    pub fn of(scopes: &[Scope]) -> Self {
        Self(scopes.iter().fold(0, |all, scope| all | 1 << *scope as u8))
    }

    /// Whether it is one of them.
    pub fn have(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }
}

impl std::fmt::Debug for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(Scope::ALL.into_iter().filter(|scope| self.have(*scope))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_those_that_were_given() {
        let some = Scopes::of(&[Scope::Lease, Scope::Read]);
        assert!(some.have(Scope::Lease) && some.have(Scope::Read));
        assert!(!some.have(Scope::Write) && !some.have(Scope::Verify));
        assert_eq!(Scopes::of(&Scope::ALL), Scopes::ALL);
        assert_eq!(Scope::of_mutation("createTeam"), Scope::Write);
    }
}
