//! What each fact changes.

use super::{Environment, EnvironmentEvent as E, State};

impl Environment {
    /// Applies a fact.
    pub(super) fn with(self, event: &E) -> Self {
        match (self, event) {
            (_, E::Created { environment, name, description, team }) => Self::Live(State {
                id: *environment,
                name: name.clone(),
                description: description.clone(),
                team: *team,
                shares: Default::default(),
                connections: Default::default(),
                revision: 1,
            }),
            (Self::Live(_), E::Deleted {}) => Self::Deleted,
            (Self::Live(mut state), event) => {
                state.revision += 1;
                state.apply(event);
                Self::Live(state)
            }
            (other, _) => other,
        }
    }
}

impl State {
    fn apply(&mut self, event: &E) {
        match event {
            E::Renamed { name } => self.name.clone_from(name),
            E::DescriptionChanged { description } => self.description.clone_from(description),
            E::Shared { grantee, expires_at } => {
                self.shares.insert(*grantee, *expires_at);
            }
            E::ShareRevoked { grantee } => {
                self.shares.remove(grantee);
            }
            E::ConnectionAdded { connection } => {
                self.connections.insert(*connection);
            }
            E::ConnectionRemoved { connection } => {
                self.connections.remove(connection);
            }
            E::Created { .. } | E::Deleted {} => {}
        }
    }
}
