//! What a component's definition must keep to, be it built in or a tenant's own.

use keytrail_domain::{FieldError, component::Component};
use serde_json::{Map, Value};

use crate::{
    guard::AllowedHosts,
    method::Method,
    recipe::{Template, parse_base_url},
    schema::{FieldSchema, KNOWN_FORMATS, OWN_FORMATS, PATTERN_RULE, is_pattern, patterns},
};

/// Largest definition, in bytes of JSON.
const LARGEST: usize = 64 * 1024;
/// Most fields.
const MOST_FIELDS: usize = 64;
/// Most patterns of all fields and their items: compiled they are much larger than written.
const MOST_PATTERNS: usize = 32;
/// Seconds between two routine checks that a definition can ask for.
const CHECK_EVERY: std::ops::RangeInclusive<u32> = 60..=30 * 86_400;
/// Longest text in a field.
const LONGEST_TEXT: u64 = 64 * 1024;

/// What a field's schema may say. No references, and nothing that could make a check slow.
const FIELD_WORDS: [&str; 18] = [
    "type",
    "title",
    "description",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "enum",
    "default",
    "minimum",
    "maximum",
    "items",
    "minItems",
    "maxItems",
    "uniqueItems",
    "x-rule",
    "x-secret",
    "x-destination",
];
/// What the entries of a list may be.
const ITEM_WORDS: [&str; 7] = ["type", "minLength", "maxLength", "pattern", "enum", "minimum", "maximum"];
const TYPES: [&str; 5] = ["string", "integer", "number", "boolean", "array"];
const TOP_WORDS: [&str; 5] = ["type", "additionalProperties", "properties", "required", "anyOf"];

/// Reads and checks a definition.
///
/// # Errors
/// Every wrong place. The messages may quote the definition: it holds no secret.
pub fn validate_definition(definition: &Value) -> Result<Component, Vec<FieldError>> {
    if definition.to_string().len() > LARGEST {
        return Err(vec![FieldError::new("", "a definition has at most 64 KiB")]);
    }
    let component: Component = serde_path_to_error::deserialize(definition)
        .map_err(|error| vec![FieldError::new(error.path().to_string(), error.inner().to_string())])?;
    let mut found = Problems::default();
    found.texts(&component);
    found.fields(&component);
    if found.errors.is_empty() {
        found.meaning(&component);
    }
    if found.errors.is_empty() { Ok(component) } else { Err(found.errors) }
}

#[derive(Default)]
struct Problems {
    errors: Vec<FieldError>,
}

impl Problems {
    fn unless(&mut self, good: bool, path: &str, message: &str) {
        if !good {
            self.errors.push(FieldError::new(path, message));
        }
    }

    fn texts(&mut self, it: &Component) {
        let slug = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let good = (1..=64).contains(&it.slug.len()) && it.slug.bytes().all(slug);
        self.unless(good, "slug", "must be 1 to 64 lower-case letters, digits and dashes");
        self.unless(it.version >= 1, "version", "must be at least 1");
        for (path, text, most) in [
            ("name", &it.name, 100),
            ("description", &it.description, 1000),
            ("authStyle", &it.auth_style, 100),
        ] {
            let good = (1..=most).contains(&text.len()) && !text.chars().any(char::is_control);
            self.unless(good, path, &format!("must be 1 to {most} bytes without control characters"));
        }
        let https = it.documentation.as_ref().is_none_or(|text| {
            text.len() <= 500 && parse_base_url(text).is_some_and(|url| url.scheme() == "https")
        });
        self.unless(https, "documentation", "must be an https address of at most 500 bytes");
        let seldom = it.check_every_seconds.is_none_or(|seconds| CHECK_EVERY.contains(&seconds));
        let known = it.transitions.as_ref().is_none_or(|ways| ways.unknown_way().is_none());
        self.unless(known, "transitions", "must only name ways that connections have: it narrows them");
        self.unless(seldom, "checkEverySeconds", "must be 60 (a minute) to 2592000 (30 days)");
    }

    fn fields(&mut self, it: &Component) {
        let schema = &it.fields;
        self.words("fields", schema.as_object(), &TOP_WORDS);
        self.unless(schema["type"] == "object", "fields.type", "must be `object`");
        let closed = schema["additionalProperties"] == false;
        self.unless(closed, "fields.additionalProperties", "must be false");
        let count = it.properties().count();
        self.unless((1..=MOST_FIELDS).contains(&count), "fields.properties", "must hold 1 to 64 fields");
        let few = patterns(it) <= MOST_PATTERNS;
        self.unless(few, "fields.properties", "must hold at most 32 patterns");
        if !few {
            // Each would be compiled to be judged.
            return;
        }
        for (name, property) in it.properties() {
            self.field(&format!("fields.properties.{name}"), name, property);
        }
        if let Some(required) = schema.get("required") {
            self.names("fields.required", it, required);
        }
        for (n, one) in schema["anyOf"].as_array().into_iter().flatten().enumerate() {
            let path = format!("fields.anyOf[{n}]");
            self.words(&path, one.as_object(), &["required"]);
            self.names(&format!("{path}.required"), it, &one["required"]);
        }
    }

    fn words(&mut self, path: &str, schema: Option<&Map<String, Value>>, known: &[&str]) {
        let Some(schema) = schema else {
            return self.errors.push(FieldError::new(path, "must be an object"));
        };
        for word in schema.keys().filter(|word| !known.contains(&word.as_str())) {
            self.errors.push(FieldError::new(format!("{path}.{word}"), "cannot be used here"));
        }
    }

