//! Questions about environments.

use async_graphql::{Context, Object, Result};
use keytrail_app::Counted;

use super::Environment;
use crate::{
    context::{app, caller},
    error::OrFail,
    page::{Paged, Window, connection, cost},
};

/// Environments.
#[derive(Default)]
pub struct EnvironmentQuery;

#[Object]
impl EnvironmentQuery {
    /// The present environments that the viewer may see: those of his teams, those that he holds, and for an
    /// admin or auditor all.
    #[graphql(complexity = "cost(first, last) * child_complexity + 1")]
    async fn environments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 1000; 50 when not given")] first: Option<i32>,
        #[graphql(desc = "After this cursor")] after: Option<String>,
        #[graphql(desc = "The last so many")] last: Option<i32>,
        #[graphql(desc = "Before this cursor")] before: Option<String>,
    ) -> Result<Paged<Environment>> {
        let call = caller(ctx).await?;
        let page = Window { first, after, last, before }.args()?;
        let listed = app(ctx)?.environments(&call, page).await.or_fail(ctx)?;
        Ok(connection(listed, Environment::from, Counted::Environments))
    }
}
