//! Getting a credential's next access token: what is asked, and what is noted of the answer.

use std::time::Duration;

use keytrail_domain::{
    Principal, SecretId, SecretPayload, SecretRef, SecretWrite, StreamId, Timestamp,
    credential::{ACCESS_TOKEN, Authorization, Credential, CredentialCommand, OAuthGrant, Refresh, State},
    verification::{Report, Verdict},
};
use keytrail_ports::{TokenError, TokenGrant, Tokens};

use super::{REFRESH_TOKEN, refreshing::Which};
use crate::{App, AppError, Call, Tenure, execute::Execution};

/// No request to a provider takes longer.
const LONGEST_REQUEST: Duration = Duration::from_secs(10);

/// What a provider gave, for which token.
pub(super) struct Given {
    access: SecretRef,
    refresh: Option<SecretRef>,
    tokens: Tokens,
}

impl Given {
    /// Whether it is what the next token of this one would be. Another secret of the credential may have been rotated
    /// meanwhile.
    fn is_for(&self, state: &State, authorization: &Authorization) -> bool {
        self.access == state.secret || (self.refresh.is_some() && self.refresh == authorization.refresh)
    }
}

/// What is needed before a provider is asked.
struct Ready {
    state: State,
    authorization: Authorization,
    /// The secret as it is.
    stored: SecretPayload,
    given: Option<Box<Given>>,
}

/// What came of one that is not done.
pub(super) struct Failed {
    pub(super) error: AppError,
    /// What the provider gave that could not be noted: it may be the only one that counts.
    pub(super) given: Option<Box<Given>>,
}

impl From<AppError> for Failed {
    fn from(error: AppError) -> Self {
        Self { error, given: None }
    }
}

impl App {
    /// Apart from who waits for it: when the right to this work is lost meanwhile, what the provider gives is noted all
    /// the same.
    pub(super) async fn refresh_apart(
        &self,
        tenure: &Tenure,
        which: Which,
        given: Option<Box<Given>>,
    ) -> Result<(), Failed> {
        let (app, tenure) = (self.clone(), tenure.clone());
        let work = tokio::spawn(async move { app.try_to_refresh(&tenure, which, given).await });
        work.await.unwrap_or_else(|ended| match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(AppError::internal("a refresh was cut off").into()),
        })
    }

    async fn try_to_refresh(
        &self,
        tenure: &Tenure,
        (tenant, id): Which,
        given: Option<Box<Given>>,
    ) -> Result<(), Failed> {
        let stream = StreamId::credential(tenant, id);
        // Whatever can fail comes before the question: its answer may be the only token that is left.
        let Ready { state, authorization, stored, given } = self.ready_for_refresh(&stream, given).await?;
        let began = self.now();
        let tokens = match given {
            Some(given) => Ok(given.tokens),
            None => self.next_tokens(tenure, &state, &authorization).await?,
        };
        let tokens = match tokens {
            Ok(tokens) => tokens,
            Err(TokenError::Revoked) => return Ok(self.note_refused(&state, began).await?),
            Err(error) => return Err(super::no_tokens(&error).into()),
        };
        let next = self.refresh_of(&state, stored, &tokens);
        let replaced = next.refresh.as_ref().and(authorization.refresh);
        match self.tell_refresh(&stream, CredentialCommand::Refresh(Box::new(next))).await {
            Ok(()) => self.end_replaced(state.secret, replaced).await,
            Err(error) => {
                let given = Given { access: state.secret, refresh: authorization.refresh, tokens };
                return Err(Failed { error, given: Some(Box::new(given)) });
            }
        }
        Ok(())
    }

    /// What was given before is noted whatever stands in the way of another question.
    async fn ready_for_refresh(&self, stream: &StreamId, given: Option<Box<Given>>) -> Result<Ready, Failed> {
        let credential: Credential = match self.load(stream).await {
            Ok(credential) => credential,
            Err(error) => return Err(Failed { error, given }),
        };
        let state = credential.known().ok_or(AppError::NotFound)?;
        let authorization = state.refreshed_from(state.secret).map_err(AppError::from)?.clone();
        let given = given.filter(|given| given.is_for(state, &authorization));
        if given.is_none() {
            credential.live().ok_or(AppError::NotFound)?.refreshable(state.secret).map_err(AppError::from)?;
        }
        match self.ports().secrets.get(state.secret).await {
            Ok(stored) => Ok(Ready { state: state.clone(), authorization, stored, given }),
            Err(error) => Err(Failed { error: error.into(), given }),
        }
    }

    fn refresh_of(&self, state: &State, stored: SecretPayload, tokens: &Tokens) -> Refresh {
        // The credential's other secrets stay what they are.
        let access = SecretPayload::new([(ACCESS_TOKEN.to_owned(), tokens.access.clone())]);
        let secret = SecretId::from_uuid(self.fresh_id());
        let at = SecretRef::of_credential(state.tenant, state.id, secret);
        Refresh {
            of: state.secret,
            secret: SecretWrite { at, payload: stored.overlaid(access) },
            refresh: self.refresh_write(state.id, state.tenant, tokens),
            access_until: self.access_until(tokens),
        }
    }

    /// What the provider says.
    async fn next_tokens(
        &self,
        tenure: &Tenure,
        state: &State,
        authorization: &Authorization,
    ) -> Result<Result<Tokens, TokenError>, AppError> {
        let client = self.client_for(state.tenant, authorization.client, &state.component.slug).await?;
        let asking = self.token_client(&client).await?;
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
        tenure.check_for(LONGEST_REQUEST)?;
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

    async fn tell_refresh(&self, stream: &StreamId, command: CredentialCommand) -> Result<(), AppError> {
        let principal = Principal::internal(stream.tenant_id(), "refresh");
        let call = Call { principal, correlation: self.fresh_id() };
        let execution = Execution {
            call: &call,
            stream: stream.clone(),
            expected_revision: None,
            idempotency: None,
            cause: None,
            fresh: false,
            from: 0,
        };
        self.execute::<Credential>(execution, |_| Ok(command.clone())).await.map(drop)
    }

    /// What no event's state names any more. What cannot be ended now is litter that the sweep hides.
    async fn end_replaced(&self, access: SecretRef, refresh: Option<SecretRef>) {
        let forgotten = self.forget_fingerprint(access).await;
        let secrets = &self.ports().secrets;
        let mut outcomes = vec![forgotten];
        for at in std::iter::once(access).chain(refresh) {
            outcomes.push(secrets.destroy(at).await.map_err(AppError::from));
        }
        for error in outcomes.into_iter().filter_map(Result::err) {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "a replaced token is not destroyed: the sweep hides it");
        }
    }
}
