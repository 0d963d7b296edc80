//! Noting what a provider gave. It may be the only token that counts, so it is kept in memory until the log has it, whoever
//! holds the right to ask for others by then.

use std::{collections::HashMap, time::Duration};

use keytrail_domain::{
    Principal, SecretId, SecretPayload, SecretRef, SecretWrite, StreamId, Timestamp,
    credential::{ACCESS_TOKEN, Authorization, Credential, CredentialCommand, Refresh, State},
    oauth_client::Provider,
};
use keytrail_ports::Tokens;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::refreshing::Which;
use crate::{App, AppError, Call, claims::Claim, execute::Execution, failing::Failing};

/// Between two tries.
const AGAIN: Duration = Duration::from_secs(1);

/// What providers gave that the log does not have yet: at most one for each credential.
#[derive(Default)]
pub(crate) struct Kept(Mutex<HashMap<Which, Given>>);

/// What a provider gave, for which token.
#[derive(Clone)]
pub(super) struct Given {
    /// The credential when it was asked for.
    pub(super) asked: Box<State>,
    /// Who was asked.
    pub(super) provider: Provider,
    pub(super) tokens: Tokens,
    /// Counted from when it was given.
    pub(super) access_until: Option<Timestamp>,
}

impl Given {
    /// Whether it is what the next token of this one would be. Another secret of the credential may have been rotated
    /// meanwhile; without a next refresh token, the one that is there gives others, and nothing is lost.
    fn is_for(&self, state: &State, authorization: &Authorization) -> bool {
        let asked_with = self.asked.authorization.as_ref().and_then(|known| known.refresh);
        let is_next = self.tokens.refresh.is_some() && asked_with.is_some();
        self.asked.secret == state.secret || (is_next && asked_with == authorization.refresh)
    }
}

impl Kept {
    pub(super) fn has(&self, which: &Which) -> bool {
        self.0.lock().contains_key(which)
    }

    pub(super) fn keep(&self, which: Which, given: Given) {
        self.0.lock().insert(which, given);
    }

    fn of(&self, which: &Which) -> Option<Given> {
        self.0.lock().get(which).cloned()
    }

    fn all(&self) -> Vec<Which> {
        self.0.lock().keys().copied().collect()
    }

    fn forget(&self, which: &Which) {
        self.0.lock().remove(which);
    }
}

impl App {
    /// For each credential one at a time, also where the right to the work went away and came back.
    pub(super) fn alone_with_tokens(&self, (tenant, id): Which) -> Result<Claim, AppError> {
        let claim = self.0.claims.try_take(format!("refresh\0{tenant}\0{id}"));
        claim.ok_or_else(|| AppError::conflict("a token of the credential is on its way"))
    }

    /// Notes what could not be noted at once, again and again.
    pub(super) async fn note_what_was_given(&self, stop: &CancellationToken) {
        let mut failing = Failing::new("noting of access tokens");
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(AGAIN) => {}
            }
            self.note_all(&mut failing).await;
        }
    }

    pub(super) async fn note_all(&self, failing: &mut Failing) {
        for which in self.0.given.all() {
            // Whoever is at it notes it himself.
            let Ok(_alone) = self.alone_with_tokens(which) else { continue };
            match self.note_given(which).await {
                Ok(()) => failing.works(),
                Err(error) => failing.failed(&error),
            }
        }
    }

    /// What nobody waits for any more is forgotten: its authorization ended meanwhile, or another node was faster.
    pub(super) async fn note_given(&self, which: Which) -> Result<(), AppError> {
        let Some(given) = self.0.given.of(&which) else { return Ok(()) };
        let stream = StreamId::credential(which.0, which.1);
        let credential: Credential = self.load(&stream).await?;
        let waits = credential.known().and_then(|state| {
            let authorization = state.refreshed_from(state.secret).ok()?;
            given.is_for(state, authorization).then_some((state, authorization.refresh))
        });
        let Some((state, before)) = waits else {
            if credential.known().is_none_or(|state| state.authorization.is_none()) {
                self.revoke_unwanted(&given).await;
            } else if given.tokens.refresh.is_some() {
                tracing::warn!(credential.id = %which.1, "a token came too late: another one was noted, or refused, before");
            }
            self.0.given.forget(&which);
            return Ok(());
        };
        let stored = self.ports().secrets.get(state.secret).await?;
        let next = self.refresh_of(state, stored, &given);
        let replaced = next.refresh.as_ref().and(before);
        self.tell_refresh(&stream, CredentialCommand::Refresh(Box::new(next))).await?;
        self.0.given.forget(&which);
        self.end_replaced(state.secret, replaced).await;
        Ok(())
    }

    async fn revoke_unwanted(&self, given: &Given) {
        let Some(token) = &given.tokens.refresh else { return };
        if let Err(error) = self.revoke_if_last(&given.asked, Some(&given.provider), token).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "a grant that nobody wants any more goes on at its provider: end it there");
        }
    }

    fn refresh_of(&self, state: &State, stored: SecretPayload, given: &Given) -> Refresh {
        // The credential's other secrets stay what they are.
        let access = SecretPayload::new([(ACCESS_TOKEN.to_owned(), given.tokens.access.clone())]);
        let secret = SecretId::from_uuid(self.fresh_id());
        let at = SecretRef::of_credential(state.tenant, state.id, secret);
        Refresh {
            of: state.secret,
            secret: SecretWrite { at, payload: stored.overlaid(access) },
            refresh: self.refresh_write(state.id, state.tenant, &given.tokens),
            access_until: given.access_until,
        }
    }

    pub(super) async fn tell_refresh(
        &self,
        stream: &StreamId,
        command: CredentialCommand,
    ) -> Result<(), AppError> {
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
