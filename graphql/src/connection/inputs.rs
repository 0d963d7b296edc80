//! Inputs of mutations, and their way to the application's.

use async_graphql::{ID, InputObject, Json, MaybeUndefined, Result};
use keytrail_app::{BeforeUse, ConnectionChange, ConnectionStep, NewConnection, NewCredential};
use keytrail_domain::{ConnectionId, CredentialId, Labels};

use crate::{
    credential::inputs::{LabelInput, credential_id, labels, owner_team},
    enums::{ConnectionState, Management},
    error::bad_id,
    input::{object, revision},
    scalar::DateTime,
};

/// A credential that is made for a connection: of the same component and owner.
#[derive(InputObject, Clone)]
pub struct ConnectionCredentialInput {
    /// Its name; made from the component when not given.
    pub name: Option<String>,
    /// Your own id for it, unique in the tenant.
    pub external_id: Option<String>,
    /// Plain and secret fields together, as the component's schema has them. Must come as a variable.
    pub fields: Json<serde_json::Value>,
    /// Free labels.
    pub labels: Option<Vec<LabelInput>>,
    /// When it ends, where no evidence says so.
    pub expires_at: Option<DateTime>,
    /// Hosts that its secret may be sent to; the component's own when not given.
    pub allowed_hosts: Option<Vec<String>>,
    /// Check it against the real system first; a definite "no" saves nothing.
    #[graphql(default = true)]
    pub verify: bool,
}

/// A new connection.
#[derive(InputObject, Clone)]
pub struct CreateConnectionInput {
    /// Slug of its component: the query `components` lists them.
    pub component: String,
    /// Its name, unique for its owner.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Where the system is, without user or password.
    pub url: Option<String>,
    /// The team that owns it; you, when not given.
    pub owner_team_id: Option<ID>,
    /// Found by discovery, or entered by hand.
    #[graphql(default_with = "Management::Unmanaged")]
    pub management: Management,
    /// Free facts about it, as one JSON object. Never a secret.
    pub metadata: Option<Json<serde_json::Value>>,
    /// Free labels.
    pub labels: Option<Vec<LabelInput>>,
    /// Credentials of the same component that it is to use.
    pub credential_ids: Option<Vec<ID>>,
    /// A credential to make for it. It stays when the connection itself is refused.
    pub create_credential: Option<ConnectionCredentialInput>,
    /// Where it begins: `DISCOVERED` or `REGISTERED`.
    #[graphql(default_with = "ConnectionState::Registered")]
    pub state: ConnectionState,
    /// The same key and input answer the same connection again, for a day.
    pub idempotency_key: Option<String>,
}

