//! Beginning and completing an authorization.

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use keytrail_app::BegunOAuth2;

use super::inputs::{BeginOAuth2Input, CompleteOAuth2Input};
use crate::{
    context::{app, caller},
    credential::{Credential, mutation::read},
    error::{OrFail, bad_input},
    input::{mutation, refuse_literal_fields},
    payload::payload,
    scalar::DateTime,
};

/// What was begun: an address that a person opens, or (for `CLIENT_CREDENTIALS`) the credential itself.
#[derive(SimpleObject)]
#[graphql(name = "BeginOAuth2Payload")]
pub struct BeginOAuth2Payload {
    /// For `completeOAuth2`; null when nobody has to allow it.
    pub flow_id: Option<ID>,
    /// The provider's address, to be opened in a browser by whoever may allow it; null when nobody has to.
    pub authorization_url: Option<String>,
    /// Until when the provider's answer is taken.
    pub expires_at: Option<DateTime>,
    /// The credential, when nobody had to allow it.
    pub credential: Option<Credential>,
    /// Place in the log that shows the credential.
    pub position: Option<String>,
    /// This is the answer of an earlier mutation with the same `idempotencyKey`.
    pub replayed: bool,
}

payload! {
    /// The authorized credential.
    #[graphql(name = "CompleteOAuth2Payload")]
    CompleteOAuth2Payload {
        /// The credential as it is now.
        credential: Credential
    }
}

/// OAuth2.
#[derive(Default)]
pub struct OAuth2Mutation;

#[Object]
impl OAuth2Mutation {
    /// Begin to let an OAuth client get a credential's access tokens. A person allows it at `authorizationUrl`; the page
    /// that he is sent to shows a code, with which you, and nobody else, complete it within ten minutes. With
    /// `CLIENT_CREDENTIALS` nobody is asked, and the credential is there at once. From then on the next token is got
    /// ahead of the end of the one before.
    #[graphql(name = "beginOAuth2")]
    async fn begin_oauth2(&self, ctx: &Context<'_>, input: BeginOAuth2Input) -> Result<BeginOAuth2Payload> {
        let call = caller(ctx).await?;
        refuse_literal_fields(ctx)?;
        let mutation = mutation("beginOAuth2", input.idempotency_key.clone(), &input);
        match app(ctx)?.begin_oauth2(&call, mutation, input.into_app()?).await.or_fail(ctx)? {
            BegunOAuth2::Waiting { flow, url, expires_at } => Ok(BeginOAuth2Payload {
                flow_id: Some(flow.to_string().into()),
                authorization_url: Some(url),
                expires_at: Some(expires_at.into()),
                credential: None,
                position: None,
                replayed: false,
            }),
            BegunOAuth2::There(done) => Ok(BeginOAuth2Payload {
                flow_id: None,
                authorization_url: None,
                expires_at: None,
                credential: read(ctx, done.value).await?,
                position: Some(done.position),
                replayed: done.replayed,
            }),
        }
    }

    /// Take what a person has allowed, with the code that the page showed. Only whoever began it can.
    #[graphql(name = "completeOAuth2")]
    async fn complete_oauth2(
        &self,
        ctx: &Context<'_>,
        input: CompleteOAuth2Input,
    ) -> Result<CompleteOAuth2Payload> {
        let call = caller(ctx).await?;
        let mutation = mutation("completeOAuth2", input.idempotency_key.clone(), &input);
        let flow = input.flow_id.parse().map_err(|_| bad_input("input.flowId", "is no id of a flow"))?;
        let done = app(ctx)?.complete_oauth2(&call, mutation, (flow, &input.code), input.name).await;
        let done = done.or_fail(ctx)?;
        Ok(CompleteOAuth2Payload::new(&done, read(ctx, done.value).await?))
    }
}
