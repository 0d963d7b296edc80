//! Streams: `kt.<kind>-<tenant>.<id>`. *Format*.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    AlertId, ConnectionId, CredentialId, EnvironmentId, FlowId, OAuthClientId, ServiceAccountId, TeamId,
    TenantId, Timestamp, TokenId, WebhookEndpointId, alert::Subject,
};

/// What every stream of ours begins with: the filter for subscriptions to a shared log.
const PREFIX: &str = "kt.";

/// The kinds of stream. The text in the name is for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamKind {
    /// Settings, members and roles of a tenant.
    Tenant,
    /// One team.
    Team,
    /// One credential.
    Credential,
    /// One cause of trouble with one credential or webhook endpoint.
    Alert,
    /// One minted token.
    Token,
    /// The policy files that a deployment has used.
    Policy,
    /// One webhook endpoint.
    Webhook,
    /// One of a tenant's own components.
    Component,
    /// One connection.
    Connection,
    /// One flow.
    Flow,
    /// One environment.
    Environment,
    /// The leases of one credential in one month.
    Lease,
    /// One service account.
    ServiceAccount,
    /// One OAuth client.
    OAuthClient,
}

impl StreamKind {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Tenant,
        Self::Team,
        Self::Credential,
        Self::Alert,
        Self::Token,
        Self::Policy,
        Self::Webhook,
        Self::Component,
        Self::Connection,
        Self::Flow,
        Self::Environment,
        Self::Lease,
        Self::ServiceAccount,
        Self::OAuthClient,
    ];

    /// The kind as it stands in the stream's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Team => "team",
            Self::Credential => "credential",
            Self::Alert => "alert",
            Self::Token => "token",
            Self::Policy => "policy",
            Self::Webhook => "webhook",
            Self::Component => "component",
            Self::Connection => "connection",
            Self::Flow => "flow",
            Self::Environment => "environment",
            Self::Lease => "lease",
            Self::ServiceAccount => "serviceaccount",
            Self::OAuthClient => "oauthclient",
        }
    }
}

/// The name of one stream.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    kind: StreamKind,
    tenant: TenantId,
    id: String,
}

impl StreamId {
    /// The tenant's own stream.
    pub fn tenant(tenant: TenantId) -> Self {
        Self::new(StreamKind::Tenant, tenant, tenant.to_string())
    }

    /// A team's stream.
    pub fn team(tenant: TenantId, team: TeamId) -> Self {
        Self::new(StreamKind::Team, tenant, team.to_string())
    }

    /// A credential's stream.
    pub fn credential(tenant: TenantId, credential: CredentialId) -> Self {
        Self::new(StreamKind::Credential, tenant, credential.to_string())
    }

    /// The stream of one cause of trouble with one thing: `<credential or endpoint>.<cause>`.
    pub fn alert(tenant: TenantId, about: impl Into<Subject>, cause: &str) -> Self {
        Self::new(StreamKind::Alert, tenant, format!("{}.{cause}", about.into()))
    }

    /// A webhook endpoint's stream.
    pub fn webhook(tenant: TenantId, endpoint: WebhookEndpointId) -> Self {
        Self::new(StreamKind::Webhook, tenant, endpoint.to_string())
    }

    /// The stream of one minted token.
    pub fn token(tenant: TenantId, token: TokenId) -> Self {
        Self::new(StreamKind::Token, tenant, token.to_string())
    }

    /// The stream of the policies in force for a tenant.
    pub fn policy(tenant: TenantId) -> Self {
        Self::new(StreamKind::Policy, tenant, tenant.to_string())
    }

    /// The stream of a tenant's own component, by its slug without the tenant.
    pub fn component(tenant: TenantId, slug: &str) -> Self {
        Self::new(StreamKind::Component, tenant, slug.to_owned())
    }

    /// A connection's stream.
    pub fn connection(tenant: TenantId, connection: ConnectionId) -> Self {
        Self::new(StreamKind::Connection, tenant, connection.to_string())
    }

