//! Giving a connection credentials, and taking them away.

use keytrail_domain::{
    ConnectionId, CredentialId,
    connection::{ConnectionCommand, ConnectionState},
};
use keytrail_ports::Action;

use super::{Answer, still};
use crate::{
    App, AppError, BeforeUse, Call, Mutation,
    usage::{Consumer, Wanted},
};

impl App {
    /// Lets a connection use one more credential; a connected one takes it only after a check.
    ///
    /// # Errors
    /// `COMPONENT_MISMATCH`, `VERIFICATION_FAILED`, `CONNECTION_DELETED`.
    pub async fn attach_credential(
        &self,
        call: &Call,
        mutation: Mutation,
        (id, credential): (ConnectionId, CredentialId),
        before_use: BeforeUse,
        expected: Option<u64>,
    ) -> Answer {
        let target = match self.connection_target(call, &mutation, Action::Update, (id, expected)).await? {
            Err(done) => return Ok(done),
            Ok(target) => target,
        };
        let loaded = self.loaded_connection(call, id).await?;
        let seen = loaded.known().ok_or(AppError::NotFound)?;
        let connected = seen.state == ConnectionState::Connected;
        let consumer = Consumer::Connection(id);
        self.reserve(call, consumer, &Wanted::each(&[credential], &seen.component)).await?;
        let verification = match self.begin_use(call, consumer, connected, before_use, &[credential]).await {
            Ok(verification) => verification,
            Err(error) => {
                self.put_right(call, consumer, &[credential]).await;
                return Err(error);
            }
        };
        let done = self
            .change_connection(call, &target, |now| {
                still(seen, now)?;
                Ok(ConnectionCommand::Attach { credential, verification })
            })
            .await;
        self.undone(call, consumer, &[credential], done).await
    }

    /// Lets a connection do without a credential, in whatever state it is.
    ///
    /// # Errors
    /// `CONNECTION_DELETED`; `NOT_FOUND` for a credential that it does not use.
    pub async fn detach_credential(
        &self,
        call: &Call,
        mutation: Mutation,
        (id, credential): (ConnectionId, CredentialId),
        expected: Option<u64>,
    ) -> Answer {
        let target = match self.connection_target(call, &mutation, Action::Update, (id, expected)).await? {
            Err(done) => return Ok(done),
            Ok(target) => target,
        };
        let done = self
            .change_connection(call, &target, |now| {
                let uses = now.known().is_some_and(|state| state.credentials.contains(&credential));
                if uses { Ok(ConnectionCommand::Detach { credential }) } else { Err(AppError::NotFound) }
            })
            .await?;
        self.put_right(call, Consumer::Connection(id), &[credential]).await;
        Ok(done)
    }
}
