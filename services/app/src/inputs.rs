//! Inputs of the use cases, parsed from GraphQL.

use keytrail_domain::{
    ConnectionId, CredentialId, EnvironmentId, Grantee, Labels, Level, MemberId, OAuthClientId, Owner, Role,
    SecretValue, TeamId, Timestamp, WebhookEndpointId,
    oauth_client::{ClientAuthentication, ClientSettings, Provider},
    webhook::{EndpointSettings, WebhookFormat},
};
use serde_json::{Map, Value};

/// A new credential.
#[derive(Clone)]
pub struct NewCredential {
    /// Component slug.
    pub component: String,
    /// Its name; none: made from the component.
    pub name: Option<String>,
    /// The caller's own id for it.
    pub external_id: Option<String>,
    /// Plain and secret fields together, as the component's schema has them.
    pub fields: Map<String, Value>,
    /// Its owner; none: the caller.
    pub owner: Option<Owner>,
    /// Free labels.
    pub labels: Labels,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Where its secret may be sent; none: the component's hosts.
    pub allowed_hosts: Option<Vec<String>>,
    /// Check it first.
    pub verify: bool,
}

/// Changes that need no new secret; none keeps what is, an inner none takes it away.
#[derive(Clone)]
pub struct CredentialUpdate {
    /// Which.
    pub id: CredentialId,
    /// Its name.
    pub name: Option<String>,
    /// The caller's own id for it.
    pub external_id: Option<Option<String>>,
    /// All labels.
    pub labels: Option<Labels>,
    /// When it ends.
    pub expires_at: Option<Option<Timestamp>>,
    /// Where its secret may be sent.
    pub allowed_hosts: Option<Vec<String>>,
    /// Plain fields that change.
    pub fields: Option<Map<String, Value>>,
    /// Check it first, when fields change.
    pub verify: bool,
    /// Only at this revision.
    pub expected_revision: Option<u64>,
}

/// A new secret version.
#[derive(Clone)]
pub struct CredentialRotation {
    /// Which.
    pub id: CredentialId,
    /// Fields that change, at least one of them secret; the others stay.
    pub fields: Map<String, Value>,
    /// Where its secret may be sent.
    pub allowed_hosts: Option<Vec<String>>,
    /// When the new version ends.
    pub expires_at: Option<Timestamp>,
    /// For how long the version before can still be leased.
    pub overlap_seconds: u32,
    /// Check it first.
    pub verify: bool,
    /// Take it also when the check proved nothing.
    pub accept_inconclusive: bool,
    /// Only at this revision.
    pub expected_revision: Option<u64>,
}

/// An earlier secret version that is to count again.
#[derive(Clone, Debug)]
pub struct CredentialRollback {
    /// Which credential.
    pub id: CredentialId,
    /// Which version; none: the one before the current one.
    pub to_version: Option<u32>,
    /// Check it first.
    pub verify: bool,
    /// Take it also when the check proved nothing.
    pub accept_inconclusive: bool,
    /// Only at this revision.
    pub expected_revision: Option<u64>,
}

/// Fields to be tried out, saved nowhere.
#[derive(Clone)]
pub struct FieldsTest {
    /// Component slug.
    pub component: String,
    /// Plain and secret fields together.
    pub fields: Map<String, Value>,
    /// Where the secret may be sent; none: the component's hosts.
    pub allowed_hosts: Option<Vec<String>>,
}

/// A grant.
#[derive(Clone, Debug)]
pub struct NewGrant {
    /// Which credential.
    pub id: CredentialId,
    /// To whom.
    pub grantee: Grantee,
    /// How much.
    pub level: Level,
    /// Until when.
    pub expires_at: Option<Timestamp>,
    /// Why.
    pub reason: Option<String>,
    /// Only at this revision.
    pub expected_revision: Option<u64>,
}

/// A new environment.
#[derive(Clone, Debug)]
pub struct NewEnvironment {
    /// Its name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// The team that it belongs to; none: the tenant.
    pub team: Option<TeamId>,
    /// Connections that are in it from the beginning.
    pub connections: Vec<ConnectionId>,
}

/// Changes of an environment; none keeps what is.
#[derive(Clone, Debug)]
pub struct EnvironmentChange {
    /// Which.
    pub id: EnvironmentId,
    /// Its name.
    pub name: Option<String>,
    /// For people; an empty one takes it away.
    pub description: Option<String>,
    /// Connections to put in.
    pub add_connections: Vec<ConnectionId>,
    /// Connections to take out.
    pub remove_connections: Vec<ConnectionId>,
    /// Only at this revision.
    pub expected_revision: Option<u64>,
}

/// Somebody who is to hold an environment.
#[derive(Clone, Debug)]
pub struct NewEnvironmentShare {
    /// Which.
    pub id: EnvironmentId,
    /// Whom.
    pub grantee: Grantee,
    /// Until when.
    pub expires_at: Option<Timestamp>,
    /// Only at this revision.
    pub expected_revision: Option<u64>,
}

