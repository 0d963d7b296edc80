//! What can have happened to a flow. Names and shapes are for ever.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::FlowStep;
use crate::{
    CredentialId, DomainEvent, FlowId, Labels, Owner, TenantId,
    credential::{TransferReason, VerificationChoice},
};

/// A fact about a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the names are the contract")]
pub enum FlowEvent {
    #[serde(rename = "FlowCreated")]
    Created {
        flow: FlowId,
        tenant: TenantId,
        name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        owner: Owner,
        labels: Labels,
        steps: Vec<FlowStep>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        copied_from: Option<FlowId>,
    },
    #[serde(rename = "FlowRenamed")]
    Renamed { name: String },
    #[serde(rename = "FlowLabelsChanged")]
    LabelsChanged { labels: Labels },
    #[serde(rename = "FlowDescriptionChanged")]
    DescriptionChanged {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
    /// All steps as they are from now on.
    #[serde(rename = "FlowStepsChanged")]
    StepsChanged { steps: Vec<FlowStep> },
    /// One credential took the place of another in every step.
    #[serde(rename = "FlowCredentialReplaced")]
    CredentialReplaced { from: CredentialId, to: CredentialId },
    #[serde(rename = "FlowStarted")]
    Started { verification: VerificationChoice },
    #[serde(rename = "FlowStopped")]
    Stopped {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// It is somebody else's now.
    #[serde(rename = "FlowTransferred")]
    Transferred { from: Owner, to: Owner, reason: TransferReason },
    #[serde(rename = "FlowDeleted")]
    Deleted {},
}

impl DomainEvent for FlowEvent {
    fn version(_name: &str) -> u16 {
        1
    }

    fn upcast(_name: &str, _version: u16, data: Value) -> Value {
        data
    }
}
