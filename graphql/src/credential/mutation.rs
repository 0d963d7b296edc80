//! Changes of credentials.

use async_graphql::{Context, Object, Result, SimpleObject};
use keytrail_domain::CredentialId;

use super::{
    Credential, TestReport,
    inputs::{
        CreateCredentialInput, DeleteCredentialInput, RestoreCredentialInput, ResumeCredentialInput,
        RevokeShareInput, RotateCredentialInput, ShareCredentialInput, SuspendCredentialInput, ToVerify,
        UpdateCredentialInput, VerifyCredentialInput, credential_id, grantee_id,
    },
    warnings::SecretWarning,
};
use crate::{
    context::{app, caller},
    error::OrFail,
    input::{mutation, refuse_literal_fields, revision},
    payload::payload,
};

macro_rules! credential_payload {
    ($(#[$doc:meta])* $name:ident) => {
        payload! {
            $(#[$doc])*
            $name {
                /// The credential as it is now.
                credential: Credential
            }
        }
    };
}

payload! {
    /// The new credential.
    CreateCredentialPayload {
        /// The credential as it is now.
        credential: Credential;
        /// What to know of its secret; none when the answer is repeated.
        warnings: Vec<SecretWarning>
    }
}
payload! {
    /// The credential with its new secret version.
    RotateCredentialPayload {
        /// The credential as it is now.
        credential: Credential;
        /// What to know of its secret; none when the answer is repeated.
        warnings: Vec<SecretWarning>
    }
}
credential_payload! {
    /// The changed credential.
    UpdateCredentialPayload
}
credential_payload! {
    /// The credential with its grants.
    ShareCredentialPayload
}
credential_payload! {
    /// The credential without the grant.
    RevokeSharePayload
}
credential_payload! {
    /// The suspended credential.
    SuspendCredentialPayload
}
credential_payload! {
    /// The credential that goes on.
    ResumeCredentialPayload
}
credential_payload! {
    /// The deleted credential, restorable for a while.
    DeleteCredentialPayload
}
credential_payload! {
    /// The credential that came back.
    RestoreCredentialPayload
}

/// What the check found.
#[derive(SimpleObject)]
pub struct VerifyCredentialPayload {
    /// What was found; null when an earlier answer is repeated: see `credential.lastVerification`.
    report: Option<TestReport>,
    /// The stored credential as it is now; null for fields that were not saved.
    credential: Option<Credential>,
    /// Place in the log that shows the check; null for fields that were not saved.
    position: Option<String>,
    /// This node's answers show the check already.
    visible: bool,
    /// This is the answer of an earlier mutation with the same `idempotencyKey`.
    replayed: bool,
}

/// Changes of credentials.
#[derive(Default)]
pub struct CredentialMutation;

pub(crate) async fn read(ctx: &Context<'_>, id: CredentialId) -> Result<Option<Credential>> {
    let call = caller(ctx).await?;
    Ok(app(ctx)?.credential(&call, id).await.or_fail(ctx)?.map(Credential::now))
}

#[Object]
impl CredentialMutation {
    /// Make a credential: checked against the real system, its secret stored in the vault.
    async fn create_credential(
        &self,
        ctx: &Context<'_>,
        input: CreateCredentialInput,
    ) -> Result<CreateCredentialPayload> {
        let call = caller(ctx).await?;
        refuse_literal_fields(ctx)?;
        let mutation = mutation("createCredential", input.idempotency_key.clone(), &input);
        let done = app(ctx)?.create_credential(&call, mutation, input.into_app()?).await.or_fail(ctx)?;
        Ok(CreateCredentialPayload::new(&done, read(ctx, done.value).await?))
    }

    /// Change what needs no new secret.
    async fn update_credential(
        &self,
        ctx: &Context<'_>,
        input: UpdateCredentialInput,
    ) -> Result<UpdateCredentialPayload> {
        let call = caller(ctx).await?;
        refuse_literal_fields(ctx)?;
        let mutation = input.mutation();
        let done = app(ctx)?.update_credential(&call, mutation, input.into_app()?).await.or_fail(ctx)?;
        Ok(UpdateCredentialPayload::new(&done, read(ctx, done.value).await?))
    }

    /// Give a credential a new secret version, checked first.
    async fn rotate_credential(
        &self,
        ctx: &Context<'_>,
        input: RotateCredentialInput,
    ) -> Result<RotateCredentialPayload> {
        let call = caller(ctx).await?;
        refuse_literal_fields(ctx)?;
        let mutation = mutation("rotateCredential", input.idempotency_key.clone(), &input);
        let done = app(ctx)?.rotate_credential(&call, mutation, input.into_app()?).await.or_fail(ctx)?;
        Ok(RotateCredentialPayload::new(&done, read(ctx, done.value).await?))
    }

    /// Check a stored credential now, or try fields out without saving them (ten times a minute).
    async fn verify_credential(
        &self,
        ctx: &Context<'_>,
        input: VerifyCredentialInput,
    ) -> Result<VerifyCredentialPayload> {
        let call = caller(ctx).await?;
        refuse_literal_fields(ctx)?;
        let mutation = mutation("verifyCredential", input.idempotency_key.clone(), &input);
        let app = app(ctx)?;
        match input.into_app()? {
            ToVerify::Fields(test) => {
                let report = app.test_fields(&call, test).await.or_fail(ctx)?;
                Ok(VerifyCredentialPayload {
                    report: Some(TestReport(report)),
                    credential: None,
                    position: None,
                    visible: true,
                    replayed: false,
                })
            }
            ToVerify::Stored(id) => {
                let done = app.verify_credential(&call, mutation, id).await.or_fail(ctx)?;
                Ok(VerifyCredentialPayload {
                    credential: read(ctx, id).await?,
                    report: done.value.1.map(TestReport),
                    position: Some(done.position),
                    visible: done.visible,
                    replayed: done.replayed,
                })
            }
        }
    }

    /// Give a member or a team a level. Who holds a level can see the credential at once.
    async fn share_credential(
        &self,
        ctx: &Context<'_>,
        input: ShareCredentialInput,
    ) -> Result<ShareCredentialPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("shareCredential", input.idempotency_key.clone(), &input);
        let done = app(ctx)?.share_credential(&call, mutation, input.into_app()?).await.or_fail(ctx)?;
        Ok(ShareCredentialPayload::new(&done, read(ctx, done.value).await?))
    }

    /// Take a grant back.
    async fn revoke_share(&self, ctx: &Context<'_>, input: RevokeShareInput) -> Result<RevokeSharePayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("revokeShare", input.idempotency_key.clone(), &input);
        let (id, grantee) = (credential_id(&input.credential_id)?, grantee_id(&input.grantee_id)?);
        let expected = revision(input.expected_revision)?;
        let done = app(ctx)?.revoke_share(&call, mutation, id, grantee, expected).await.or_fail(ctx)?;
        Ok(RevokeSharePayload::new(&done, read(ctx, id).await?))
    }

    /// Stop a credential by hand, also while something uses it: no lease, check or refresh.
    async fn suspend_credential(
        &self,
        ctx: &Context<'_>,
        input: SuspendCredentialInput,
    ) -> Result<SuspendCredentialPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("suspendCredential", input.idempotency_key.clone(), &input);
        let (id, expected) = (credential_id(&input.credential_id)?, revision(input.expected_revision)?);
        let app = app(ctx)?;
        let done = app.suspend_credential(&call, mutation, id, input.reason, expected).await.or_fail(ctx)?;
        Ok(SuspendCredentialPayload::new(&done, read(ctx, id).await?))
    }

    /// Let a suspended credential go on.
    async fn resume_credential(
        &self,
        ctx: &Context<'_>,
        input: ResumeCredentialInput,
    ) -> Result<ResumeCredentialPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("resumeCredential", input.idempotency_key.clone(), &input);
        let (id, expected) = (credential_id(&input.credential_id)?, revision(input.expected_revision)?);
        let app = app(ctx)?;
        let done = app.resume_credential(&call, mutation, id, input.reason, expected).await.or_fail(ctx)?;
        Ok(ResumeCredentialPayload::new(&done, read(ctx, id).await?))
    }

    /// Delete a credential; it can be restored for as long as the tenant says.
    async fn delete_credential(
        &self,
        ctx: &Context<'_>,
        input: DeleteCredentialInput,
    ) -> Result<DeleteCredentialPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("deleteCredential", input.idempotency_key.clone(), &input);
        let (id, expected) = (credential_id(&input.credential_id)?, revision(input.expected_revision)?);
        let app = app(ctx)?;
        let done = app.delete_credential(&call, mutation, id, input.detach, expected).await.or_fail(ctx)?;
        Ok(DeleteCredentialPayload::new(&done, read(ctx, id).await?))
    }

    /// Bring a deleted credential back, with its grants, labels and attachments.
    async fn restore_credential(
        &self,
        ctx: &Context<'_>,
        input: RestoreCredentialInput,
    ) -> Result<RestoreCredentialPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("restoreCredential", input.idempotency_key.clone(), &input);
        let (id, expected) = (credential_id(&input.credential_id)?, revision(input.expected_revision)?);
        let done = app(ctx)?.restore_credential(&call, mutation, id, expected).await.or_fail(ctx)?;
        Ok(RestoreCredentialPayload::new(&done, read(ctx, id).await?))
    }
}
