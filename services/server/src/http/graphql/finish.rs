//! Results on their way out: every error has a code, none quotes a value.

use async_graphql::{ErrorExtensionValues, Name, PathSegment, Response, ServerError, Value};
use keytrail_domain::FieldError;
use keytrail_graphql::{AnswerOrder, request::RequestId};
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::http::error::{BAD_USER_INPUT, INTERNAL, QUERY_TOO_COMPLEX, RequestError, fields_value};

/// Stands for a result that cannot be written.
const UNWRITABLE: &str = r#"{"errors":[{"message":"internal error","extensions":{"code":"INTERNAL"}}]}"#;

/// A response whose errors may be shown.
#[derive(Debug)]
pub(in crate::http) struct Finished {
    pub(super) response: Response,
    /// Set when nothing was executed.
    pub(super) refusal: Option<Refusal>,
}

/// What an HTTP answer needs to know of a request that was not executed.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// By us, before the schema saw it.
    Before(RequestError),
    /// By the schema's validation.
    Validation,
}

impl Finished {
    /// The schema's response, tidied.
    pub(super) fn of(mut response: Response, order: &AnswerOrder, id: RequestId) -> Self {
        let refused = response.data == Value::Null
            && !response.errors.is_empty()
            && response.errors.iter().all(|error| error.path.is_empty());
        for error in &mut response.errors {
            fill_gap(&mut response.data, &error.path);
            tidy(error, id);
        }
        order.apply(&mut response.data);
        Self { response, refusal: refused.then_some(Refusal::Validation) }
    }

    /// An error of ours.
    pub(in crate::http) fn refused(error: &RequestError) -> Self {
        let response = Response::from_errors(vec![error.to_server_error()]);
        Self { response, refusal: Some(Refusal::Before(error.clone())) }
    }

    /// Something panicked.
    pub(super) fn panicked(id: RequestId) -> Self {
        tracing::error!("a resolver panicked");
        let mut error = ServerError::new("", None);
        make_internal(&mut error, id);
        Self { response: Response::from_errors(vec![error]), refusal: None }
    }

    /// What stands for the response of a mutation whose task is gone; its error becomes `INTERNAL`.
    pub(super) fn lost() -> Response {
        let mut error = ServerError::new("", None);
        set_code(&mut error, INTERNAL);
        Response::from_errors(vec![error])
    }

    /// Nothing was executed.
    pub(in crate::http) fn was_refused(&self) -> bool {
        self.refusal.is_some()
    }

    /// There is nothing but errors.
    pub(super) fn has_no_data(&self) -> bool {
        self.response.data == Value::Null && !self.response.errors.is_empty()
    }

    /// The errors alone.
    pub(in crate::http) fn errors(&self) -> &[ServerError] {
        &self.response.errors
    }

    /// The result as it goes out, as JSON text.
    pub(in crate::http) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|error| {
            tracing::error!(%error, "a result cannot be written as JSON");
            UNWRITABLE.to_owned()
        })
    }
}

/// Straight from the library's values: a copy into another tree costs more than the answer. A
/// result that was not executed has no `data`.
impl Serialize for Finished {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Response { data, errors, extensions, .. } = &self.response;
        let mut map = serializer.serialize_map(None)?;
        if !self.was_refused() {
            map.serialize_entry("data", data)?;
        }
        if !errors.is_empty() {
            map.serialize_entry("errors", errors)?;
        }
        if !extensions.is_empty() {
            map.serialize_entry("extensions", extensions)?;
        }
        map.end()
    }
}

/// The library leaves a field that failed out of its object; GraphQL wants it there, as null
/// (section 6.4.4).
fn fill_gap(data: &mut Value, path: &[PathSegment]) {
    match (data, path) {
        (Value::Object(fields), [PathSegment::Field(name), rest @ ..]) => {
            fill_gap(fields.entry(Name::new(name)).or_insert(Value::Null), rest);
        }
        (Value::List(items), [PathSegment::Index(index), rest @ ..]) => {
            if let Some(item) = items.get_mut(*index) {
                fill_gap(item, rest);
            }
        }
        _ => {}
    }
}

fn tidy(error: &mut ServerError, id: RequestId) {
    let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
    match code {
        Some(Value::String(code)) if code == INTERNAL => make_internal(error, id),
        Some(_) => {}
        None if error.path.is_empty() => refuse(error),
        None if is_about_input(&error.message) => refuse(error),
        None => {
            // Neither its message nor its path: both can hold what the caller wrote.
            tracing::error!(at = ?error.locations, "a resolver answered an error without a code");
            make_internal(error, id);
        }
    }
}

