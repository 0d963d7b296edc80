//! Inputs of mutations, and their way to the application's.

use async_graphql::{ID, InputObject, Json, MaybeUndefined, Result};
use keytrail_app::{CredentialRotation, CredentialUpdate, FieldsTest, Mutation, NewCredential, NewGrant};
use keytrail_domain::{CredentialId, Grantee, Labels, Owner, TeamId};

use crate::{
    enums::Level,
    error::{bad_id, bad_input},
    input::{mutation, object, revision},
    scalar::DateTime,
};

/// A free label.
#[derive(InputObject, Clone)]
pub struct LabelInput {
    /// 1 to 63 of a-z, A-Z, 0-9, `.`, `_`, `-` and `/`.
    pub key: String,
    /// At most 255 bytes.
    pub value: String,
}

/// A new credential.
#[derive(InputObject, Clone)]
pub struct CreateCredentialInput {
    /// Slug of its component: the query `components` lists them.
    pub component: String,
    /// Its name, unique for its owner; made from the component when not given.
    pub name: Option<String>,
    /// Your own id for it, unique in the tenant.
    pub external_id: Option<String>,
    /// Plain and secret fields together, as the component's schema has them. Must come as a
    /// variable.
    pub fields: Json<serde_json::Value>,
    /// The team that owns it; you, when not given.
    pub owner_team_id: Option<ID>,
    /// Free labels.
    pub labels: Option<Vec<LabelInput>>,
    /// When it ends, where no evidence says so.
    pub expires_at: Option<DateTime>,
    /// Hosts that its secret may be sent to; the component's own when not given.
    pub allowed_hosts: Option<Vec<String>>,
    /// Check it against the real system first; a definite "no" saves nothing.
    #[graphql(default = true)]
    pub verify: bool,
    /// The same key and input answer the same credential again, for a day.
    pub idempotency_key: Option<String>,
}

/// Changes that need no new secret; what is not given stays, null takes away.
#[derive(InputObject, Clone)]
pub struct UpdateCredentialInput {
    /// The credential.
    pub credential_id: ID,
    /// Its name.
    pub name: Option<String>,
    /// Your own id for it.
    pub external_id: MaybeUndefined<String>,
    /// All labels.
    pub labels: Option<Vec<LabelInput>>,
    /// When it ends, where no evidence says so.
    pub expires_at: MaybeUndefined<DateTime>,
    /// Hosts that its secret may be sent to: change only together with the secret
    /// (`rotateCredential`).
    pub allowed_hosts: Option<Vec<String>>,
    /// Plain fields that change; null takes one away. Must come as a variable.
    pub fields: Option<Json<serde_json::Value>>,
    /// Check it first when fields change.
    #[graphql(default = true)]
    pub verify: bool,
    /// Only when the credential is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A new secret version.
#[derive(InputObject, Clone)]
pub struct RotateCredentialInput {
    /// The credential.
    pub credential_id: ID,
    /// Fields that change, at least one of them secret; the others stay. Must come as a variable.
    pub fields: Json<serde_json::Value>,
    /// Hosts that its secret may be sent to; changes only when every secret field is given.
    pub allowed_hosts: Option<Vec<String>>,
    /// When the new version ends, where no evidence says so.
    pub expires_at: Option<DateTime>,
    /// Check it against the real system first; a definite "no" saves nothing.
    #[graphql(default = true)]
    pub verify: bool,
    /// Take it also when the check proved nothing.
    #[graphql(default)]
    pub accept_inconclusive: bool,
    /// For how long the version before can still be leased, in seconds, at most 2592000 (thirty days): tokens for it
    /// stay good, and `leaseCredential` gives it to who asks for its number. It is retired when that time is over or
    /// everybody who leased it has leased the new one, and counts again when the system rejects the new one before.
    #[graphql(default)]
    pub overlap_seconds: i32,
    /// Only when the credential is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// What is to be checked: a stored credential, or fields that are saved nowhere.
#[derive(InputObject, Clone)]
pub struct VerifyCredentialInput {
    /// The stored credential.
    pub credential_id: Option<ID>,
    /// Slug of the component, for fields.
    pub component: Option<String>,
    /// Plain and secret fields to try out. Must come as a variable.
    pub fields: Option<Json<serde_json::Value>>,
    /// Hosts that the secret may be sent to, for fields.
    pub allowed_hosts: Option<Vec<String>>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A level for somebody.
#[derive(InputObject, Clone)]
pub struct ShareCredentialInput {
    /// The credential.
    pub credential_id: ID,
    /// A member, a team, a service account, or an environment: then all who hold it.
    pub grantee_id: ID,
    /// How much.
    pub level: Level,
    /// Until when; without end when not given.
    pub expires_at: Option<DateTime>,
    /// Why; it stands in the history.
    pub reason: Option<String>,
    /// Only when the credential is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A grant that ends.
#[derive(InputObject, Clone)]
pub struct RevokeShareInput {
    /// The credential.
    pub credential_id: ID,
    /// Whose grant.
    pub grantee_id: ID,
    /// Only when the credential is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A credential that is stopped.
#[derive(InputObject, Clone)]
pub struct SuspendCredentialInput {
    /// The credential.
    pub credential_id: ID,
    /// Why; it stands in the history.
    pub reason: String,
    /// Only when the credential is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A credential that goes on.
#[derive(InputObject, Clone)]
pub struct ResumeCredentialInput {
    /// The credential.
    pub credential_id: ID,
    /// Why; it stands in the history.
    pub reason: String,
    /// Only when the credential is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A credential that goes.
#[derive(InputObject, Clone)]
pub struct DeleteCredentialInput {
    /// The credential.
    pub credential_id: ID,
    /// Also when something that does not run uses it.
    #[graphql(default)]
    pub detach: bool,
    /// Only when the credential is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A credential that comes back.
#[derive(InputObject, Clone)]
pub struct RestoreCredentialInput {
    /// The credential.
    pub credential_id: ID,
    /// Only when the credential is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// The credential that an input names.
pub(crate) fn credential_id(id: &ID) -> Result<CredentialId> {
    CredentialId::parse(id).map_err(|error| bad_id("input.credentialId", &error))
}

/// The grantee that an input names.
pub(crate) fn grantee_id(id: &ID) -> Result<Grantee> {
    Grantee::parse(id).map_err(|error| bad_id("input.granteeId", &error))
}

/// The team that is to own a new thing.
pub(crate) fn owner_team(id: Option<&ID>) -> Result<Option<Owner>> {
    let owner = id.map(|id| TeamId::parse(id).map(Owner::Team)).transpose();
    owner.map_err(|error| bad_id("input.ownerTeamId", &error))
}

pub(crate) fn labels(labels: Vec<LabelInput>) -> Result<Labels> {
    Labels::new(labels.into_iter().map(|label| (label.key, label.value)))
        .map_err(|error| bad_input("input.labels", &error.to_string()))
}

impl CreateCredentialInput {
    pub(crate) fn into_app(self) -> Result<NewCredential> {
        Ok(NewCredential {
            component: self.component,
            name: self.name,
            external_id: self.external_id,
            fields: object("input.fields", self.fields.0)?,
            owner: owner_team(self.owner_team_id.as_ref())?,
            labels: labels(self.labels.unwrap_or_default())?,
            expires_at: self.expires_at.map(|moment| moment.0),
            allowed_hosts: self.allowed_hosts,
            verify: self.verify,
        })
    }
}

impl UpdateCredentialInput {
    /// To leave a value and to take it away look the same as JSON: what is not given is left out.
    pub(super) fn mutation(&self) -> Mutation {
        let mut mutation = mutation("updateCredential", self.idempotency_key.clone(), self);
        if let Some(input) = mutation.input.as_object_mut() {
            let left = [
                ("externalId", self.external_id.is_undefined()),
                ("expiresAt", self.expires_at.is_undefined()),
            ];
            input.retain(|name, _| !left.contains(&(name.as_str(), true)));
        }
        mutation
    }

