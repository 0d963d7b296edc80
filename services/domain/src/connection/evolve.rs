//! What each fact changes, as far as the rules ask.

use super::{Connection, ConnectionEvent as E, ConnectionState, Mover, State};
use crate::CredentialId;

/// The connection after one more fact.
pub(super) fn evolve(connection: Connection, event: &E) -> Connection {
    match (connection, event) {
        (_, E::Created { .. }) => {
            created(event).map_or(Connection::Vacant, |state| Connection::Known(Box::new(state)))
        }
        (Connection::Known(mut state), event) => {
            state.revision += u64::from(event.counts_as_change());
            state.apply(event);
            Connection::Known(state)
        }
        (Connection::Vacant, _) => Connection::Vacant,
    }
}

fn created(event: &E) -> Option<State> {
    let E::Created {
        connection,
        tenant,
        name,
        description,
        url,
        component,
        owner,
        management,
        metadata,
        labels,
        credentials,
        state,
    } = event.clone()
    else {
        return None;
    };
    Some(State {
        tenant,
        id: connection,
        revision: 1,
        owner,
        name,
        description,
        url,
        component,
        management,
        metadata,
        labels,
        credentials,
        state,
        before_deletion: None,
        disconnected_by: None,
    })
}

impl State {
    fn apply(&mut self, event: &E) {
        match event {
            E::Renamed { name } => self.name.clone_from(name),
            E::LabelsChanged { labels } => self.labels.clone_from(labels),
            E::DetailsChanged { description, url, metadata } => {
                self.description.clone_from(description);
                self.url.clone_from(url);
                self.metadata.clone_from(metadata);
            }
            E::CredentialAttached { credential, .. } => self.credentials.push(*credential),
            E::CredentialDetached { credential } => self.credentials.retain(|known| known != credential),
            E::CredentialReplaced { from, to } => {
                replace(&mut self.credentials, *from, *to);
                self.disconnected_by = self.disconnected_by.filter(|by| by != from);
            }
            E::StateChanged { from, to, mover, credential, .. } => {
                self.before_deletion = (*to == ConnectionState::Deleted).then_some(*from);
                let by_itself = *mover == Mover::Automatic && *to == ConnectionState::Disconnected;
                self.disconnected_by = credential.filter(|_| by_itself);
                self.state = *to;
            }
            E::Transferred { to, .. } => self.owner = *to,
            E::Restored { state, credentials, .. } => {
                self.state = *state;
                self.credentials.clone_from(credentials);
                self.before_deletion = None;
            }
            E::Created { .. } => {}
        }
    }
}

/// One credential in the place of another; each stands there once.
pub fn replace(credentials: &mut Vec<CredentialId>, from: CredentialId, to: CredentialId) {
    if credentials.contains(&to) {
        credentials.retain(|known| *known != from);
    }
    for known in credentials.iter_mut().filter(|known| **known == from) {
        *known = to;
    }
}
