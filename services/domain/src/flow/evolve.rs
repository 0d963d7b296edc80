//! What each fact changes, as far as the rules ask.

use super::{Flow, FlowEvent as E, FlowStep, State};
use crate::CredentialId;

/// The flow after one more fact.
pub(super) fn evolve(flow: Flow, event: &E) -> Flow {
    match (flow, event) {
        (_, E::Created { flow, tenant, name, description, owner, labels, steps, .. }) => {
            Flow::Live(Box::new(State {
                tenant: *tenant,
                id: *flow,
                revision: 1,
                owner: *owner,
                name: name.clone(),
                description: description.clone(),
                labels: labels.clone(),
                steps: steps.clone(),
                active: false,
            }))
        }
        (Flow::Live(_), E::Deleted {}) => Flow::Deleted,
        (Flow::Live(mut state), event) => {
            state.revision += 1;
            state.apply(event);
            Flow::Live(state)
        }
        (other, _) => other,
    }
}

impl State {
    fn apply(&mut self, event: &E) {
        match event {
            E::Renamed { name } => self.name.clone_from(name),
            E::LabelsChanged { labels } => self.labels.clone_from(labels),
            E::DescriptionChanged { description } => self.description.clone_from(description),
            E::StepsChanged { steps } => self.steps.clone_from(steps),
            E::CredentialReplaced { from, to } => replace(&mut self.steps, *from, *to),
            E::Transferred { to, .. } => self.owner = *to,
            E::Started { .. } => self.active = true,
            E::Stopped { .. } => self.active = false,
            E::Created { .. } | E::Deleted {} => {}
        }
    }
}

/// One credential in the place of another, in every step.
pub fn replace(steps: &mut [FlowStep], from: CredentialId, to: CredentialId) {
    for step in steps.iter_mut().filter(|step| step.credential == Some(from)) {
        step.credential = Some(to);
    }
}
