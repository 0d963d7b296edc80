//! From state to state. What is connected uses its credentials: they are checked and marked before, and let go
//! of after.

use keytrail_domain::{
    Aggregate, ConnectionId, CredentialId,
    connection::{ConnectionCommand, ConnectionState, Move, State, Transitions},
    credential::VerificationChoice,
};
use keytrail_ports::Action;

use super::{Answer, Target, still};
use crate::{
    App, AppError, BeforeUse, Call, ConnectionStep, Done, Mutation,
    usage::{Consumer, Wanted},
};

impl App {
    /// Moves a connection to another state. On the way to `CONNECTED` its credentials are checked first.
    ///
    /// # Errors
    /// `ILLEGAL_TRANSITION` with what is allowed; `VERIFICATION_FAILED` with the list.
    pub async fn transition_connection(
        &self,
        call: &Call,
        mutation: Mutation,
        step: ConnectionStep,
    ) -> Answer {
        let action = if step.to == ConnectionState::Deleted { Action::Delete } else { Action::Update };
        let which = (step.id, step.expected_revision);
        let target = match self.connection_target(call, &mutation, action, which).await? {
            Err(done) => return Ok(done),
            Ok(target) => target,
        };
        let loaded = self.loaded_connection(call, step.id).await?;
        let seen = loaded.known().ok_or(AppError::NotFound)?;
        let transitions = self.transitions_of(target.row.tenant, &target.row.component).await?;
        let go = |verification| {
            let (to, reason, transitions) = (step.to, step.reason.clone(), transitions.clone());
            ConnectionCommand::Move(Move { to, reason, verification, transitions })
        };
        // What is not allowed is said before anything is asked of other systems.
        let decided = loaded.decide(&go(VerificationChoice::NotNeeded))?;
        if step.to == ConnectionState::Connected && !decided.events.is_empty() {
            return self.connect(call, &target, seen, step.before_use, go).await;
        }
        let done = self
            .change_connection(call, &target, |now| {
                still(seen, now)?;
                Ok(go(VerificationChoice::NotNeeded))
            })
            .await?;
        if seen.state == ConnectionState::Connected || step.to == ConnectionState::Deleted {
            self.put_right(call, Consumer::Connection(step.id), &seen.credentials).await;
        }
        Ok(done)
    }

    /// Checks, marks as in use, and only then says so.
    async fn connect(
        &self,
        call: &Call,
        target: &Target,
        seen: &State,
        before_use: BeforeUse,
        command: impl Fn(VerificationChoice) -> ConnectionCommand + Send + Sync,
    ) -> Answer {
        let consumer = Consumer::Connection(target.id);
        let verification = self.begin_use(call, consumer, true, before_use, &seen.credentials).await?;
        let done = self
            .change_connection(call, target, |now| {
                still(seen, now)?;
                Ok(command(verification))
            })
            .await;
        self.undone(call, consumer, &seen.credentials, done).await
    }

    /// Brings a deleted connection back to the state before, with those of its credentials that the caller
    /// can still attach; answers the others too.
    ///
    /// # Errors
    /// `CONFLICT` for a name that was taken meanwhile; `VERIFICATION_FAILED` when it was connected.
    pub async fn restore_connection(
        &self,
        call: &Call,
        mutation: Mutation,
        (id, expected): (ConnectionId, Option<u64>),
        before_use: BeforeUse,
    ) -> Result<Done<(ConnectionId, Vec<CredentialId>)>, AppError> {
        let target = match self.connection_target(call, &mutation, Action::Restore, (id, expected)).await? {
            Err(done) => return Ok(done.map(|id| (id, Vec::new()))),
            Ok(target) => target,
        };
        let row = &target.row;
        let consumer = Consumer::Connection(id);
        let _name = self.hold_consumer_name(row.tenant, row.owner, &row.name, consumer).await?;
        let loaded = self.loaded_connection(call, id).await?;
        let seen = loaded.known().ok_or(AppError::NotFound)?;
        let mut kept = Vec::new();
        for credential in &seen.credentials {
            match self.reserve(call, consumer, &Wanted::each(&[*credential], &seen.component)).await {
                Ok(()) => kept.push(*credential),
                Err(AppError::NotFound | AppError::Forbidden | AppError::Refused { .. }) => {}
                Err(error) => {
                    self.put_right(call, consumer, &kept).await;
                    return Err(error);
                }
            }
        }
        let lost = seen.credentials.iter().copied().filter(|known| !kept.contains(known)).collect();
        let connects = seen.before_deletion == Some(ConnectionState::Connected);
        let verification = match self.begin_use(call, consumer, connects, before_use, &kept).await {
            Ok(verification) => verification,
            Err(error) => {
                self.put_right(call, consumer, &kept).await;
                return Err(error);
            }
        };
        let done = self
            .change_connection(call, &target, |now| {
                still(seen, now)?;
                Ok(ConnectionCommand::Restore { credentials: kept.clone(), verification })
            })
            .await;
        let done = self.undone(call, consumer, &kept, done).await?;
        Ok(done.map(|id| (id, lost)))
    }

    /// Where a connection may go from where it stands.
    ///
    /// # Errors
    /// As every query.
    pub async fn open_transitions(
        &self,
        call: &Call,
        row: &keytrail_ports::views::ConnectionRow,
    ) -> Result<Vec<ConnectionState>, AppError> {
        Ok(self.transitions_of(call.principal.tenant, &row.component).await?.next(row.state))
    }

    /// The ways that a component leaves open to its connections.
    async fn transitions_of(
        &self,
        tenant: keytrail_domain::TenantId,
        component: &str,
    ) -> Result<Transitions, AppError> {
        let known = self.newest_component(tenant, component).await?;
        // Of a component that is gone, the table for all holds.
        Ok(known.and_then(|known| known.definition.transitions.clone()).unwrap_or_default())
    }
}
