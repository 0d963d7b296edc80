//! What can have happened to a team. Names and shapes are for ever.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{DomainEvent, MemberId, TeamId};

/// A fact about a team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the names are the contract")]
pub enum TeamEvent {
    #[serde(rename = "TeamCreated")]
    Created { team: TeamId, name: String },
    #[serde(rename = "TeamRenamed")]
    Renamed { name: String },
    #[serde(rename = "TeamMemberAdded")]
    MemberAdded { member: MemberId, lead: bool },
    #[serde(rename = "TeamLeadChanged")]
    LeadChanged { member: MemberId, lead: bool },
    #[serde(rename = "TeamMemberRemoved")]
    MemberRemoved { member: MemberId },
    #[serde(rename = "TeamDeleted")]
    Deleted {},
}

impl DomainEvent for TeamEvent {
    fn version(_name: &str) -> u16 {
        1
    }

    fn upcast(_name: &str, _version: u16, data: Value) -> Value {
        data
    }
}
