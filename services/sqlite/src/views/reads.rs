//! The port: each question goes to a reader thread, unless it is answered from memory.

use std::sync::Arc;

use async_trait::async_trait;
use keytrail_domain::{
    AlertId, CredentialId, EnvironmentId, EventId, MemberId, Position, RecordedEvent, SecretId, SecretRef,
    StreamId, TeamId, TenantId, Timestamp, WebhookEndpointId,
};
use keytrail_ports::{
    AuthorityChange, AuthoritySnapshot, AuthoritySource,
    views::{
        AlertFilter, AlertRow, ComponentRow, CredentialQuery, CredentialRow, DailyRow, EnvironmentRow,
        EventFilter, EventRow, GrantRow, IdempotencyRow, MemberRow, Page, PageRequest, Projected, Projector,
        StatusCounts, TeamMemberRow, TeamRow, TenantRow, VerificationRow, ViewError, Views,
        WebhookEndpointRow,
    },
};
use rusqlite::{Connection, params};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    SqliteViews, access, alerts, authority, checkpoint, components, counts,
    credentials::{self, Question, Shelf},
    doc, environments, events,
    hot::Ticket,
    people,
    thing::{self, Tenant},
    webhooks,
    writer::{Batch, Job},
};
use crate::fault::Fault;

impl SqliteViews {
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, ViewError> {
        self.readers.read(work).await.map_err(|fault| fault.into_view(&self.place))
    }

    /// Asks about one tenant; one that the views do not know has nothing.
    pub(super) async fn read_of<T: Default + Send + 'static>(
        &self,
        tenant: TenantId,
        work: impl FnOnce(&Connection, Tenant) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, ViewError> {
        let known = move |connection: &Connection| match thing::find_tenant(connection, tenant)? {
            Some(tenant) => work(connection, tenant),
            None => Ok(T::default()),
        };
        self.read(known).await
    }

    /// Asks for credentials' rows. The ticket is older than what the reader sees.
    async fn read_rows<T: Default + Send + 'static>(
        &self,
        tenant: TenantId,
        work: impl FnOnce(&Connection, Tenant, &Shelf<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, ViewError> {
        let (hot, ticket): (_, Ticket) = (Arc::clone(&self.hot), self.hot.ticket());
        let with_shelf =
            move |connection: &Connection, tenant| work(connection, tenant, &Shelf { hot: &hot, ticket });
        self.read_of(tenant, with_shelf).await
    }

    /// The rows that are kept ready; none unless all are.
    fn ready(&self, tenant: TenantId, ids: &[CredentialId]) -> Option<Vec<Arc<CredentialRow>>> {
        let ready = |id: &CredentialId| self.hot.get(*id).map(|kept| kept.row);
        ids.iter().map(|id| ready(id).filter(|row| row.tenant == tenant)).collect()
    }
}

#[async_trait]
impl AuthoritySource for SqliteViews {
    async fn authority(&self, tenant: TenantId) -> Result<AuthoritySnapshot, ViewError> {
        self.read(move |connection| {
            let position = checkpoint(connection)?;
            match thing::find_tenant(connection, tenant)? {
                Some(tenant) => authority::snapshot(connection, tenant, position),
                None => Ok(AuthoritySnapshot { position, changes: Vec::new() }),
            }
        })
        .await
    }
}

#[async_trait]
impl Views for SqliteViews {
    async fn checkpoint(&self) -> Result<Option<Position>, ViewError> {
        Ok(*self.checkpoint.borrow())
    }

    async fn project(
        &self,
        events: Vec<RecordedEvent>,
        upto: Position,
        projector: Arc<dyn Projector>,
    ) -> Result<Projected, ViewError> {
        let (reply, answer) = oneshot::channel();
        let job = Job { batch: Batch { events, upto, projector }, reply };
        self.worker.send(job).await.map_err(|fault| fault.into_view(&self.place))?;
        answer.await.unwrap_or_else(|_| Err(Fault::Stopped.into_view(&self.place)))
    }

