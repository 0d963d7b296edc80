//! Ending at the provider what a credential has there no more (RFC 7009): it was purged, authorized anew, rotated by hand,
//! or has gone back to another version.

use keytrail_domain::{
    Aggregate, RecordedEvent,
    credential::{Credential, CredentialEvent as E, State},
};

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
        let Replayed { before, last } = self.replayed_around(event).await?;
        let token = |state: &State| state.authorization.as_ref().and_then(|known| known.refresh);
        let Some((before, at)) = before.and_then(|state| token(&state).map(|at| (state, at))) else {
            return Ok(());
        };
        // Who rotates another secret leaves it to the client.
        if last.known().and_then(token) == Some(at) {
            return Ok(());
        }
        match self.try_to_revoke(&before).await {
            Ok(()) | Err(AppError::NotFound) => {}
            Err(error @ AppError::Unavailable { dependency: "vault" | "event log", .. }) => {
                return Err(error);
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(credential.id = %before.id, error, "a grant goes on at its provider: end it there");
            }
        }
        self.destroy_for_good(at).await
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

    async fn replayed_around(&self, around: &RecordedEvent) -> Result<Replayed, AppError> {
        let (mut last, mut from) = (Credential::default(), 0);
        let mut before = None;
        loop {
            let page = self.ports().log.read_stream(&around.stream, from, PAGE).await?;
            for event in &page {
                if event.revision == around.revision {
                    before = last.known().cloned();
                }
                last = last.evolve(&event.decode::<E>()?);
                from = event.revision + 1;
            }
            if page.len() < PAGE {
                return Ok(Replayed { before, last });
            }
        }
    }
}

/// A credential before a fact, and as it is now.
struct Replayed {
    before: Option<State>,
    last: Credential,
}
