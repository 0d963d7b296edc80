//! Components: the kinds of system that a credential is for, as data.
//!
//! Built-in ones are files; a tenant's own are facts of its log, each version whole in its event
//! ([`OwnComponent`]). Callers name an own one `<tenant>/<slug>`, for example `acme/erp`; its
//! definition and its stream have the part behind the slash.

mod decide;
mod event;

use std::collections::BTreeSet;

pub use decide::{ComponentCommand, OwnComponent};
pub use event::ComponentEvent;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::connection::Transitions;

/// The broad kind of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CredentialKind {
    /// One key or token.
    ApiKey,
    /// User and password.
    Basic,
    /// OAuth2 tokens.
    #[serde(rename = "OAUTH2")]
    OAuth2,
    /// A certificate and its key.
    Certificate,
    /// An account of AWS, GCP or Azure.
    Cloud,
    /// A Kubernetes service account's token.
    ServiceAccountToken,
    /// A database account.
    Database,
    /// Anything else.
    Custom,
}

/// A component and the version of its definition that a credential was made with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ComponentRef {
    /// Short name of a built-in one; `<tenant>/<slug>` of a tenant's own.
    pub slug: String,
    /// Version of the definition, from 1.
    pub version: u32,
}

/// The definition of a component, as its data file has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Component {
    /// Short name: lower case letters, digits and dashes.
    pub slug: String,
    /// What people call the system.
    pub name: String,
    /// Version of this definition, from 1.
    pub version: u32,
    /// Kind of its credentials.
    pub kind: CredentialKind,
    /// One or two sentences: what it is for and where its credential is made.
    pub description: String,
    /// Address of the system's own page about its credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documentation: Option<String>,
    /// How a request authenticates, in words: `Bearer`, `Basic`, `header` …
    pub auth_style: String,
    /// The fields, as JSON Schema of one object. A property may carry `x-secret: true` (its value
    /// goes to the vault only) and `x-destination: true` (it decides where secrets are sent).
    pub fields: Value,
    /// Hosts that the secret may be sent to when the credential does not say; templates over the
    /// fields, for example `{{base_url}}`.
    pub allowed_hosts: Vec<String>,
    /// The harmless request that tells whether a credential works; none: `UNSUPPORTED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Value>,
    /// Seconds between two routine checks; none: the deployment's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_every_seconds: Option<u32>,
    /// Checks with a wrong secret lock nobody's account: false bounds them after a definite no.
    #[serde(default = "safe", skip_serializing_if = "is_safe")]
    pub lockout_safe: bool,
    /// The ways between states that its connections have, where those are fewer than all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transitions: Option<Transitions>,
}

const fn safe() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks like this")]
const fn is_safe(lockout_safe: &bool) -> bool {
    *lockout_safe
}

impl Component {
    /// The reference that a credential made now keeps.
    pub fn reference(&self) -> ComponentRef {
        ComponentRef { slug: self.slug.clone(), version: self.version }
    }

    /// Names of the fields whose values go to the vault only.
    pub fn secret_fields(&self) -> BTreeSet<String> {
        self.marked("x-secret")
    }

    /// Names of the fields that decide where secrets are sent.
    pub fn destination_fields(&self) -> BTreeSet<String> {
        self.marked("x-destination")
    }

    /// True for a field that is neither required nor secret.
    pub fn may_be_absent(&self, field: &str) -> bool {
        let required = self.fields["required"].as_array().into_iter().flatten();
        self.fields["properties"].get(field).is_some_and(|schema| schema["x-secret"] != Value::Bool(true))
            && !required.into_iter().any(|name| name.as_str() == Some(field))
    }

    /// All properties: name and schema, in the file's order.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.fields["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, schema)| (name.as_str(), schema))
    }

    fn marked(&self, mark: &str) -> BTreeSet<String> {
        self.properties()
            .filter(|(_, schema)| schema[mark] == Value::Bool(true))
            .map(|(name, _)| name.to_owned())
            .collect()
    }
}
