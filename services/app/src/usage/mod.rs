//! Connections and flows use credentials. The credential's stream owns that fact, so that its deletion is
//! decided from one stream: it is reserved there first, and then the connection or flow says so; letting go
//! is the reverse. Who dies in between leaves a reservation without its other half, which [`repair`] clears.

mod check;
mod inputs;

use std::collections::BTreeSet;

use keytrail_domain::{
    ConnectionId, CredentialId, FlowId, Owner, StreamId, TenantId,
    credential::{Credential, CredentialCommand as C, UsageKind, VerificationChoice},
};
use keytrail_ports::{Action, Object};

use crate::{App, AppError, Call, claims::Claim, commands::present, execute::Execution, standing::Standing};

pub use inputs::{
    BeforeUse, ConnectionChange, ConnectionStep, FlowChange, FlowCopy, NewConnection, NewFlow, NewStep,
};

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
}

/// What was reserved just now, to be let go of again when the consumer does not come to be.
#[must_use = "what is not kept must be let go of"]
#[derive(Debug, Default)]
pub(crate) struct Reserved(Vec<CredentialId>);

impl App {
    /// Reserves all of these for a consumer, or none: the caller must have `USE` of each.
    ///
    /// # Errors
    /// `COMPONENT_MISMATCH`; `NOT_FOUND` for a credential that the caller may not view.
    pub(crate) async fn reserve(
        &self,
        call: &Call,
        consumer: Consumer,
        wanted: &[Wanted],
    ) -> Result<Reserved, AppError> {
        let standing = self.standing(call).await?;
        for wish in wanted {
            self.authorize(call, Action::Attach, Object::Credential(wish.credential)).await?;
        }
        let mut reserved = Reserved::default();
        for wish in wanted {
            match self.reserve_one(call, &standing, consumer, wish).await {
                Ok(true) => reserved.0.push(wish.credential),
                Ok(false) => {}
                Err(error) => {
                    self.let_go(call, consumer, reserved).await;
                    return Err(error);
                }
            }
        }
        Ok(reserved)
    }

    /// True when it was not reserved before.
    async fn reserve_one(
        &self,
        call: &Call,
        standing: &Standing,
        consumer: Consumer,
        wish: &Wanted,
    ) -> Result<bool, AppError> {
        let known = std::sync::atomic::AtomicBool::new(false);
        self.use_credential(call, wish.credential, |credential| {
            standing.still_may(Action::Attach, credential)?;
            let held = present(credential)?.usages.contains_key(&consumer.id());
            known.store(held, std::sync::atomic::Ordering::Relaxed);
            Ok(C::Attach { usage: consumer.id(), kind: consumer.kind(), component: wish.component.clone() })
        })
        .await?;
        Ok(!known.into_inner())
    }

    /// Keeps what was reserved for a consumer that says so now, and lets go of it when nothing came of it.
    /// While that is not known, it stays: the repair finds out.
    pub(crate) async fn keep_or_let_go<T>(
        &self,
        call: &Call,
        consumer: Consumer,
        reserved: Reserved,
        outcome: Result<T, AppError>,
    ) -> Result<T, AppError> {
        if outcome.as_ref().is_err_and(AppError::nothing_was_written) {
            self.let_go(call, consumer, reserved).await;
        }
        outcome
    }

    /// Undoes a reservation that nothing came of. What cannot be undone now is cleared by the repair.
    pub(crate) async fn let_go(&self, call: &Call, consumer: Consumer, reserved: Reserved) {
        self.release(call, consumer, &reserved.0).await;
    }

    /// Lets go of credentials that a consumer does not use any more.
    pub(crate) async fn release(&self, call: &Call, consumer: Consumer, credentials: &[CredentialId]) {
        for credential in credentials {
            let detach = C::Detach { usage: consumer.id() };
            let released = self.use_credential(call, *credential, |_| Ok(detach.clone())).await;
            left_over(*credential, consumer, released);
        }
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

    /// Marks credentials as in use by something that runs, all or none.
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
                self.deactivate(call, consumer, &credentials[..done]).await;
                return Err(error);
            }
        }
        Ok(())
    }

    /// The reverse, for something that does not run any more.
    pub(crate) async fn deactivate(&self, call: &Call, consumer: Consumer, credentials: &[CredentialId]) {
        for credential in credentials {
            let deactivate = C::DeactivateUse { usage: consumer.id() };
            let done = self.use_credential(call, *credential, |_| Ok(deactivate.clone())).await;
            left_over(*credential, consumer, done);
        }
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
        let execution =
            Execution { call, stream, expected_revision: None, idempotency: None, cause: None, fresh: false };
        self.execute::<Credential>(execution, make).await.map(|_| ())
    }
}

/// A usage that is gone, or whose credential is, needs no more.
fn left_over(credential: CredentialId, consumer: Consumer, outcome: Result<(), AppError>) {
    match outcome {
        Ok(()) | Err(AppError::NotFound | AppError::Refused { .. }) => {}
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            let user = consumer.id();
            tracing::warn!(%credential, %user, error, "a credential could not be let go of: the repair will");
        }
    }
}
