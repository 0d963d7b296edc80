//! What each fact changes, as far as the rules ask.

use super::{State, WebhookEndpoint, WebhookEndpointEvent as E};

/// The endpoint after one more fact.
pub(super) fn evolve(endpoint: WebhookEndpoint, event: &E) -> WebhookEndpoint {
    match (endpoint, event) {
        (_, E::Created { endpoint, team, target, settings, secret }) => {
            WebhookEndpoint::Live(Box::new(State {
                id: *endpoint,
                team: *team,
                target: target.clone(),
                settings: settings.clone(),
                secret: *secret,
                enabled: true,
                revision: 1,
            }))
        }
        (WebhookEndpoint::Live(_), E::Deleted {}) => WebhookEndpoint::Deleted,
        (WebhookEndpoint::Live(mut state), event) => {
            // What is only sent changes nothing that anybody could have read before.
            let asks = matches!(
                event,
                E::TestRequested {} | E::RedeliveryRequested { .. } | E::ReplayRequested { .. }
            );
            state.revision += u64::from(!asks);
            state.apply(event);
            WebhookEndpoint::Live(state)
        }
        (other, _) => other,
    }
}

impl State {
    fn apply(&mut self, event: &E) {
        match event {
            E::Changed { target, settings } => {
                self.target = target.clone().unwrap_or_else(|| std::mem::take(&mut self.target));
                self.settings.clone_from(settings);
            }
            E::SecretRotated { secret, .. } => self.secret = *secret,
            E::Disabled { .. } => self.enabled = false,
            E::Enabled {} => self.enabled = true,
            E::Created { .. }
            | E::TestRequested {}
            | E::RedeliveryRequested { .. }
            | E::ReplayRequested { .. }
            | E::Deleted {} => {}
        }
    }
}