    /// A flow's stream.
    pub fn flow(tenant: TenantId, flow: FlowId) -> Self {
        Self::new(StreamKind::Flow, tenant, flow.to_string())
    }

    /// An environment's stream.
    pub fn environment(tenant: TenantId, environment: EnvironmentId) -> Self {
        Self::new(StreamKind::Environment, tenant, environment.to_string())
    }

    /// The stream of a credential's leases in the month of a moment (UTC).
    pub fn lease(tenant: TenantId, credential: CredentialId, at: Timestamp) -> Self {
        Self::new(StreamKind::Lease, tenant, format!("{credential}.{}", at.month()))
    }

    /// A service account's stream.
    pub fn service_account(tenant: TenantId, account: ServiceAccountId) -> Self {
        Self::new(StreamKind::ServiceAccount, tenant, account.to_string())
    }

    /// An OAuth client's stream.
    pub fn oauth_client(tenant: TenantId, client: OAuthClientId) -> Self {
        Self::new(StreamKind::OAuthClient, tenant, client.to_string())
    }

    fn new(kind: StreamKind, tenant: TenantId, id: String) -> Self {
        Self { kind, tenant, id }
    }

    /// The kind of aggregate.
    pub fn kind(&self) -> StreamKind {
        self.kind
    }

    /// The tenant that owns it.
    pub fn tenant_id(&self) -> TenantId {
        self.tenant
    }

    /// The part behind the tenant.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The credential, if it is the stream of one, of one of its alerts or of its leases.
    pub fn credential_id(&self) -> Option<CredentialId> {
        match self.kind {
            StreamKind::Credential | StreamKind::Alert | StreamKind::Lease => {
                CredentialId::parse(self.id.split('.').next()?).ok()
            }
            _ => None,
        }
    }

    /// The webhook endpoint, if it is the stream of one or of one of its alerts.
    pub fn webhook_endpoint_id(&self) -> Option<WebhookEndpointId> {
        match self.kind {
            StreamKind::Webhook | StreamKind::Alert => {
                WebhookEndpointId::parse(self.id.split('.').next()?).ok()
            }
            _ => None,
        }
    }

    /// The team, if it is the stream of one.
    pub fn team_id(&self) -> Option<TeamId> {
        (self.kind == StreamKind::Team).then(|| TeamId::parse(&self.id).ok()).flatten()
    }

    /// The connection, if it is the stream of one.
    pub fn connection_id(&self) -> Option<ConnectionId> {
        (self.kind == StreamKind::Connection).then(|| ConnectionId::parse(&self.id).ok()).flatten()
    }

    /// The flow, if it is the stream of one.
    pub fn flow_id(&self) -> Option<FlowId> {
        (self.kind == StreamKind::Flow).then(|| FlowId::parse(&self.id).ok()).flatten()
    }

    /// The environment, if it is the stream of one.
    pub fn environment_id(&self) -> Option<EnvironmentId> {
        (self.kind == StreamKind::Environment).then(|| EnvironmentId::parse(&self.id).ok()).flatten()
    }

    /// The service account, if it is the stream of one.
    pub fn service_account_id(&self) -> Option<ServiceAccountId> {
        let account = || ServiceAccountId::parse(&self.id).ok();
        (self.kind == StreamKind::ServiceAccount).then(account).flatten()
    }

    /// The OAuth client, if it is the stream of one.
    pub fn oauth_client_id(&self) -> Option<OAuthClientId> {
        (self.kind == StreamKind::OAuthClient).then(|| OAuthClientId::parse(&self.id).ok()).flatten()
    }

    /// The own component's slug without the tenant, if it is the stream of one.
    pub fn component_slug(&self) -> Option<&str> {
        (self.kind == StreamKind::Component).then_some(self.id.as_str())
    }

    /// The alert, if it is the stream of one.
    pub fn alert_id(&self) -> Option<AlertId> {
        if self.kind != StreamKind::Alert {
            return None;
        }
        let (about, cause) = self.id.split_once('.')?;
        Some(AlertId::of(Subject::parse(about)?, cause))
    }

