//! Exchanging a token that this process keeps for the secret that it is good for.

use keytrail_domain::{
    Actor, CredentialId, Principal, Scopes, SecretPayload, StreamId, TenantId, credential::Credential,
};
use keytrail_ports::{Action, Denied, Object, Resource, SecretError};

use super::desk::Held;
use crate::{App, AppError};

/// Why a token was not exchanged.
#[derive(Debug, thiserror::Error)]
pub enum UnwrapError {
    /// Used, expired, forged, or its right was lost: nobody is told which.
    #[error("wrapping token is not valid or does not exist")]
    Invalid,
    /// The vault, the log or the views do not answer; the token is still good.
    #[error("this cannot be answered now: try again")]
    Unavailable(#[source] AppError),
}

impl App {
    /// Exchanges a token, once. The right to the credential is asked for again.
    ///
    /// # Errors
    /// [`UnwrapError`].
    pub async fn unwrap(&self, token: &str) -> Result<SecretPayload, UnwrapError> {
        // A right that was taken back must not count because the views lag behind.
        self.must_be_current().map_err(UnwrapError::Unavailable)?;
        let held = self.0.desk.take(token, self.now()).ok_or(UnwrapError::Invalid)?;
        match self.payload_of(&held).await {
            Ok(Some(payload)) => Ok(payload),
            Ok(None) => Err(UnwrapError::Invalid),
            Err(error) => {
                self.0.desk.put_back(token, held);
                Err(UnwrapError::Unavailable(error))
            }
        }
    }

    /// None when the lease counts no longer.
    async fn payload_of(&self, held: &Held) -> Result<Option<SecretPayload>, AppError> {
        if !self.may_lease_still(held.tenant, held.credential, &held.consumer).await? {
            return Ok(None);
        }
        let stream = StreamId::credential(held.tenant, held.credential);
        let credential: Credential = self.load(&stream).await?;
        let leased = credential.live().filter(|state| state.may_be_leased().is_ok());
        let Some(state) = leased else { return Ok(None) };
        // The same version, refreshed meanwhile: the token that counts now.
        let at = if held.version == state.version { state.secret } else { held.at };
        if !state.is_leasable(at, self.now()) {
            return Ok(None);
        }
        match self.ports().secrets.get(at).await {
            Ok(payload) => Ok(Some(payload)),
            Err(SecretError::Missing) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether somebody who leased a credential might do so now.
    pub(crate) async fn may_lease_still(
        &self,
        tenant: TenantId,
        credential: CredentialId,
        consumer: &Actor,
    ) -> Result<bool, AppError> {
        let who = Principal { tenant, actor: consumer.clone(), expires_at: None, scopes: Scopes::ALL };
        let resource = Resource { tenant, object: Object::Credential(credential) };
        match self.ports().authorizer.authorize(&who, Action::Lease, resource).await {
            Ok(()) => Ok(true),
            Err(Denied::Hidden | Denied::Forbidden | Denied::NotAMember) => Ok(false),
            Err(denied) => Err(denied.into()),
        }
    }
}
