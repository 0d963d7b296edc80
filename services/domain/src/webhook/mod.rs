//! A webhook endpoint: where a tenant, or one of its teams, hears of events about credentials.

mod command;
mod decide;
mod event;
mod evolve;
mod kind;
mod target;

use serde::{Deserialize, Serialize};

pub use command::WebhookEndpointCommand;
pub use event::{DisabledReason, WebhookEndpointEvent};
pub use kind::{EventPattern, TEST_KIND, kind_of};
pub use target::{EndpointTarget, NewTarget, url_in};

use crate::{SecretRef, TeamId, Timestamp, WebhookEndpointId};

/// What the body of a delivery looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WebhookFormat {
    /// CloudEvents 1.0 as JSON.
    #[default]
    #[serde(rename = "CLOUDEVENTS")]
    CloudEvents,
    /// A message for Slack.
    #[serde(rename = "SLACK")]
    Slack,
    /// A card for Microsoft Teams.
    #[serde(rename = "TEAMS")]
    Teams,
}

/// What people choose for an endpoint, besides where it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointSettings {
    /// Which types of event, as patterns; none: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// Credentials of which components, by slug; none: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What a body looks like.
    #[serde(default)]
    pub format: WebhookFormat,
}

/// A signing secret that still counts beside the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetiringSecret {
    /// Where it lies.
    pub secret: SecretRef,
    /// Until when deliveries are signed with it too.
    pub until: Timestamp,
}

/// A webhook endpoint, as far as its rules ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WebhookEndpoint {
    /// Not created.
    #[default]
    Vacant,
    /// There.
    Live(Box<State>),
    /// Gone.
    Deleted,
}

/// What the rules ask of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Its id.
    pub id: WebhookEndpointId,
    /// The team that it belongs to; none: the tenant.
    pub team: Option<TeamId>,
    /// Where deliveries go.
    pub target: EndpointTarget,
    /// What people chose.
    pub settings: EndpointSettings,
    /// The secret that deliveries are signed with.
    pub secret: SecretRef,
    /// Whether deliveries go out.
    pub enabled: bool,
    /// How many changes it has seen.
    pub revision: u64,
}

impl WebhookEndpoint {
    /// The team that it belongs to (none inside: the tenant), unless it is not there.
    pub fn team(&self) -> Option<Option<TeamId>> {
        match self {
            Self::Live(state) => Some(state.team),
            Self::Vacant | Self::Deleted => None,
        }
    }
}

#[cfg(test)]
mod tests;