    async fn tenant(&self, id: TenantId) -> Result<Option<TenantRow>, ViewError> {
        let find = "SELECT doc FROM tenants WHERE id = ? AND doc IS NOT NULL";
        self.read(move |connection| doc::find(connection, find, [id.as_uuid().into_bytes()])).await
    }

    async fn tenants(&self) -> Result<Vec<TenantId>, ViewError> {
        let find = "SELECT id FROM tenants WHERE doc IS NOT NULL ORDER BY id";
        self.read(move |connection| {
            doc::all(connection, find, [], |row| Ok(TenantId::from_uuid(Uuid::from_bytes(row.get(0)?))))
        })
        .await
    }

    async fn member_by_subject(
        &self,
        tenant: TenantId,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<MemberRow>, ViewError> {
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        self.read_of(tenant, move |connection, tenant| {
            people::member_by_subject(connection, tenant, &issuer, &subject)
        })
        .await
    }

    async fn members_by_id(&self, tenant: TenantId, ids: &[MemberId]) -> Result<Vec<MemberRow>, ViewError> {
        let ids = ids.to_vec();
        self.read_of(tenant, move |connection, tenant| people::members_by_id(connection, tenant, &ids)).await
    }

    async fn members(&self, tenant: TenantId, page: PageRequest) -> Result<Page<MemberRow>, ViewError> {
        self.read_of(tenant, move |connection, tenant| people::members(connection, tenant, &page)).await
    }

    async fn count_members(&self, tenant: TenantId) -> Result<u64, ViewError> {
        self.read_of(tenant, people::count_members).await
    }

    async fn teams_by_id(&self, tenant: TenantId, ids: &[TeamId]) -> Result<Vec<TeamRow>, ViewError> {
        let ids = ids.to_vec();
        self.read_of(tenant, move |connection, tenant| people::teams_by_id(connection, tenant, &ids)).await
    }

    async fn teams(&self, tenant: TenantId, page: PageRequest) -> Result<Page<TeamRow>, ViewError> {
        self.read_of(tenant, move |connection, tenant| people::teams(connection, tenant, &page)).await
    }

    async fn count_teams(&self, tenant: TenantId) -> Result<u64, ViewError> {
        self.read_of(tenant, people::count_teams).await
    }

    async fn team_by_name(&self, tenant: TenantId, name: &str) -> Result<Option<TeamRow>, ViewError> {
        let name = name.to_owned();
        self.read_of(tenant, move |connection, tenant| people::team_by_name(connection, tenant, &name)).await
    }

    async fn team_members(
        &self,
        tenant: TenantId,
        team: TeamId,
        at: Option<Position>,
    ) -> Result<Vec<TeamMemberRow>, ViewError> {
        self.read_of(tenant, move |connection, tenant| access::team_members(connection, tenant, team, at))
            .await
    }

    async fn environments_by_id(
        &self,
        tenant: TenantId,
        ids: &[EnvironmentId],
    ) -> Result<Vec<EnvironmentRow>, ViewError> {
        let ids = ids.to_vec();
        self.read_of(tenant, move |connection, tenant| environments::by_id(connection, tenant, &ids)).await
    }

    async fn environments(&self, tenant: TenantId) -> Result<Vec<EnvironmentRow>, ViewError> {
        self.read_of(tenant, environments::all).await
    }

    async fn component(
        &self,
        tenant: TenantId,
        slug: &str,
        version: Option<u32>,
    ) -> Result<Option<ComponentRow>, ViewError> {
        let slug = slug.to_owned();
        self.read_of(tenant, move |connection, tenant| components::one(connection, tenant, &slug, version))
            .await
    }

    async fn components(&self, tenant: TenantId) -> Result<Vec<ComponentRow>, ViewError> {
        self.read_of(tenant, components::present).await
    }

    async fn credentials_by_id(
        &self,
        tenant: TenantId,
        ids: &[CredentialId],
    ) -> Result<Vec<Arc<CredentialRow>>, ViewError> {
        if let Some(ready) = self.ready(tenant, ids) {
            return Ok(ready);
        }
        let ids = ids.to_vec();
        self.read_rows(tenant, move |connection, tenant, shelf| {
            credentials::by_id(connection, tenant, &ids, shelf)
        })
        .await
    }

    async fn credentials_by_name(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<Vec<Arc<CredentialRow>>, ViewError> {
        let name = name.to_owned();
        self.read_rows(tenant, move |connection, tenant, shelf| {
            credentials::by_name(connection, tenant, &name, shelf)
        })
        .await
    }

    async fn offered(&self, tenant: TenantId) -> Result<Vec<Arc<CredentialRow>>, ViewError> {
        self.read_rows(tenant, move |connection, tenant, shelf| {
            credentials::offered(connection, tenant, shelf)
        })
        .await
    }

    async fn credential_by_external_id(
        &self,
        tenant: TenantId,
        external_id: &str,
    ) -> Result<Option<Arc<CredentialRow>>, ViewError> {
        let external_id = external_id.to_owned();
        self.read_rows(tenant, move |connection, tenant, shelf| {
            credentials::by_external_id(connection, tenant, &external_id, shelf)
        })
        .await
    }

    async fn credentials(&self, query: CredentialQuery) -> Result<Page<Arc<CredentialRow>>, ViewError> {
        self.read_rows(query.tenant, move |connection, tenant, shelf| {
            credentials::page(connection, &Question::new(tenant, &query), shelf)
        })
        .await
    }

    async fn count_credentials(&self, query: CredentialQuery) -> Result<u64, ViewError> {
        self.read_of(query.tenant, move |connection, tenant| {
            Question::new(tenant, &query).listing(connection)?.count(connection)
        })
        .await
    }

    async fn grants(
        &self,
        tenant: TenantId,
        credential: CredentialId,
        at: Option<Position>,
    ) -> Result<Vec<GrantRow>, ViewError> {
        self.read_of(tenant, move |connection, tenant| access::grants(connection, tenant, credential, at))
            .await
    }

    async fn access(
        &self,
        tenant: TenantId,
        credential: CredentialId,
        at: Option<Position>,
    ) -> Result<Vec<AuthorityChange>, ViewError> {
        self.read_of(tenant, move |connection, tenant| {
            access::of_credential(connection, tenant, credential, at)
        })
        .await
    }

    async fn verifications(
        &self,
        tenant: TenantId,
        credential: CredentialId,
        until: Option<Timestamp>,
        page: PageRequest,
    ) -> Result<Page<VerificationRow>, ViewError> {
        self.read_of(tenant, move |connection, tenant| {
            alerts::verifications(connection, tenant, (credential, until), &page)
        })
        .await
    }

    async fn count_verifications(
        &self,
        tenant: TenantId,
        credential: CredentialId,
        until: Option<Timestamp>,
    ) -> Result<u64, ViewError> {
        self.read_of(tenant, move |connection, tenant| {
            alerts::count_verifications(connection, tenant, (credential, until))
        })
        .await
    }

    async fn alerts(
        &self,
        tenant: TenantId,
        filter: AlertFilter,
        page: PageRequest,
    ) -> Result<Page<AlertRow>, ViewError> {
        self.read_of(tenant, move |connection, tenant| alerts::page(connection, tenant, &filter, &page)).await
    }

    async fn count_alerts(&self, tenant: TenantId, filter: AlertFilter) -> Result<u64, ViewError> {
        self.read_of(tenant, move |connection, tenant| alerts::count(connection, tenant, &filter)).await
    }

    async fn alert(&self, tenant: TenantId, id: AlertId) -> Result<Option<AlertRow>, ViewError> {
        if let Some(ready) = self.hot.alert(id).filter(|row| row.tenant == tenant) {
            return Ok(Some(AlertRow::clone(&ready)));
        }
        self.read_of(tenant, move |connection, tenant| alerts::one(connection, tenant, id)).await
    }

    async fn webhook_endpoints(&self, tenant: TenantId) -> Result<Vec<WebhookEndpointRow>, ViewError> {
        self.read_of(tenant, webhooks::all).await
    }

    async fn webhook_endpoint(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
    ) -> Result<Option<WebhookEndpointRow>, ViewError> {
        self.read_of(tenant, move |connection, tenant| webhooks::one(connection, tenant, id)).await
    }

    async fn events(
        &self,
        tenant: TenantId,
        filter: EventFilter,
        page: PageRequest,
    ) -> Result<Page<Arc<EventRow>>, ViewError> {
        let id = tenant;
        self.read_of(tenant, move |connection, tenant| events::page(connection, (id, tenant), &filter, &page))
            .await
    }

    async fn count_events(&self, tenant: TenantId, filter: EventFilter) -> Result<u64, ViewError> {
        self.read_of(tenant, move |connection, tenant| events::count(connection, tenant, &filter)).await
    }

    async fn event(&self, tenant: TenantId, id: EventId) -> Result<Option<Arc<EventRow>>, ViewError> {
        let whose = tenant;
        let find = move |connection: &Connection, tenant| events::one(connection, (whose, tenant), id);
        Ok(self.read_of(tenant, find).await?.map(Arc::new))
    }

    async fn position_at(&self, tenant: TenantId, moment: Timestamp) -> Result<Option<Position>, ViewError> {
        self.read_of(tenant, move |connection, tenant| events::position_at(connection, tenant, moment)).await
    }

    async fn last_event(&self) -> Result<Option<(Position, EventId)>, ViewError> {
        let find = "SELECT position, id FROM events ORDER BY number DESC LIMIT 1";
        self.read(move |connection| {
            doc::one(connection, find, [], |row| {
                Ok((
                    crate::column::to_position(row.get(0)?),
                    EventId::from_uuid(Uuid::from_bytes(row.get(1)?)),
                ))
            })
        })
        .await
    }

    async fn last_recorded_at(&self) -> Result<Option<Timestamp>, ViewError> {
        let find = "SELECT max(latest) FROM tenants";
        let latest =
            self.read(move |connection| doc::one(connection, find, [], |row| Ok(row.get(0)?))).await?;
        Ok(latest.flatten().map(Timestamp::from_micros))
    }

    async fn stream_events(
        &self,
        stream: &StreamId,
        upto: Option<Position>,
    ) -> Result<Vec<Arc<EventRow>>, ViewError> {
        let stream = stream.clone();
        self.read(move |connection| events::of_stream(connection, &stream, upto)).await
    }

    async fn idempotency(
        &self,
        tenant: TenantId,
        principal: &str,
        mutation: &str,
        key: &str,
    ) -> Result<Option<IdempotencyRow>, ViewError> {
        let [principal, mutation, key] = [principal, mutation, key].map(str::to_owned);
        let find =
            "SELECT doc FROM idempotency WHERE tenant = ? AND principal = ? AND mutation = ? AND key = ?";
        self.read_of(tenant, move |connection, tenant| {
            doc::find(connection, find, params![tenant.0, principal, mutation, key])
        })
        .await
    }

    async fn status_counts(&self, query: CredentialQuery) -> Result<StatusCounts, ViewError> {
        self.read_of(query.tenant, move |connection, tenant| {
            counts::status_counts(connection, &Question::new(tenant, &query))
        })
        .await
    }

    async fn daily(&self, tenant: TenantId, from_day: &str) -> Result<Vec<DailyRow>, ViewError> {
        let from_day = from_day.to_owned();
        self.read_of(tenant, move |connection, tenant| counts::daily(connection, tenant, &from_day)).await
    }

    async fn known_secrets(&self, tenant: TenantId) -> Result<Vec<SecretRef>, ViewError> {
        let whose = tenant;
        let find = "SELECT owner, secret FROM secrets WHERE tenant = ? ORDER BY owner, secret";
        self.read_of(tenant, move |connection, tenant| {
            doc::all(connection, find, [tenant.0], |row| {
                let secret = SecretId::from_uuid(Uuid::from_bytes(row.get(1)?));
                Ok(SecretRef { tenant: whose, owner: Uuid::from_bytes(row.get(0)?), secret })
            })
        })
        .await
    }
}
