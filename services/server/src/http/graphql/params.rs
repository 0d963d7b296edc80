//! The parameters of a GraphQL request, from JSON or from a query string.
//!
//! What is wrong is said by name; no value is quoted, since variables hold secrets.

use async_graphql::{Extensions, Variables};
use serde_json::{Map, Value};

use crate::http::error::RequestError;

/// One GraphQL request.
#[derive(Debug, Default)]
pub(in crate::http) struct Params {
    /// The text; empty when a persisted query is meant.
    pub(in crate::http) query: String,
    pub(in crate::http) operation_name: Option<String>,
    pub(in crate::http) variables: Variables,
    pub(in crate::http) extensions: Extensions,
}

/// What one POST asks for.
#[derive(Debug)]
pub(super) enum Call {
    Single(Params),
    Batch(Vec<Params>),
}

impl Call {
    /// Reads a body.
    pub(super) fn read(body: &[u8], most: usize) -> Result<Self, RequestError> {
        let value = serde_json::from_slice(body)
            .map_err(|_| RequestError::malformed("body", "the body is not JSON in UTF-8"))?;
        match value {
            Value::Array(entries) if entries.is_empty() || entries.len() > most => {
                Err(RequestError::malformed("body", "a batch has at least one request and not too many"))
            }
            Value::Array(entries) => {
                entries.into_iter().map(Params::from_json).collect::<Result<_, _>>().map(Self::Batch)
            }
            single => Params::from_json(single).map(Self::Single),
        }
    }
}

impl Params {
    /// Reads the JSON form, in a body or in a socket's message.
    pub(in crate::http) fn from_json(value: Value) -> Result<Self, RequestError> {
        let Value::Object(mut fields) = value else {
            return Err(RequestError::malformed("body", "a GraphQL request is a JSON object"));
        };
        let params = Self {
            query: text(&mut fields, "query")?.unwrap_or_default(),
            operation_name: text(&mut fields, "operationName")?,
            variables: Variables::from_json(object(&mut fields, "variables")?),
            extensions: extensions(object(&mut fields, "extensions")?)?,
        };
        params.checked()
    }

    /// Reads the form of a GET.
    pub(super) fn from_query_string(text: &str) -> Result<Self, RequestError> {
        let mut fields = Map::new();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let value = match name.as_ref() {
                "variables" => json(&value, "variables")?,
                "extensions" => json(&value, "extensions")?,
                _ => Value::String(value.into_owned()),
            };
            fields.insert(name.into_owned(), value);
        }
        Self::from_json(Value::Object(fields))
    }

    fn checked(self) -> Result<Self, RequestError> {
        if self.query.trim().is_empty() && !self.extensions.contains_key("persistedQuery") {
            return Err(RequestError::malformed("query", "query is required"));
        }
        Ok(self)
    }
}

fn json(text: &str, name: &'static str) -> Result<Value, RequestError> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(text).map_err(|_| RequestError::malformed(name, "this parameter is not JSON"))
}

fn text(fields: &mut Map<String, Value>, name: &'static str) -> Result<Option<String>, RequestError> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(RequestError::malformed(name, "this parameter must be a string")),
    }
}

fn object(fields: &mut Map<String, Value>, name: &'static str) -> Result<Value, RequestError> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(Value::Object(Map::new())),
        Some(object @ Value::Object(_)) => Ok(object),
        Some(_) => Err(RequestError::malformed(name, "this parameter must be an object")),
    }
}

fn extensions(object: Value) -> Result<Extensions, RequestError> {
    serde_json::from_value(object)
        .map_err(|_| RequestError::malformed("extensions", "this parameter cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(refused: &RequestError) -> String {
        let json = serde_json::to_value(refused.to_server_error()).unwrap();
        json["extensions"]["fields"][0]["path"].as_str().unwrap().to_owned()
    }

    #[test]
    fn wrong_parameters_are_named_and_their_values_are_not() {
        for (body, path) in [
            (r#"{"query": 7}"#, "query"),
            (r#"{"operationName": ["hunter2"], "query": "{a}"}"#, "operationName"),
            (r#"{"variables": "hunter2", "query": "{a}"}"#, "variables"),
            (r#"{"variables": ["hunter2"], "query": "{a}"}"#, "variables"),
            (r#"{"extensions": 1, "query": "{a}"}"#, "extensions"),
            (r#"{"variables": {"a": "hunter2"}}"#, "query"),
            (r#""hunter2""#, "body"),
            (r"[]", "body"),
            (r#"{"query": "hunter2"#, "body"),
            ("", "body"),
        ] {
            let refused = Call::read(body.as_bytes(), 10).unwrap_err();
            assert_eq!(path_of(&refused), path, "{body}");
            let shown = serde_json::to_string(&refused.to_server_error()).unwrap();
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn unknown_parameters_are_ignored_and_nulls_are_absent() {
        let body = br#"{"query": "{a}", "operationName": null, "variables": null, "more": 1}"#;
        assert!(matches!(Call::read(body, 10), Ok(Call::Single(params)) if params.operation_name.is_none()));
    }

    #[test]
    fn a_batch_is_bounded() {
        let batch = |count: usize| format!("[{}]", vec![r#"{"query":"{a}"}"#; count].join(","));
        assert!(matches!(Call::read(batch(10).as_bytes(), 10), Ok(Call::Batch(all)) if all.len() == 10));
        assert!(Call::read(batch(11).as_bytes(), 10).is_err());
    }
}
