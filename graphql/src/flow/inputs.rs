//! Inputs of mutations, and their way to the application's.

use async_graphql::{ID, InputObject, MaybeUndefined, Result};
use keytrail_app::{FlowChange, FlowCopy, NewFlow, NewStep};
use keytrail_domain::{CredentialId, FlowId};

use crate::{
    connection::inputs::changed,
    credential::inputs::{LabelInput, labels, owner_team},
    error::bad_id,
    input::revision,
};

/// One step of a flow.
#[derive(InputObject, Clone)]
pub struct FlowStepInput {
    /// Its name inside the flow; `step-1`, `step-2` … when not given.
    pub id: Option<String>,
    /// For people.
    pub title: Option<String>,
    /// Slug of the component that it works with.
    pub component: String,
    /// The credential that it uses, of that component; none yet when not given.
    pub credential_id: Option<ID>,
}

/// A new flow.
#[derive(InputObject, Clone)]
pub struct CreateFlowInput {
    /// Its name, unique for its owner.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// The team that owns it; you, when not given.
    pub owner_team_id: Option<ID>,
    /// Free labels.
    pub labels: Option<Vec<LabelInput>>,
    /// What it does, in order.
    pub steps: Option<Vec<FlowStepInput>>,
    /// The same key and input answer the same flow again, for a day.
    pub idempotency_key: Option<String>,
}

/// Changes of a flow; what is not given stays, null takes away.
#[derive(InputObject, Clone)]
pub struct UpdateFlowInput {
    /// The flow.
    pub flow_id: ID,
    /// Its name.
    pub name: Option<String>,
    /// For people.
    pub description: MaybeUndefined<String>,
    /// All labels.
    pub labels: Option<Vec<LabelInput>>,
    /// All steps. Only while it is not active.
    pub steps: Option<Vec<FlowStepInput>>,
    /// Only when the flow is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A flow that is to be copied.
#[derive(InputObject, Clone)]
pub struct CopyFlowInput {
    /// The flow.
    pub flow_id: ID,
    /// The copy's name.
    pub name: String,
    /// The team that is to own the copy; you, when not given.
    pub owner_team_id: Option<ID>,
    /// The same key and input answer the same copy again, for a day.
    pub idempotency_key: Option<String>,
}

/// A flow that is to run.
#[derive(InputObject, Clone)]
pub struct StartFlowInput {
    /// The flow.
    pub flow_id: ID,
    /// Do not check its credentials first. It is recorded.
    #[graphql(default)]
    pub skip_verification: bool,
    /// Only when the flow is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A flow that is to stop.
#[derive(InputObject, Clone)]
pub struct StopFlowInput {
    /// The flow.
    pub flow_id: ID,
    /// Why; it stands in the history.
    pub reason: Option<String>,
    /// Only when the flow is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A flow that goes.
#[derive(InputObject, Clone)]
pub struct DeleteFlowInput {
    /// The flow; it must not be active.
    pub flow_id: ID,
    /// Only when the flow is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

pub(super) fn flow_id(id: &ID) -> Result<FlowId> {
    FlowId::parse(id).map_err(|error| bad_id("input.flowId", &error))
}

fn steps(steps: Vec<FlowStepInput>) -> Result<Vec<NewStep>> {
    let step = |(place, step): (usize, FlowStepInput)| {
        let credential = step.credential_id.as_ref().map(|id| CredentialId::parse(id)).transpose();
        let path = format!("input.steps.{place}.credentialId");
        Ok(NewStep {
            id: step.id,
            title: step.title,
            component: step.component,
            credential: credential.map_err(|error| bad_id(&path, &error))?,
        })
    };
    steps.into_iter().enumerate().map(step).collect()
}

impl CreateFlowInput {
    pub(super) fn into_app(self) -> Result<NewFlow> {
        Ok(NewFlow {
            name: self.name,
            description: self.description,
            owner: owner_team(self.owner_team_id.as_ref())?,
            labels: labels(self.labels.unwrap_or_default())?,
            steps: steps(self.steps.unwrap_or_default())?,
        })
    }
}

impl UpdateFlowInput {
    pub(super) fn into_app(self) -> Result<FlowChange> {
        Ok(FlowChange {
            id: flow_id(&self.flow_id)?,
            name: self.name,
            description: changed(self.description),
            labels: self.labels.map(labels).transpose()?,
            steps: self.steps.map(steps).transpose()?,
            expected_revision: revision(self.expected_revision)?,
        })
    }
}

impl CopyFlowInput {
    pub(super) fn into_app(self) -> Result<FlowCopy> {
        let owner = owner_team(self.owner_team_id.as_ref())?;
        Ok(FlowCopy { id: flow_id(&self.flow_id)?, name: self.name, owner })
    }
}
