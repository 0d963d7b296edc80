//! The order of an answer's fields.
//!
//! The library puts fields into an object as they get ready. GraphQL wants them in the order in which
//! the question names them (section 7.2.2, "Serialized Map Ordering").

use async_graphql::{
    Name, Value,
    parser::types::{ExecutableDocument, Selection, SelectionSet},
};

/// The names of an answer, in order, each with those of the objects below it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnswerOrder(Vec<(Name, AnswerOrder)>);

impl AnswerOrder {
    /// Of one operation of a document whose fragments do not contain themselves.
    pub(crate) fn of(document: &ExecutableDocument, set: &SelectionSet) -> Self {
        let mut order = Self::default();
        order.take(document, set);
        order
    }

    /// Fragments count for every type, so two fragments of different types that name the same fields in
    /// different orders have the order of the first.
    fn take(&mut self, document: &ExecutableDocument, set: &SelectionSet) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    self.below(&field.response_key().node).take(document, &field.selection_set.node);
                }
                Selection::InlineFragment(inline) => self.take(document, &inline.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                        self.take(document, &fragment.node.selection_set.node);
                    }
                }
            }
        }
    }

    /// A field that is named twice stands where it is named first.
    fn below(&mut self, name: &Name) -> &mut Self {
        let known = self.0.iter().position(|(known, _)| known == name);
        let place = known.unwrap_or_else(|| {
            self.0.push((name.clone(), Self::default()));
            self.0.len() - 1
        });
        &mut self.0[place].1
    }

    /// Brings an answer into this order.
    pub fn apply(&self, answer: &mut Value) {
        match answer {
            Value::List(items) => items.iter_mut().for_each(|item| self.apply(item)),
            Value::Object(fields) => {
                let place = |name: &Name| self.0.iter().position(|(known, _)| known == name);
                if !fields.keys().map(place).is_sorted() {
                    fields.sort_by_cached_key(|name, _| place(name));
                }
                for (name, below) in self.0.iter().filter(|(_, below)| !below.0.is_empty()) {
                    if let Some(value) = fields.get_mut(name) {
                        below.apply(value);
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn ordered(query: &str, answer: &str) -> String {
        let document = parse_query(query).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        let mut answer: Value = serde_json::from_str(answer).unwrap();
        AnswerOrder::of(&document, &operation.node.selection_set.node).apply(&mut answer);
        serde_json::to_string(&answer).unwrap()
    }

    #[test]
    fn fields_stand_as_the_question_names_them_at_every_depth() {
        let query = "{ b: x { d ...F c } a b: x { e } } fragment F on T { g { i h } }";
        let answer = r#"{"a":1,"b":[{"c":1,"g":{"h":1,"i":2},"e":3,"d":4},null]}"#;
        assert_eq!(ordered(query, answer), r#"{"b":[{"d":4,"g":{"i":2,"h":1},"c":1,"e":3},null],"a":1}"#);
    }

    #[test]
    fn what_is_not_an_object_of_the_question_stays_as_it_is() {
        let answer = r#"{"a":{"z":1,"y":2},"b":null}"#;
        assert_eq!(ordered("{ a b }", answer), answer);
    }
}
