//! What can have happened to a tenant's own component. Names and shapes are for ever.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Component;
use crate::DomainEvent;

/// A fact about a tenant's own component. The definition is whole in each: what a credential was
/// made with can be read as long as the log can.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the names are the contract")]
pub enum ComponentEvent {
    #[serde(rename = "ComponentRegistered")]
    Registered { version: u32, definition: Box<Component> },
    #[serde(rename = "ComponentUpdated")]
    Updated { version: u32, definition: Box<Component> },
    #[serde(rename = "ComponentDeleted")]
    Deleted {},
}

impl DomainEvent for ComponentEvent {
    fn version(_name: &str) -> u16 {
        1
    }

    fn upcast(_name: &str, _version: u16, data: Value) -> Value {
        data
    }
}