fn set_code<'a>(error: &'a mut ServerError, code: &'static str) -> &'a mut ErrorExtensionValues {
    let extensions = error.extensions.insert(ErrorExtensionValues::default());
    extensions.set("code", code);
    extensions
}

fn make_internal(error: &mut ServerError, id: RequestId) {
    "internal error".clone_into(&mut error.message);
    set_code(error, INTERNAL).set("requestId", id.to_string());
}

/// The library's own messages, which carry no code.
fn refuse(error: &mut ServerError) {
    if is_about_size(&error.message) {
        if error.message.starts_with("Query is too complex") {
            let most = keytrail_graphql::COMPLEXITY;
            error.message = format!(
                "the query could answer more than {most} fields: give the lists in it a smaller `first`, or ask for fewer fields"
            );
        }
        set_code(error, QUERY_TOO_COMPLEX);
        return;
    }
    error.message = without_values(&error.message);
    let field = FieldError::new(path_in(&error.message), error.message.clone());
    set_code(error, BAD_USER_INPUT).set("fields", fields_value(&[field]));
}

fn is_about_size(message: &str) -> bool {
    ["Query is too complex", "Query is nested too deep", "The recursion depth", "The number of directives"]
        .iter()
        .any(|start| message.starts_with(start))
}

fn is_about_input(message: &str) -> bool {
    let wrong_value = ["Failed to parse ", "Expected input type ", "Invalid value for "];
    wrong_value.iter().any(|start| message.starts_with(start))
        || (message.starts_with("Variable ") && message.ends_with(" is not defined."))
}

/// The library quotes what it found in two places.
fn without_values(message: &str) -> String {
    let end =
        [", found ", " does not contain the value "].iter().filter_map(|quote| message.find(quote)).min();
    let Some(end) = end else { return message.to_owned() };
    let shown = &message[..end];
    let name = shown.rsplit_once("enumeration type \"").and_then(|(_, rest)| rest.strip_suffix('"'));
    match name.and_then(keytrail_graphql::enums::values_of) {
        Some(values) => format!("{shown}: must be one of {}", values.join(", ")),
        None => format!("{shown}: not one of its values"),
    }
}

/// Validation names the place of a wrong value in quotes: `Invalid value for argument "input.level", …`.
fn path_in(message: &str) -> &str {
    let quoted =
        message.strip_prefix("Invalid value for argument \"").and_then(|rest| rest.split('"').next());
    quoted.unwrap_or("query")
}

#[cfg(test)]
mod tests {
    use async_graphql::PathSegment;

    use super::*;

    fn tidied(message: &str, path: &[&str]) -> serde_json::Value {
        let path = path.iter().map(|name| PathSegment::Field((*name).to_owned())).collect();
        let error = ServerError::new(message, None).with_path(path);
        let finished = Finished::of(
            Response::from_errors(vec![error]),
            &AnswerOrder::default(),
            RequestId(uuid::Uuid::nil()),
        );
        serde_json::json!(finished)["errors"][0].clone()
    }

    #[test]
    fn an_error_of_the_library_gets_a_code_and_loses_the_value_that_it_quotes() {
        let enum_value = r#"Invalid value for argument "input.level", enumeration type "L" does not contain the value "hunter2""#;
        for (message, path) in [
            (enum_value, vec![]),
            (r#"Expected input type "Int", found "hunter2"."#, vec!["f"]),
            (r#"Failed to parse "Int": Expected input type "Int", found {"a": "hunter2"}."#, vec!["f"]),
        ] {
            let error = tidied(message, &path);
            assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        assert_eq!(tidied(enum_value, &[])["extensions"]["fields"][0]["path"], "input.level");
        let known = tidied(&enum_value.replace("\"L\"", "\"Level\""), &[]);
        let message = known["message"].as_str().unwrap_or_default();
        assert!(message.ends_with("must be one of EDIT, MANAGE, USE, VIEW"), "{message}");
    }

    #[test]
    fn an_error_of_a_resolver_without_a_code_says_nothing_but_the_request_id() {
        let error = tidied("connection to 10.0.0.1 refused for hunter2", &["f"]);
        assert_eq!(error["message"], "internal error");
        assert_eq!(
            error["extensions"],
            serde_json::json!({ "code": "INTERNAL", "requestId": "00000000-0000-0000-0000-000000000000" })
        );
    }

    #[test]
    fn the_librarys_own_limits_are_a_too_complex_query() {
        for message in ["Query is too complex.", "Query is nested too deep."] {
            assert_eq!(tidied(message, &[])["extensions"]["code"], "QUERY_TOO_COMPLEX");
        }
        let told = tidied("Query is too complex.", &[])["message"].to_string();
        assert!(told.contains("50000 fields") && told.contains("`first`"), "{told}");
    }
}
