//! Earlier secret versions, and the end of a deleted credential.

use keytrail_domain::{
    CredentialId, StreamId,
    credential::{Change, CredentialCommand, RetirementReason, RollBack, State, Version},
};
use keytrail_ports::Action;

use super::{
    checking::{present, unchanged},
    create_credential::replayed,
    credential::Answer,
};
use crate::{
    App, AppError, Call, CredentialRollback, Mutation,
    idempotency::{About, Admission},
};

impl App {
    /// Lets an earlier secret version count again, verified first.
    ///
    /// # Errors
    /// `NO_EARLIER_VERSION`, `VERSION_RETIRED`, `VERSION_IS_CURRENT`; `VERIFICATION_FAILED`,
    /// `VERIFICATION_INCONCLUSIVE`: nothing changes then. `RATE_LIMITED` where one more check could lock an account.
    pub async fn rollback_credential(
        &self,
        call: &Call,
        mutation: Mutation,
        input: CredentialRollback,
    ) -> Answer {
        let which = (input.id, input.expected_revision);
        let target = match self.target(call, &mutation, Action::Rotate, which).await? {
            Err(done) => return Ok(done),
            Ok(target) => target,
        };
        let credential = self.load_credential(&target).await?;
        let state = present(&credential)?;
        let (number, version) = state.rollback_target(input.to_version)?;
        let _one_at_a_time = self.0.claims.take(format!("check\0{}", input.id)).await?;
        let check = match input.verify {
            true => {
                self.must_not_lock_out(call.principal.tenant, state).await?;
                Change::Checked(self.check_version(state, version).await?)
            }
            false => Change::Unchecked,
        };
        let wish = RollBack { to: Some(number), check, accept_inconclusive: input.accept_inconclusive };
        self.change(target, |now| {
            unchanged(state, now, input.expected_revision)?;
            Ok(CredentialCommand::RollBack(Box::new(wish.clone())))
        })
        .await
    }

    /// Checks an earlier version as it was: its own fields, hosts and definition.
    async fn check_version(
        &self,
        state: &State,
        version: &Version,
    ) -> Result<keytrail_domain::verification::Report, AppError> {
        let now = State {
            fields: version.fields.clone(),
            secret_fields: version.secret_fields.clone(),
            allowed_hosts: version.allowed_hosts.clone(),
            component: version.component.clone(),
            secret: version.secret,
            ..state.clone()
        };
        now.may_be_checked()?;
        self.check_stored(&now, None).await
    }

    /// Lets an earlier secret version be leased no more, nor gone back to.
    ///
    /// # Errors
    /// `VERSION_IS_CURRENT`; bad input for a version that never was.
    pub async fn retire_version(
        &self,
        call: &Call,
        mutation: Mutation,
        id: CredentialId,
        version: u32,
        expected: Option<u64>,
    ) -> Answer {
        let command = CredentialCommand::Retire { version, reason: RetirementReason::Asked, now: self.now() };
        self.simply(call, mutation, Action::Rotate, (id, expected), command).await
    }

    /// Ends a deleted credential for good: its secrets are destroyed, its history stays.
    ///
    /// # Errors
    /// `CREDENTIAL_NOT_DELETED`.
    pub async fn purge_credential(
        &self,
        call: &Call,
        mutation: Mutation,
        id: CredentialId,
        expected: Option<u64>,
    ) -> Answer {
        self.ports().authorizer.role(&call.principal).await?;
        // Of what is purged nobody has any right: who did it is answered again all the same.
        let about = About::Stream(StreamId::credential(call.principal.tenant, id));
        if let Admission::Done(done) = self.admit(call, &mutation, about).await? {
            return replayed(done);
        }
        let command = CredentialCommand::Purge { when_due: None };
        self.simply(call, mutation, Action::Delete, (id, expected), command).await
    }
}
