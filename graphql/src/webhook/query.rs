//! Questions about webhook endpoints.

use async_graphql::{Context, Object, Result};
use keytrail_app::Counted;

use super::WebhookEndpoint;
use crate::{
    context::{app, caller},
    error::OrFail,
    page::{Paged, Window, connection, cost},
};

/// Webhook endpoints.
#[derive(Default)]
pub struct WebhookQuery;

#[Object]
impl WebhookQuery {
    /// The webhook endpoints that the viewer may see, oldest first: all for OWNER and ADMIN, those
    /// of his teams for a lead.
    #[graphql(complexity = "cost(first, last) * child_complexity + 1")]
    async fn webhook_endpoints(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 1000; 50 when not given")] first: Option<i32>,
        #[graphql(desc = "After this cursor")] after: Option<String>,
        #[graphql(desc = "The last so many")] last: Option<i32>,
        #[graphql(desc = "Before this cursor")] before: Option<String>,
    ) -> Result<Paged<WebhookEndpoint>> {
        let call = caller(ctx).await?;
        let page = Window { first, after, last, before }.args()?;
        let listed = app(ctx)?.webhook_endpoints(&call, page).await.or_fail(ctx)?;
        Ok(connection(listed, WebhookEndpoint::from, Counted::WebhookEndpoints))
    }
}
