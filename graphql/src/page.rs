//! Relay's connections.

use async_graphql::{
    Context, Object, OutputType, Result,
    connection::{Connection, CursorType, Edge, EmptyFields},
};
use keytrail_app::{Counted, Listed, PageArgs};

use crate::{
    context::{app, caller},
    error::{OrFail, bad_input},
};

/// Items when the caller does not say; the application has the same.
const DEFAULT: usize = 50;
/// What one item of a list may cost at most is multiplied by at most this.
const LONGEST: usize = 1_000;

/// An opaque cursor, as an answer gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub String);

impl CursorType for Cursor {
    type Error = std::convert::Infallible;

    fn decode_cursor(text: &str) -> Result<Self, Self::Error> {
        Ok(Self(text.to_owned()))
    }

    fn encode_cursor(&self) -> String {
        self.0.clone()
    }
}

/// The arguments of every list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    pub(crate) first: Option<i32>,
    pub(crate) after: Option<String>,
    pub(crate) last: Option<i32>,
    pub(crate) before: Option<String>,
}

impl Window {
    /// As the application takes them.
    pub(crate) fn args(self) -> Result<PageArgs> {
        Ok(PageArgs {
            first: count("first", self.first)?,
            after: self.after,
            last: count("last", self.last)?,
            before: self.before,
        })
    }
}

fn count(path: &str, number: Option<i32>) -> Result<Option<u32>> {
    number.map(|number| u32::try_from(number).map_err(|_| bad_input(path, "must be 1 to 1000"))).transpose()
}

/// How many items a list can have, for the complexity of what is asked of each.
pub(crate) fn cost(first: Option<i32>, last: Option<i32>) -> usize {
    first.or(last).and_then(|count| usize::try_from(count).ok()).unwrap_or(DEFAULT).min(LONGEST)
}

/// `totalCount` of a list, counted only when asked for.
pub struct Total(Counted);

#[Object]
impl Total {
    /// How many there are over all pages, of what the viewer may see.
    #[graphql(complexity = 10)]
    async fn total_count(&self, ctx: &Context<'_>) -> Result<u64> {
        let call = caller(ctx).await?;
        app(ctx)?.count(&call, self.0.clone()).await.or_fail(ctx)
    }
}

/// A list of the API.
pub type Paged<T> = Connection<Cursor, T, Total, EmptyFields>;

/// A page of a list as a connection.
pub(crate) fn connection<T: OutputType, Row>(
    listed: Listed<Row>,
    node: impl Fn(Row) -> T,
    list: Counted,
) -> Paged<T> {
    let total = Total(list);
    let mut connection = Connection::with_additional_fields(listed.has_previous, listed.has_next, total);
    let edges = listed.edges.into_iter().map(|(cursor, row)| Edge::new(Cursor(cursor), node(row)));
    connection.edges.extend(edges);
    connection
}
