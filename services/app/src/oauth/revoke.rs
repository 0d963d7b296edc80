//! Ending at the provider what a credential has there no more (RFC 7009): it was purged, authorized anew, rotated by hand,
//! or has gone back to another version.

use keytrail_domain::{
    Aggregate, OAuthClientId, RecordedEvent, SecretRef, SecretValue, TenantId,
    credential::{Credential, CredentialEvent as E, State},
};
use keytrail_ports::{SecretError, views::CredentialRow};

use super::REFRESH_TOKEN;
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
        let Some(Ended { before, at, last }) = self.ended_by(event).await? else { return Ok(()) };
        let Some(client) = client_of(&before) else { return Ok(()) };
        let goes_on = last.as_ref().and_then(client_of) == Some(client);
        let token = self.refresh_token_at(at).await?;
        if let Some(token) = token
            && !goes_on
            && !self.others_may_live_by_it(&before, client).await?
        {
            match self.revoke_token((before.tenant, client), &token).await {
                Err(error @ AppError::Unavailable { dependency: "vault" | "event log", .. }) => {
                    return Err(error);
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(credential.id = %before.id, error, "a grant goes on at its provider: end it there");
                }
                Ok(()) => {}
            }
        }
        self.destroy_for_good(at).await
    }

    /// A provider may end all that a person gave to a client with one of his tokens (RFC 7009, 2.1): then other credentials
    /// of that person would end, too.
    async fn others_may_live_by_it(&self, before: &State, client: OAuthClientId) -> Result<bool, AppError> {
        let Some(row) = self.ports().views.oauth_client(before.tenant, client).await? else {
            return Ok(false);
        };
        let others: Vec<_> = row.users.into_iter().filter(|id| *id != before.id).collect();
        let others = self.ports().views.credentials_by_id(before.tenant, &others).await?;
        let whose = before.last_report.as_ref().and_then(|report| report.identity.as_ref());
        let same_person = |row: &CredentialRow| {
            let other = row.last_verification.as_ref().and_then(|check| check.report.identity.as_ref());
            whose.is_none() || other.is_none() || whose == other
        };
        let shared = others.iter().any(|row| !row.purged && same_person(row));
        if shared {
            tracing::info!(credential.id = %before.id, "a grant is not ended at its provider: other credentials may live by it");
        }
        Ok(shared)
    }

    async fn refresh_token_at(&self, at: SecretRef) -> Result<Option<SecretValue>, AppError> {
        match self.ports().secrets.get(at).await {
            Ok(payload) => Ok(payload.get(REFRESH_TOKEN).cloned()),
            Err(SecretError::Missing | SecretError::Corrupt(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Nothing where the client is gone, or its provider takes no such wish.
    pub(super) async fn revoke_token(
        &self,
        (tenant, client): (TenantId, OAuthClientId),
        token: &SecretValue,
    ) -> Result<(), AppError> {
        let row = self.ports().views.oauth_client(tenant, client).await?;
        let Some(row) = row.filter(|row| row.deleted_at.is_none()) else { return Ok(()) };
        let Some(url) = row.settings.provider.revocation_url.clone() else { return Ok(()) };
        let client = self.token_client(&row).await?;
        let revoked = self.ports().tokens.revoke(&url, &client, token).await;
        revoked.map_err(|error| super::no_tokens(&error))
    }

    /// The grant that counted before this fact and never again, as far as the log goes.
    async fn ended_by(&self, event: &RecordedEvent) -> Result<Option<Ended>, AppError> {
        let (mut credential, mut from) = (Credential::default(), 0);
        let mut before = None;
        loop {
            let page = self.ports().log.read_stream(&event.stream, from, PAGE).await?;
            for known in &page {
                if known.revision == event.revision {
                    before = credential.known().and_then(|state| Some((state.clone(), token_of(state)?)));
                }
                credential = credential.evolve(&known.decode::<E>()?);
                // Who rotates another secret leaves it to the client, which may have got others since.
                before = before.filter(|(_, at)| credential.known().and_then(token_of) != Some(*at));
                from = known.revision + 1;
            }
            if page.len() < PAGE {
                let last = credential.known().cloned();
                return Ok(before.map(|(before, at)| Ended { before, at, last }));
            }
        }
    }
}

/// A credential before a fact ended its grant, where that grant's refresh token lies, and the credential as it is now.
struct Ended {
    before: State,
    at: SecretRef,
    last: Option<State>,
}

fn client_of(state: &State) -> Option<OAuthClientId> {
    state.authorization.as_ref().map(|known| known.client)
}

fn token_of(state: &State) -> Option<SecretRef> {
    state.authorization.as_ref().and_then(|known| known.refresh)
}
