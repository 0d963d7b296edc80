//! Questions about teams.

use async_graphql::{Context, Object, Result};
use keytrail_app::Counted;

use super::Team;
use crate::{
    context::{app, caller},
    error::OrFail,
    page::{Paged, Window, connection, cost},
};

/// Teams.
#[derive(Default)]
pub struct TeamQuery;

#[Object]
impl TeamQuery {
    /// The tenant's present teams.
    #[graphql(complexity = "cost(first, last) * child_complexity + 1")]
    async fn teams(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 1000; 50 when not given")] first: Option<i32>,
        #[graphql(desc = "After this cursor")] after: Option<String>,
        #[graphql(desc = "The last so many")] last: Option<i32>,
        #[graphql(desc = "Before this cursor")] before: Option<String>,
    ) -> Result<Paged<Team>> {
        let call = caller(ctx).await?;
        let page = Window { first, after, last, before }.args()?;
        Ok(connection(app(ctx)?.teams(&call, page).await.or_fail(ctx)?, Team::now, Counted::Teams))
    }
}
