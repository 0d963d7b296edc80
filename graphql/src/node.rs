//! Relay's `node` and `nodes`: anything by its global id.

use async_graphql::{Context, ID, Interface, Object, Result};
use keytrail_domain::{
    AlertId, ConnectionId, CredentialId, EnvironmentId, FlowId, MemberId, OAuthClientId, ServiceAccountId,
    TeamId, TenantId, WebhookEndpointId,
};

use crate::{
    alert::Alert,
    connection::Connection,
    context::{app, caller},
    credential::Credential,
    environment::Environment,
    error::{OrFail, bad_input},
    flow::Flow,
    member::Member,
    oauth_client::OAuthClient,
    service_account::ServiceAccount,
    team::Team,
    tenant::Tenant,
    webhook::WebhookEndpoint,
};

/// Most ids in one `nodes`.
const MOST: usize = 1_000;

/// Anything with a global id.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Global id: its prefix says what it is"))]
pub enum Node {
    /// A credential.
    Credential(Credential),
    /// A team.
    Team(Team),
    /// A member.
    Member(Member),
    /// An alert.
    Alert(Alert),
    /// The tenant.
    Tenant(Tenant),
    /// A webhook endpoint.
    WebhookEndpoint(WebhookEndpoint),
    /// A connection.
    Connection(Connection),
    /// A flow.
    Flow(Flow),
    /// An environment.
    Environment(Environment),
    /// A service account.
    ServiceAccount(ServiceAccount),
    /// An OAuth client.
    OAuthClient(OAuthClient),
}

async fn load(ctx: &Context<'_>, id: &str) -> Result<Option<Node>> {
    let call = caller(ctx).await?;
    let app = app(ctx)?;
    if let Ok(id) = CredentialId::parse(id) {
        return Ok(app
            .credential(&call, id)
            .await
            .or_fail(ctx)?
            .map(|row| Node::Credential(Credential::now(row))));
    }
    if let Ok(id) = TeamId::parse(id) {
        return Ok(Team::load(ctx, id).await?.map(Node::Team));
    }
    if let Ok(id) = MemberId::parse(id) {
        return Ok(Member::load(ctx, id).await?.map(Node::Member));
    }
    if let Ok(id) = AlertId::parse(id) {
        return Ok(app.alert(&call, id).await.or_fail(ctx)?.map(|row| Node::Alert(Alert::now(row))));
    }
    if let Ok(id) = WebhookEndpointId::parse(id) {
        return Ok(WebhookEndpoint::load(ctx, id).await?.map(Node::WebhookEndpoint));
    }
    if let Ok(id) = ConnectionId::parse(id) {
        return Ok(Connection::load(ctx, id).await?.map(Node::Connection));
    }
    if let Ok(id) = FlowId::parse(id) {
        return Ok(Flow::load(ctx, id).await?.map(Node::Flow));
    }
    if let Ok(id) = EnvironmentId::parse(id) {
        return Ok(Environment::load(ctx, id).await?.map(Node::Environment));
    }
    if let Ok(id) = ServiceAccountId::parse(id) {
        return Ok(ServiceAccount::load(ctx, id).await?.map(Node::ServiceAccount));
    }
    if let Ok(id) = OAuthClientId::parse(id) {
        return Ok(OAuthClient::load(ctx, id).await?.map(Node::OAuthClient));
    }
    if let Ok(id) = TenantId::parse(id) {
        let tenant = app.tenant(&call).await.or_fail(ctx)?;
        return Ok((tenant.id == id).then_some(Node::Tenant(Tenant(tenant))));
    }
    Err(bad_input("id", "must be a global id that an answer gave"))
}

/// Anything by its global id.
#[derive(Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// One thing by its global id; null when it does not exist for the viewer.
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "Its id")] id: ID) -> Result<Option<Node>> {
        load(ctx, &id).await
    }

    /// Several things by their global ids, in order; null for those that do not exist for the
    /// viewer.
    #[graphql(complexity = "ids.len().max(1) * child_complexity + 1")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Their ids, at most 1000")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        if ids.len() > MOST {
            return Err(bad_input("ids", "at most 1000 ids are allowed"));
        }
        futures_util::future::try_join_all(ids.iter().map(|id| load(ctx, id))).await
    }
}
