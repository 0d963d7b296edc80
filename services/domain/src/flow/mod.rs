//! An integration flow: steps that name a component each, and use one credential of it.

mod command;
mod decide;
mod event;
mod evolve;

use serde::{Deserialize, Serialize};

pub use command::{FlowCommand, FlowUpdate, NewFlow};
pub use event::FlowEvent;
pub use evolve::replace;

use crate::{CredentialId, FlowId, Labels, Owner, TenantId};

/// Longest name, in bytes.
pub const NAME_LEN: usize = 255;
/// Most steps of one flow.
pub const MOST_STEPS: usize = 100;

/// One step of a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowStep {
    /// Its name inside the flow: each once.
    pub id: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Slug of the component that it works with.
    pub component: String,
    /// The credential that it uses; none while nobody chose one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialId>,
}

/// A flow, as far as its rules ask.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Flow {
    /// Not created.
    #[default]
    Vacant,
    /// There.
    Live(Box<State>),
    /// Gone.
    Deleted,
}

/// What the rules ask of a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Whose.
    pub tenant: TenantId,
    /// Its id.
    pub id: FlowId,
    /// How many changes people made.
    pub revision: u64,
    /// Who owns it.
    pub owner: Owner,
    /// Its name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Free labels.
    pub labels: Labels,
    /// What it does, in order.
    pub steps: Vec<FlowStep>,
    /// Whether it runs: its credentials cannot be deleted then.
    pub active: bool,
}

impl Flow {
    /// The state of one that is there.
    pub fn live(&self) -> Option<&State> {
        match self {
            Self::Live(state) => Some(state),
            Self::Vacant | Self::Deleted => None,
        }
    }
}

impl State {
    /// The credentials of its steps, each once, in the order of the steps.
    pub fn credentials(&self) -> Vec<CredentialId> {
        credentials_of(&self.steps)
    }
}

/// The credentials of some steps, each once, in the order of the steps.
pub fn credentials_of(steps: &[FlowStep]) -> Vec<CredentialId> {
    let mut seen = Vec::new();
    for credential in steps.iter().filter_map(|step| step.credential) {
        if !seen.contains(&credential) {
            seen.push(credential);
        }
    }
    seen
}

#[cfg(test)]
mod tests;
