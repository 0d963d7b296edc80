//! The rules of an OAuth client.

use serde_json::json;

use super::{
    ClientAuthentication, ClientSettings, NewClientSecret, OAuthClient, OAuthClientCommand as C,
    OAuthClientEvent as E, Provider, State, evolve,
    settings::{Checked, client_id},
};
use crate::{Aggregate, CredentialId, Decision, FieldError, OAuthClientId, Refusal};

impl Aggregate for OAuthClient {
    type Command = C;
    type Event = E;

    fn decide(&self, command: &C) -> Result<Decision<E>, Refusal> {
        match (self, command) {
            (Self::Vacant, C::Create { client, client_id, settings, secret }) => {
                create(*client, client_id, settings, secret.as_ref())
            }
            (_, C::Create { .. }) => Err(Refusal::conflict("an OAuth client with this id exists already")),
            (Self::Vacant | Self::Deleted, _) => Err(Refusal::NotFound),
            (Self::Live(state), C::Change { settings, secret }) => state.change(settings, secret.as_ref()),
            (Self::Live(state), C::Reserve { credential, component, provider }) => {
                state.reserve(*credential, component, provider)
            }
            (Self::Live(state), C::Release { credential }) => Ok(match state.users.contains(credential) {
                true => Decision::of([E::Released { credential: *credential }]),
                false => Decision::nothing(),
            }),
            (Self::Live(state), C::Delete) => state.delete(),
        }
    }

    fn evolve(self, event: &E) -> Self {
        evolve::evolve(self, event)
    }

    fn revision(&self) -> u64 {
        match self {
            Self::Live(state) => state.revision,
            Self::Vacant | Self::Deleted => 0,
        }
    }
}

fn create(
    client: OAuthClientId,
    id: &str,
    settings: &ClientSettings,
    secret: Option<&NewClientSecret>,
) -> Result<Decision<E>, Refusal> {
    let mut checked = Checked::default();
    let client_id = checked.keep(client_id(id))?;
    let settings = checked.settings(settings)?;
    check_secret(&mut checked, &settings, secret);
    if secret.is_none() && settings.authentication != ClientAuthentication::None {
        checked.wrong(FieldError::new("clientSecret", "must be given unless authentication is NONE"));
    }
    checked.end()?;
    let created = E::Created { client, client_id, settings, secret: secret.map(|new| new.at) };
    Ok(storing(Decision::of([created]), secret))
}

fn check_secret(checked: &mut Checked, settings: &ClientSettings, secret: Option<&NewClientSecret>) {
    let Some(secret) = secret else { return };
    if settings.authentication == ClientAuthentication::None {
        checked.wrong(FieldError::new("clientSecret", "must not be given when authentication is NONE"));
    } else if let Err(error) = secret.check() {
        checked.wrong(error);
    }
}

fn storing(decision: Decision<E>, secret: Option<&NewClientSecret>) -> Decision<E> {
    match secret {
        Some(secret) => decision.storing(secret.at, secret.payload()),
        None => decision,
    }
}

impl State {
    fn change(
        &self,
        settings: &ClientSettings,
        secret: Option<&NewClientSecret>,
    ) -> Result<Decision<E>, Refusal> {
        let mut checked = Checked::default();
        let settings = checked.settings(settings)?;
        check_secret(&mut checked, &settings, secret);
        checked.end()?;
        if secret.is_none() && self.would_lead_secret_elsewhere(&settings) {
            let message =
                "addresses, issuer and authentication change only together with clientSecret: give it too";
            return Err(Refusal::rule("SECRET_REQUIRED", message));
        }
        if !self.users.is_empty() && self.would_lead_tokens_elsewhere(&settings) {
            return Err(self.in_use(
                "credentials have tokens of this provider: make another OAuth client for another one",
            ));
        }
        if !self.users.is_empty() && !settings.components.is_superset(&self.settings.components) {
            return Err(self.in_use("credentials have tokens by this OAuth client: it keeps its components"));
        }
        // The secret first: the one before is never that of the new addresses.
        let replaced = secret.map(|new| E::SecretReplaced { secret: new.at });
        let changed = (settings != self.settings).then_some(E::Changed { settings });
        Ok(storing(Decision::of(replaced.into_iter().chain(changed)), secret))
    }

    /// A client that is to have no secret loses the one it has: there is nothing to lead anywhere.
    fn would_lead_secret_elsewhere(&self, to: &ClientSettings) -> bool {
        let from = &self.settings;
        to.authentication != ClientAuthentication::None
            && (&to.provider, to.authentication) != (&from.provider, from.authentication)
    }

    /// Refresh tokens of credentials go to these addresses, and whoever changes them may know none of them.
    fn would_lead_tokens_elsewhere(&self, to: &ClientSettings) -> bool {
        let sends_to = |settings: &ClientSettings| {
            (settings.provider.token_url.clone(), settings.provider.revocation_url.clone())
        };
        sends_to(to) != sends_to(&self.settings)
    }

    fn reserve(
        &self,
        credential: CredentialId,
        component: &str,
        provider: &Provider,
    ) -> Result<Decision<E>, Refusal> {
        if *provider != self.settings.provider {
            return Err(Refusal::conflict("the OAuth client has another provider by now: begin again"));
        }
        if self.users.contains(&credential) {
            return Ok(Decision::nothing());
        }
        if !self.settings.components.contains(component) {
            let message = "this OAuth client is not for credentials of that component";
            return Err(Refusal::rule("COMPONENT_MISMATCH", message));
        }
        Ok(Decision::of([E::Reserved { credential }]))
    }

    fn delete(&self) -> Result<Decision<E>, Refusal> {
        if self.users.is_empty() {
            return Ok(Decision::of([E::Deleted {}]));
        }
        Err(self.in_use("credentials have their tokens by this OAuth client, or had when they were deleted: purge them, or authorize them \
             by another client"))
    }

    fn in_use(&self, message: &str) -> Refusal {
        Refusal::Rule {
            reason: "OAUTH_CLIENT_IN_USE",
            message: message.to_owned(),
            details: json!({ "credentials": self.users }),
        }
    }
}
