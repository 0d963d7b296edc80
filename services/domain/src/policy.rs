//! The policy files that were in force for a tenant, so that decisions of the past can be explained.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Aggregate, Decision, DomainEvent, Refusal};

/// The text of the policy files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyText {
    /// casbin's model.
    pub model: String,
    /// The table of kinds, roles and actions.
    pub roles: String,
}

/// The policy in force for a tenant, as far as its rules ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    loaded: Option<PolicyText>,
    revision: u64,
}

/// A fact about the policy. Names and shapes are for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the names are the contract")]
pub enum PolicyEvent {
    #[serde(rename = "PolicyLoaded")]
    Loaded { model: String, roles: String },
}

impl DomainEvent for PolicyEvent {
    fn version(_name: &str) -> u16 {
        1
    }

    fn upcast(_name: &str, _version: u16, data: Value) -> Value {
        data
    }
}

impl Aggregate for Policy {
    /// These texts are in force now.
    type Command = PolicyText;
    type Event = PolicyEvent;

    fn decide(&self, command: &PolicyText) -> Result<Decision<PolicyEvent>, Refusal> {
        if self.loaded.as_ref() == Some(command) {
            return Ok(Decision::nothing());
        }
        let PolicyText { model, roles } = command.clone();
        Ok(Decision::of([PolicyEvent::Loaded { model, roles }]))
    }

    fn evolve(self, event: &PolicyEvent) -> Self {
        let PolicyEvent::Loaded { model, roles } = event.clone();
        Self { loaded: Some(PolicyText { model, roles }), revision: self.revision + 1 }
    }

    fn revision(&self) -> u64 {
        self.revision
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_changed_text_is_a_fact() {
        let text = |roles: &str| PolicyText { model: "m".into(), roles: roles.into() };
        let decide = |policy: &Policy, text| policy.decide(&text).expect("never refused").events;
        let first = decide(&Policy::default(), text("a"));
        let policy = first.iter().fold(Policy::default(), Policy::evolve);
        assert_eq!(first.len(), 1);
        assert!(decide(&policy, text("a")).is_empty());
        let changed = decide(&policy, text("b"));
        assert_eq!(changed, [PolicyEvent::Loaded { model: "m".into(), roles: "b".into() }]);
        let back = changed.iter().fold(policy, Policy::evolve);
        assert_eq!(decide(&back, text("a")).len(), 1, "what was in force before is a change again");
    }
}
