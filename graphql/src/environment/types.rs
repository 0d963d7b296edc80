//! An environment as callers see it.

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use keytrail_domain::EnvironmentId;
use keytrail_ports::views::{CredentialFilter, EnvironmentRow};

use crate::{
    context::{app, caller},
    error::OrFail,
    member::Actor,
    scalar::DateTime,
};

/// A set of credentials and connections that is shared as one. Who holds it has on each credential the level
/// that it was put in with, and sees its connections. A deleted one stays, so that history can name it.
#[derive(Clone, Debug)]
pub struct Environment(Box<EnvironmentRow>);

impl From<EnvironmentRow> for Environment {
    fn from(row: EnvironmentRow) -> Self {
        Self(Box::new(row))
    }
}

impl Environment {
    /// The environment with this id, if the viewer may see it.
    pub(crate) async fn load(ctx: &Context<'_>, id: EnvironmentId) -> Result<Option<Self>> {
        let call = caller(ctx).await?;
        Ok(app(ctx)?.environment(&call, id).await.or_fail(ctx)?.map(Self::from))
    }
}

#[Object]
impl Environment {
    /// Global id, `env_…`.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Its name, unique in the tenant.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// For people.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// The team that it belongs to: its leads change it, and all of its members hold it.
    async fn team_id(&self) -> Option<ID> {
        self.0.team.map(|team| team.to_string().into())
    }

    /// Who else holds it.
    #[graphql(complexity = "10 * child_complexity + 1")]
    async fn shares(&self, ctx: &Context<'_>) -> Result<Vec<EnvironmentShare>> {
        let now = app(ctx)?.now();
        let share = |row: &keytrail_ports::views::EnvironmentShareRow| EnvironmentShare {
            grantee_id: row.grantee.to_string().into(),
            shared_at: row.since.into(),
            expires_at: row.expires_at.map(DateTime),
            in_force: row.expires_at.is_none_or(|end| now < end),
        };
        Ok(self.0.shares.iter().map(share).collect())
    }

    /// The connections in it, by id.
    async fn connection_ids(&self) -> Vec<ID> {
        self.0.connections.iter().map(|id| id.to_string().into()).collect()
    }

    /// How many credentials in it the viewer may see: `credentials(filter: {environmentId})` lists them.
    async fn credential_count(&self, ctx: &Context<'_>) -> Result<u64> {
        let call = caller(ctx).await?;
        let filter = CredentialFilter { environment: Some(self.0.id), ..CredentialFilter::default() };
        app(ctx)?.count_credentials(&call, filter).await.or_fail(ctx)
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// By whom.
    async fn created_by(&self) -> Actor {
        Actor(self.0.created_by.clone())
    }

    /// When people last changed it.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }

    /// When it was deleted, if it was.
    async fn deleted_at(&self) -> Option<DateTime> {
        self.0.deleted_at.map(DateTime)
    }

    /// How often people changed it: for `expectedRevision`.
    async fn revision(&self) -> u64 {
        self.0.revision
    }
}

/// Somebody who holds an environment.
#[derive(SimpleObject)]
pub struct EnvironmentShare {
    /// A member, a team or a service account.
    pub grantee_id: ID,
    /// Since when.
    pub shared_at: DateTime,
    /// Until when; null: without end.
    pub expires_at: Option<DateTime>,
    /// It counts now.
    pub in_force: bool,
}
