//! Earlier secret versions, and the end of a deleted credential.

use async_graphql::{Context, ID, InputObject, Object, Result};
use keytrail_app::CredentialRollback;
use keytrail_ports::views::VersionRow;

use super::{Credential, inputs::credential_id, mutation::read};
use crate::{
    context::{app, caller},
    enums::RetirementReason,
    error::{OrFail, bad_input},
    input::{mutation, revision},
    member::Actor,
    payload::payload,
    scalar::DateTime,
};

/// An earlier secret version that is to count again.
#[derive(InputObject, Clone)]
pub struct RollbackCredentialInput {
    /// The credential.
    pub credential_id: ID,
    /// Which version; the one before the current one when not given.
    pub to_version: Option<i32>,
    /// Check that version against the real system first; a definite "no" changes nothing.
    #[graphql(default = true)]
    pub verify: bool,
    /// Take it also when the check proved nothing.
    #[graphql(default)]
    pub accept_inconclusive: bool,
    /// Only when the credential is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// An earlier secret version that is to be used no more.
#[derive(InputObject, Clone)]
pub struct RetireVersionInput {
    /// The credential.
    pub credential_id: ID,
    /// Which version; not the current one.
    pub version: i32,
    /// Only when the credential is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// A deleted credential that is to be gone for good.
#[derive(InputObject, Clone)]
pub struct PurgeCredentialInput {
    /// The deleted credential.
    pub credential_id: ID,
    /// Only when the credential is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

payload! {
    /// The credential with an earlier secret version.
    RollbackCredentialPayload {
        /// The credential as it is now.
        credential: Credential
    }
}
payload! {
    /// The credential without the version.
    RetireVersionPayload {
        /// The credential as it is now.
        credential: Credential
    }
}
payload! {
    /// The credential that was.
    PurgeCredentialPayload {
        /// Its id.
        credential_id: ID
    }
}

/// Changes of secret versions.
#[derive(Default)]
pub struct VersionMutation;

#[Object]
impl VersionMutation {
    /// Let an earlier secret version count again, with its fields, hosts and component version, checked first. The one
    /// that it replaces is leased no more; it can be gone back to in the same way.
    async fn rollback_credential(
        &self,
        ctx: &Context<'_>,
        input: RollbackCredentialInput,
    ) -> Result<RollbackCredentialPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("rollbackCredential", input.idempotency_key.clone(), &input);
        let wish = CredentialRollback {
            id: credential_id(&input.credential_id)?,
            to_version: input.to_version.map(|version| number("input.toVersion", version)).transpose()?,
            verify: input.verify,
            accept_inconclusive: input.accept_inconclusive,
            expected_revision: revision(input.expected_revision)?,
        };
        let done = app(ctx)?.rollback_credential(&call, mutation, wish).await.or_fail(ctx)?;
        Ok(RollbackCredentialPayload::new(&done, read(ctx, done.value).await?))
    }

    /// Lease an earlier secret version no more, also while its overlap lasts. There is no way back to it.
    async fn retire_version(
        &self,
        ctx: &Context<'_>,
        input: RetireVersionInput,
    ) -> Result<RetireVersionPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("retireVersion", input.idempotency_key.clone(), &input);
        let (id, expected) = (credential_id(&input.credential_id)?, revision(input.expected_revision)?);
        let version = number("input.version", input.version)?;
        let done = app(ctx)?.retire_version(&call, mutation, id, version, expected).await.or_fail(ctx)?;
        Ok(RetireVersionPayload::new(&done, read(ctx, id).await?))
    }

    /// End a deleted credential for good, before its time to be restored is over: its secrets are destroyed in the
    /// vault, its history stays. It happens by itself when that time is over.
    async fn purge_credential(
        &self,
        ctx: &Context<'_>,
        input: PurgeCredentialInput,
    ) -> Result<PurgeCredentialPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("purgeCredential", input.idempotency_key.clone(), &input);
        let (id, expected) = (credential_id(&input.credential_id)?, revision(input.expected_revision)?);
        let done = app(ctx)?.purge_credential(&call, mutation, id, expected).await.or_fail(ctx)?;
        Ok(PurgeCredentialPayload::new(&done, Some(id.to_string().into())))
    }
}

pub(super) fn number(path: &str, version: i32) -> Result<u32> {
    u32::try_from(version).map_err(|_| bad_input(path, "must be the number of a version, from 1"))
}

/// A secret version.
pub struct CredentialVersion {
    pub(super) row: VersionRow,
    /// The moment that its credential is seen at.
    pub(super) at: keytrail_domain::Timestamp,
}

#[Object]
impl CredentialVersion {
    /// Its number, from 1, never used twice.
    async fn number(&self) -> u32 {
        self.row.number
    }

    /// When it was taken.
    async fn created_at(&self) -> DateTime {
        self.row.created_at.into()
    }

    /// By whom.
    async fn created_by(&self) -> Actor {
        Actor(self.row.created_by.clone())
    }

    /// It is the one that counts.
    async fn is_current(&self) -> bool {
        self.row.replaced_at.is_none()
    }

    /// When another one took its place.
    async fn replaced_at(&self) -> Option<DateTime> {
        self.row.replaced_at.map(DateTime)
    }

    /// It can be leased: it is the current one, or its overlap is not over.
    async fn is_leasable(&self) -> bool {
        self.row.is_leasable(self.at)
    }

    /// Until when it could be leased after another one took its place, unless it was retired before.
    async fn leasable_until(&self) -> Option<DateTime> {
        self.row.leasable_until.map(DateTime)
    }

    /// When it was retired: it is leased no more, nor gone back to.
    async fn retired_at(&self) -> Option<DateTime> {
        self.row.retired.map(|(at, _)| DateTime(at))
    }

    /// Why it was retired.
    async fn retired_because(&self) -> Option<RetirementReason> {
        self.row.retired.map(|(_, reason)| reason.into())
    }
}
