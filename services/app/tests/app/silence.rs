//! Views of which a test can let one question go unanswered.

use std::sync::Arc;

use async_trait::async_trait;
use keytrail_domain::{
    AlertId, ConnectionId, CredentialId, EnvironmentId, EventId, FlowId, MemberId, OAuthClientId, Position,
    RecordedEvent, SecretRef, ServiceAccountId, StreamId, TeamId, TenantId, Timestamp, TokenId,
    WebhookEndpointId, connection::ConnectionState,
};
use keytrail_ports::{
    AuthorityChange, AuthoritySnapshot, AuthoritySource,
    views::{
        AccountViews, AlertFilter, AlertRow, ApiTokenRow, ComponentRow, ConnectionFilter, ConnectionRow,
        ConsumerQuery, ConsumerRow, ConsumerViews, CredentialQuery, CredentialRow, DailyRow, EnvironmentRow,
        EventFilter, EventRow, FlowFilter, FlowRow, GrantRow, IdempotencyRow, LeaseViews, MemberRow,
        OAuthClientRow, OAuthClientViews, Page, PageRequest, Projected, Projector, RefreshViews,
        ServiceAccountRow, StatusCounts, TeamMemberRow, TeamRow, TenantRow, VerificationRow, ViewError,
        Views, WebhookEndpointRow,
    },
};
use parking_lot::Mutex;

