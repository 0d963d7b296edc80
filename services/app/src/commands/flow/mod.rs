//! Flows: made, changed, copied, started and stopped.

mod copy;
mod create;
mod run;

use keytrail_domain::{
    FlowId, StreamId,
    flow::{Flow, FlowCommand, FlowStep, FlowUpdate, State, credentials_of},
};
use keytrail_ports::{Action, Object, views::FlowRow};

use crate::{
    App, AppError, Call, Done, FlowChange, Mutation,
    claims::Claim,
    execute::Execution,
    idempotency::{About, Admission, Ticket},
    usage::Consumer,
};

pub use copy::CopiedFlow;

pub(crate) type Answer = Result<Done<FlowId>, AppError>;

/// A change of a flow that is authorised and not done yet.
struct Target {
    id: FlowId,
    /// As the views have it.
    row: FlowRow,
    ticket: Ticket,
    expected: Option<u64>,
    _alone: Claim,
}

impl App {
    /// Changes a flow; its steps only while it does not run.
    ///
    /// # Errors
    /// `FLOW_ACTIVE`; `COMPONENT_MISMATCH`; `CONFLICT` for a taken name.
    pub async fn update_flow(&self, call: &Call, mutation: Mutation, change: FlowChange) -> Answer {
        let which = (change.id, change.expected_revision);
        let target = match self.flow_target(call, &mutation, Action::Update, which).await? {
            Err(done) => return Ok(done),
            Ok(target) => target,
        };
        let row = &target.row;
        let consumer = Consumer::Flow(row.id);
        let _name = match &change.name {
            Some(name) => Some(self.hold_consumer_name(row.tenant, row.owner, name, consumer).await?),
            None => None,
        };
        let steps = match change.steps {
            Some(steps) => Some(self.steps_of(row.tenant, steps).await?),
            None => None,
        };
        let (name, description, labels) = (change.name, change.description, change.labels);
        let update = FlowUpdate { name, description, labels, steps };
        let loaded = self.loaded_flow(call, row.id).await?;
        let seen = loaded.live().ok_or(AppError::NotFound)?;
        let command = FlowCommand::Update(Box::new(update));
        // What is not allowed is said before anything is reserved.
        keytrail_domain::Aggregate::decide(&loaded, &command)?;
        let FlowCommand::Update(update) = &command else { return Err(AppError::internal("another command")) };
        let wanted = update.steps.as_deref().unwrap_or(&seen.steps);
        self.reserve_steps(call, consumer, wanted).await?;
        let left = credentials_of(wanted);
        let done = self
            .change_flow(call, &target, |now| {
                still(seen, now)?;
                Ok(command.clone())
            })
            .await;
        let done = self.undone(call, consumer, &left, done).await?;
        let gone: Vec<_> = seen.credentials().into_iter().filter(|known| !left.contains(known)).collect();
        self.put_right(call, consumer, &gone).await;
        Ok(done)
    }

    /// Authorises by the flow's owner, and answers a repeated mutation at once.
    async fn flow_target(
        &self,
        call: &Call,
        mutation: &Mutation,
        action: Action,
        (id, expected): (FlowId, Option<u64>),
    ) -> Result<Result<Target, Done<FlowId>>, AppError> {
        self.ports().authorizer.role(&call.principal).await?;
        let tenant = call.principal.tenant;
        let row = self.ports().views.flows_by_id(tenant, &[id]).await?.pop().ok_or(AppError::NotFound)?;
        self.authorize(call, action, Object::Flow(row.owner)).await?;
        Ok(match self.admit(call, mutation, About::Stream(StreamId::flow(tenant, id))).await? {
            Admission::Done(done) => Err(replayed(done)?),
            Admission::Do(ticket) => {
                let _alone = self.alone_with(Consumer::Flow(id)).await?;
                Ok(Target { id, row, ticket, expected, _alone })
            }
        })
    }

    /// The flow as the log has it.
    async fn loaded_flow(&self, call: &Call, id: FlowId) -> Result<Flow, AppError> {
        self.load(&StreamId::flow(call.principal.tenant, id)).await
    }

    async fn change_flow(
        &self,
        call: &Call,
        target: &Target,
        make: impl Fn(&Flow) -> Result<FlowCommand, AppError> + Send + Sync,
    ) -> Answer {
        let stream = StreamId::flow(call.principal.tenant, target.id);
        let execution = Execution::of(call, stream, &target.ticket).at(target.expected);
        let done = self.execute::<Flow>(execution, make).await?;
        Ok(done.map(|()| target.id))
    }
}

/// What was checked and reserved must still be what is there.
fn still(seen: &State, now: &Flow) -> Result<(), AppError> {
    let steps = |steps: &[FlowStep]| credentials_of(steps);
    let same = |now: &State| now.active == seen.active && steps(&now.steps) == steps(&seen.steps);
    // One that is gone is refused by its own rules.
    if now.live().is_none_or(same) {
        return Ok(());
    }
    Err(AppError::conflict("the flow was changed at the same time: try again"))
}

fn replayed(done: Done<StreamId>) -> Answer {
    let id = done.value.flow_id().ok_or_else(|| AppError::internal("the key is of another kind"))?;
    Ok(done.map(|_| id))
}
