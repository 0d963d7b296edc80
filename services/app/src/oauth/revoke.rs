//! Ending at the provider what a purged credential had there (RFC 7009).

use keytrail_domain::{
    Aggregate, RecordedEvent, StreamId,
    credential::{Credential, CredentialEvent as E, State},
};

use super::REFRESH_TOKEN;
use crate::{App, AppError};

/// Events of a credential that are read at once.
const PAGE: usize = 1_000;

impl App {
    /// Once, before its tokens are destroyed; a provider that does not answer does not hold back the purge.
    pub(crate) async fn revoke_authorization(&self, purged: &RecordedEvent) -> Result<(), AppError> {
        let Some(state) = self.state_before(&purged.stream, purged.revision).await? else { return Ok(()) };
        match self.try_to_revoke(&state).await {
            Ok(()) | Err(AppError::NotFound) => Ok(()),
            // Its tokens must not be destroyed before they were told of.
            Err(error @ AppError::Unavailable { dependency: "vault" | "event log", .. }) => Err(error),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(credential.id = %state.id, error, "a purged credential's grant goes on at its provider: end it there");
                Ok(())
            }
        }
    }

    /// What a newer authorization takes the place of: revoked and destroyed, as far as that can be done now.
    pub(super) async fn end_grant_of(&self, before: &State) {
        let Some(at) = before.authorization.as_ref().and_then(|known| known.refresh) else { return };
        let revoked = match self.try_to_revoke(before).await {
            Ok(()) | Err(AppError::NotFound) => Ok(()),
            failed => failed,
        };
        let ended = match revoked {
            Ok(()) => self.ports().secrets.destroy(at).await.map_err(AppError::from),
            failed => failed,
        };
        if let Err(error) = ended {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(credential.id = %before.id, error, "the grant before goes on at its provider: end it there");
        }
    }

    async fn try_to_revoke(&self, state: &State) -> Result<(), AppError> {
        let Some(authorization) = &state.authorization else { return Ok(()) };
        let row = self.ports().views.oauth_client(state.tenant, authorization.client).await?;
        let row = row.filter(|row| row.deleted_at.is_none()).ok_or(AppError::NotFound)?;
        let Some(url) = row.settings.provider.revocation_url.clone() else { return Ok(()) };
        let at = authorization.refresh.ok_or(AppError::NotFound)?;
        let payload = match self.ports().secrets.get(at).await {
            Err(keytrail_ports::SecretError::Missing) => return Ok(()),
            found => found?,
        };
        let token = payload.get(REFRESH_TOKEN).ok_or(AppError::NotFound)?;
        let client = self.token_client(&row).await?;
        let revoked = self.ports().tokens.revoke(&url, &client, token).await;
        revoked.map_err(|error| super::no_tokens(&error))
    }

    /// As it was when it was purged.
    async fn state_before(&self, stream: &StreamId, revision: u64) -> Result<Option<State>, AppError> {
        let (mut credential, mut from) = (Credential::default(), 0);
        loop {
            let page = self.ports().log.read_stream(stream, from, PAGE).await?;
            for event in &page {
                if event.revision >= revision {
                    return Ok(credential.known().cloned());
                }
                credential = credential.evolve(&event.decode::<E>()?);
                from = event.revision + 1;
            }
            if page.len() < PAGE {
                return Ok(credential.known().cloned());
            }
        }
    }
}
