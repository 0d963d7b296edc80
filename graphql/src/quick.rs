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
    parser::types::{Field, Selection, SelectionSet},
    registry::Registry,
};

/// An object that has some of its fields in memory.
pub(crate) trait InMemory: ContainerType {
    /// The value of a field without arguments that has no fields of its own, as the resolver of
    /// this name gives it; none when it has to wait for it, and for every other field.
    fn in_memory(&self, field: &str, ctx: &ContextSelectionSet<'_>) -> Option<Value>;
}

/// Answers its object in one go where that is possible.
#[derive(Clone, Debug)]
pub(crate) struct Quick<T>(pub(crate) T);

impl<T: InMemory> OutputType for Quick<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let mut fields = IndexMap::with_capacity(ctx.item.node.items.len());
        match take(&self.0, ctx, &ctx.item.node, &mut fields) {
            Some(()) if !fields.is_empty() => Ok(Value::Object(fields)),
            _ => Box::pin(self.0.resolve(ctx, field)).await,
        }
    }
}

/// Takes all fields of a selection; none as soon as one of them is not in memory.
fn take<T: InMemory>(
    object: &T,
    ctx: &ContextSelectionSet<'_>,
    set: &SelectionSet,
    fields: &mut IndexMap<Name, Value>,
) -> Option<()> {
    for selection in &set.items {
        let inner = match &selection.node {
            Selection::Field(field) => {
                let value = value_of(object, ctx, &field.node)?;
                fields.insert(field.node.response_key().node.clone(), value);
                continue;
            }
            Selection::FragmentSpread(spread) if spread.node.directives.is_empty() => {
                let fragment = &ctx.query_env.fragments.get(&spread.node.fragment_name.node)?.node;
                let is_ours = *fragment.type_condition.node.on.node == *T::type_name();
                is_ours.then_some(&fragment.selection_set)?
            }
            Selection::FragmentSpread(_) | Selection::InlineFragment(_) => return None,
        };
        take(object, ctx, &inner.node, fields)?;
    }
    Some(())
}

fn value_of<T: InMemory>(object: &T, ctx: &ContextSelectionSet<'_>, field: &Field) -> Option<Value> {
    let is_plain = field.directives.is_empty()
        && field.arguments.is_empty()
        && field.selection_set.node.items.is_empty();
    match field.name.node.as_str() {
        "__typename" => Some(Value::String(T::type_name().into_owned())),
        name if is_plain => object.in_memory(name, ctx),
        _ => None,
    }
}
