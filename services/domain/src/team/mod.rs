//! A team: its name, its members, its leads.

mod decide;
mod event;

use std::collections::BTreeMap;

pub use decide::TeamCommand;
pub use event::TeamEvent;

use crate::{MemberId, TeamId};

/// A team, as far as its rules ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Team {
    /// Not created.
    #[default]
    Vacant,
    /// In use.
    Live(State),
    /// Gone.
    Deleted,
}

/// What the rules ask of a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Its id.
    pub id: TeamId,
    /// Its name.
    pub name: String,
    /// Who is in it; true: leads it.
    pub members: BTreeMap<MemberId, bool>,
    /// How many changes people made.
    pub revision: u64,
}
