//! What is wrong with a field, in our words. The library's own messages quote values, so they
//! are not used: a message comes from the broken rule alone.

use jsonschema::{
    error::{TypeKind, ValidationErrorKind as Kind},
    paths::{Location, LocationSegment},
};
use keytrail_domain::FieldError;
use serde_json::Value;

/// Longest unknown name that is repeated.
const LONGEST_NAME: usize = 64;
/// Names less alike than this are no suggestion.
const ALIKE: f64 = 0.6;

/// `fields.name`, or deeper.
pub(super) fn place(location: &Location) -> String {
    location.into_iter().fold("fields".to_owned(), |path, segment| match segment {
        LocationSegment::Property(name) => format!("{path}.{name}"),
        LocationSegment::Index(index) => format!("{path}.{index}"),
    })
}

pub(super) fn required(name: &str) -> FieldError {
    FieldError::new(format!("fields.{name}"), "is required")
}

/// A field that the component does not have, with the nearest that it has.
pub(super) fn unknown<'a>(
    component: &str,
    name: &str,
    known: impl Iterator<Item = &'a String>,
) -> FieldError {
    let known: Vec<_> = known.map(String::as_str).collect();
    let likeness = |known: &str| strsim::normalized_damerau_levenshtein(&name.to_lowercase(), known);
    let nearest = known.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let hint = match nearest.filter(|nearest| likeness(nearest) >= ALIKE) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("it has {}", known.join(", ")),
    };
    // What looks like no name could be a value in the wrong place.
    let a_name = name.len() <= LONGEST_NAME
        && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-');
    let path = if a_name { format!("fields.{name}") } else { "fields".to_owned() };
    FieldError::new(path, format!("is not a field of {component}; {hint}"))
}

/// None of the combinations that would do is there.
pub(super) fn alternatives(all: &[Vec<String>]) -> FieldError {
    let all: Vec<_> = all.iter().map(|names| names.join(" and ")).collect();
    FieldError::new("fields", format!("need {}", all.join(", or ")))
}

/// The rule that a value breaks. `x-rule` of the field says it for pattern and format.
pub(super) fn rule(kind: &Kind, schema: Option<&Value>) -> String {
    let own_words = || schema.and_then(|schema| schema["x-rule"].as_str()).map(str::to_owned);
    match kind {
        Kind::Type { kind: TypeKind::Single(kind) } => format!("must be {}", type_name(kind.as_str())),
        Kind::MinLength { limit: 1 } => "must not be empty".to_owned(),
        Kind::MinLength { limit } => format!("must have at least {limit} characters"),
        Kind::MaxLength { limit } => format!("must have at most {limit} characters"),
        Kind::Pattern { pattern } => {
            own_words().unwrap_or_else(|| format!("must match the pattern {pattern}"))
        }
        Kind::Format { format } => own_words().unwrap_or_else(|| format!("must be {}", format_name(format))),
        Kind::Enum { options } => format!("must be one of {}", listed(options)),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::MinItems { limit } => format!("must have at least {limit} entries"),
        Kind::MaxItems { limit } => format!("must have at most {limit} entries"),
        Kind::UniqueItems => "must not have the same entry twice".to_owned(),
        _ => "breaks a rule of the component's schema".to_owned(),
    }
}

fn type_name(name: &str) -> &str {
    match name {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        other => other,
    }
}

fn format_name(name: &str) -> &str {
    match name {
        "base-url" => {
            "an https or http address with a host, without user information, query, fragment and white space"
        }
        "url-path" => "a path that begins with `/`, without `..`, query, fragment and white space",
        "header-name" => "the name of an HTTP header that is not the transport's own",
        "email" => "an e-mail address",
        "hostname" => "a host name",
        "uuid" => "a UUID",
        "date" => "a date as 2026-11-22",
        "date-time" => "a moment as 2026-11-22T05:00:00Z",
        other => other,
    }
}

/// Choices come from the schema; a secret field cannot have any.
fn listed(options: &Value) -> String {
    let texts = options.as_array().into_iter().flatten();
    texts.map(Value::to_string).collect::<Vec<_>>().join(", ")
}
