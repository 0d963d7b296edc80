//! The rules of a flow.

use std::collections::BTreeSet;

use serde_json::json;

use super::{
    Flow, FlowCommand as C, FlowEvent as E, FlowStep, FlowUpdate, MOST_STEPS, NAME_LEN, NewFlow, State,
    evolve,
};
use crate::{
    Aggregate, CredentialId, Decision, FieldError, Owner, Refusal,
    credential::{TransferReason, VerificationChoice},
    text,
};

/// Longest description, in bytes.
const DESCRIPTION_LEN: usize = 1_000;
/// Longest reason, in bytes.
const REASON_LEN: usize = 1_000;
/// Longest name of a step, in bytes.
const STEP_ID_LEN: usize = 64;

impl Aggregate for Flow {
    type Command = C;
    type Event = E;

    fn decide(&self, command: &C) -> Result<Decision<E>, Refusal> {
        match (self, command) {
            (Self::Vacant, C::Create(new)) => create(new),
            (_, C::Create(_)) => Err(Refusal::conflict("a flow with this id exists already")),
            (Self::Vacant | Self::Deleted, _) => Err(Refusal::NotFound),
            (Self::Live(state), command) => state.decide(command),
        }
    }

    fn evolve(self, event: &E) -> Self {
        evolve::evolve(self, event)
    }

    fn revision(&self) -> u64 {
        self.live().map_or(0, |state| state.revision)
    }
}

fn create(new: &NewFlow) -> Result<Decision<E>, Refusal> {
    Ok(Decision::of([E::Created {
        flow: new.id,
        tenant: new.tenant,
        name: text::line("name", &new.name, NAME_LEN)?,
        description: text::prose("description", new.description.as_deref(), DESCRIPTION_LEN)?,
        owner: new.owner,
        labels: new.labels.clone(),
        steps: checked(&new.steps)?,
        copied_from: new.copied_from,
    }]))
}

fn checked(steps: &[FlowStep]) -> Result<Vec<FlowStep>, Refusal> {
    if steps.len() > MOST_STEPS {
        return Err(Refusal::invalid("steps", format!("a flow has at most {MOST_STEPS} steps")));
    }
    let mut seen = BTreeSet::new();
    let mut errors = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
        if step.id.is_empty() || step.id.len() > STEP_ID_LEN || !step.id.bytes().all(plain) {
            let rule = format!("must have 1 to {STEP_ID_LEN} letters, digits, `-`, `_` or `.`");
            errors.push(FieldError::new(format!("steps.{place}.id"), rule));
        } else if !seen.insert(&step.id) {
            errors.push(FieldError::new(format!("steps.{place}.id"), "another step has this id"));
        }
    }
    if !errors.is_empty() {
        return Err(Refusal::Invalid(errors));
    }
    let titled = |(place, step): (usize, &FlowStep)| {
        let title = text::prose(&format!("steps.{place}.title"), step.title.as_deref(), NAME_LEN)?;
        Ok(FlowStep { title, ..step.clone() })
    };
    steps.iter().enumerate().map(titled).collect()
}

impl State {
    fn decide(&self, command: &C) -> Result<Decision<E>, Refusal> {
        match command {
            C::Create(_) => Ok(Decision::nothing()),
            C::Update(update) => self.update(update),
            C::Start { verification } => self.start(*verification),
            C::Stop { .. } if !self.active => Ok(Decision::nothing()),
            C::Stop { reason } => {
                let line = |reason: &String| text::line("reason", reason, REASON_LEN);
                Ok(Decision::of([E::Stopped { reason: reason.as_ref().map(line).transpose()? }]))
            }
            C::Replace { from, to } => Ok(self.replace(*from, *to)),
            C::HandOver { from, to, name } => self.hand_over((*from, *to), name.as_deref()),
            C::Delete if self.active => Err(running()),
            C::Delete => Ok(Decision::of([E::Deleted {}])),
        }
    }

    fn update(&self, update: &FlowUpdate) -> Result<Decision<E>, Refusal> {
        let mut events = Vec::new();
        if let Some(name) = &update.name {
            let name = text::line("name", name, NAME_LEN)?;
            events.extend((name != self.name).then_some(E::Renamed { name }));
        }
        if let Some(labels) = update.labels.as_ref().filter(|labels| **labels != self.labels) {
            events.push(E::LabelsChanged { labels: labels.clone() });
        }
        if let Some(given) = &update.description {
            let description = text::prose("description", given.as_deref(), DESCRIPTION_LEN)?;
            events.extend((description != self.description).then_some(E::DescriptionChanged { description }));
        }
        if let Some(steps) = &update.steps {
            let steps = checked(steps)?;
            if steps != self.steps {
                // What runs was checked as it is.
                if self.active {
                    return Err(running());
                }
                events.push(E::StepsChanged { steps });
            }
        }
        Ok(Decision::of(events))
    }

    fn start(&self, verification: VerificationChoice) -> Result<Decision<E>, Refusal> {
        if self.active {
            return Ok(Decision::nothing());
        }
        if self.steps.is_empty() {
            return Err(Refusal::rule("FLOW_WITHOUT_STEPS", "the flow has no steps: add some first"));
        }
        let open: Vec<_> =
            self.steps.iter().filter(|step| step.credential.is_none()).map(|step| &step.id).collect();
        if !open.is_empty() {
            return Err(Refusal::Rule {
                reason: "STEP_WITHOUT_CREDENTIAL",
                message: "some steps have no credential: `steps` names them".into(),
                details: json!({ "steps": open }),
            });
        }
        Ok(Decision::of([E::Started { verification }]))
    }

    /// What a removed member owned. Somebody else may own it by now.
    fn hand_over(&self, (from, to): (Owner, Owner), name: Option<&str>) -> Result<Decision<E>, Refusal> {
        if self.owner != from {
            return Ok(Decision::nothing());
        }
        let name = name.map(|name| text::line("name", name, NAME_LEN)).transpose()?;
        let renamed = name.filter(|name| *name != self.name).map(|name| E::Renamed { name });
        let moved = E::Transferred { from, to, reason: TransferReason::MemberRemoved };
        Ok(Decision::of(std::iter::once(moved).chain(renamed)))
    }

    fn replace(&self, from: CredentialId, to: CredentialId) -> Decision<E> {
        if from == to || !self.credentials().contains(&from) {
            return Decision::nothing();
        }
        Decision::of([E::CredentialReplaced { from, to }])
    }
}

fn running() -> Refusal {
    Refusal::rule("FLOW_ACTIVE", "the flow is active: stop it first (repointCredential works while it runs)")
}
