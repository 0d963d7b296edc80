//! Ending at the provider what a credential has there no more (RFC 7009): it was purged, authorized anew, rotated by hand,
//! or has gone back to another version.

use keytrail_domain::{
    Aggregate, OAuthClientId, RecordedEvent, SecretRef, SecretValue,
    credential::{Credential, CredentialEvent as E, OAuthGrant, State},
    oauth_client::Provider,
};
use keytrail_ports::{
    SecretError,
    views::{CredentialRow, OAuthClientRow},
};

use super::{REFRESH_TOKEN, no_tokens};
use crate::{App, AppError};

/// Events of a credential that are read at once.
const PAGE: usize = 1_000;

impl App {
    /// Ends the grant that this fact ended, and destroys its token. A provider that does not answer is asked once: nothing
    /// else waits for it.
    ///
    /// # Errors
    /// Vault and log: it is to be done again then, for the token must not be gone before the provider was told.
    pub(crate) async fn end_grant(&self, event: &RecordedEvent) -> Result<(), AppError> {
        self.views_at_head().await?;
        let Some(Ended { before, at, after }) = self.ended_by(event).await? else { return Ok(()) };
        let goes_on = after.as_ref().and_then(client_of) == client_of(&before);
        if let Some(token) = self.refresh_token_at(at).await?
            && !goes_on
        {
            self.revoke_if_last(&before, None, &token).await?;
        }
        self.destroy_for_good(at).await
    }

    /// Ends a grant at the provider, unless others may live by it. Nothing where the client is gone, has another provider by
    /// now, or its provider takes no such wish.
    ///
    /// # Errors
    /// Views, vault and log. What the provider says is in the log, and is no error: it is asked once.
    pub(super) async fn revoke_if_last(
        &self,
        before: &State,
        provider: Option<&Provider>,
        token: &SecretValue,
    ) -> Result<(), AppError> {
        let Some(client) = client_of(before) else { return Ok(()) };
        let row = self.ports().views.oauth_client(before.tenant, client).await?;
        let row = row.filter(|row| row.deleted_at.is_none());
        let Some(row) = row.filter(|row| provider.is_none_or(|asked| *asked == row.settings.provider)) else {
            tracing::warn!(credential.id = %before.id, "a grant goes on at its provider, the OAuth client is gone or moved: end it there");
            return Ok(());
        };
        let Some(url) = row.settings.provider.revocation_url.clone() else { return Ok(()) };
        if self.others_may_live_by_it(before, &row).await? {
            tracing::info!(credential.id = %before.id, "a grant is not ended at its provider: other credentials may live by it");
            return Ok(());
        }
        let revoked = match self.token_client(&row).await {
            Ok(client) => {
                self.ports().tokens.revoke(&url, &client, token).await.map_err(|error| no_tokens(&error))
            }
            Err(error @ AppError::Unavailable { .. }) => return Err(error),
            Err(error) => Err(error),
        };
        if let Err(error) = revoked {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(credential.id = %before.id, error, "a grant goes on at its provider: end it there");
        }
        Ok(())
    }

    /// A provider may end all that a person gave to a client with one of his tokens (RFC 7009, 2.1): then other credentials
    /// of that person would end, too.
    async fn others_may_live_by_it(&self, before: &State, client: &OAuthClientRow) -> Result<bool, AppError> {
        let others: Vec<_> = client.users.iter().copied().filter(|id| *id != before.id).collect();
        let rows = self.ports().views.credentials_by_id(before.tenant, &others).await?;
        let whose = before.last_report.as_ref().and_then(|report| report.identity.as_ref());
        let may_be_his = |row: &CredentialRow| {
            let authorization = row.authorization.as_ref().map(|known| &known.authorization);
            let of_a_person = authorization.is_none_or(|known| known.grant == OAuthGrant::AuthorizationCode);
            let other = row.last_verification.as_ref().and_then(|check| check.report.identity.as_ref());
            !row.purged && of_a_person && (whose.is_none() || other.is_none() || whose == other)
        };
        // One that is being made is reserved and has no row yet.
        Ok(rows.len() < others.len() || rows.iter().any(|row| may_be_his(row)))
    }

    async fn refresh_token_at(&self, at: SecretRef) -> Result<Option<SecretValue>, AppError> {
        match self.ports().secrets.get(at).await {
            Ok(payload) => Ok(payload.get(REFRESH_TOKEN).cloned()),
            Err(SecretError::Missing | SecretError::Corrupt(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The grant that counted before this fact and never again, as far as the log goes.
    async fn ended_by(&self, event: &RecordedEvent) -> Result<Option<Ended>, AppError> {
        let (mut credential, mut from) = (Credential::default(), 0);
        let (mut before, mut after) = (None, None);
        loop {
            let page = self.ports().log.read_stream(&event.stream, from, PAGE).await?;
            for known in &page {
                if known.revision == event.revision {
                    before = credential.known().and_then(|state| Some((state.clone(), token_of(state)?)));
                }
                credential = credential.evolve(&known.decode::<E>()?);
                // Who rotates another secret leaves it to the client, which may have got others since.
                before = before.filter(|(_, at)| credential.known().and_then(token_of) != Some(*at));
                // What it was authorized with follows at once.
                if (event.revision..=event.revision + 1).contains(&known.revision) {
                    after = credential.known().cloned();
                }
                from = known.revision + 1;
            }
            if page.len() < PAGE {
                return Ok(before.map(|(before, at)| Ended { before, at, after }));
            }
        }
    }
}

/// A credential before a fact ended its grant, where that grant's refresh token lies, and the credential after it.
struct Ended {
    before: State,
    at: SecretRef,
    after: Option<State>,
}

fn client_of(state: &State) -> Option<OAuthClientId> {
    state.authorization.as_ref().map(|known| known.client)
}

fn token_of(state: &State) -> Option<SecretRef> {
    state.authorization.as_ref().and_then(|known| known.refresh)
}