    pub(super) fn into_app(self) -> Result<CredentialUpdate> {
        Ok(CredentialUpdate {
            id: credential_id(&self.credential_id)?,
            name: self.name,
            external_id: maybe(self.external_id),
            labels: self.labels.map(labels).transpose()?,
            expires_at: maybe(self.expires_at).map(|end| end.map(|moment| moment.0)),
            allowed_hosts: self.allowed_hosts,
            fields: self.fields.map(|fields| object("input.fields", fields.0)).transpose()?,
            verify: self.verify,
            expected_revision: revision(self.expected_revision)?,
        })
    }
}

/// Not given: none; null: some none.
fn maybe<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

impl RotateCredentialInput {
    pub(super) fn into_app(self) -> Result<CredentialRotation> {
        Ok(CredentialRotation {
            id: credential_id(&self.credential_id)?,
            fields: object("input.fields", self.fields.0)?,
            allowed_hosts: self.allowed_hosts,
            expires_at: self.expires_at.map(|moment| moment.0),
            verify: self.verify,
            accept_inconclusive: self.accept_inconclusive,
            overlap_seconds: u32::try_from(self.overlap_seconds)
                .map_err(|_| bad_input("input.overlapSeconds", "must lie between 0 and 2592000"))?,
            expected_revision: revision(self.expected_revision)?,
        })
    }
}

impl ShareCredentialInput {
    pub(super) fn into_app(self) -> Result<NewGrant> {
        Ok(NewGrant {
            id: credential_id(&self.credential_id)?,
            grantee: grantee_id(&self.grantee_id)?,
            level: self.level.into(),
            expires_at: self.expires_at.map(|moment| moment.0),
            reason: self.reason,
            expected_revision: revision(self.expected_revision)?,
        })
    }
}

/// Either a stored credential or fields of a component.
pub(super) enum ToVerify {
    Stored(CredentialId),
    Fields(FieldsTest),
}

impl VerifyCredentialInput {
    pub(super) fn into_app(self) -> Result<ToVerify> {
        match (self.credential_id, self.component, self.fields) {
            (Some(_), None, None) if self.allowed_hosts.is_some() => {
                Err(bad_input("input.allowedHosts", "goes with fields only: a stored credential has its own"))
            }
            (Some(id), None, None) => Ok(ToVerify::Stored(credential_id(&id)?)),
            (None, Some(component), Some(fields)) => Ok(ToVerify::Fields(FieldsTest {
                component,
                fields: object("input.fields", fields.0)?,
                allowed_hosts: self.allowed_hosts,
            })),
            _ => Err(bad_input("input", "give either `credentialId`, or `component` and `fields`")),
        }
    }
}
