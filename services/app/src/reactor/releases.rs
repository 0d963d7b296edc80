//! A credential that has its tokens by an OAuth client no more: the grant ends at the provider, and the client is free.

use async_trait::async_trait;
use keytrail_domain::{
    CredentialId, OAuthClientId, Principal, RecordedEvent, StreamId, StreamKind,
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
        let Some(id) = event.stream.credential_id() else { return Ok(false) };
        match event.decode()? {
            // What is purged goes the same way, before its secrets are destroyed.
            E::SecretRotated { .. } | E::RolledBack { .. } => self.0.release_clients(event, id).await,
            // What was reserved for it may have been released for what came before it.
            E::Authorized { authorization } => self.0.keep_client(event, id, authorization.client).await,
            _ => Ok(false),
        }
    }
}

impl App {
    async fn keep_client(
        &self,
        event: &RecordedEvent,
        id: CredentialId,
        client: OAuthClientId,
    ) -> Result<bool, AppError> {
        self.views_at_head().await?;
        let tenant = event.stream.tenant_id();
        let row = self.ports().views.oauth_client(tenant, client).await?;
        let Some(row) = row.filter(|row| row.deleted_at.is_none() && !row.users.contains(&id)) else {
            return Ok(false);
        };
        let credential: Credential = self.load(&event.stream).await?;
        let Some(state) = credential.known() else { return Ok(false) };
        if state.authorization.as_ref().map(|known| known.client) != Some(client) {
            return Ok(false);
        }
        let (component, provider) = (state.component.slug.clone(), row.settings.provider.clone());
        let reserve = OAuthClientCommand::Reserve { credential: id, component, provider };
        self.tell_client(event, client, ("reserved", reserve)).await?;
        Ok(true)
    }

    async fn tell_client(
        &self,
        event: &RecordedEvent,
        client: OAuthClientId,
        (what, command): (&str, OAuthClientCommand),
    ) -> Result<(), AppError> {
        let tenant = event.stream.tenant_id();
        let principal = Principal::internal(tenant, "oauth-clients");
        let call = Call { principal, correlation: event.meta()?.correlation };
        let what = format!("{what}/{client}");
        let execution = Execution {
            call: &call,
            stream: StreamId::oauth_client(tenant, client),
            expected_revision: None,
            idempotency: None,
            cause: Some((event.id, &what)),
            fresh: false,
            from: 0,
        };
        match self.execute::<OAuthClient>(execution, |_| Ok(command.clone())).await {
            Ok(_) | Err(AppError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Of all that hold it but the one that it has its tokens by now.
    /// While the client is not free, its addresses stay: the token is shown to nobody else.
    pub(super) async fn release_clients(
        &self,
        event: &RecordedEvent,
        id: CredentialId,
    ) -> Result<bool, AppError> {
        self.views_at(event.position).await?;
        let tenant = event.stream.tenant_id();
        let clients = self.ports().views.oauth_clients(tenant).await?;
        let holding: Vec<_> = clients.into_iter().filter(|row| row.users.contains(&id)).collect();
        if holding.is_empty() {
            return Ok(false);
        }
        self.end_grant(event).await?;
        let credential: Credential = self.load(&event.stream).await?;
        let now = credential.known().and_then(|state| state.authorization.as_ref()).map(|known| known.client);
        for row in holding.iter().filter(|row| Some(row.id) != now) {
            self.tell_client(event, row.id, ("released", OAuthClientCommand::Release { credential: id }))
                .await?;
        }
        Ok(true)
    }
}
