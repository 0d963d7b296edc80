//! Connections and flows use credentials. The credential's stream owns that fact, so that its deletion is
//! decided from one stream: it is reserved there first, and then the connection or flow says so; letting go
//! is the reverse. Who dies in between leaves a reservation without its other half, which `reactor/repair.rs` clears.

mod check;
mod inputs;
mod repoint;
mod truth;

use std::collections::BTreeSet;

use keytrail_domain::{
    ConnectionId, CredentialId, FlowId, Owner, StreamId, TenantId,
    credential::{Credential, CredentialCommand as C, UsageKind, VerificationChoice},
};
use keytrail_ports::{Action, Object};

use crate::{App, AppError, Call, claims::Claim, execute::Execution, standing::Standing};

pub use inputs::{
    BeforeUse, ConnectionChange, ConnectionStep, FlowChange, FlowCopy, NewConnection, NewFlow, NewStep,
};
pub use repoint::Repointing;

/// What uses credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Consumer {
    Connection(ConnectionId),
    Flow(FlowId),
}

impl Consumer {
    pub(crate) fn kind(self) -> UsageKind {
        match self {
            Self::Connection(_) => UsageKind::Connection,
            Self::Flow(_) => UsageKind::Flow,
        }
    }

    /// As the credential's stream names it.
    pub(crate) fn id(self) -> String {
        match self {
            Self::Connection(id) => id.to_string(),
            Self::Flow(id) => id.to_string(),
        }
    }
}

/// A credential that is to be used, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) credential: CredentialId,
    /// The component that the consumer needs.
    pub(crate) component: String,
}

impl Wanted {
    /// All of these for one component.
    pub(crate) fn each(credentials: &[CredentialId], component: &str) -> Vec<Self> {
        let one =
            |credential: &CredentialId| Self { credential: *credential, component: component.to_owned() };
        credentials.iter().map(one).collect()
    }

    pub(crate) fn credentials(wanted: &[Self]) -> Vec<CredentialId> {
        wanted.iter().map(|wish| wish.credential).collect()
    }
}

impl App {
    /// Reserves all of these for a consumer, or none: the caller must have `USE` of each. Whoever does not come to
    /// say so puts it right.
    ///
    /// # Errors
    /// `COMPONENT_MISMATCH`; `NOT_FOUND` for a credential that the caller may not view.
    pub(crate) async fn reserve(
        &self,
        call: &Call,
        consumer: Consumer,
        wanted: &[Wanted],
    ) -> Result<(), AppError> {
        let standing = self.standing(call).await?;
        for wish in wanted {
            self.authorize(call, Action::Attach, Object::Credential(wish.credential)).await?;
        }
        for (done, wish) in wanted.iter().enumerate() {
            if let Err(error) = self.reserve_one(call, &standing, consumer, wish).await {
                self.put_right(call, consumer, &Wanted::credentials(&wanted[..done])).await;
                return Err(error);
            }
        }
        Ok(())
    }

    async fn reserve_one(
        &self,
        call: &Call,
        standing: &Standing,
        consumer: Consumer,
        wish: &Wanted,
    ) -> Result<(), AppError> {
        let Wanted { credential, component } = wish.clone();
        let attach = C::Attach { usage: consumer.id(), kind: consumer.kind(), component };
        self.use_credential(call, credential, |credential| {
            standing.still_may(Action::Attach, credential)?;
            Ok(attach.clone())
        })
        .await
    }

    /// After a change of a consumer that was surely not done, its credentials say what they said before. While that
    /// is not known, all stays: the repair finds out.
    pub(crate) async fn undone<T>(
        &self,
        call: &Call,
        consumer: Consumer,
        credentials: &[CredentialId],
        outcome: Result<T, AppError>,
    ) -> Result<T, AppError> {
        if outcome.as_ref().is_err_and(AppError::nothing_was_written) {
            self.put_right(call, consumer, credentials).await;
        }
        outcome
    }

