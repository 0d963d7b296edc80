//! A flow as callers see it.

use async_graphql::{Context, ID, Object, Result};
use keytrail_app::AsOf;
use keytrail_domain::{FlowId, flow::FlowStep as StepRow};
use keytrail_ports::views::FlowRow;

use crate::{
    component::Component,
    context::{app, caller},
    credential::{Credential, Label, Owner},
    error::OrFail,
    member::Actor,
    scalar::DateTime,
};

/// An integration flow of steps; each step names a component and uses one credential of it.
#[derive(Clone, Debug)]
pub struct Flow(Box<FlowRow>);

impl From<FlowRow> for Flow {
    fn from(row: FlowRow) -> Self {
        Self(Box::new(row))
    }
}

impl Flow {
    /// The flow with this id, if the viewer may see it.
    pub(crate) async fn load(ctx: &Context<'_>, id: FlowId) -> Result<Option<Self>> {
        let call = caller(ctx).await?;
        Ok(app(ctx)?.flow(&call, id).await.or_fail(ctx)?.map(Self::from))
    }
}

#[Object]
impl Flow {
    /// Global id, `flow_…`.
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

    /// Who owns it.
    async fn owner(&self, ctx: &Context<'_>) -> Result<Option<Owner>> {
        Owner::load(ctx, self.0.owner, AsOf::Now).await
    }

    /// Free labels.
    async fn labels(&self) -> Vec<Label> {
        Label::all(&self.0.labels)
    }

    /// What it does, in order.
    #[graphql(complexity = "2 * child_complexity + 1")]
    async fn steps(&self) -> Vec<FlowStep> {
        self.0.steps.iter().cloned().map(FlowStep).collect()
    }

    /// Whether it runs. Its credentials cannot be deleted then, and its steps not be changed.
    async fn active(&self) -> bool {
        self.0.active
    }

    /// When it was last started or stopped.
    async fn switched_at(&self) -> Option<DateTime> {
        self.0.switched.as_ref().map(|(at, _)| DateTime(*at))
    }

    /// By whom.
    async fn switched_by(&self) -> Option<Actor> {
        self.0.switched.as_ref().map(|(_, by)| Actor(by.clone()))
    }

    /// Why it was stopped, when it was and somebody said why.
    async fn stopped_because(&self) -> Option<&str> {
        self.0.stopped_because.as_deref()
    }

    /// The id of the flow that it is a copy of; null also when the viewer may not see that.
    async fn copied_from_id(&self, ctx: &Context<'_>) -> Result<Option<ID>> {
        match self.0.copied_from {
            Some(id) => Ok(Flow::load(ctx, id).await?.map(|flow| flow.0.id.to_string().into())),
            None => Ok(None),
        }
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

    /// How often it changed: for `expectedRevision`.
    async fn revision(&self) -> u64 {
        self.0.revision
    }
}

/// One step of a flow.
pub struct FlowStep(StepRow);

#[Object]
impl FlowStep {
    /// Its name inside the flow.
    async fn id(&self) -> &str {
        &self.0.id
    }

    /// For people.
    async fn title(&self) -> Option<&str> {
        self.0.title.as_deref()
    }

    /// What it works with; null when the component is gone.
    async fn component(&self, ctx: &Context<'_>) -> Result<Option<Component>> {
        let call = caller(ctx).await?;
        Ok(app(ctx)?.component(&call, &self.0.component).await.or_fail(ctx)?.map(Component::from))
    }

    /// The credential that it uses; null also when the viewer may not see it.
    async fn credential(&self, ctx: &Context<'_>) -> Result<Option<Credential>> {
        match self.0.credential {
            Some(id) => Credential::load(ctx, id, AsOf::Now).await,
            None => Ok(None),
        }
    }

    /// Whether it has a credential, also one that the viewer may not see.
    async fn has_credential(&self) -> bool {
        self.0.credential.is_some()
    }
}
