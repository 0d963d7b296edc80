//! A document that passed the gate, with the one operation of it that is asked for.

use std::sync::Arc;

use async_graphql::{
    Name, Variables,
    parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition, OperationType},
    parser::types::{Selection, SelectionSet},
};

use super::{Parsed, Rejection, count::Counter};
use crate::AnswerOrder;

/// A parsed document within the limits, and which of its operations is meant.
#[derive(Clone, Debug)]
pub struct Admitted {
    parsed: Arc<Parsed>,
    operation: Option<Name>,
    kind: OperationType,
}

impl Admitted {
    pub(super) fn select(parsed: Arc<Parsed>, wanted: Option<&str>) -> Result<Self, Rejection> {
        let (operation, definition) = find(&parsed.document, wanted)?;
        let kind = definition.ty;
        if kind == OperationType::Subscription {
            check_single_root(&parsed.document, definition)?;
        }
        Ok(Self { operation: operation.cloned(), kind, parsed })
    }

    /// Query, mutation or subscription.
    pub fn kind(&self) -> OperationType {
        self.kind
    }

    /// The document, for `Request::set_parsed_query`, which takes its own copy.
    pub fn document(&self) -> ExecutableDocument {
        self.parsed.document.clone()
    }

    /// In which order the answer's fields stand.
    pub fn order(&self) -> Arc<AnswerOrder> {
        let ours = self.parsed.orders.iter().find(|(name, _)| *name == self.operation);
        ours.map(|(_, order)| Arc::clone(order)).unwrap_or_default()
    }

    /// The parsed document that is shared with everyone who sends the same text.
    pub fn parsed(&self) -> &Arc<Parsed> {
        &self.parsed
    }

    /// True when nothing is asked for but the schema itself.
    pub fn asks_only_about_the_schema(&self) -> bool {
        self.kind == OperationType::Query
            && self
                .definition()
                .is_some_and(|operation| only_meta(&self.parsed.document, &operation.selection_set.node))
    }

    /// True when the types of the schema are asked for, alone or among other things.
    pub fn asks_about_types(&self) -> bool {
        self.definition()
            .is_some_and(|operation| names_types(&self.parsed.document, &operation.selection_set.node))
    }

    /// The names of variables that the operation needs and that are absent or null.
    pub fn missing_variables(&self, given: &Variables) -> Vec<String> {
        let Some(operation) = self.definition() else { return Vec::new() };
        let needed = operation
            .variable_definitions
            .iter()
            .filter(|variable| !variable.node.var_type.node.nullable && variable.node.default_value.is_none())
            .map(|variable| &variable.node.name.node);
        needed.filter(|name| is_absent(given, name)).map(ToString::to_string).collect()
    }

    fn definition(&self) -> Option<&OperationDefinition> {
        find(&self.parsed.document, self.operation.as_deref()).ok().map(|(_, definition)| definition)
    }
}

fn is_absent(given: &Variables, name: &Name) -> bool {
    matches!(given.get(name), None | Some(async_graphql::Value::Null))
}

fn find<'a>(
    document: &'a ExecutableDocument,
    wanted: Option<&str>,
) -> Result<(Option<&'a Name>, &'a OperationDefinition), Rejection> {
    let unknown = Rejection::NoSuchOperation { message: "the document has no operation of that name" };
    match (&document.operations, wanted) {
        (DocumentOperations::Single(operation), None) => Ok((None, &operation.node)),
        (DocumentOperations::Single(_), Some(_)) => Err(unknown),
        (DocumentOperations::Multiple(all), Some(name)) => {
            all.get_key_value(name).map(|(name, operation)| (Some(name), &operation.node)).ok_or(unknown)
        }
        (DocumentOperations::Multiple(all), None) => match (all.iter().next(), all.len()) {
            (Some((name, operation)), 1) => Ok((Some(name), &operation.node)),
            _ => Err(Rejection::NoSuchOperation {
                message: "the document has several operations: say which with operationName",
            }),
        },
    }
}