    /// Checks credentials that something is about to run with and marks them as in use, all or none; says
    /// what its event is to say of the check.
    ///
    /// # Errors
    /// `VERIFICATION_FAILED` with the list: nothing is marked then.
    pub(crate) async fn begin_use(
        &self,
        call: &Call,
        consumer: Consumer,
        begins: bool,
        wish: BeforeUse,
        credentials: &[CredentialId],
    ) -> Result<VerificationChoice, AppError> {
        if !begins || credentials.is_empty() {
            return Ok(VerificationChoice::NotNeeded);
        }
        let verification = match wish {
            BeforeUse::Skip => VerificationChoice::Skipped,
            BeforeUse::Check => {
                self.check_before_use(call, credentials).await?;
                VerificationChoice::Checked
            }
        };
        self.activate(call, consumer, credentials).await?;
        Ok(verification)
    }

    /// Marks credentials as in use by something that is about to run, all or none.
    ///
    /// # Errors
    /// `CREDENTIAL_SUSPENDED` and whatever else the credential refuses.
    pub(crate) async fn activate(
        &self,
        call: &Call,
        consumer: Consumer,
        credentials: &[CredentialId],
    ) -> Result<(), AppError> {
        for (done, credential) in credentials.iter().enumerate() {
            let activate = C::ActivateUse { usage: consumer.id() };
            if let Err(error) = self.use_credential(call, *credential, |_| Ok(activate.clone())).await {
                self.put_right(call, consumer, &credentials[..done]).await;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Who is to own a connection or flow, if the caller may make one for him.
    pub(crate) async fn consumer_owner(
        &self,
        call: &Call,
        wanted: Option<Owner>,
        object: fn(Owner) -> Object,
    ) -> Result<Owner, AppError> {
        let owner = self.owner_or_caller(call, wanted)?;
        self.authorize(call, Action::Create, object(owner)).await?;
        Ok(owner)
    }

    /// Holds the name of a connection or flow for its owner.
    ///
    /// # Errors
    /// `CONFLICT` when another one of the owner has it.
    pub(crate) async fn hold_consumer_name(
        &self,
        tenant: TenantId,
        owner: Owner,
        name: &str,
        consumer: Consumer,
    ) -> Result<Claim, AppError> {
        let name = name.trim();
        let taken = || AppError::conflict("the owner has another one of this name: choose another name");
        let (kind, folded) = (consumer.kind(), name.to_lowercase());
        let claim = self.0.claims.try_take(format!("{kind:?}\0{tenant}\0{owner}\0{folded}"));
        let claim = claim.ok_or_else(taken)?;
        let views = &self.ports().views;
        let is_taken = match consumer {
            Consumer::Connection(id) => {
                let rows = views.connections_by_name(tenant, name).await?;
                rows.iter().any(|row| row.owner == owner && row.id != id)
            }
            Consumer::Flow(id) => {
                let rows = views.flows_by_name(tenant, name).await?;
                rows.iter().any(|row| row.owner == owner && row.id != id)
            }
        };
        if is_taken { Err(taken()) } else { Ok(claim) }
    }

    /// Names of a component's secret fields; none of one that is gone.
    pub(crate) async fn secret_fields_of(
        &self,
        tenant: TenantId,
        component: &str,
    ) -> Result<BTreeSet<String>, AppError> {
        let known = self.newest_component(tenant, component).await?;
        Ok(known.map(|known| known.definition.secret_fields()).unwrap_or_default())
    }

    async fn use_credential(
        &self,
        call: &Call,
        credential: CredentialId,
        make: impl Fn(&Credential) -> Result<C, AppError> + Send + Sync,
    ) -> Result<(), AppError> {
        let stream = StreamId::credential(call.principal.tenant, credential);
        let execution = Execution {
            call,
            stream,
            expected_revision: None,
            idempotency: None,
            cause: None,
            fresh: false,
            from: 0,
        };
        self.execute::<Credential>(execution, make).await.map(|_| ())
    }
}

/// A credential that is gone, or refuses, needs no more.
fn left_over(credential: Option<CredentialId>, consumer: Consumer, outcome: Result<(), AppError>) {
    match outcome {
        Ok(()) | Err(AppError::NotFound | AppError::Refused { .. }) => {}
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            let user = consumer.id();
            tracing::warn!(?credential, %user, error, "usages could not be put right: the repair will");
        }
    }
}
