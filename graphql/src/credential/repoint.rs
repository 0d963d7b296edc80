//! Moving what uses one credential to another one.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use keytrail_app::{AsOf, BeforeUse, Repointing};
use keytrail_domain::CredentialId;

use super::Credential;
use crate::{
    context::{app, caller},
    error::{OrFail, bad_id},
    input::{mutation, revision},
};

/// A wish to use another credential.
#[derive(InputObject, Clone)]
pub struct RepointCredentialInput {
    /// The credential that is used.
    pub from_credential_id: ID,
    /// The credential of the same component that is to be used.
    pub to_credential_id: ID,
    /// These connections and flows alone, each of which uses it; all when not given. To take a repointing back, give
    /// what it moved, and the credentials the other way round.
    pub only: Option<Vec<ID>>,
    /// Do not check the new credential, although something runs with it.
    #[graphql(default)]
    pub skip_verification: bool,
    /// Only when the old credential is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input move once, for a day.
    pub idempotency_key: Option<String>,
}

/// What was moved.
#[derive(SimpleObject)]
pub struct RepointCredentialPayload {
    /// The connections and flows that use the new credential now, by their ids; null when this was done before with
    /// the same key.
    pub moved: Option<Vec<ID>>,
    /// The old credential.
    pub from: Option<Credential>,
    /// The new one.
    pub to: Option<Credential>,
    /// Place in the log that shows the change: send it as `Keytrail-After` to read your write on any node.
    pub position: String,
    /// This node's answers show the change already.
    pub visible: bool,
    /// This is the answer of an earlier mutation with the same `idempotencyKey`.
    pub replayed: bool,
}

/// Moving what uses credentials.
#[derive(Default)]
pub struct RepointMutation;

#[Object]
impl RepointMutation {
    /// Let everything that uses one credential use another one, all or nothing, also what runs. It takes `USE` of
    /// both, and the right to change each connection and flow.
    async fn repoint_credential(
        &self,
        ctx: &Context<'_>,
        input: RepointCredentialInput,
    ) -> Result<RepointCredentialPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("repointCredential", input.idempotency_key.clone(), &input);
        let (from, to) = (
            id("input.fromCredentialId", &input.from_credential_id)?,
            id("input.toCredentialId", &input.to_credential_id)?,
        );
        let wish = Repointing {
            from,
            to,
            only: input.only.map(|ids| ids.into_iter().map(|id| id.0).collect()),
            before: if input.skip_verification { BeforeUse::Skip } else { BeforeUse::Check },
            expected_revision: revision(input.expected_revision)?,
        };
        let done = app(ctx)?.repoint_credential(&call, mutation, wish).await.or_fail(ctx)?;
        Ok(RepointCredentialPayload {
            moved: done.value.map(|ids| ids.into_iter().map(Into::into).collect()),
            from: Credential::load(ctx, from, AsOf::Now).await?,
            to: Credential::load(ctx, to, AsOf::Now).await?,
            position: done.position,
            visible: done.visible,
            replayed: done.replayed,
        })
    }
}

fn id(path: &str, id: &ID) -> Result<CredentialId> {
    CredentialId::parse(id).map_err(|error| bad_id(path, &error))
}