/// A subscription has exactly one source (GraphQL, section 5.2.4.1).
fn check_single_root(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
) -> Result<(), Rejection> {
    let tally = Counter::new(document, u64::MAX).count(&operation.selection_set.node)?;
    if tally.width == 1 {
        return Ok(());
    }
    Err(Rejection::invalid("a subscription has exactly one root field"))
}

/// The document is counted, so it is finite and small.
fn only_meta(document: &ExecutableDocument, set: &SelectionSet) -> bool {
    set.items.iter().all(|selection| match &selection.node {
        Selection::Field(field) => field.node.name.node.starts_with("__"),
        Selection::InlineFragment(inline) => only_meta(document, &inline.node.selection_set.node),
        Selection::FragmentSpread(spread) => document
            .fragments
            .get(&spread.node.fragment_name.node)
            .is_none_or(|fragment| only_meta(document, &fragment.node.selection_set.node)),
    })
}

fn names_types(document: &ExecutableDocument, set: &SelectionSet) -> bool {
    set.items.iter().any(|selection| match &selection.node {
        Selection::Field(field) => matches!(field.node.name.node.as_str(), "__schema" | "__type"),
        Selection::InlineFragment(inline) => names_types(document, &inline.node.selection_set.node),
        Selection::FragmentSpread(spread) => document
            .fragments
            .get(&spread.node.fragment_name.node)
            .is_some_and(|fragment| names_types(document, &fragment.node.selection_set.node)),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Caller, QueryGate, QueryLimits};
    use super::*;

    fn admit(text: &str, name: Option<&str>) -> Result<Admitted, Rejection> {
        QueryGate::new(QueryLimits::default()).admit(text, name, Caller::Anonymous)
    }

    #[test]
    fn the_named_operation_decides_the_kind() {
        let text = "query a { i } mutation b { i } subscription c { i }";
        let kind = |name| admit(text, Some(name)).unwrap().kind();
        assert_eq!(kind("a"), OperationType::Query);
        assert_eq!(kind("b"), OperationType::Mutation);
        assert_eq!(kind("c"), OperationType::Subscription);
        for wanted in [None, Some("d")] {
            assert_eq!(admit(text, wanted).unwrap_err().field(), "operationName");
        }
    }

    #[test]
    fn a_lone_operation_needs_no_name_and_takes_no_wrong_one() {
        assert!(admit("query a { i }", None).is_ok());
        assert!(admit("{ i }", Some("a")).is_err());
    }

    #[test]
    fn fragments_do_not_hide_a_question_about_data() {
        let asks = |text| admit(text, None).unwrap().asks_only_about_the_schema();
        assert!(asks("{ __typename ...a } fragment a on Q { __schema { i } }"));
        assert!(!asks("{ __typename ...a } fragment a on Q { ... on Q { i } }"));
        assert!(!asks("mutation { __typename }"));
    }

    #[test]
    fn fragments_do_not_hide_a_question_about_types() {
        let asks = |text| admit(text, None).unwrap().asks_about_types();
        assert!(asks("{ i ...a } fragment a on Q { ... on Q { __type(name: \"Q\") { name } } }"));
        assert!(!asks("{ i __typename a { __schema } }"));
    }

    #[test]
    fn variables_without_default_that_may_not_be_null_must_be_there() {
        let admitted = admit("query($a: I!, $b: I! = 1, $c: I, $d: I!) { i }", None).unwrap();
        let given = Variables::from_json(serde_json::json!({ "a": 1, "d": null }));
        assert_eq!(admitted.missing_variables(&given), ["d"]);
    }

    #[test]
    fn a_subscription_has_one_root_field() {
        assert!(admit("subscription { ...a } fragment a on S { i }", None).is_ok());
        assert!(admit("subscription { i j }", None).is_err());
        assert!(admit("subscription { ...a ...a } fragment a on S { i }", None).is_err());
    }
}
