//! An environment: a set of credentials and connections that is shared as one.
//!
//! An environment is a grantee: a credential is in it by a grant in the credential's own stream, with a
//! level and perhaps an end. This stream has who holds the environment, and which connections are in it. A
//! holder has on each credential what it was put in with.

mod decide;
mod event;
mod evolve;

use std::collections::{BTreeMap, BTreeSet};

pub use decide::EnvironmentCommand;
pub use event::EnvironmentEvent;

use crate::{ConnectionId, EnvironmentId, Grantee, TeamId, Timestamp};

/// Most holders of one environment, its team included.
pub const MOST_HOLDERS: usize = 1_000;
/// Most connections in one environment.
pub const MOST_CONNECTIONS: usize = 1_000;

/// An environment, as far as its rules ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Environment {
    /// Not created.
    #[default]
    Vacant,
    /// In use.
    Live(State),
    /// Gone.
    Deleted,
}

/// What the rules ask of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Its id.
    pub id: EnvironmentId,
    /// Its name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// The team whose leads change it; all of the team hold it. None: only admins change it.
    pub team: Option<TeamId>,
    /// Who else holds it, and until when.
    pub shares: BTreeMap<Grantee, Option<Timestamp>>,
    /// The connections in it.
    pub connections: BTreeSet<ConnectionId>,
    /// How many changes people made.
    pub revision: u64,
}

impl Environment {
    /// What is known of it, unless it is vacant or gone.
    pub fn known(&self) -> Option<&State> {
        match self {
            Self::Live(state) => Some(state),
            Self::Vacant | Self::Deleted => None,
        }
    }
}
