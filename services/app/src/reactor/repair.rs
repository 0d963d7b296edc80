//! Reservations whose other half never came. A mutation that reserves credentials and then dies leaves them
//! reserved for a connection or flow that does not say so; one that dies after it let go of them, the same. Some
//! minutes after each such event the connection or flow itself is asked, and what the credentials say is put
//! right. Nothing but the credential's own fact about the usage is ever changed.

use std::{collections::BTreeMap, time::Duration};

use super::follow::Reactor;
use crate::{App, AppError, Call, Tenure, usage::Consumer};
use async_trait::async_trait;
use keytrail_domain::{
    ConnectionId, CredentialId, FlowId, Principal, RecordedEvent, StreamId, StreamKind, TenantId,
    connection::{Connection, ConnectionState},
    credential::CredentialEvent as E,
    flow::Flow,
};
use keytrail_ports::{
    Scope,
    views::{CredentialFilter, CredentialOrder, CredentialQuery, CredentialRow, PageRequest},
};

/// Name of the reactor and of its mark in the journal.
const NAME: &str = "usage-repair";
/// How old a fact must be before its other half is missed, in seconds: longer than any mutation takes.
const PATIENCE_SECONDS: i64 = 300;
/// Between two looks at the clock while an event is too young.
const LOOK_EVERY: Duration = Duration::from_secs(20);
/// Credentials of one consumer that are read at once: no consumer has more.
const MOST: u32 = 1_000;

/// Puts usages right, some minutes behind the log.
pub(super) struct Repair {
    app: App,
    tenure: Tenure,
}

impl Repair {
    pub(super) fn new(app: &App, tenure: &Tenure) -> Self {
        Self { app: app.clone(), tenure: tenure.clone() }
    }
}

#[async_trait]
impl Reactor for Repair {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn react(&self, event: &RecordedEvent) -> Result<bool, AppError> {
        let Some(consumer) = consumer_of(event)? else { return Ok(false) };
        let meta = event.meta()?;
        let due = meta.recorded_at.plus_seconds(PATIENCE_SECONDS);
        while self.app.now() < due {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.tenure.check()?;
        self.app.0.progress.wait_for_ever(event.position).await;
        self.app.repair(event.stream.tenant_id(), consumer, meta.correlation).await
    }
}

impl App {
    /// True when something had to be put right.
    async fn repair(
        &self,
        tenant: TenantId,
        consumer: Consumer,
        correlation: uuid::Uuid,
    ) -> Result<bool, AppError> {
        let call = Call { principal: Principal::internal(tenant, NAME), correlation };
        let old = self.now().plus_seconds(-PATIENCE_SECONDS);
        let said = self.said_by(tenant, consumer).await?;
        let mut repaired = false;
        for row in self.reserved_for(tenant, consumer).await? {
            let Some(usage) = row.usages.iter().find(|usage| usage.id == consumer.id()) else { continue };
            let right = said.get(&row.id).copied();
            // Somebody may be at it right now.
            if usage.changed_at > old || right == Some(usage.active) {
                continue;
            }
            let user = usage.id.as_str();
            tracing::warn!(credential = %row.id, user, "a reservation that nothing came of is put right");
            match right {
                None => self.release(&call, consumer, &[row.id]).await,
                Some(false) => self.deactivate(&call, consumer, &[row.id]).await,
                Some(true) => self.activate(&call, consumer, &[row.id]).await?,
            }
            repaired = true;
        }
        Ok(repaired)
    }

    /// What a consumer says that it uses, and whether it runs.
    async fn said_by(
        &self,
        tenant: TenantId,
        consumer: Consumer,
    ) -> Result<BTreeMap<CredentialId, bool>, AppError> {
        let (credentials, active) = match consumer {
            Consumer::Connection(id) => {
                let connection: Connection = self.load(&StreamId::connection(tenant, id)).await?;
                let Some(state) = connection.live() else { return Ok(BTreeMap::new()) };
                (state.credentials.clone(), state.state == ConnectionState::Connected)
            }
            Consumer::Flow(id) => {
                let flow: Flow = self.load(&StreamId::flow(tenant, id)).await?;
                let Some(state) = flow.live() else { return Ok(BTreeMap::new()) };
                (state.credentials(), state.active)
            }
        };
        Ok(credentials.into_iter().map(|credential| (credential, active)).collect())
    }

    async fn reserved_for(
        &self,
        tenant: TenantId,
        consumer: Consumer,
    ) -> Result<Vec<std::sync::Arc<CredentialRow>>, AppError> {
        let query = CredentialQuery {
            tenant,
            scope: Scope::All,
            filter: CredentialFilter { used_by: Some(consumer.id()), ..CredentialFilter::default() },
            order: CredentialOrder::default(),
            page: PageRequest::first(MOST),
            now: self.now(),
        };
        let page = self.ports().views.credentials(query).await?;
        Ok(page.rows.into_iter().map(|(_, row)| row).collect())
    }
}

/// The consumer that an event is about, when it can leave a half behind.
fn consumer_of(event: &RecordedEvent) -> Result<Option<Consumer>, AppError> {
    let of_usage = |usage: &str| {
        let connection = ConnectionId::parse(usage).ok().map(Consumer::Connection);
        connection.or_else(|| FlowId::parse(usage).ok().map(Consumer::Flow))
    };
    Ok(match event.stream.kind() {
        StreamKind::Connection => event.stream.connection_id().map(Consumer::Connection),
        StreamKind::Flow => event.stream.flow_id().map(Consumer::Flow),
        StreamKind::Credential => match event.decode()? {
            E::Attached { usage, .. } | E::UseActivated { usage } => of_usage(&usage),
            _ => None,
        },
        _ => None,
    })
}
