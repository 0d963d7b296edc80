//! Copying a flow: with the credentials that its new owner can use, and a list of the others.

use keytrail_domain::{
    CredentialId, FlowId, Level, Owner,
    credential::Status,
    flow::{self, FlowStep, credentials_of},
};
use keytrail_ports::{Action, Object};

use super::{create::stream_of, replayed};
use crate::{
    App, AppError, Call, Done, FlowCopy, Mutation,
    idempotency::{About, Admission},
};

/// A copy, and what it could not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedFlow {
    /// The copy.
    pub id: FlowId,
    /// Credentials of the original that the copy's owner, or the caller, cannot use: their steps have none.
    pub missing: Vec<CredentialId>,
}

impl App {
    /// Makes a copy of a flow for the caller or a team. It does not run.
    ///
    /// # Errors
    /// `CONFLICT` for a taken name.
    pub async fn copy_flow(
        &self,
        call: &Call,
        mutation: Mutation,
        copy: FlowCopy,
    ) -> Result<Done<CopiedFlow>, AppError> {
        let tenant = call.principal.tenant;
        self.ports().authorizer.role(&call.principal).await?;
        let row = self.ports().views.flows_by_id(tenant, &[copy.id]).await?.pop();
        let row = row.filter(|row| row.deleted_at.is_none()).ok_or(AppError::NotFound)?;
        self.authorize(call, Action::View, Object::Flow(row.owner)).await?;
        let owner = self.consumer_owner(call, copy.owner, Object::Flow).await?;
        let ticket = match self.admit(call, &mutation, About::New(stream_of)).await? {
            Admission::Done(done) => {
                let done = replayed(done)?;
                let missing = self.missing_in(call, &row.steps, done.value).await?;
                return Ok(done.map(|id| CopiedFlow { id, missing }));
            }
            Admission::Do(ticket) => ticket,
        };
        self.present_owner(call, owner).await?;
        let mut missing = Vec::new();
        for credential in credentials_of(&row.steps) {
            if !self.usable_by(call, owner, credential).await? {
                missing.push(credential);
            }
        }
        let without = |step: FlowStep| FlowStep {
            credential: step.credential.filter(|credential| !missing.contains(credential)),
            ..step
        };
        let wish = flow::NewFlow {
            tenant,
            id: FlowId::from_uuid(ticket.id(self)),
            name: copy.name,
            description: row.description,
            owner,
            labels: row.labels,
            steps: row.steps.into_iter().map(without).collect(),
            copied_from: Some(copy.id),
        };
        let done = self.make_flow(call, &ticket, wish).await?;
        Ok(done.map(|id| CopiedFlow { id, missing }))
    }

    /// What an earlier try of the same copy went without.
    async fn missing_in(
        &self,
        call: &Call,
        original: &[FlowStep],
        copy: FlowId,
    ) -> Result<Vec<CredentialId>, AppError> {
        let row = self.ports().views.flows_by_id(call.principal.tenant, &[copy]).await?.pop();
        let has = row.map(|row| credentials_of(&row.steps)).unwrap_or_default();
        Ok(credentials_of(original).into_iter().filter(|credential| !has.contains(credential)).collect())
    }

    /// Both the caller and the owner have `USE` of a credential that is not deleted.
    async fn usable_by(&self, call: &Call, owner: Owner, id: CredentialId) -> Result<bool, AppError> {
        match self.authorize(call, Action::Attach, Object::Credential(id)).await {
            Ok(()) => {}
            Err(AppError::NotFound | AppError::Forbidden) => return Ok(false),
            Err(error) => return Err(error),
        }
        let tenant = call.principal.tenant;
        let row = self.ports().views.credentials_by_id(tenant, &[id]).await?.pop();
        let Some(row) = row.filter(|row| row.status(self.now()) != Status::Deleted && !row.purged) else {
            return Ok(false);
        };
        match owner {
            // Nobody makes flows for another member.
            Owner::Member(_) => Ok(true),
            Owner::Team(team) => Ok(self.team_level(&row, team).await? >= Some(Level::Use)),
        }
    }
}