/// Changes of what was written down; what is not given stays, null takes away.
#[derive(InputObject, Clone)]
pub struct UpdateConnectionInput {
    /// The connection.
    pub connection_id: ID,
    /// Its name.
    pub name: Option<String>,
    /// For people.
    pub description: MaybeUndefined<String>,
    /// Where the system is.
    pub url: MaybeUndefined<String>,
    /// All free facts about it.
    pub metadata: Option<Json<serde_json::Value>>,
    /// All labels.
    pub labels: Option<Vec<LabelInput>>,
    /// Only when the connection is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A connection that goes to another state.
#[derive(InputObject, Clone)]
pub struct TransitionConnectionInput {
    /// The connection.
    pub connection_id: ID,
    /// Where to: `allowedTransitions` says where it can go.
    pub to: ConnectionState,
    /// Why; it stands in the history.
    pub reason: Option<String>,
    /// On the way to `CONNECTED`, do not check its credentials first. It is recorded.
    #[graphql(default)]
    pub skip_verification: bool,
    /// Only when the connection is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A connection that goes.
#[derive(InputObject, Clone)]
pub struct DeleteConnectionInput {
    /// The connection.
    pub connection_id: ID,
    /// Why; it stands in the history.
    pub reason: Option<String>,
    /// Only when the connection is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A connection that comes back.
#[derive(InputObject, Clone)]
pub struct RestoreConnectionInput {
    /// The connection.
    pub connection_id: ID,
    /// When it was connected, do not check its credentials first. It is recorded.
    #[graphql(default)]
    pub skip_verification: bool,
    /// Only when the connection is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A credential that a connection is to use.
#[derive(InputObject, Clone)]
pub struct AttachCredentialInput {
    /// The credential.
    pub credential_id: ID,
    /// The connection, of the same component.
    pub connection_id: ID,
    /// When it is connected, do not check the credential first. It is recorded.
    #[graphql(default)]
    pub skip_verification: bool,
    /// Only when the connection is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A credential that a connection is to do without.
#[derive(InputObject, Clone)]
pub struct DetachCredentialInput {
    /// The credential.
    pub credential_id: ID,
    /// The connection.
    pub connection_id: ID,
    /// Only when the connection is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

pub(super) fn connection_id(id: &ID) -> Result<ConnectionId> {
    ConnectionId::parse(id).map_err(|error| bad_id("input.connectionId", &error))
}

/// Whether credentials are checked, as a caller says it.
pub(crate) const fn before_use(skip_verification: bool) -> BeforeUse {
    if skip_verification { BeforeUse::Skip } else { BeforeUse::Check }
}

/// What is given; null takes away.
pub(crate) fn changed(given: MaybeUndefined<String>) -> Option<Option<String>> {
    match given {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(text) => Some(Some(text)),
    }
}

impl ConnectionCredentialInput {
    /// Component and owner are the connection's.
    fn into_app(self) -> Result<NewCredential> {
        Ok(NewCredential {
            component: String::new(),
            name: self.name,
            external_id: self.external_id,
            fields: object("input.createCredential.fields", self.fields.0)?,
            owner: None,
            labels: self.labels.map_or_else(|| Ok(Labels::default()), labels)?,
            expires_at: self.expires_at.map(|moment| moment.0),
            allowed_hosts: self.allowed_hosts,
            verify: self.verify,
        })
    }
}

impl CreateConnectionInput {
    pub(super) fn into_app(self) -> Result<NewConnection> {
        let each = |(place, id): (usize, &ID)| {
            CredentialId::parse(id).map_err(|error| bad_id(&format!("input.credentialIds.{place}"), &error))
        };
        let credentials = self.credential_ids.unwrap_or_default();
        Ok(NewConnection {
            component: self.component,
            name: self.name,
            description: self.description,
            url: self.url,
            owner: owner_team(self.owner_team_id.as_ref())?,
            management: self.management.into(),
            metadata: match self.metadata {
                Some(metadata) => object("input.metadata", metadata.0)?,
                None => serde_json::Map::new(),
            },
            labels: labels(self.labels.unwrap_or_default())?,
            credentials: credentials.iter().enumerate().map(each).collect::<Result<_>>()?,
            new_credential: self.create_credential.map(ConnectionCredentialInput::into_app).transpose()?,
            state: self.state.into(),
        })
    }
}

impl UpdateConnectionInput {
    pub(super) fn into_app(self) -> Result<ConnectionChange> {
        Ok(ConnectionChange {
            id: connection_id(&self.connection_id)?,
            name: self.name,
            description: changed(self.description),
            url: changed(self.url),
            metadata: self.metadata.map(|metadata| object("input.metadata", metadata.0)).transpose()?,
            labels: self.labels.map(labels).transpose()?,
            expected_revision: revision(self.expected_revision)?,
        })
    }
}

impl TransitionConnectionInput {
    pub(super) fn into_app(self) -> Result<ConnectionStep> {
        Ok(ConnectionStep {
            id: connection_id(&self.connection_id)?,
            to: self.to.into(),
            reason: self.reason,
            before_use: before_use(self.skip_verification),
            expected_revision: revision(self.expected_revision)?,
        })
    }
}

impl DeleteConnectionInput {
    pub(super) fn into_app(self) -> Result<ConnectionStep> {
        Ok(ConnectionStep {
            id: connection_id(&self.connection_id)?,
            to: ConnectionState::Deleted.into(),
            reason: self.reason,
            before_use: BeforeUse::Check,
            expected_revision: revision(self.expected_revision)?,
        })
    }
}

/// Connection and credential of an input.
pub(super) fn both(connection: &ID, credential: &ID) -> Result<(ConnectionId, CredentialId)> {
    Ok((connection_id(connection)?, credential_id(credential)?))
}
