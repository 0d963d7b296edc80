//! Fields against a component's schema: checked, filled with defaults, and parted into plain and secret.
//!
//! Which fields there are, which must be there and which combinations, is checked here; each
//! value is checked by JSON Schema. No message quotes a value: see [`words`].

mod words;

use std::collections::BTreeMap;

use jsonschema::{Draft, PatternOptions, ValidationOptions, Validator};
use keytrail_domain::{FieldError, SecretPayload, SecretValue, component::Component};
use keytrail_ports::{CheckedFields, Completeness};
use serde_json::{Map, Value, json};

use crate::recipe::{is_header_name, is_url_path, parse_base_url};

/// Formats that a field can ask for besides those of JSON Schema; see the functions for their rules.
pub(crate) const OWN_FORMATS: [&str; 3] = ["base-url", "url-path", "header-name"];
/// Formats of JSON Schema that are checked.
pub(crate) const KNOWN_FORMATS: [&str; 5] = ["email", "hostname", "uuid", "date", "date-time"];

/// Most bytes of a compiled pattern, and of what one thread remembers while it looks with one. Those of the
/// built-in components need three kilobytes; any number of letters of any script, 44.
const PATTERN_SIZE: usize = 64 * 1024;
/// Why a pattern is refused.
pub(crate) const PATTERN_RULE: &str = "cannot be used: a pattern has no look-around and no back references, and takes \
     at most 64 KiB when it is compiled";

/// The compiled schema of one component.
#[derive(Debug)]
pub struct FieldSchema {
    component: String,
    patterns: usize,
    values: Validator,
    properties: BTreeMap<String, Value>,
    required: Vec<String>,
    alternatives: Vec<Vec<String>>,
}

/// The schema cannot be compiled.
#[derive(Debug, thiserror::Error)]
#[error("is not a JSON Schema that can be used: {0}")]
pub struct BadSchema(String);

impl FieldSchema {
    /// Compiles a component's schema. Patterns run in linear time; nothing is fetched.
    ///
    /// # Errors
    /// [`BadSchema`] with the library's words: a definition holds no secret.
    pub fn of(component: &Component) -> Result<Self, BadSchema> {
        let schema = &component.fields;
        let values = options()
            .with_format("base-url", |text| parse_base_url(text).is_some())
            .with_format("url-path", is_url_path)
            .with_format("header-name", is_header_name)
            .build(&json!({"type": "object", "properties": schema["properties"]}))
            .map_err(|error| BadSchema(error.to_string()))?;
        let alternatives = schema["anyOf"].as_array().into_iter().flatten();
        Ok(Self {
            component: component.slug.clone(),
            patterns: patterns(component),
            values,
            properties: component
                .properties()
                .map(|(name, schema)| (name.to_owned(), schema.clone()))
                .collect(),
            required: names(&schema["required"]),
            alternatives: alternatives.map(|one| names(&one["required"])).collect(),
        })
    }

    /// How many patterns it holds, which make nearly all of its size.
    pub(crate) const fn patterns(&self) -> usize {
        self.patterns
    }

    /// Checks and parts fields.
    ///
    /// # Errors
    /// Every wrong place, one error for each.
    pub fn check(
        &self,
        mut fields: Map<String, Value>,
        completeness: Completeness,
    ) -> Result<CheckedFields, Vec<FieldError>> {
        let mut errors = self.unknown(&fields);
        if completeness == Completeness::Complete {
            self.fill_defaults(&mut fields);
            errors.extend(self.missing(&fields));
        }
        let fields = Value::Object(fields);
        errors.extend(self.broken(&fields));
        match fields {
            Value::Object(fields) if errors.is_empty() => Ok(self.part(fields)),
            _ => Err(errors),
        }
    }

    fn unknown(&self, fields: &Map<String, Value>) -> Vec<FieldError> {
        let unknown = fields.keys().filter(|name| !self.properties.contains_key(*name));
        unknown.map(|name| words::unknown(&self.component, name, self.properties.keys())).collect()
    }

    fn fill_defaults(&self, fields: &mut Map<String, Value>) {
        for (name, schema) in &self.properties {
            if let Some(default) = schema.get("default")
                && !fields.contains_key(name)
            {
                fields.insert(name.clone(), default.clone());
            }
        }
    }

    fn missing(&self, fields: &Map<String, Value>) -> Vec<FieldError> {
        let absent = self.required.iter().filter(|name| !fields.contains_key(*name));
        let mut errors: Vec<_> = absent.map(|name| words::required(name)).collect();
        let given = |names: &Vec<String>| names.iter().all(|name| fields.contains_key(name));
        if !self.alternatives.is_empty() && !self.alternatives.iter().any(given) {
            errors.push(words::alternatives(&self.alternatives));
        }
        errors
    }

    /// The first broken rule of each place.
    fn broken(&self, fields: &Value) -> Vec<FieldError> {
        let mut by_place = BTreeMap::new();
        for error in self.values.iter_errors(fields) {
            let place = words::place(error.instance_path());
            by_place.entry(place.clone()).or_insert_with(|| {
                let schema = place.split('.').nth(1).and_then(|name| self.properties.get(name));
                FieldError::new(place, words::rule(error.kind(), schema))
            });
        }
        by_place.into_values().collect()
    }

    fn part(&self, fields: Map<String, Value>) -> CheckedFields {
        let (mut plain, mut secrets) = (BTreeMap::new(), Vec::new());
        for (name, value) in fields {
            match value {
                Value::String(text) if self.is_secret(&name) => secrets.push((name, SecretValue::new(text))),
                value => drop(plain.insert(name, value)),
            }
        }
        CheckedFields { plain, secrets: SecretPayload::new(secrets) }
    }

    fn is_secret(&self, name: &str) -> bool {
        self.properties.get(name).is_some_and(|schema| schema["x-secret"] == true)
    }
}

fn options() -> ValidationOptions<'static> {
    let patterns = PatternOptions::regex().size_limit(PATTERN_SIZE).dfa_size_limit(PATTERN_SIZE);
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .should_validate_formats(true)
        .with_pattern_options(patterns)
}

/// True for a pattern that can be used.
pub(crate) fn is_pattern(text: &str) -> bool {
    options().build(&json!({ "pattern": text })).is_ok()
}

/// How many patterns a component's fields have.
pub(crate) fn patterns(component: &Component) -> usize {
    let of_field =
        |field: &Value| [field, &field["items"]].iter().filter(|it| it["pattern"].is_string()).count();
    component.properties().map(|(_, field)| of_field(field)).sum()
}

fn names(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
