//! Reading components.

use async_graphql::{Context, Object, Result};
use keytrail_app::Counted;

use super::Component;
use crate::{
    context::{app, caller},
    error::{Code, OrFail, failure},
    page::{Paged, Window, connection, cost},
};

/// Questions about components.
#[derive(Default)]
pub struct ComponentQuery;

#[Object]
impl ComponentQuery {
    /// All components by slug: the built-in ones, and the tenant's own.
    #[graphql(complexity = "cost(first, last) * child_complexity + 1")]
    async fn components(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 1000; 50 when not given")] first: Option<i32>,
        #[graphql(desc = "After this cursor")] after: Option<String>,
        #[graphql(desc = "The last so many")] last: Option<i32>,
        #[graphql(desc = "Before this cursor")] before: Option<String>,
    ) -> Result<Paged<Component>> {
        let call = caller(ctx).await?;
        let page = Window { first, after, last, before }.args()?;
        let listed = app(ctx)?.components(&call, page).await.or_fail(ctx)?;
        Ok(connection(listed, Component::from, Counted::Components))
    }

    /// One component.
    async fn component(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its slug, for example `github`, or `acme/erp` of the tenant's own")] slug: String,
    ) -> Result<Option<Component>> {
        let call = caller(ctx).await?;
        match app(ctx)?.component(&call, &slug).await.or_fail(ctx)? {
            Some(component) => Ok(Some(component.into())),
            None => Err(failure(Code::NotFound, "not found")),
        }
    }
}
