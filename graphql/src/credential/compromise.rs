//! A secret in the wrong hands.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use keytrail_ports::views::CompromiseRow;

use super::{Credential, inputs::credential_id, mutation::read};
use crate::{
    context::{app, caller},
    error::OrFail,
    input::{mutation, revision},
    member::Actor,
    payload::payload,
    scalar::DateTime,
};

/// A credential whose secret is in the wrong hands.
#[derive(InputObject, Clone)]
pub struct MarkCompromisedInput {
    /// The credential.
    pub credential_id: ID,
    /// The first moment at which that cannot be excluded; not in the future.
    pub since: DateTime,
    /// How it is known; it stands in the history.
    pub reason: String,
    /// Only when the credential is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

payload! {
    /// The frozen credential.
    MarkCompromisedPayload {
        /// The credential as it is now; `exposure` has what was done with it.
        credential: Credential
    }
}

/// What is known of a secret in the wrong hands.
#[derive(SimpleObject)]
pub struct Compromise {
    /// Since when, or earlier.
    since: DateTime,
    /// How that is known.
    reason: String,
    /// When it was said.
    marked_at: DateTime,
    /// Who said it.
    marked_by: Actor,
}

impl From<CompromiseRow> for Compromise {
    fn from(row: CompromiseRow) -> Self {
        Self {
            since: row.since.into(),
            reason: row.reason,
            marked_at: row.at.into(),
            marked_by: Actor(row.by),
        }
    }
}

/// Secrets in the wrong hands.
#[derive(Default)]
pub struct CompromiseMutation;

#[Object]
impl CompromiseMutation {
    /// Say that a credential's secret is in the wrong hands. It takes `MANAGE`, and freezes the credential at once, also
    /// while something uses it: no lease, check or refresh, every token ends, every earlier version ends. An alert stays
    /// open until it is rotated, to a secret that it never had and without an overlap. `resumeCredential` takes a mistake
    /// back.
    async fn mark_compromised(
        &self,
        ctx: &Context<'_>,
        input: MarkCompromisedInput,
    ) -> Result<MarkCompromisedPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("markCompromised", input.idempotency_key.clone(), &input);
        let (id, expected) = (credential_id(&input.credential_id)?, revision(input.expected_revision)?);
        let said = (input.since.0, input.reason);
        let done = app(ctx)?.mark_compromised(&call, mutation, (id, expected), said).await.or_fail(ctx)?;
        Ok(MarkCompromisedPayload::new(&done, read(ctx, id).await?))
    }
}