/// A new member.
#[derive(Clone, Debug)]
pub struct NewMember {
    /// Who vouches for him; none: this server's own issuer.
    pub issuer: Option<String>,
    /// Who he is there.
    pub subject: String,
    /// His role.
    pub role: Role,
    /// Name and e-mail.
    pub profile: Option<crate::Profile>,
}

/// A member's place in a team.
#[derive(Clone, Copy, Debug)]
pub struct TeamPlace {
    /// The team.
    pub team: TeamId,
    /// The member.
    pub member: MemberId,
    /// Only when the team is at this revision.
    pub expected_revision: Option<u64>,
}

/// Settings of a tenant that change; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct TenantUpdate {
    /// What people call it.
    pub name: Option<String>,
    /// Days that a deleted credential can be restored.
    pub restore_days: Option<u32>,
    /// Days before a credential's end at which people are told.
    pub expiry_days: Option<Vec<u32>>,
    /// Whether connections come back by themselves when their credentials are well again.
    pub reconnect: Option<bool>,
    /// Only at this revision.
    pub expected_revision: Option<u64>,
}

/// A new webhook endpoint.
#[derive(Clone, Debug)]
pub struct NewWebhookEndpoint {
    /// The team that it belongs to; none: the tenant.
    pub team: Option<TeamId>,
    /// Where deliveries go.
    pub url: SecretValue,
    /// What people choose besides.
    pub settings: EndpointSettings,
}

/// Changes of a webhook endpoint; none keeps what is, an inner none takes it away.
#[derive(Clone, Debug)]
pub struct WebhookEndpointUpdate {
    /// Which.
    pub id: WebhookEndpointId,
    /// Where deliveries go.
    pub url: Option<SecretValue>,
    /// Which types of event.
    pub types: Option<Vec<String>>,
    /// Credentials of which components.
    pub components: Option<Vec<String>>,
    /// For people.
    pub description: Option<Option<String>>,
    /// What a body looks like.
    pub format: Option<WebhookFormat>,
    /// Whether deliveries go out.
    pub enabled: Option<bool>,
    /// Only at this revision.
    pub expected_revision: Option<u64>,
}

impl WebhookEndpointUpdate {
    /// The settings with these changes.
    pub(crate) fn over(&self, settings: &EndpointSettings) -> EndpointSettings {
        let now = settings.clone();
        EndpointSettings {
            types: self.types.clone().unwrap_or(now.types),
            components: self.components.clone().unwrap_or(now.components),
            description: self.description.clone().unwrap_or(now.description),
            format: self.format.unwrap_or(now.format),
        }
    }
}

/// A new OAuth client.
#[derive(Clone, Debug)]
pub struct NewOAuthClient {
    /// The id that the provider gave it.
    pub client_id: String,
    /// What people choose besides.
    pub settings: ClientSettings,
    /// Its components in the order in which they were given.
    pub components: Vec<String>,
    /// Its secret; none for a public client alone.
    pub secret: Option<SecretValue>,
}

/// Changes of an OAuth client; none keeps what is, an inner none takes it away.
#[derive(Clone, Debug)]
pub struct OAuthClientUpdate {
    /// Which.
    pub id: OAuthClientId,
    /// Its name.
    pub name: Option<String>,
    /// For credentials of which components.
    pub components: Option<Vec<String>>,
    /// Where a person agrees.
    pub authorization_url: Option<Option<String>>,
    /// Where tokens are given.
    pub token_url: Option<String>,
    /// Where tokens are given back.
    pub revocation_url: Option<Option<String>>,
    /// Who the provider says that it is.
    pub issuer: Option<Option<String>>,
    /// What is asked for when nobody says.
    pub scopes: Option<Vec<String>>,
    /// How it says who it is.
    pub authentication: Option<ClientAuthentication>,
    /// Another secret.
    pub secret: Option<SecretValue>,
    /// Only at this revision.
    pub expected_revision: Option<u64>,
}

impl OAuthClientUpdate {
    /// The settings with these changes.
    pub(crate) fn over(&self, settings: &ClientSettings) -> ClientSettings {
        let now = settings.clone();
        let components = self.components.as_ref().map(|all| all.iter().cloned().collect());
        ClientSettings {
            name: self.name.clone().unwrap_or(now.name),
            components: components.unwrap_or(now.components),
            provider: Provider {
                authorization_url: self.authorization_url.clone().unwrap_or(now.provider.authorization_url),
                token_url: self.token_url.clone().unwrap_or(now.provider.token_url),
                revocation_url: self.revocation_url.clone().unwrap_or(now.provider.revocation_url),
                issuer: self.issuer.clone().unwrap_or(now.provider.issuer),
            },
            scopes: self.scopes.clone().unwrap_or(now.scopes),
            authentication: self.authentication.unwrap_or(now.authentication),
        }
    }
}
