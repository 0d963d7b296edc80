//! Starting, stopping and deleting a flow.

use keytrail_domain::{Aggregate, FlowId, credential::VerificationChoice, flow::FlowCommand};
use keytrail_ports::Action;

use super::{Answer, still};
use crate::{App, AppError, BeforeUse, Call, Mutation, usage::Consumer};

impl App {
    /// Lets a flow run. All its credentials are checked first; one that does not work stops it.
    ///
    /// # Errors
    /// `VERIFICATION_FAILED` with the list; `STEP_WITHOUT_CREDENTIAL`; `FLOW_WITHOUT_STEPS`.
    pub async fn start_flow(
        &self,
        call: &Call,
        mutation: Mutation,
        (id, expected): (FlowId, Option<u64>),
        before_use: BeforeUse,
    ) -> Answer {
        let target = match self.flow_target(call, &mutation, Action::Update, (id, expected)).await? {
            Err(done) => return Ok(done),
            Ok(target) => target,
        };
        let loaded = self.loaded_flow(call, id).await?;
        let start = |verification| FlowCommand::Start { verification };
        // What is not whole is said before anything is asked of other systems.
        let decided = loaded.decide(&start(VerificationChoice::NotNeeded))?;
        let seen = loaded.live().ok_or(AppError::NotFound)?;
        let (consumer, credentials) = (Consumer::Flow(id), seen.credentials());
        let begins = !decided.events.is_empty();
        let verification = self.begin_use(call, consumer, begins, before_use, &credentials).await?;
        let done = self
            .change_flow(call, &target, |now| {
                still(seen, now)?;
                Ok(start(verification))
            })
            .await;
        self.undone(call, consumer, &credentials, done).await
    }

    /// Stops a flow.
    ///
    /// # Errors
    /// As every change.
    pub async fn stop_flow(
        &self,
        call: &Call,
        mutation: Mutation,
        (id, expected): (FlowId, Option<u64>),
        reason: Option<String>,
    ) -> Answer {
        let target = match self.flow_target(call, &mutation, Action::Update, (id, expected)).await? {
            Err(done) => return Ok(done),
            Ok(target) => target,
        };
        let stop = FlowCommand::Stop { reason };
        let done = self.change_flow(call, &target, |_| Ok(stop.clone())).await?;
        let credentials = self.loaded_flow(call, id).await?.live().map(|state| state.credentials());
        self.put_right(call, Consumer::Flow(id), &credentials.unwrap_or_default()).await;
        Ok(done)
    }

    /// Deletes a flow that does not run, and lets go of its credentials.
    ///
    /// # Errors
    /// `FLOW_ACTIVE`.
    pub async fn delete_flow(
        &self,
        call: &Call,
        mutation: Mutation,
        (id, expected): (FlowId, Option<u64>),
    ) -> Answer {
        let target = match self.flow_target(call, &mutation, Action::Delete, (id, expected)).await? {
            Err(done) => return Ok(done),
            Ok(target) => target,
        };
        let loaded = self.loaded_flow(call, id).await?;
        let credentials = loaded.live().map(|state| state.credentials()).unwrap_or_default();
        let done = self
            .change_flow(call, &target, |now| {
                if let Some(seen) = loaded.live() {
                    still(seen, now)?;
                }
                Ok(FlowCommand::Delete)
            })
            .await?;
        self.put_right(call, Consumer::Flow(id), &credentials).await;
        Ok(done)
    }
}
