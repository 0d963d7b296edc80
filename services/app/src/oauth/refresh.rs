//! Getting the next access tokens ahead of the end of those that are there. One node at a time does it, and for each
//! credential one request at a time: many providers end everything when an old refresh token is used again.

use std::{collections::HashMap, time::Duration};

use futures_util::{StreamExt, stream};
use keytrail_domain::{
    CredentialId, Principal, SecretId, SecretPayload, SecretRef, SecretWrite, StreamId, TenantId, Timestamp,
    credential::{Authorization, Credential, CredentialCommand, OAuthGrant, Refresh, State},
    verification::{Report, Verdict},
};
use keytrail_ports::{TokenError, TokenGrant, Tokens};
use tokio_util::sync::CancellationToken;

use super::{ACCESS_TOKEN, REFRESH_TOKEN};
use crate::{App, AppError, Call, Tenure, Work, execute::Execution, failing::Failing};

/// Between two looks at what is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looked at together.
const MOST: u32 = 1_000;
/// Requests at once.
const AT_ONCE: usize = 16;
/// First and longest wait after a request that gave nothing, in seconds.
const BACKOFF: (i64, i64) = (2, 300);

/// When each credential that failed is asked for again, and after how long the time before.
type Waiting = HashMap<(TenantId, CredentialId), (Timestamp, i64)>;

/// What came of one.
enum Outcome {
    /// It has another token, or needs none.
    Done,
    /// Later.
    Failed(AppError),
}

impl App {
    /// Refreshes until `stop`; comes back by itself after every failure.
    pub async fn run_refresh(&self, stop: CancellationToken) {
        let stop = &stop;
        self.while_leased(Work::Refresh, stop, |tenure| async move {
            let (mut waiting, mut failing) = (Waiting::new(), Failing::new("refresh"));
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
                // A request that is on its way is waited for: its answer may hold the only token that is left.
                match self.refresh_due(&tenure, &mut waiting, stop).await {
                    Ok(()) => failing.works(),
                    Err(error) => failing.failed(&error),
                }
            }
        })
        .await;
    }

    async fn refresh_due(
        &self,
        tenure: &Tenure,
        waiting: &mut Waiting,
        stop: &CancellationToken,
    ) -> Result<(), AppError> {
        self.must_be_current()?;
        let now = self.now();
        let due = self.ports().views.refreshes_due(now, MOST).await?;
        waiting.retain(|which, _| due.contains(which));
        let ready: Vec<_> =
            due.into_iter().filter(|which| waiting.get(which).is_none_or(|(at, _)| *at <= now)).collect();
        let outcomes = stream::iter(ready)
            .take_until(stop.cancelled())
            .map(|which| async move { (which, self.refresh_one(tenure, which).await) })
            .buffer_unordered(AT_ONCE);
        let mut outcomes = std::pin::pin!(outcomes);
        let mut failed = None;
        while let Some((which, outcome)) = outcomes.next().await {
            match outcome {
                Outcome::Done => drop(waiting.remove(&which)),
                Outcome::Failed(error) => {
                    let before = waiting.get(&which).map_or(BACKOFF.0, |(_, wait)| *wait);
                    waiting.insert(which, (self.now().plus_seconds(before), (before * 2).min(BACKOFF.1)));
                    failed = Some(error);
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn refresh_one(&self, tenure: &Tenure, (tenant, id): (TenantId, CredentialId)) -> Outcome {
        match self.try_to_refresh(tenure, tenant, id).await {
            // Somebody changed it meanwhile, or stopped it: the next look tells.
            Ok(()) | Err(AppError::Conflict { .. } | AppError::NotFound) => Outcome::Done,
            Err(AppError::Refused { reason: "CREDENTIAL_SUSPENDED" | "CREDENTIAL_COMPROMISED", .. }) => {
                Outcome::Done
            }
            Err(error) => Outcome::Failed(error),
        }
    }

    async fn try_to_refresh(
        &self,
        tenure: &Tenure,
        tenant: TenantId,
        id: CredentialId,
    ) -> Result<(), AppError> {
        let stream = StreamId::credential(tenant, id);
        let credential: Credential = self.load(&stream).await?;
        let state = credential.live().ok_or(AppError::NotFound)?;
        let authorization = state.refreshable(state.secret)?.clone();
        let began = self.now();
        let (tokens, old_refresh) = match self.next_tokens(tenure, state, &authorization).await? {
            (Ok(tokens), old) => (tokens, old),
            (Err(TokenError::Revoked), _) => return self.note_refused(state, began).await,
            (Err(error), _) => return Err(super::no_tokens(&error)),
        };
        let refresh = self.refresh_write(id, tenant, &tokens);
        let replaced = refresh.as_ref().and(old_refresh);
        let next = Refresh {
            of: state.secret,
            secret: self.access_write(state, &tokens).await?,
            refresh,
            access_until: self.access_until(&tokens),
        };
        self.tell_refresh(&stream, CredentialCommand::Refresh(Box::new(next))).await?;
        self.end_replaced(state.secret, replaced).await;
        Ok(())
    }

    /// What the provider says, and the refresh token that it was asked with.
    async fn next_tokens(
        &self,
        tenure: &Tenure,
        state: &State,
        authorization: &Authorization,
    ) -> Result<(Result<Tokens, TokenError>, Option<SecretRef>), AppError> {
        let client = self.client_for(state.tenant, authorization.client, &state.component.slug).await?;
        let asking = self.token_client(&client).await?;
        let (grant, old) = match (authorization.grant, authorization.refresh) {
            (OAuthGrant::ClientCredentials, _) => {
                (TokenGrant::Client { scopes: authorization.scopes.clone() }, None)
            }
            (OAuthGrant::AuthorizationCode, Some(at)) => {
                let payload = self.ports().secrets.get(at).await?;
                let missing = || AppError::internal("a refresh token has another shape");
                (TokenGrant::Refresh(payload.get(REFRESH_TOKEN).ok_or_else(missing)?.clone()), Some(at))
            }
            (OAuthGrant::AuthorizationCode, None) => return Err(AppError::NotFound),
        };
        tenure.check()?;
        let url = &client.settings.provider.token_url;
        Ok((self.ports().tokens.tokens(url, &asking, grant).await, old))
    }

    /// The credential's other secrets stay what they are.
    async fn access_write(&self, state: &State, tokens: &Tokens) -> Result<SecretWrite, AppError> {
        let stored = self.ports().secrets.get(state.secret).await?;
        let access = SecretPayload::new([(ACCESS_TOKEN.to_owned(), tokens.access.clone())]);
        let secret = SecretId::from_uuid(self.fresh_id());
        let at = SecretRef::of_credential(state.tenant, state.id, secret);
        Ok(SecretWrite { at, payload: stored.overlaid(access) })
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
