//! Payloads: the changed thing as it is now, and the place in the log that shows the change.

/// Defines one mutation's payload around one changed thing.
macro_rules! payload {
    ($(#[$doc:meta])* $name:ident {
        $(#[$thing_doc:meta])* $field:ident: $thing:ty
        $(; $(#[$list_doc:meta])* $list:ident: Vec<$item:ty>)?
    }) => {
        #[derive(async_graphql::SimpleObject)]
        $(#[$doc])*
        pub struct $name {
            $(#[$thing_doc])*
            pub $field: Option<$thing>,
            $($(#[$list_doc])* pub $list: Vec<$item>,)?
            /// Place in the log that shows the change: send it as `Keytrail-After` to read your
            /// write on any node.
            pub position: String,
            /// This node's answers show the change already.
            pub visible: bool,
            /// This is the answer of an earlier mutation with the same `idempotencyKey`.
            pub replayed: bool,
        }

        impl $name {
            pub(crate) fn new<T>(done: &keytrail_app::Done<T>, $field: Option<$thing>) -> Self {
                Self {
                    $field,
                    $($list: done.$list.iter().cloned().map(Into::into).collect(),)?
                    position: done.position.clone(),
                    visible: done.visible,
                    replayed: done.replayed,
                }
            }
        }
    };
}

pub(crate) use payload;
