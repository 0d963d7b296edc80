//! The HTTP recipe: how a component's credential is checked, as data.
//!
//! A component's `verify` is `{"checks": [..]}`. The first check whose `when` fits the fields that
//! are set is made: one request, then the first rule that fits the answer gives the verdict. An
//! answer that no rule knows proves nothing. `validate` says at load what is wrong with a recipe,
//! [`build`] makes the request, [`judge`] reads the verdict and [`evidence`] the rest.

mod base_url;
mod build;
mod evidence;
mod judge;
mod path;
mod template;
mod validate;

use std::collections::BTreeMap;

use keytrail_domain::{
    FieldError,
    component::Component,
    verification::{InconclusiveReason, Verdict},
};
use serde::Deserialize;
use serde_json::Value;

pub use base_url::{is_header_name, is_url_path, parse_base_url};
pub use build::{CannotBuild, Fields, build};
pub use evidence::{Evidence, Reading, evidence};
pub use judge::{Judgement, judge};
pub use path::Path;
pub use template::{Template, UrlTemplate};
pub use validate::problems;

/// All ways to check credentials of one component.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Tried in order; the first that fits the fields is made.
    pub checks: Vec<Check>,
}

/// One request and how to read its answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Check {
    /// When this check is the one; by default always.
    #[serde(default)]
    pub when: When,
    /// The harmless request.
    pub request: RequestTemplate,
    /// What answers mean; the first that fits counts.
    pub rules: Vec<Rule>,
    /// Who the system says we are.
    #[serde(default)]
    pub identity: Option<Place>,
    /// What the system says we may do.
    #[serde(default)]
    pub scopes: Option<Scopes>,
    /// When the credential ends; the first place that holds a moment counts.
    #[serde(default)]
    pub expires_at: Vec<Expiry>,
}

/// What must hold of the fields.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// All of these are set.
    #[serde(default)]
    pub set: Vec<String>,
    /// All of these begin so.
    #[serde(default)]
    pub prefix: BTreeMap<String, String>,
}

/// A request with placeholders. A header, query or form entry whose placeholder has no value is
/// left out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestTemplate {
    /// Method.
    pub method: Method,
    /// Where to, without a query.
    pub url: UrlTemplate,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    /// Query parameters.
    #[serde(default)]
    pub query: BTreeMap<String, Template>,
    /// Body.
    #[serde(default)]
    pub body: Option<Body>,
    /// How the secret goes along.
    #[serde(default)]
    pub auth: Option<Auth>,
}

/// Methods that a harmless check can have. `POST` is for systems whose checks need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "they are HTTP's")]
pub enum Method {
    Get,
    Head,
    Post,
}

/// A body with placeholders.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// `application/x-www-form-urlencoded`.
    Form(BTreeMap<String, Template>),
    /// `application/json`; every text in it is a template.
    Json(Value),
}

/// The usual ways to send a secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Auth {
    /// `Authorization: Bearer …`.
    Bearer(Template),
    /// `Authorization: Basic …` (RFC 7617).
    Basic {
        /// User name.
        user: Template,
        /// Password.
        password: Template,
    },
    /// A header of its own.
    Header {
        /// Its name.
        name: Template,
        /// Its value.
        value: Template,
    },
    /// A query parameter.
    Query {
        /// Its name.
        name: Template,
        /// Its value.
        value: Template,
    },
}

/// What an answer means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The status codes that it is about.
    pub status: Statuses,
    /// What must stand in the body.
    #[serde(default)]
    pub json: Option<JsonTest>,
    /// What must stand in a header.
    #[serde(default)]
    pub header: Option<HeaderTest>,
    /// What that proves.
    pub verdict: Verdict,
    /// Why it proves nothing, when the verdict is `INCONCLUSIVE`.
    #[serde(default)]
    pub reason: Option<InconclusiveReason>,
    /// One sentence for a person. No placeholders.
    pub message: String,
}

/// A set of status codes.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a list of codes, {\"from\", \"to\"}, or {\"field\"}")]
pub enum Statuses {
    /// These.
    List(Vec<u16>),
    /// All from one to another, both included.
    Range(StatusRange),
    /// Those that a field of the credential lists.
    Field(StatusField),
}

/// See [`Statuses::Range`].
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusRange {
    /// First.
    pub from: u16,
    /// Last.
    pub to: u16,
}

/// See [`Statuses::Field`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusField {
    /// Name of a field that is no secret and holds a list of numbers.
    pub field: String,
}

/// Something that must stand in the body. Without a comparison it must only be there.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JsonTest {
    /// Where; with several nodes one must fit.
    pub path: Path,
    /// Exactly this.
    #[serde(default)]
    pub equals: Option<Value>,
    /// One of these.
    #[serde(default)]
    pub one_of: Option<Vec<Value>>,
    /// A text with this in it.
    #[serde(default)]
    pub contains: Option<String>,
}

/// Something that must stand in a header. Without a comparison it must only be there.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeaderTest {
    /// Which.
    pub name: String,
    /// Exactly this.
    #[serde(default)]
    pub equals: Option<String>,
    /// One of these.
    #[serde(default)]
    pub one_of: Option<Vec<String>>,
    /// This somewhere in it.
    #[serde(default)]
    pub contains: Option<String>,
}

/// A place in an answer: a JSONPath into the body, or a header.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In the body.
    Json(Path),
    /// In this header.
    Header(String),
}

/// Where scopes stand: an array, or a text with a separator.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scopes {
    /// Where.
    pub from: Place,
    /// What stands between them when they are one text.
    #[serde(default)]
    pub separator: Option<String>,
}

/// Where the end of the credential stands, and how it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expiry {
    /// Where.
    pub from: Place,
    /// How.
    pub format: MomentFormat,
}

/// How a moment is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MomentFormat {
    /// RFC 3339; also with spaces and `UTC`, as GitHub writes it.
    Rfc3339,
    /// Seconds since the start of 1970.
    Unix,
    /// Seconds from now (`expires_in`, `ttl`); 0 means that there is no end.
    Seconds,
}

impl Recipe {
    /// The recipe of a component; none when it has no check.
    ///
    /// # Errors
    /// The place that is not well formed, and why.
    pub fn of(component: &Component) -> Result<Option<Self>, FieldError> {
        let Some(verify) = &component.verify else { return Ok(None) };
        serde_path_to_error::deserialize(verify)
            .map(Some)
            .map_err(|error| FieldError::new(format!("verify.{}", error.path()), error.inner().to_string()))
    }

    /// The check to make with these fields.
    pub fn check_for(&self, fields: &Fields<'_>) -> Option<&Check> {
        self.checks.iter().find(|check| check.when.holds(fields))
    }
}

impl When {
    fn holds(&self, fields: &Fields<'_>) -> bool {
        let begins = |(name, start): (&String, &String)| {
            fields.text(name).is_some_and(|text| text.starts_with(start.as_str()))
        };
        self.set.iter().all(|name| fields.is_set(name)) && self.prefix.iter().all(begins)
    }

    /// Names of fields that surely have a value when this holds.
    fn ensured(&self) -> impl Iterator<Item = &str> {
        self.set.iter().chain(self.prefix.keys()).map(String::as_str)
    }
}
