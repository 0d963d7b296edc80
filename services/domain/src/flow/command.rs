//! What can be asked of a flow. Credentials are reserved in their own streams before.

use super::FlowStep;
use crate::{CredentialId, FlowId, Labels, Owner, TenantId, credential::VerificationChoice};

/// A wish.
#[derive(Clone, Debug)]
pub enum FlowCommand {
    /// Make it.
    Create(Box<NewFlow>),
    /// Change what people wrote down, and its steps.
    Update(Box<FlowUpdate>),
    /// Begin to run. Its credentials are in use already.
    Start {
        /// Whether they were checked first.
        verification: VerificationChoice,
    },
    /// Stop running.
    Stop {
        /// Why, for people.
        reason: Option<String>,
    },
    /// Use another credential in the place of one, in every step, also while it runs.
    Replace {
        /// The one to let go of.
        from: CredentialId,
        /// The one to use, reserved already.
        to: CredentialId,
    },
    /// Its owner was removed.
    HandOver {
        /// Who owned it.
        from: Owner,
        /// Who owns it from then on.
        to: Owner,
        /// Its name from then on; none keeps it.
        name: Option<String>,
    },
    /// Delete it; it must not run.
    Delete,
}

/// Everything about a new flow.
#[derive(Clone, Debug)]
pub struct NewFlow {
    /// Whose.
    pub tenant: TenantId,
    /// Its id.
    pub id: FlowId,
    /// Its name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Who owns it.
    pub owner: Owner,
    /// Free labels.
    pub labels: Labels,
    /// What it does, in order.
    pub steps: Vec<FlowStep>,
    /// The flow that it is a copy of.
    pub copied_from: Option<FlowId>,
}

/// Changes. Each part is what shall be, none keeps what is.
#[derive(Clone, Debug, Default)]
pub struct FlowUpdate {
    /// Its name.
    pub name: Option<String>,
    /// For people; inner none takes it away.
    pub description: Option<Option<String>>,
    /// All labels.
    pub labels: Option<Labels>,
    /// All steps.
    pub steps: Option<Vec<FlowStep>>,
}