/// Which question is not answered; none when all are.
#[derive(Default)]
pub(crate) struct Silence(Mutex<Option<&'static str>>);

impl Silence {
    /// From now on this method of the port fails, and no other.
    pub(crate) fn about(&self, question: &'static str) {
        *self.0.lock() = Some(question);
    }

    pub(crate) fn end(&self) {
        *self.0.lock() = None;
    }

    fn check(&self, question: &str) -> Result<(), ViewError> {
        match *self.0.lock() {
            Some(silent) if silent == question => Err(ViewError::Unavailable("scripted".into())),
            _ => Ok(()),
        }
    }
}

/// Views that answer as others do.
pub(crate) struct FaultyViews {
    pub(crate) inner: Arc<dyn Views>,
    pub(crate) silence: Arc<Silence>,
}

#[async_trait]
impl AuthoritySource for FaultyViews {
    async fn authority(&self, tenant: TenantId) -> Result<AuthoritySnapshot, ViewError> {
        self.inner.authority(tenant).await
    }
}

macro_rules! questions {
    ($port:ident: $($name:ident(&self $(, $given:ident: $kind:ty)*) -> $answer:ty;)*) => {
        #[async_trait]
        impl $port for FaultyViews {
            $(async fn $name(&self, $($given: $kind),*) -> Result<$answer, ViewError> {
                self.silence.check(stringify!($name))?;
                self.inner.$name($($given),*).await
            })*
        }
    };
}

questions! { ConsumerViews:
    connections_by_id(&self, tenant: TenantId, ids: &[ConnectionId]) -> Vec<ConnectionRow>;
    connections_by_name(&self, tenant: TenantId, name: &str) -> Vec<ConnectionRow>;
    connections(&self, query: ConsumerQuery<ConnectionFilter>) -> Page<ConnectionRow>;
    count_connections(&self, query: ConsumerQuery<ConnectionFilter>) -> Vec<(ConnectionState, u64)>;
    flows_by_id(&self, tenant: TenantId, ids: &[FlowId]) -> Vec<FlowRow>;
    flows_by_name(&self, tenant: TenantId, name: &str) -> Vec<FlowRow>;
    flows(&self, query: ConsumerQuery<FlowFilter>) -> Page<FlowRow>;
    count_flows(&self, query: ConsumerQuery<FlowFilter>) -> u64;
}

questions! { AccountViews:
    service_accounts_by_id(&self, tenant: TenantId, ids: &[ServiceAccountId]) -> Vec<ServiceAccountRow>;
    service_accounts(&self, tenant: TenantId) -> Vec<ServiceAccountRow>;
    api_token(&self, id: TokenId) -> Option<ApiTokenRow>;
}

questions! { RefreshViews:
    refreshes_due(&self, now: Timestamp, most: u32) -> Vec<(TenantId, CredentialId)>;
}
questions! { OAuthClientViews:
    oauth_client(&self, tenant: TenantId, id: OAuthClientId) -> Option<OAuthClientRow>;
    oauth_clients(&self, tenant: TenantId) -> Vec<OAuthClientRow>;
}

questions! { LeaseViews:
    consumers(&self, tenant: TenantId, credential: CredentialId, most: u32) -> Vec<ConsumerRow>;
    open_leases(&self, now: Timestamp, most: u32) -> Vec<ConsumerRow>;
}

questions! { Views:
    checkpoint(&self) -> Option<Position>;
    project(&self, events: Vec<RecordedEvent>, upto: Position, projector: Arc<dyn Projector>) -> Projected;
    tenant(&self, id: TenantId) -> Option<TenantRow>;
    tenants(&self) -> Vec<TenantId>;
    member_by_subject(&self, tenant: TenantId, issuer: &str, subject: &str) -> Option<MemberRow>;
    members_by_id(&self, tenant: TenantId, ids: &[MemberId]) -> Vec<MemberRow>;
    members(&self, tenant: TenantId, page: PageRequest) -> Page<MemberRow>;
    count_members(&self, tenant: TenantId) -> u64;
    teams_by_id(&self, tenant: TenantId, ids: &[TeamId]) -> Vec<TeamRow>;
    teams(&self, tenant: TenantId, page: PageRequest) -> Page<TeamRow>;
    count_teams(&self, tenant: TenantId) -> u64;
    team_by_name(&self, tenant: TenantId, name: &str) -> Option<TeamRow>;
    team_members(&self, tenant: TenantId, team: TeamId, at: Option<Position>) -> Vec<TeamMemberRow>;
    environments_by_id(&self, tenant: TenantId, ids: &[EnvironmentId]) -> Vec<EnvironmentRow>;
    environments(&self, tenant: TenantId) -> Vec<EnvironmentRow>;
    component(&self, tenant: TenantId, slug: &str, version: Option<u32>) -> Option<ComponentRow>;
    components(&self, tenant: TenantId) -> Vec<ComponentRow>;
    credentials_by_id(&self, tenant: TenantId, ids: &[CredentialId]) -> Vec<Arc<CredentialRow>>;
    credentials_by_name(&self, tenant: TenantId, name: &str) -> Vec<Arc<CredentialRow>>;
    offered(&self, tenant: TenantId) -> Vec<Arc<CredentialRow>>;
    credential_by_external_id(&self, tenant: TenantId, external_id: &str) -> Option<Arc<CredentialRow>>;
    credentials(&self, query: CredentialQuery) -> Page<Arc<CredentialRow>>;
    count_credentials(&self, query: CredentialQuery) -> u64;
    grants(&self, tenant: TenantId, credential: CredentialId, at: Option<Position>) -> Vec<GrantRow>;
    access(&self, tenant: TenantId, credential: CredentialId, at: Option<Position>) -> Vec<AuthorityChange>;
    verifications(
        &self, tenant: TenantId, credential: CredentialId, until: Option<Timestamp>, page: PageRequest
    ) -> Page<VerificationRow>;
    count_verifications(&self, tenant: TenantId, credential: CredentialId, until: Option<Timestamp>) -> u64;
    alerts(&self, tenant: TenantId, filter: AlertFilter, page: PageRequest) -> Page<AlertRow>;
    count_alerts(&self, tenant: TenantId, filter: AlertFilter) -> u64;
    alert(&self, tenant: TenantId, id: AlertId) -> Option<AlertRow>;
    webhook_endpoints(&self, tenant: TenantId) -> Vec<WebhookEndpointRow>;
    webhook_endpoint(&self, tenant: TenantId, id: WebhookEndpointId) -> Option<WebhookEndpointRow>;
    events(&self, tenant: TenantId, filter: EventFilter, page: PageRequest) -> Page<Arc<EventRow>>;
    count_events(&self, tenant: TenantId, filter: EventFilter) -> u64;
    event(&self, tenant: TenantId, id: EventId) -> Option<Arc<EventRow>>;
    position_at(&self, tenant: TenantId, moment: Timestamp) -> Option<Position>;
    last_event(&self) -> Option<(Position, EventId)>;
    last_recorded_at(&self) -> Option<Timestamp>;
    stream_events(&self, stream: &StreamId, upto: Option<Position>) -> Vec<Arc<EventRow>>;
    idempotency(
        &self, tenant: TenantId, principal: &str, mutation: &str, key: &str
    ) -> Option<IdempotencyRow>;
    status_counts(&self, query: CredentialQuery) -> StatusCounts;
    daily(&self, tenant: TenantId, from_day: &str) -> Vec<DailyRow>;
    known_secrets(&self, tenant: TenantId) -> Vec<SecretRef>;
}
