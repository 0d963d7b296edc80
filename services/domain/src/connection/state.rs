//! Where a connection can stand, and which ways lead from there. One table for all connections; a
//! component may narrow it. The names are Meshery's.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConnectionState {
    /// Found, and nobody has said yet what to do with it.
    Discovered,
    /// Taken up, not in use yet.
    Registered,
    /// In use: its credentials cannot be deleted.
    Connected,
    /// Not to be bothered with.
    Ignored,
    /// Taken out of use for a while by its administrators.
    Maintenance,
    /// Out of use, by hand or because a credential went bad.
    Disconnected,
    /// The system was not there when somebody looked.
    NotFound,
    /// Deleted; it can be restored.
    Deleted,
}

impl ConnectionState {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Discovered,
        Self::Registered,
        Self::Connected,
        Self::Ignored,
        Self::Maintenance,
        Self::Disconnected,
        Self::NotFound,
        Self::Deleted,
    ];

    /// The name, as in events and in GraphQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Discovered => "DISCOVERED",
            Self::Registered => "REGISTERED",
            Self::Connected => "CONNECTED",
            Self::Ignored => "IGNORED",
            Self::Maintenance => "MAINTENANCE",
            Self::Disconnected => "DISCONNECTED",
            Self::NotFound => "NOT_FOUND",
            Self::Deleted => "DELETED",
        }
    }

    /// Where it may go from here. What is deleted comes back by a restore alone.
    pub const fn next(self) -> &'static [Self] {
        use ConnectionState as S;
        match self {
            Self::Discovered => &[S::Registered, S::Ignored, S::NotFound, S::Deleted],
            Self::Registered => &[S::Connected, S::Ignored, S::Maintenance, S::NotFound, S::Deleted],
            Self::Connected => &[S::Disconnected, S::Maintenance, S::Ignored, S::NotFound, S::Deleted],
            Self::Ignored => &[S::Registered, S::NotFound, S::Deleted],
            Self::Maintenance => &[S::Registered, S::Connected, S::Ignored, S::NotFound, S::Deleted],
            Self::Disconnected => &[S::Connected, S::Maintenance, S::Deleted],
            Self::NotFound => &[S::Discovered, S::Registered, S::Deleted],
            Self::Deleted => &[],
        }
    }
}

/// The ways that a component leaves open: for each state that it names, where its connections may go
/// from there. What it does not name is as in the table for all; what is not there it cannot add, and a
/// connection can always be deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Transitions(BTreeMap<ConnectionState, BTreeSet<ConnectionState>>);

impl Transitions {
    /// Where a connection may go from a state, in the table's order.
    pub fn next(&self, from: ConnectionState) -> Vec<ConnectionState> {
        let left_open = |to: &ConnectionState| {
            *to == ConnectionState::Deleted || self.0.get(&from).is_none_or(|open| open.contains(to))
        };
        from.next().iter().copied().filter(left_open).collect()
    }

    /// The first way that it names and that no connection has.
    pub fn unknown_way(&self) -> Option<(ConnectionState, ConnectionState)> {
        let ways = self.0.iter().flat_map(|(from, open)| open.iter().map(|to| (*from, *to)));
        ways.into_iter().find(|(from, to)| !from.next().contains(to))
    }
}

impl FromIterator<(ConnectionState, BTreeSet<ConnectionState>)> for Transitions {
    fn from_iter<I: IntoIterator<Item = (ConnectionState, BTreeSet<ConnectionState>)>>(ways: I) -> Self {
        Self(ways.into_iter().collect())
    }
}
