//! Questions about OAuth clients.

use async_graphql::{Context, ID, Object, Result};
use keytrail_app::Counted;
use keytrail_domain::OAuthClientId;

use super::OAuthClient;
use crate::{
    context::{app, caller},
    error::{Code, OrFail, bad_id, failure},
    page::{Paged, Window, connection, cost},
};

/// OAuth clients.
#[derive(Default)]
pub struct OAuthClientQuery;

#[Object]
impl OAuthClientQuery {
    /// The tenant's present OAuth clients. For OWNER, ADMIN and AUDITOR.
    #[graphql(complexity = "cost(first, last) * child_complexity + 1")]
    async fn oauth_clients(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 1000; 50 when not given")] first: Option<i32>,
        #[graphql(desc = "After this cursor")] after: Option<String>,
        #[graphql(desc = "The last so many")] last: Option<i32>,
        #[graphql(desc = "Before this cursor")] before: Option<String>,
    ) -> Result<Paged<OAuthClient>> {
        let call = caller(ctx).await?;
        let page = Window { first, after, last, before }.args()?;
        let listed = app(ctx)?.oauth_clients(&call, page).await.or_fail(ctx)?;
        Ok(connection(listed, OAuthClient::from, Counted::OAuthClients))
    }

    /// One OAuth client, also a deleted one.
    async fn oauth_client(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id")] id: ID,
    ) -> Result<OAuthClient> {
        let id = OAuthClientId::parse(&id).map_err(|error| bad_id("id", &error))?;
        let found = OAuthClient::load(ctx, id).await?;
        found.ok_or_else(|| failure(Code::NotFound, "not found"))
    }
}
