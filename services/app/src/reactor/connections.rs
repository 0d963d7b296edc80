//! A credential that goes bad takes the connections that use it out of use, and brings them back when it is well
//! again and the tenant wants that. Event ids derive from the event that is the reason.

use async_trait::async_trait;
use futures_util::future::join_all;
use keytrail_domain::{
    ConnectionId, CredentialId, Principal, RecordedEvent, StreamId, StreamKind,
    connection::{Connection, ConnectionCommand, ConnectionState},
    credential::{CredentialEvent as E, Status, UsageKind},
};
use keytrail_ports::views::{CredentialRow, UsageRow};
use tokio_util::sync::CancellationToken;

use super::{
    follow::Reactor,
    hand_over::HandOver,
    releases::Releases,
    repair::Repair,
    versions::{Purge, Retirement},
};
use crate::{App, AppError, Call, Work, execute::Execution, usage::Consumer};

/// Name of the reactor and of its mark in the journal.
const NAME: &str = "connections";

struct Connections(App);

#[async_trait]
impl Reactor for Connections {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn react(&self, event: &RecordedEvent) -> Result<bool, AppError> {
        self.0.keep_true(event).await
    }
}

impl App {
    /// Keeps connections and leases true to their credentials, clears reservations that nothing came of, retires and
    /// destroys secret versions, and hands over what removed members owned, until `stop`.
    pub async fn run_usage(&self, stop: CancellationToken) {
        let stop = &stop;
        self.while_leased(Work::Usage, stop, |tenure| async move {
            let reactors: [Box<dyn Reactor>; 6] = [
                Box::new(Connections(self.clone())),
                Box::new(Repair::new(self, &tenure)),
                Box::new(Retirement { app: self.clone(), tenure: tenure.clone() }),
                Box::new(Purge(self.clone())),
                Box::new(HandOver(self.clone())),
                Box::new(Releases(self.clone())),
            ];
            let following = reactors.iter().map(|reactor| Box::pin(self.follow(&**reactor, &tenure, stop)));
            tokio::join!(join_all(following), self.judge_leases(&tenure, stop));
        })
        .await;
    }

    /// True when it moved a connection.
    async fn keep_true(&self, event: &RecordedEvent) -> Result<bool, AppError> {
        if event.stream.kind() != StreamKind::Credential {
            return Ok(false);
        }
        let Some(credential) = event.stream.credential_id() else { return Ok(false) };
        let fact = event.decode()?;
        let trouble = match &fact {
            E::Invalidated { .. } => Some("the system rejected a credential of it"),
            E::Expired { .. } => Some("a credential of it has expired"),
            E::MarkedCompromised { .. } => Some("a credential of it was marked as compromised"),
            E::Suspended { .. } => Some("a credential of it was suspended"),
            E::Verified { .. } | E::Resumed { .. } | E::TokenRefreshed { .. } => None,
            _ => return Ok(false),
        };
        // The views know what uses it: most credentials are used by no connection.
        self.views_at(event.position).await?;
        let tenant = event.stream.tenant_id();
        let row = self.ports().views.credentials_by_id(tenant, &[credential]).await?.pop();
        // A version that has given way to the one before: whether that works, its own check says.
        if let (E::Invalidated { version, .. }, Some(row)) = (&fact, &row)
            && row.current_version() != *version
        {
            return Ok(false);
        }
        let of_connection = |usage: &&UsageRow| usage.kind == UsageKind::Connection;
        let usages = row.iter().flat_map(|row| row.usages.iter().filter(of_connection));
        let mut moved = false;
        for usage in usages.filter(|usage| usage.active == trouble.is_some()) {
            let corrupt = |_| AppError::internal("a usage has no id of a connection");
            let id = ConnectionId::parse(&usage.id).map_err(corrupt)?;
            moved |= match trouble {
                Some(reason) => self.take_out(event, (id, credential), reason).await?,
                None => self.bring_back(event, (id, credential)).await?,
            };
        }
        Ok(moved)
    }

    async fn take_out(
        &self,
        event: &RecordedEvent,
        (id, credential): (ConnectionId, CredentialId),
        reason: &str,
    ) -> Result<bool, AppError> {
        let (call, consumer) = (internal(event)?, Consumer::Connection(id));
        let _alone = self.alone_with(consumer).await?;
        // A reservation that nothing came of is the repair's.
        if !self.said_by(&call, consumer).await?.contains_key(&credential) {
            return Ok(false);
        }
        let command = ConnectionCommand::Disconnect { credential, reason: reason.to_owned() };
        self.by_itself(&call, event, id, command).await?;
        let all: Vec<_> = self.said_by(&call, consumer).await?.into_keys().collect();
        self.put_right(&call, consumer, &all).await;
        Ok(true)
    }

    /// Only when all its credentials work, as far as anybody knows.
    async fn bring_back(
        &self,
        event: &RecordedEvent,
        (id, credential): (ConnectionId, CredentialId),
    ) -> Result<bool, AppError> {
        let tenant = event.stream.tenant_id();
        let consumer = Consumer::Connection(id);
        let _alone = self.alone_with(consumer).await?;
        let wanted = self.ports().views.tenant(tenant).await?.is_some_and(|tenant| tenant.reconnect);
        let now: Connection = self.load(&StreamId::connection(tenant, id)).await?;
        let Some(state) = now.live().filter(|_| wanted) else { return Ok(false) };
        if state.state != ConnectionState::Disconnected || state.disconnected_by.is_none() {
            return Ok(false);
        }
        let rows = self.ports().views.credentials_by_id(tenant, &state.credentials).await?;
        if rows.len() < state.credentials.len() || !rows.iter().all(|row| self.works(row)) {
            return Ok(false);
        }
        let call = internal(event)?;
        self.activate(&call, consumer, &state.credentials).await?;
        let back = self.by_itself(&call, event, id, ConnectionCommand::Reconnect { credential }).await;
        self.undone(&call, consumer, &state.credentials, back).await.map(|()| true)
    }

    fn works(&self, row: &CredentialRow) -> bool {
        matches!(row.status(self.now()), Status::Valid | Status::Expiring | Status::Unverified) && !row.purged
    }

    async fn by_itself(
        &self,
        call: &Call,
        event: &RecordedEvent,
        id: ConnectionId,
        command: ConnectionCommand,
    ) -> Result<(), AppError> {
        let what = format!("connection/{id}");
        let execution = Execution {
            call,
            stream: StreamId::connection(event.stream.tenant_id(), id),
            expected_revision: None,
            idempotency: None,
            cause: Some((event.id, &what)),
            fresh: false,
            from: 0,
        };
        self.execute::<Connection>(execution, |_| Ok(command.clone())).await?;
        Ok(())
    }
}

fn internal(event: &RecordedEvent) -> Result<Call, AppError> {
    let principal = Principal::internal(event.stream.tenant_id(), NAME);
    Ok(Call { principal, correlation: event.meta()?.correlation })
}