    fn names(&mut self, path: &str, it: &Component, names: &Value) {
        let known =
            |name: &Value| name.as_str().is_some_and(|name| it.properties().any(|(known, _)| known == name));
        let good = names.as_array().is_some_and(|names| !names.is_empty() && names.iter().all(known));
        self.unless(good, path, "must be a list of names of fields");
    }

    fn field(&mut self, path: &str, name: &str, schema: &Value) {
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
        let good = (1..=64).contains(&name.len()) && name.bytes().all(plain);
        self.unless(good, path, "must be named with 1 to 64 lower-case letters, digits and `_`");
        self.words(path, schema.as_object(), &FIELD_WORDS);
        self.unless(schema["title"].is_string(), &format!("{path}.title"), "is required");
        for mark in ["x-secret", "x-destination"] {
            let good = schema.get(mark).is_none_or(Value::is_boolean);
            self.unless(good, &format!("{path}.{mark}"), "must be true or false");
        }
        self.kind(path, schema);
        self.pattern(path, schema);
        self.pattern(&format!("{path}.items"), &schema["items"]);
        if schema["x-secret"] == true {
            self.secret(path, schema);
        }
    }

    /// Type, and the bounds that go with it.
    fn kind(&mut self, path: &str, schema: &Value) {
        let kind = schema["type"].as_str().unwrap_or_default();
        self.unless(
            TYPES.contains(&kind),
            &format!("{path}.type"),
            &format!("must be one of {}", TYPES.join(", ")),
        );
        if kind == "string" && schema.get("enum").is_none() {
            let bounded = schema["maxLength"].as_u64().is_some_and(|most| most <= LONGEST_TEXT);
            self.unless(bounded, &format!("{path}.maxLength"), "is required, and at most 65536");
        }
        if kind == "array" {
            self.unless(schema["maxItems"].as_u64().is_some(), &format!("{path}.maxItems"), "is required");
            self.words(&format!("{path}.items"), schema["items"].as_object(), &ITEM_WORDS);
            let flat =
                schema["items"]["type"].as_str().is_some_and(|kind| kind != "array" && TYPES.contains(&kind));
            self.unless(flat, &format!("{path}.items.type"), "must be a plain type");
        }
        if let Some(format) = schema.get("format") {
            let known = OWN_FORMATS.iter().chain(&KNOWN_FORMATS).any(|known| format == known);
            self.unless(known, &format!("{path}.format"), "is not a format that is known here");
        }
    }

    fn pattern(&mut self, path: &str, schema: &Value) {
        let good = schema.get("pattern").is_none_or(|pattern| pattern.as_str().is_some_and(is_pattern));
        self.unless(good, &format!("{path}.pattern"), PATTERN_RULE);
    }

    fn secret(&mut self, path: &str, schema: &Value) {
        self.unless(
            schema["type"] == "string",
            &format!("{path}.type"),
            "of a secret field must be `string`",
        );
        let filled = schema["minLength"].as_u64().is_some_and(|least| least >= 1);
        self.unless(filled, &format!("{path}.minLength"), "of a secret field must be at least 1");
        for word in ["default", "enum"] {
            let absent = schema.get(word).is_none();
            self.unless(
                absent,
                &format!("{path}.{word}"),
                "cannot stand at a secret field: it would publish values",
            );
        }
        let elsewhere = schema["x-destination"] != true;
        self.unless(elsewhere, &format!("{path}.x-destination"), "cannot stand at a secret field");
    }

    /// What can be asked once the form is right.
    fn meaning(&mut self, it: &Component) {
        match FieldSchema::of(it) {
            Err(error) => self.errors.push(FieldError::new("fields", error.to_string())),
            Ok(schema) => self.defaults(it, &schema),
        }
        for (n, host) in it.allowed_hosts.iter().enumerate() {
            self.host(&format!("allowedHosts[{n}]"), it, host);
        }
        match Method::of(it) {
            Err(error) => self.errors.push(error),
            Ok(None) => {}
            Ok(Some(method)) => {
                self.unless(!it.allowed_hosts.is_empty(), "allowedHosts", "must name where checks go");
                self.errors.extend(method.problems(it));
            }
        }
    }

    fn defaults(&mut self, it: &Component, schema: &FieldSchema) {
        let defaults =
            it.properties().filter_map(|(name, one)| Some((name.to_owned(), one.get("default")?.clone())));
        if let Err(errors) = schema.check(defaults.collect(), keytrail_ports::Completeness::Partial) {
            for error in errors {
                let name = error.path.strip_prefix("fields.").unwrap_or(&error.path);
                self.unless(false, &format!("fields.properties.{name}.default"), &error.message);
            }
        }
    }

    /// A host, one placeholder of a destination field, or two: host and port.
    fn host(&mut self, path: &str, it: &Component, text: &str) {
        let fields: Vec<_> = match Template::try_from(text.to_owned()) {
            Ok(template) => template.fields().map(str::to_owned).collect(),
            Err(error) => return self.errors.push(FieldError::new(path, error.to_string())),
        };
        let good = match fields.as_slice() {
            [] => AllowedHosts::is_entry(text),
            [name] => text == format!("{{{{{name}}}}}") && it.destination_fields().contains(name),
            [host, port] => {
                let marked = it.destination_fields();
                text == format!("{{{{{host}}}}}:{{{{{port}}}}}")
                    && it.fields["properties"][port]["type"] == "integer"
                    && [host, port].iter().all(|name| marked.contains(*name))
            }
            _ => false,
        };
        self.unless(
            good,
            path,
            "must be a host, `host:port`, or fields marked `x-destination` as `{{address}}` or `{{host}}:{{port}}`",
        );
    }
}

#[cfg(test)]
mod tests;
