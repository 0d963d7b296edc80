//! Objects that are answered at once when nothing is asked of them that would have to wait.
//!
//! The library makes a future on the heap for each field of each object; in a list of a thousand
//! credentials with eight fields that is most of the work. [`Quick`] looks at the selection first:
//! when every field of it is one that the object has in memory, it is answered in one go, in the
//! order of the question. Anything else goes the library's way.

use std::borrow::Cow;

use async_graphql::{
    ContainerType, ContextSelectionSet, Name, OutputType, Positioned, ServerResult, Value,
    indexmap::IndexMap,
    parser::types::{Field, Selection, SelectionSet, TypeCondition},
    registry::Registry,
};

/// An object that has some of its fields in memory.
pub(crate) trait InMemory {
    /// The object's own type; of a union, that of what it holds.
    fn own_type(&self) -> Cow<'static, str>;

    /// Whether a fragment on this type is about the object; none when that is not known here.
    fn is_a(&self, condition: &str) -> Option<bool> {
        (self.own_type() == condition).then_some(true)
    }

    /// The value of a field without arguments that has no fields of its own, as the resolver of
    /// this name gives it; none when it has to wait for it, and for every other field.
    fn in_memory(&self, field: &str, ctx: &ContextSelectionSet<'_>) -> Option<Value>;

    /// The object of a field without arguments, as the resolver of this name gives it.
    fn object_in_memory(&self, _field: &str) -> Option<&dyn InMemory> {
        None
    }
}

/// A union of two objects that are in memory.
pub(crate) trait OneOf: OutputType {
    /// The names of both types.
    fn members() -> [Cow<'static, str>; 2];

    /// The one that it is.
    fn held(&self) -> &dyn InMemory;
}

impl<T: OneOf> InMemory for T {
    fn own_type(&self) -> Cow<'static, str> {
        self.held().own_type()
    }

    fn is_a(&self, condition: &str) -> Option<bool> {
        if condition == T::type_name() {
            return Some(true);
        }
        T::members().iter().any(|name| name == condition).then(|| self.own_type() == condition)
    }

    fn in_memory(&self, field: &str, ctx: &ContextSelectionSet<'_>) -> Option<Value> {
        self.held().in_memory(field, ctx)
    }

    fn object_in_memory(&self, field: &str) -> Option<&dyn InMemory> {
        self.held().object_in_memory(field)
    }
}

/// Answers its object in one go where that is possible.
#[derive(Clone, Debug)]
pub(crate) struct Quick<T>(pub(crate) T);

impl<T: InMemory + ContainerType + OutputType> OutputType for Quick<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn introspection_type_name(&self) -> Cow<'static, str> {
        self.0.introspection_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        match object(&self.0, ctx, &ctx.item.node) {
            Some(answer) => Ok(answer),
            None => Box::pin(self.0.resolve(ctx, field)).await,
        }
    }
}

/// All that a selection asks of an object; none as soon as one field of it is not in memory.
fn object(object: &dyn InMemory, ctx: &ContextSelectionSet<'_>, set: &SelectionSet) -> Option<Value> {
    let mut fields = IndexMap::with_capacity(set.items.len());
    take(object, ctx, set, &mut fields)?;
    (!fields.is_empty()).then_some(Value::Object(fields))
}

fn take(
    object: &dyn InMemory,
    ctx: &ContextSelectionSet<'_>,
    set: &SelectionSet,
    fields: &mut IndexMap<Name, Value>,
) -> Option<()> {
    let is_ours = |on: &Positioned<TypeCondition>| object.is_a(&on.node.on.node);
    for selection in &set.items {
        let (is_ours, inner) = match &selection.node {
            Selection::Field(field) => {
                let value = value_of(object, ctx, &field.node)?;
                let before = fields.insert(field.node.response_key().node.clone(), value);
                // Named twice: an object's fields would have to be put together.
                if matches!(before, Some(Value::Object(_))) {
                    return None;
                }
                continue;
            }
            Selection::FragmentSpread(spread) if spread.node.directives.is_empty() => {
                let fragment = &ctx.query_env.fragments.get(&spread.node.fragment_name.node)?.node;
                (is_ours(&fragment.type_condition)?, &fragment.selection_set)
            }
            Selection::InlineFragment(inline) if inline.node.directives.is_empty() => {
                let condition = inline.node.type_condition.as_ref();
                (condition.map_or(Some(true), is_ours)?, &inline.node.selection_set)
            }
            Selection::FragmentSpread(_) | Selection::InlineFragment(_) => return None,
        };
        if is_ours {
            take(object, ctx, &inner.node, fields)?;
        }
    }
    Some(())
}

fn value_of(of: &dyn InMemory, ctx: &ContextSelectionSet<'_>, field: &Field) -> Option<Value> {
    let name = field.name.node.as_str();
    if !field.directives.is_empty() || !field.arguments.is_empty() {
        return None;
    }
    match name {
        "__typename" => Some(Value::String(of.own_type().into_owned())),
        _ if field.selection_set.node.items.is_empty() => of.in_memory(name, ctx),
        _ => object(of.object_in_memory(name)?, ctx, &field.selection_set.node),
    }
}
