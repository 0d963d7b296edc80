//! An OAuth client is free of a credential that has its tokens by it no more.

use async_trait::async_trait;
use keytrail_domain::{
    CredentialId, Principal, RecordedEvent, StreamId, StreamKind,
    credential::{Credential, CredentialEvent as E},
    oauth_client::{OAuthClient, OAuthClientCommand},
};

use super::follow::Reactor;
use crate::{App, AppError, Call, execute::Execution};

pub(super) struct Releases(pub(super) App);

#[async_trait]
impl Reactor for Releases {
    fn name(&self) -> &'static str {
        "oauth-clients"
    }

    async fn react(&self, event: &RecordedEvent) -> Result<bool, AppError> {
        if event.stream.kind() != StreamKind::Credential {
            return Ok(false);
        }
        let (Some(id), E::SecretRotated { .. } | E::RolledBack { .. } | E::Purged {}) =
            (event.stream.credential_id(), event.decode()?)
        else {
            return Ok(false);
        };
        self.0.release_clients(event, id).await
    }
}

impl App {
    /// Of all that hold it but the one that it has its tokens by now.
    async fn release_clients(&self, event: &RecordedEvent, id: CredentialId) -> Result<bool, AppError> {
        self.views_at(event.position).await?;
        let tenant = event.stream.tenant_id();
        let clients = self.ports().views.oauth_clients(tenant).await?;
        let holding: Vec<_> = clients.into_iter().filter(|row| row.users.contains(&id)).collect();
        if holding.is_empty() {
            return Ok(false);
        }
        let credential: Credential = self.load(&event.stream).await?;
        let now = credential.known().and_then(|state| state.authorization.as_ref()).map(|known| known.client);
        let principal = Principal::internal(tenant, "oauth-clients");
        let call = Call { principal, correlation: event.meta()?.correlation };
        for row in holding.iter().filter(|row| Some(row.id) != now) {
            let what = format!("released/{}", row.id);
            let execution = Execution {
                call: &call,
                stream: StreamId::oauth_client(tenant, row.id),
                expected_revision: None,
                idempotency: None,
                cause: Some((event.id, &what)),
                fresh: false,
                from: 0,
            };
            let release = OAuthClientCommand::Release { credential: id };
            match self.execute::<OAuthClient>(execution, |_| Ok(release.clone())).await {
                Ok(_) | Err(AppError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