    /// Reads a stream's name; `None` for a name that is not one of ours.
    pub fn parse(name: &str) -> Option<Self> {
        let (kind, rest) = name.strip_prefix(PREFIX)?.split_once('-')?;
        let kind = StreamKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
        let (tenant, id) = rest.split_once('.')?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        (!id.is_empty() && id.chars().all(plain))
            .then_some(())
            .and_then(|()| TenantId::parse(tenant).ok())
            .map(|tenant| Self::new(kind, tenant, id.to_owned()))
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}-{}.{}", self.kind.as_str(), self.tenant, self.id)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for StreamId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StreamId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a stream of Keytrail"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        let tenant = TenantId::of_slug("acme");
        let credential = CredentialId::from_uuid(uuid::Uuid::from_u128(9));
        for stream in [
            StreamId::tenant(tenant),
            StreamId::credential(tenant, credential),
            StreamId::alert(tenant, credential, "invalid"),
            StreamId::team(tenant, TeamId::from_uuid(uuid::Uuid::from_u128(3))),
            StreamId::webhook(tenant, WebhookEndpointId::from_uuid(uuid::Uuid::from_u128(4))),
            StreamId::component(tenant, "erp-2"),
            StreamId::connection(tenant, ConnectionId::from_uuid(uuid::Uuid::from_u128(5))),
            StreamId::flow(tenant, FlowId::from_uuid(uuid::Uuid::from_u128(6))),
            StreamId::lease(tenant, credential, Timestamp::EPOCH),
            StreamId::service_account(tenant, ServiceAccountId::from_uuid(uuid::Uuid::from_u128(8))),
            StreamId::environment(tenant, EnvironmentId::from_uuid(uuid::Uuid::from_u128(7))),
            StreamId::oauth_client(tenant, OAuthClientId::from_uuid(uuid::Uuid::from_u128(2))),
        ] {
            assert_eq!(StreamId::parse(&stream.to_string()), Some(stream));
        }
    }

    #[test]
    fn an_alerts_stream_knows_its_credential_and_alert() {
        let credential = CredentialId::from_uuid(uuid::Uuid::from_u128(9));
        let stream = StreamId::alert(TenantId::of_slug("acme"), credential, "invalid");
        assert_eq!(stream.credential_id(), Some(credential));
        assert_eq!(stream.alert_id(), Some(AlertId::of(credential, "invalid")));
    }

    #[test]
    fn leases_have_a_stream_for_each_credential_and_month() {
        let credential = CredentialId::from_uuid(uuid::Uuid::from_u128(9));
        let stream = StreamId::lease(TenantId::of_slug("acme"), credential, Timestamp::EPOCH);
        assert_eq!(stream.id(), format!("{credential}.1970-01"));
        assert_eq!(stream.credential_id(), Some(credential));
    }

    #[test]
    fn an_alert_can_be_about_a_webhook_endpoint() {
        let endpoint = WebhookEndpointId::from_uuid(uuid::Uuid::from_u128(9));
        let stream = StreamId::alert(TenantId::of_slug("acme"), endpoint, "webhook-failing");
        assert_eq!((stream.credential_id(), stream.webhook_endpoint_id()), (None, Some(endpoint)));
        assert_eq!(stream.alert_id(), Some(AlertId::of(endpoint, "webhook-failing")));
    }

    #[test]
    fn foreign_names_are_not_ours() {
        let tenant = TenantId::of_slug("acme");
        for name in [
            "",
            "$all",
            "kt.",
            "kt.tenant-x.y",
            "kt.thing-",
            &format!("kt.tenant-{tenant}."),
            &format!("kt.unknown-{tenant}.x"),
            &format!("kt.team-{tenant}.a/b"),
        ] {
            assert_eq!(StreamId::parse(name), None, "{name}");
        }
    }
}
