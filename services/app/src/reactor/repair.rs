//! Reservations whose other half never came. A mutation that reserves credentials and then dies leaves them
//! reserved for a connection or flow that does not say so; one that dies after it let go of them, the same. Some
//! minutes after each such event the connection or flow itself is asked, and what the credentials say is put
//! right, in both directions. Nothing but the credential's own fact about the usage is ever changed.

use async_trait::async_trait;
use keytrail_domain::{
    ConnectionId, CredentialId, FlowId, Principal, RecordedEvent, StreamKind, TenantId,
    credential::CredentialEvent as E,
};
use keytrail_ports::{
    Scope,
    views::{CredentialFilter, CredentialOrder, CredentialQuery, CredentialRow, PageRequest},
};

use super::follow::Reactor;
use crate::{App, AppError, Call, Tenure, usage::Consumer};

/// Name of the reactor and of its mark in the journal.
const NAME: &str = "usage-repair";
/// How old a fact must be before its other half is missed, in seconds: longer than any mutation takes.
const PATIENCE_SECONDS: i64 = 300;
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
        self.app.until(meta.recorded_at.plus_seconds(PATIENCE_SECONDS)).await;
        self.tenure.check()?;
        self.app.views_at(event.position).await?;
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
        let _alone = self.alone_with(consumer).await?;
        let mut said = self.said_by(&call, consumer).await?;
        let mut wrong = Vec::new();
        for row in self.reserved_for(tenant, consumer).await? {
            let Some(usage) = row.usages.iter().find(|usage| usage.id == consumer.id()) else { continue };
            let right = said.remove(&row.id).map(|said| said.active);
            // Somebody may be at it right now.
            if usage.changed_at <= old && right != Some(usage.active) {
                wrong.push(row.id);
            }
        }
        // What says that it uses a credential has reserved it before.
        wrong.extend(self.credentials_present(tenant, said.into_keys().collect()).await?);
        if !wrong.is_empty() {
            let user = consumer.id();
            tracing::warn!(credentials = ?wrong, user, "usages of which a half was missing are put right");
            self.put_right(&call, consumer, &wrong).await;
        }
        Ok(!wrong.is_empty())
    }

    async fn credentials_present(
        &self,
        tenant: TenantId,
        ids: Vec<CredentialId>,
    ) -> Result<Vec<CredentialId>, AppError> {
        let rows = self.ports().views.credentials_by_id(tenant, &ids).await?;
        Ok(rows.iter().filter(|row| row.deleted_at.is_none() && !row.purged).map(|row| row.id).collect())
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
            E::Attached { usage, .. }
            | E::UseActivated { usage }
            | E::UseDeactivated { usage }
            | E::Detached { usage } => of_usage(&usage),
            _ => None,
        },
        _ => None,
    })
}
