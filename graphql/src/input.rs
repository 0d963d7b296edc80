//! Inputs of mutations, in general.

use async_graphql::{Context, InputType, Result};
use async_graphql_value::Value as AstValue;
use keytrail_app::Mutation;
use serde_json::{Map, Value};

use crate::error::bad_input;

/// What makes this mutation repeatable.
pub(crate) fn mutation(name: &'static str, key: Option<String>, input: &impl InputType) -> Mutation {
    let mut input = input.to_value().into_json().unwrap_or_default();
    if let Some(fields) = input.as_object_mut() {
        fields.remove("idempotencyKey");
    }
    Mutation { name, idempotency_key: key, input }
}

/// Credential fields hold secrets, and query texts are logged and cached in many places: fields
/// must come as a variable (as `$input`, or `fields: $fields`), never as a literal.
pub(crate) fn refuse_literal_fields(ctx: &Context<'_>) -> Result<()> {
    refuse_literal(ctx, "fields")
}

/// The same for another field of the input that holds a secret.
pub(crate) fn refuse_literal(ctx: &Context<'_>, field: &str) -> Result<()> {
    let arguments = &ctx.item.node.arguments;
    if arguments.iter().any(|(_, argument)| has_literal(&argument.node, field)) {
        let rule = "must come as a GraphQL variable, not inside the query text: it can hold secrets";
        return Err(bad_input(&format!("input.{field}"), rule));
    }
    Ok(())
}

/// Also of a credential that is made inside another thing's input.
fn has_literal(value: &AstValue, field: &str) -> bool {
    let AstValue::Object(input) = value else { return false };
    let literal = |value: &AstValue| !matches!(value, AstValue::Variable(_) | AstValue::Null);
    input.iter().any(|(name, value)| if name == field { literal(value) } else { has_literal(value, field) })
}

/// A JSON object.
pub(crate) fn object(path: &str, value: Value) -> Result<Map<String, Value>> {
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(bad_input(path, "must be a JSON object")),
    }
}

/// `expectedRevision`, which is never negative.
pub(crate) fn revision(expected: Option<i64>) -> Result<Option<u64>> {
    expected
        .map(|number| {
            u64::try_from(number).map_err(|_| bad_input("input.expectedRevision", "must not be negative"))
        })
        .transpose()
}
