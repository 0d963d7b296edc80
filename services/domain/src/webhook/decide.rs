//! The rules of a webhook endpoint.

use super::{
    DisabledReason, EndpointSettings, EventPattern, NewTarget, State, WebhookEndpoint,
    WebhookEndpointCommand as C, WebhookEndpointEvent as E, evolve,
};
use crate::{Aggregate, Decision, FieldError, Refusal};

/// Longest description, in bytes.
const DESCRIPTION_LEN: usize = 1_000;
/// Longest slug of a component, in bytes: an own one has its tenant's before it.
const SLUG_LEN: usize = 128;
/// Most patterns, and most components.
const MOST: usize = 50;

impl Aggregate for WebhookEndpoint {
    type Command = C;
    type Event = E;

    fn decide(&self, command: &C) -> Result<Decision<E>, Refusal> {
        match (self, command) {
            (Self::Vacant, C::Create { endpoint, team, target: new, settings, secret, payload }) => {
                check(Some(new), settings)?;
                let (endpoint, team, target) = (*endpoint, *team, new.target());
                let created =
                    E::Created { endpoint, team, target, settings: settings.clone(), secret: *secret };
                let decision = Decision::of([created]).storing(*secret, payload.clone());
                Ok(decision.storing(new.at, new.payload()))
            }
            (_, C::Create { .. }) => Err(Refusal::conflict("an endpoint with this id exists already")),
            (Self::Vacant | Self::Deleted, _) => Err(Refusal::NotFound),
            (Self::Live(state), command) => state.decide(command),
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

impl State {
    fn decide(&self, command: &C) -> Result<Decision<E>, Refusal> {
        match command {
            C::Create { .. } => Err(Refusal::conflict("an endpoint with this id exists already")),
            C::Change { target, settings, enabled } => self.change(target.as_ref(), settings, *enabled),
            C::RotateSecret { secret, payload, previous_until } => {
                let rotated = E::SecretRotated { secret: *secret, previous_until: *previous_until };
                Ok(Decision::of([rotated]).storing(*secret, payload.clone()))
            }
            C::Disable { reason } if self.enabled => Ok(Decision::of([E::Disabled { reason: *reason }])),
            C::Disable { .. } => Ok(Decision::nothing()),
            C::Test => self.when_enabled(E::TestRequested {}),
            C::Redeliver { event } => self.when_enabled(E::RedeliveryRequested { event: *event }),
            C::Replay { after } => Ok(Decision::of([E::ReplayRequested { after: *after }])),
            C::Delete => Ok(Decision::of([E::Deleted {}])),
        }
    }

    fn change(
        &self,
        new: Option<&NewTarget>,
        settings: &EndpointSettings,
        enabled: Option<bool>,
    ) -> Result<Decision<E>, Refusal> {
        check(new, settings)?;
        let changed = (new.is_some() || *settings != self.settings)
            .then(|| E::Changed { target: new.map(NewTarget::target), settings: settings.clone() });
        let switched = enabled.filter(|enabled| *enabled != self.enabled).map(|enabled| match enabled {
            true => E::Enabled {},
            false => E::Disabled { reason: DisabledReason::ByHand },
        });
        let decision = Decision::of(changed.into_iter().chain(switched));
        Ok(match new {
            Some(new) => decision.storing(new.at, new.payload()),
            None => decision,
        })
    }

    fn when_enabled(&self, event: E) -> Result<Decision<E>, Refusal> {
        if self.enabled {
            return Ok(Decision::of([event]));
        }
        Err(Refusal::rule("WEBHOOK_DISABLED", "the endpoint is disabled: enable it first"))
    }
}

fn check(target: Option<&NewTarget>, settings: &EndpointSettings) -> Result<(), Refusal> {
    let mut wrong: Vec<_> = target.and_then(|target| target.check().err()).into_iter().collect();
    if settings.types.len() > MOST {
        wrong.push(FieldError::new("types", format!("at most {MOST} are allowed")));
    }
    for (place, pattern) in settings.types.iter().take(MOST).enumerate() {
        if EventPattern::parse(pattern).is_none() {
            let rule = "must be a type such as `keytrail.credential.invalidated`, or `keytrail.credential.*`";
            wrong.push(FieldError::new(format!("types.{place}"), rule));
        }
    }
    if settings.components.len() > MOST {
        wrong.push(FieldError::new("components", format!("at most {MOST} are allowed")));
    }
    for (place, slug) in settings.components.iter().take(MOST).enumerate() {
        if !is_slug(slug) {
            wrong.push(FieldError::new(format!("components.{place}"), "must be a component's slug"));
        }
    }
    if settings.description.as_ref().is_some_and(|text| text.len() > DESCRIPTION_LEN) {
        wrong.push(FieldError::new("description", format!("must have at most {DESCRIPTION_LEN} bytes")));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Refusal::Invalid(wrong)) }
}

/// `github`, or `acme/erp`.
fn is_slug(text: &str) -> bool {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let whole = |part: &str| !part.is_empty() && part.bytes().all(plain);
    let (first, second) = text.split_once('/').map_or((text, None), |(first, second)| (first, Some(second)));
    text.len() <= SLUG_LEN && whole(first) && second.is_none_or(whole)
}
