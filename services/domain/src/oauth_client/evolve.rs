//! What each fact changes, as far as the rules ask.

use std::collections::BTreeSet;

use super::{ClientAuthentication, OAuthClient, OAuthClientEvent as E, State};

/// The client after one more fact.
pub(super) fn evolve(client: OAuthClient, event: &E) -> OAuthClient {
    match (client, event) {
        (_, E::Created { client, client_id, settings, secret }) => OAuthClient::Live(Box::new(State {
            id: *client,
            client_id: client_id.clone(),
            settings: settings.clone(),
            secret: *secret,
            users: BTreeSet::new(),
            revision: 1,
        })),
        (OAuthClient::Live(_), E::Deleted {}) => OAuthClient::Deleted,
        (OAuthClient::Live(mut state), event) => {
            state.apply(event);
            OAuthClient::Live(state)
        }
        (other, _) => other,
    }
}

impl State {
    fn apply(&mut self, event: &E) {
        match event {
            E::Changed { settings } => {
                self.settings.clone_from(settings);
                self.secret = self.secret.filter(|_| settings.authentication != ClientAuthentication::None);
                self.revision += 1;
            }
            E::SecretReplaced { secret } => {
                self.secret = Some(*secret);
                self.revision += 1;
            }
            // Credentials come and go by themselves: that must not be in the way of a person's change.
            E::Reserved { credential } => {
                self.users.insert(*credential);
            }
            E::Released { credential } => {
                self.users.remove(credential);
            }
            E::Created { .. } | E::Deleted {} => {}
        }
    }
}
