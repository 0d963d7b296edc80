//! Getting the next access tokens ahead of the end of those that are there. One node at a time does it, and for each
//! credential one request at a time: many providers end everything when an old refresh token is used again.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    time::Duration,
};

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
const AT_ONCE: usize = 64;
/// First and longest wait after a request that gave nothing, in seconds.
const BACKOFF: (i64, i64) = (2, 300);

/// A credential that is not asked for right now.
struct Waiting {
    until: Timestamp,
    /// How long the next time, in seconds.
    wait: i64,
    /// What the provider gave that could not be noted, for which token: it may be the only one that counts.
    given: Option<Given>,
}

type Which = (TenantId, CredentialId);

/// What a provider gave, for which token.
type Given = Box<(SecretRef, Tokens)>;

/// What came of one that is not done.
struct Failed {
    error: AppError,
    given: Option<Given>,
}

impl From<AppError> for Failed {
    fn from(error: AppError) -> Self {
        Self { error, given: None }
    }
}

impl App {
    /// Refreshes until `stop`; comes back by itself after every failure.
    pub async fn run_refresh(&self, stop: CancellationToken) {
        let stop = &stop;
        self.while_leased(Work::Refresh, stop, |tenure| async move {
            let (mut waiting, mut failing) = (HashMap::new(), Failing::new("refresh"));
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
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
        waiting: &mut HashMap<Which, Waiting>,
        stop: &CancellationToken,
    ) -> Result<(), AppError> {
        self.must_be_current()?;
        let now = self.now();
        // Those that wait hide no others.
        let most = MOST.saturating_add(u32::try_from(waiting.len()).unwrap_or(u32::MAX));
        let due: HashSet<Which> = self.ports().views.refreshes_due(now, most).await?.into_iter().collect();
        waiting.retain(|which, _| due.contains(which));
        let ready = due.into_iter().filter(|which| waiting.get(which).is_none_or(|known| known.until <= now));
        let ready: Vec<_> = by_turns(ready)
            .into_iter()
            .map(|which| (which, waiting.get_mut(&which).and_then(|known| known.given.take())))
            .collect();
        let outcomes = stream::iter(ready)
            .take_until(stop.cancelled())
            .map(|(which, given)| async move { (which, self.refresh_apart(tenure, which, given).await) })
            .buffer_unordered(AT_ONCE);
        let mut outcomes = std::pin::pin!(outcomes);
        let mut failed = None;
        while let Some((which, outcome)) = outcomes.next().await {
            let Err(Failed { error, given }) = outcome else {
                waiting.remove(&which);
                continue;
            };
            let wait = waiting.get(&which).map_or(BACKOFF.0, |known| known.wait);
            let next =
                Waiting { until: self.now().plus_seconds(wait), wait: (wait * 2).min(BACKOFF.1), given };
            waiting.insert(which, next);
            if !is_changed(&error) {
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Apart from who waits for it: when the right to this work is lost meanwhile, what the provider gives is noted all
    /// the same.
    async fn refresh_apart(
        &self,
        tenure: &Tenure,
        (tenant, id): Which,
        given: Option<Given>,
    ) -> Result<(), Failed> {
        let (app, tenure) = (self.clone(), tenure.clone());
        let work = tokio::spawn(async move { app.try_to_refresh(&tenure, tenant, id, given).await });
        work.await.unwrap_or_else(|ended| match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(AppError::internal("a refresh was cut off").into()),
        })
    }

    async fn try_to_refresh(
        &self,
        tenure: &Tenure,
        tenant: TenantId,
        id: CredentialId,
        given: Option<Given>,
    ) -> Result<(), Failed> {
        let stream = StreamId::credential(tenant, id);
        // Whatever can fail comes before the question: its answer may be the only token that is left.
        let (state, stored) = match self.ready_for_refresh(&stream).await {
            Ok(ready) => ready,
            Err(error) => return Err(Failed { error, given }),
        };
        let authorization = state.refreshable(state.secret).map_err(AppError::from)?;
        let began = self.now();
        let tokens = match given.filter(|given| given.0 == state.secret) {
            Some(given) => Ok(given.1),
            None => self.next_tokens(tenure, &state, authorization).await?,
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
            Err(error) => return Err(Failed { error, given: Some(Box::new((state.secret, tokens))) }),
        }
        Ok(())
    }

    async fn ready_for_refresh(&self, stream: &StreamId) -> Result<(State, SecretPayload), AppError> {
        let credential: Credential = self.load(stream).await?;
        let state = credential.live().ok_or(AppError::NotFound)?;
        state.refreshable(state.secret)?;
        Ok((state.clone(), self.ports().secrets.get(state.secret).await?))
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
        tenure.check()?;
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

/// Somebody changed it meanwhile, or stopped it: the next look tells.
fn is_changed(error: &AppError) -> bool {
    matches!(
        error,
        AppError::Conflict { .. }
            | AppError::NotFound
            | AppError::Refused { reason: "CREDENTIAL_SUSPENDED" | "CREDENTIAL_COMPROMISED", .. }
    )
}

/// One of each tenant after the other, so that nobody's many hold back another's few.
fn by_turns(all: impl Iterator<Item = Which>) -> Vec<Which> {
    let mut queues: BTreeMap<TenantId, VecDeque<Which>> = BTreeMap::new();
    for which in all {
        queues.entry(which.0).or_default().push_back(which);
    }
    let mut turns = Vec::new();
    while !queues.is_empty() {
        turns.extend(queues.values_mut().filter_map(VecDeque::pop_front));
        queues.retain(|_, queue| !queue.is_empty());
    }
    turns
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn nobodys_many_hold_back_anothers_few() {
        let which = |tenant: u128, id: u128| {
            (TenantId::from_uuid(Uuid::from_u128(tenant)), CredentialId::from_uuid(Uuid::from_u128(id)))
        };
        let all = [which(1, 1), which(1, 2), which(1, 3), which(2, 4)];
        assert_eq!(by_turns(all.into_iter()), [which(1, 1), which(2, 4), which(1, 2), which(1, 3)]);
    }
}
