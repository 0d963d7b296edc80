//! Asking for a credential's next access token.

use std::time::Duration;

use keytrail_domain::{
    StreamId, Timestamp,
    credential::{Authorization, Credential, CredentialCommand, OAuthGrant, State},
    verification::{Report, Verdict},
};
use keytrail_ports::{TokenError, TokenGrant, Tokens, views::OAuthClientRow};

use super::{REFRESH_TOKEN, given::Given, refreshing::Which};
use crate::{App, AppError, Tenure};

/// No request to a provider takes longer, and what it gave is noted by then, unless log or vault are away.
const LONGEST: Duration = Duration::from_secs(13);

impl App {
    /// Apart from who waits for it: when the right to this work is lost meanwhile, what the provider gives is noted all
    /// the same.
    pub(super) async fn refresh_apart(&self, tenure: &Tenure, which: Which) -> Result<(), AppError> {
        let (app, tenure) = (self.clone(), tenure.clone());
        let work = self.0.refreshes.spawn(async move { app.refresh(&tenure, which).await });
        work.await.unwrap_or_else(|ended| match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(AppError::internal("a refresh was cut off")),
        })
    }

    async fn refresh(&self, tenure: &Tenure, which: Which) -> Result<(), AppError> {
        let _alone = self.alone_with_tokens(which)?;
        if self.0.given.has(&which) {
            return self.note_given(which).await;
        }
        // Whatever can fail comes before the question: its answer may be the only token that is left.
        let credential: Credential = self.load(&StreamId::credential(which.0, which.1)).await?;
        let state = credential.live().ok_or(AppError::NotFound)?;
        let authorization = state.refreshable(state.secret)?;
        self.ports().secrets.get(state.secret).await?;
        let client = self.client_for(state.tenant, authorization.client, &state.component.slug).await?;
        let began = self.now();
        let tokens = match self.next_tokens(tenure, &client, authorization).await? {
            Ok(tokens) => tokens,
            Err(TokenError::Revoked) => return self.note_refused(state, began).await,
            Err(error) => return Err(super::no_tokens(&error)),
        };
        let given = Given {
            asked: Box::new(state.clone()),
            provider: client.settings.provider.clone(),
            access_until: self.access_until(&tokens),
            tokens,
        };
        self.0.given.keep(which, given);
        self.note_given(which).await
    }

    /// What the provider says.
    async fn next_tokens(
        &self,
        tenure: &Tenure,
        client: &OAuthClientRow,
        authorization: &Authorization,
    ) -> Result<Result<Tokens, TokenError>, AppError> {
        let asking = self.token_client(client).await?;
        let grant = match (authorization.grant, authorization.refresh) {
            (OAuthGrant::ClientCredentials, _) => TokenGrant::Client { scopes: authorization.scopes.clone() },
            (OAuthGrant::AuthorizationCode, Some(at)) => {
                let payload = self.ports().secrets.get(at).await?;
                let missing = || AppError::internal("a refresh token has another shape");
                TokenGrant::Refresh(payload.get(REFRESH_TOKEN).ok_or_else(missing)?.clone())
            }
            (OAuthGrant::AuthorizationCode, None) => return Err(AppError::NotFound),
        };
        self.must_be_current()?;
        tenure.check_for(LONGEST)?;
        let url = &client.settings.provider.token_url;
        Ok(self.ports().tokens.tokens(url, &asking, grant).await)
    }

    /// No more tokens: a definite no, whatever the last one is still good for.
    async fn note_refused(&self, state: &State, began: Timestamp) -> Result<(), AppError> {
        let took = (self.now().as_micros() - began.as_micros()).max(0) / 1_000;
        let report = Report {
            verdict: Verdict::Revoked,
            reason: None,
            message: "the provider refuses another access token: authorize the credential anew".to_owned(),
            identity: None,
            scopes: Vec::new(),
            expires_at: None,
            duration_ms: u64::try_from(took).unwrap_or_default(),
        };
        let stream = StreamId::credential(state.tenant, state.id);
        self.tell_refresh(&stream, CredentialCommand::RefuseRefresh { of: state.secret, report }).await
    }
}
