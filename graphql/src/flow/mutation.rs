//! Changes of flows.

use async_graphql::{Context, Object, Result, SimpleObject};

use super::{
    Flow,
    inputs::{
        CopyFlowInput, CreateFlowInput, DeleteFlowInput, StartFlowInput, StopFlowInput, UpdateFlowInput,
        flow_id,
    },
};
use crate::{
    connection::inputs::before_use,
    context::{app, caller},
    credential::Credential,
    error::OrFail,
    input::{mutation, revision},
    payload::payload,
};

macro_rules! flow_payload {
    ($(#[$doc:meta])* $name:ident) => {
        payload! {
            $(#[$doc])*
            $name {
                /// The flow as it is now.
                flow: Flow
            }
        }
    };
}

flow_payload! {
    /// The new flow.
    CreateFlowPayload
}
flow_payload! {
    /// The changed flow.
    UpdateFlowPayload
}
flow_payload! {
    /// The flow that runs.
    StartFlowPayload
}
flow_payload! {
    /// The flow that stopped.
    StopFlowPayload
}
flow_payload! {
    /// The deleted flow.
    DeleteFlowPayload
}

/// The copy of a flow. It does not run.
#[derive(SimpleObject)]
pub struct CopyFlowPayload {
    /// The copy.
    pub flow: Option<Flow>,
    /// Credentials of the original that the copy's owner, or you, cannot use, as far as you may see them: the
    /// copy's steps have none in their place.
    pub missing_credentials: Vec<Credential>,
    /// How many more of those there are.
    pub hidden_count: u32,
    /// Place in the log that shows the change: send it as `Keytrail-After` to read your write on any node.
    pub position: String,
    /// This node's answers show the change already.
    pub visible: bool,
    /// This is the answer of an earlier mutation with the same `idempotencyKey`.
    pub replayed: bool,
}

/// Changes of flows.
#[derive(Default)]
pub struct FlowMutation;

#[Object]
impl FlowMutation {
    /// Make a flow. It does not run yet.
    async fn create_flow(&self, ctx: &Context<'_>, input: CreateFlowInput) -> Result<CreateFlowPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("createFlow", input.idempotency_key.clone(), &input);
        let done = app(ctx)?.create_flow(&call, mutation, input.into_app()?).await.or_fail(ctx)?;
        Ok(CreateFlowPayload::new(&done, Flow::load(ctx, done.value).await?))
    }

    /// Change a flow; its steps only while it is not active.
    async fn update_flow(&self, ctx: &Context<'_>, input: UpdateFlowInput) -> Result<UpdateFlowPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("updateFlow", input.idempotency_key.clone(), &input);
        let done = app(ctx)?.update_flow(&call, mutation, input.into_app()?).await.or_fail(ctx)?;
        Ok(UpdateFlowPayload::new(&done, Flow::load(ctx, done.value).await?))
    }

    /// Copy a flow for yourself or a team, with the credentials that the copy's owner can use.
    async fn copy_flow(&self, ctx: &Context<'_>, input: CopyFlowInput) -> Result<CopyFlowPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("copyFlow", input.idempotency_key.clone(), &input);
        let app = app(ctx)?;
        let done = app.copy_flow(&call, mutation, input.into_app()?).await.or_fail(ctx)?;
        let missing = app.credentials_in_sight(&call, &done.value.missing).await;
        let (rows, hidden_count) = missing.or_fail(ctx)?;
        Ok(CopyFlowPayload {
            flow: Flow::load(ctx, done.value.id).await?,
            missing_credentials: rows.into_iter().map(Credential::now).collect(),
            hidden_count,
            position: done.position,
            visible: done.visible,
            replayed: done.replayed,
        })
    }

    /// Let a flow run. Every credential of its steps is checked first; one that does not work stops it.
    async fn start_flow(&self, ctx: &Context<'_>, input: StartFlowInput) -> Result<StartFlowPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("startFlow", input.idempotency_key.clone(), &input);
        let which = (flow_id(&input.flow_id)?, revision(input.expected_revision)?);
        let started = app(ctx)?.start_flow(&call, mutation, which, before_use(input.skip_verification));
        let done = started.await.or_fail(ctx)?;
        Ok(StartFlowPayload::new(&done, Flow::load(ctx, done.value).await?))
    }

    /// Stop a flow.
    async fn stop_flow(&self, ctx: &Context<'_>, input: StopFlowInput) -> Result<StopFlowPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("stopFlow", input.idempotency_key.clone(), &input);
        let which = (flow_id(&input.flow_id)?, revision(input.expected_revision)?);
        let done = app(ctx)?.stop_flow(&call, mutation, which, input.reason).await.or_fail(ctx)?;
        Ok(StopFlowPayload::new(&done, Flow::load(ctx, done.value).await?))
    }

    /// Delete a flow that is not active. Its credentials stay.
    async fn delete_flow(&self, ctx: &Context<'_>, input: DeleteFlowInput) -> Result<DeleteFlowPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("deleteFlow", input.idempotency_key.clone(), &input);
        let which = (flow_id(&input.flow_id)?, revision(input.expected_revision)?);
        let done = app(ctx)?.delete_flow(&call, mutation, which).await.or_fail(ctx)?;
        Ok(DeleteFlowPayload::new(&done, Flow::load(ctx, done.value).await?))
    }
}
