//! Questions about service accounts.

use async_graphql::{Context, Object, Result};
use keytrail_app::Counted;

use super::ServiceAccount;
use crate::{
    context::{app, caller},
    error::OrFail,
    page::{Paged, Window, connection, cost},
};

/// Service accounts.
#[derive(Default)]
pub struct ServiceAccountQuery;

#[Object]
impl ServiceAccountQuery {
    /// The tenant's present service accounts. For OWNER, ADMIN and AUDITOR.
    #[graphql(complexity = "cost(first, last) * child_complexity + 1")]
    async fn service_accounts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 1000; 50 when not given")] first: Option<i32>,
        #[graphql(desc = "After this cursor")] after: Option<String>,
        #[graphql(desc = "The last so many")] last: Option<i32>,
        #[graphql(desc = "Before this cursor")] before: Option<String>,
    ) -> Result<Paged<ServiceAccount>> {
        let call = caller(ctx).await?;
        let page = Window { first, after, last, before }.args()?;
        let listed = app(ctx)?.service_accounts(&call, page).await.or_fail(ctx)?;
        Ok(connection(listed, ServiceAccount::from, Counted::ServiceAccounts))
    }
}
