//! A connection as callers see it.

use async_graphql::{Context, ID, Json, Object, Result, SimpleObject};
use keytrail_app::AsOf;
use keytrail_domain::ConnectionId;
use keytrail_ports::views::{ConnectionRow, StateChangeRow};

use crate::{
    component::Component,
    context::{app, caller},
    credential::{Credential, Label, Owner},
    enums::{ConnectionState, Management, Mover, VerificationChoice},
    error::OrFail,
    member::Actor,
    scalar::DateTime,
};

/// A managed or unmanaged link to an external system, with a state and any number of credentials.
#[derive(Clone, Debug)]
pub struct Connection(Box<ConnectionRow>);

impl From<ConnectionRow> for Connection {
    fn from(row: ConnectionRow) -> Self {
        Self(Box::new(row))
    }
}

impl Connection {
    /// The connection with this id, if the viewer may see it.
    pub(crate) async fn load(ctx: &Context<'_>, id: ConnectionId) -> Result<Option<Self>> {
        let call = caller(ctx).await?;
        Ok(app(ctx)?.connection(&call, id).await.or_fail(ctx)?.map(Self::from))
    }
}

#[Object]
impl Connection {
    /// Global id, `conn_…`.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Its name, unique for its owner.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// For people.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// Where the system is.
    async fn url(&self) -> Option<&str> {
        self.0.url.as_deref()
    }

    /// The kind of system; null when the component is gone.
    async fn component(&self, ctx: &Context<'_>) -> Result<Option<Component>> {
        let call = caller(ctx).await?;
        Ok(app(ctx)?.component(&call, &self.0.component).await.or_fail(ctx)?.map(Component::from))
    }

    /// Who owns it.
    async fn owner(&self, ctx: &Context<'_>) -> Result<Option<Owner>> {
        Owner::load(ctx, self.0.owner, AsOf::Now).await
    }

    /// Found by discovery, or entered by hand.
    async fn management(&self) -> Management {
        self.0.management.into()
    }

    /// Free facts about it. Never a secret.
    async fn metadata(&self) -> Json<serde_json::Value> {
        Json(serde_json::Value::Object(self.0.metadata.clone()))
    }

    /// Free labels.
    async fn labels(&self) -> Vec<Label> {
        Label::all(&self.0.labels)
    }

    /// Its credentials that the viewer may see, in the order in which they were attached.
    #[graphql(complexity = "2 * child_complexity + 1")]
    async fn credentials(&self, ctx: &Context<'_>) -> Result<Vec<Credential>> {
        let call = caller(ctx).await?;
        let (rows, _) = app(ctx)?.credentials_in_sight(&call, &self.0.credentials).await.or_fail(ctx)?;
        Ok(rows.into_iter().map(Credential::now).collect())
    }

    /// How many credentials it has that the viewer may not see.
    async fn hidden_credential_count(&self, ctx: &Context<'_>) -> Result<u32> {
        let call = caller(ctx).await?;
        Ok(app(ctx)?.credentials_in_sight(&call, &self.0.credentials).await.or_fail(ctx)?.1)
    }

    /// Where it stands.
    async fn state(&self) -> ConnectionState {
        self.0.state.into()
    }

    /// Where it may go from here: what its component leaves open.
    async fn allowed_transitions(&self, ctx: &Context<'_>) -> Result<Vec<ConnectionState>> {
        let call = caller(ctx).await?;
        let open = app(ctx)?.open_transitions(&call, &self.0).await.or_fail(ctx)?;
        Ok(open.into_iter().map(Into::into).collect())
    }

    /// How it came to stand there; null since it was made.
    async fn last_transition(&self) -> Option<ConnectionTransition> {
        self.0.state_change.clone().map(ConnectionTransition)
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

    /// How often people changed it: for `expectedRevision`. What it does by itself does not count.
    async fn revision(&self) -> u64 {
        self.0.revision
    }
}

/// How a connection came to stand where it stands.
pub struct ConnectionTransition(StateChangeRow);

#[Object]
impl ConnectionTransition {
    /// When.
    async fn at(&self) -> DateTime {
        self.0.at.into()
    }

    /// By whom.
    async fn by(&self) -> Actor {
        Actor(self.0.by.clone())
    }

    /// Somebody's wish, or a credential's trouble or recovery.
    async fn mover(&self) -> Mover {
        self.0.mover.into()
    }

    /// Why.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// The credential that was the reason; null also when the viewer may not see it.
    async fn credential(&self, ctx: &Context<'_>) -> Result<Option<Credential>> {
        match self.0.credential {
            Some(id) => Credential::load(ctx, id, AsOf::Now).await,
            None => Ok(None),
        }
    }

    /// Whether the credentials were checked before.
    async fn verification(&self) -> VerificationChoice {
        self.0.verification.into()
    }
}

/// How many connections stand in one state.
#[derive(SimpleObject)]
pub struct ConnectionStateCount {
    /// The state.
    pub state: ConnectionState,
    /// How many.
    pub count: u64,
}
