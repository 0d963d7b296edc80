//! Making a flow.

use std::collections::BTreeMap;

use keytrail_domain::{
    Aggregate, FlowId, StreamId, TenantId,
    flow::{self, Flow, FlowCommand, FlowStep, MOST_STEPS},
};
use keytrail_ports::Object;
use uuid::Uuid;

use super::{Answer, replayed};
use crate::{
    App, AppError, Call, Mutation, NewFlow, NewStep,
    execute::Execution,
    idempotency::{About, Admission, Ticket},
    usage::{Consumer, Wanted},
};

impl App {
    /// Makes a flow, and reserves the credentials of its steps for it.
    ///
    /// # Errors
    /// `COMPONENT_MISMATCH`; `CONFLICT` for a taken name; bad input for unknown components.
    pub async fn create_flow(&self, call: &Call, mutation: Mutation, new: NewFlow) -> Answer {
        let owner = self.consumer_owner(call, new.owner, Object::Flow).await?;
        let ticket = match self.admit(call, &mutation, About::New(stream_of)).await? {
            Admission::Done(done) => return replayed(done),
            Admission::Do(ticket) => ticket,
        };
        self.present_owner(call, owner).await?;
        let tenant = call.principal.tenant;
        let wish = flow::NewFlow {
            tenant,
            id: FlowId::from_uuid(ticket.id(self)),
            name: new.name,
            description: new.description,
            owner,
            labels: new.labels,
            steps: self.steps_of(tenant, new.steps).await?,
            copied_from: None,
        };
        self.make_flow(call, &ticket, wish).await
    }

    pub(super) async fn make_flow(&self, call: &Call, ticket: &Ticket, wish: flow::NewFlow) -> Answer {
        let (tenant, id) = (wish.tenant, wish.id);
        let consumer = Consumer::Flow(id);
        let _name = self.hold_consumer_name(tenant, wish.owner, &wish.name, consumer).await?;
        let command = FlowCommand::Create(Box::new(wish.clone()));
        Flow::default().decide(&command)?;
        self.reserve_steps(call, consumer, &wish.steps).await?;
        let execution = Execution::of(call, StreamId::flow(tenant, id), ticket).fresh();
        let done = self.execute::<Flow>(execution, |_| Ok(command.clone())).await;
        let credentials = flow::credentials_of(&wish.steps);
        self.undone(call, consumer, &credentials, done).await.map(|done| done.map(|()| id))
    }

    /// Steps as they shall be: with ids, and components that exist.
    pub(super) async fn steps_of(
        &self,
        tenant: TenantId,
        steps: Vec<NewStep>,
    ) -> Result<Vec<FlowStep>, AppError> {
        if steps.len() > MOST_STEPS {
            return Err(AppError::bad_input("steps", format!("a flow has at most {MOST_STEPS} steps")));
        }
        let mut known: BTreeMap<String, String> = BTreeMap::new();
        for (place, step) in steps.iter().enumerate().filter(|(_, step)| !step.component.is_empty()) {
            if !known.contains_key(&step.component) {
                let component = self.newest_component(tenant, &step.component).await?.ok_or_else(|| {
                    let path = format!("steps.{place}.component");
                    AppError::bad_input(&path, "no such component: the query `components` lists them")
                })?;
                known.insert(step.component.clone(), component.definition.slug.clone());
            }
        }
        let whole = |(place, step): (usize, NewStep)| FlowStep {
            id: step.id.unwrap_or_else(|| format!("step-{}", place + 1)),
            title: step.title,
            component: known.get(&step.component).cloned().unwrap_or(step.component),
            credential: step.credential,
        };
        Ok(steps.into_iter().enumerate().map(whole).collect())
    }

    pub(super) async fn reserve_steps(
        &self,
        call: &Call,
        consumer: Consumer,
        steps: &[FlowStep],
    ) -> Result<(), AppError> {
        let mut wanted: Vec<Wanted> = Vec::new();
        for step in steps {
            let Some(credential) = step.credential else { continue };
            let wish = Wanted { credential, component: step.component.clone() };
            if !wanted.contains(&wish) {
                wanted.push(wish);
            }
        }
        self.reserve(call, consumer, &wanted).await
    }
}

pub(super) fn stream_of(tenant: TenantId, id: Uuid) -> StreamId {
    StreamId::flow(tenant, FlowId::from_uuid(id))
}
