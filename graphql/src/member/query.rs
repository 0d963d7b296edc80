//! Questions about members.

use async_graphql::{Context, Object, Result};
use keytrail_app::Counted;

use super::Member;
use crate::{
    context::{app, caller},
    error::OrFail,
    page::{Paged, Window, connection, cost},
};

/// Members.
#[derive(Default)]
pub struct MemberQuery;

#[Object]
impl MemberQuery {
    /// The tenant's present members.
    #[graphql(complexity = "cost(first, last) * child_complexity + 1")]
    async fn members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 1000; 50 when not given")] first: Option<i32>,
        #[graphql(desc = "After this cursor")] after: Option<String>,
        #[graphql(desc = "The last so many")] last: Option<i32>,
        #[graphql(desc = "Before this cursor")] before: Option<String>,
    ) -> Result<Paged<Member>> {
        let call = caller(ctx).await?;
        let page = Window { first, after, last, before }.args()?;
        Ok(connection(app(ctx)?.members(&call, page).await.or_fail(ctx)?, Member, Counted::Members))
    }
}
