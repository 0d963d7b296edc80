//! A secret in the wrong hands.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use keytrail_app::Counted;
use keytrail_ports::views::CompromiseRow;

use super::{Credential, inputs::credential_id, mutation::read};
use crate::{
    context::{app, caller},
    error::OrFail,
    event::Event,
    input::{mutation, revision},
    member::Actor,
    page::{Paged, Window, connection, cost},
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
        /// The credential as it is now; `credentialExposure` has what was done with it.
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

/// What was done with a credential.
#[derive(Default)]
pub struct CompromiseQuery;

#[Object]
impl CompromiseQuery {
    /// Everything that was done with a credential since a moment, and by whom, oldest first: leases, grants, checks, uses,
    /// changes. Routine checks that told nothing new are in `verifications`. It takes `MANAGE` or `AUDITOR`.
    #[expect(clippy::too_many_arguments, reason = "the arguments of the field, as GraphQL has them")]
    #[graphql(complexity = "cost(first, last) * child_complexity + 1")]
    async fn credential_exposure(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The credential")] id: ID,
        #[graphql(
            desc = "From this moment on; since it is compromised, else since it was made, when not given"
        )]
        since: Option<DateTime>,
        #[graphql(desc = "At most so many, 1 to 1000; 50 when not given")] first: Option<i32>,
        #[graphql(desc = "After this cursor")] after: Option<String>,
        #[graphql(desc = "The last so many")] last: Option<i32>,
        #[graphql(desc = "Before this cursor")] before: Option<String>,
    ) -> Result<Paged<Event>> {
        let (call, app, id) = (caller(ctx).await?, app(ctx)?, credential_id(&id)?);
        let page = Window { first, after, last, before }.args()?;
        let since = since.map(|since| since.0);
        let (since, listed) = app.exposure(&call, id, since, page).await.or_fail(ctx)?;
        Ok(connection(listed, |row| Event::seen(row, None), Counted::Exposure(id, since)))
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
