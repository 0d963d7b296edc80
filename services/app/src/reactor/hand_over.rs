//! What a removed member owned goes to who was named when he was removed, one credential, connection and flow after the
//! other, also the deleted ones that somebody may restore. It goes on where it was after a crash.

mod consumers;

use async_trait::async_trait;
use keytrail_domain::{
    CredentialId, Owner, Principal, RecordedEvent, StreamId, StreamKind, TenantId,
    credential::{Credential, CredentialCommand},
    tenant::TenantEvent,
};
use keytrail_ports::{
    Scope,
    views::{CredentialFilter, CredentialOrder, CredentialQuery, PageRequest},
};

use super::follow::Reactor;
use crate::{App, AppError, Call, execute::Execution};

/// Name of the reactor and of its mark in the journal.
const NAME: &str = "hand-over";
/// Credentials looked at together.
const PAGE: u32 = 500;

pub(super) struct HandOver(pub(super) App);

#[async_trait]
impl Reactor for HandOver {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn react(&self, event: &RecordedEvent) -> Result<bool, AppError> {
        if event.stream.kind() != StreamKind::Tenant {
            return Ok(false);
        }
        match event.decode()? {
            TenantEvent::MemberRemoved { member, hand_over_to: Some(to) } => {
                self.0.hand_over(event, (Owner::Member(member), to)).await
            }
            _ => Ok(false),
        }
    }
}

impl App {
    async fn hand_over(&self, event: &RecordedEvent, whose: (Owner, Owner)) -> Result<bool, AppError> {
        // Also what came to him by another hand-over.
        self.views_at_head().await?;
        let tenant = event.stream.tenant_id();
        let call =
            Call { principal: Principal::internal(tenant, NAME), correlation: event.meta()?.correlation };
        let owned = self.owned_by(tenant, whose.0).await?;
        for id in &owned {
            self.hand_over_one(&call, event, *id, whose).await?;
        }
        let consumers = self.consumers_of(tenant, whose.0).await?;
        for consumer in &consumers {
            self.hand_over_consumer(&call, event, consumer, whose).await?;
        }
        Ok(!owned.is_empty() || !consumers.is_empty())
    }

    async fn hand_over_one(
        &self,
        call: &Call,
        event: &RecordedEvent,
        id: CredentialId,
        (from, to): (Owner, Owner),
    ) -> Result<(), AppError> {
        let stream = StreamId::credential(event.stream.tenant_id(), id);
        let credential: Credential = self.load(&stream).await?;
        let Some(state) = credential.known().filter(|state| state.owner == from) else { return Ok(()) };
        let name = self.name_for((stream.tenant_id(), to), state).await;
        let Some((name, _claim)) = named(&id.to_string(), name)? else { return Ok(()) };
        let what = format!("handed-over/{id}");
        let execution = Execution {
            call,
            stream,
            expected_revision: None,
            idempotency: None,
            cause: Some((event.id, &what)),
            fresh: false,
            from: 0,
        };
        let command = CredentialCommand::HandOver { from, to, name };
        let done = self.execute::<Credential>(execution, |_| Ok(command.clone())).await;
        handed(&id.to_string(), done.map(drop))
    }

    /// Present and deleted ones.
    async fn owned_by(&self, tenant: TenantId, owner: Owner) -> Result<Vec<CredentialId>, AppError> {
        let mut owned = Vec::new();
        for deleted in [false, true] {
            let mut page = PageRequest::first(PAGE);
            loop {
                let query = CredentialQuery {
                    tenant,
                    scope: Scope::All,
                    filter: CredentialFilter { owner: Some(owner), deleted, ..CredentialFilter::default() },
                    order: CredentialOrder::default(),
                    page,
                    now: self.now(),
                };
                let listed = self.ports().views.credentials(query).await?;
                owned.extend(listed.rows.iter().map(|(_, row)| row.id));
                match listed.rows.last() {
                    Some((key, _)) if listed.has_next => page = PageRequest::first(PAGE).after(key.clone()),
                    _ => break,
                }
            }
        }
        Ok(owned)
    }
}

/// Of what finds no name with its new owner nothing else has to wait.
fn named<T>(id: &str, name: Result<T, AppError>) -> Result<Option<T>, AppError> {
    match name {
        Ok(name) => Ok(Some(name)),
        Err(error @ AppError::Conflict { .. }) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(id, error, "not handed over: an owner of the tenant has to see to it");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// What was purged or deleted meanwhile needs no owner; what cannot be handed over holds back nothing else.
fn handed(id: &str, done: Result<(), AppError>) -> Result<(), AppError> {
    match done {
        Ok(()) | Err(AppError::NotFound) => Ok(()),
        Err(error @ (AppError::BadInput(_) | AppError::Refused { .. })) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(id, error, "not handed over: an owner of the tenant has to see to it");
            Ok(())
        }
        Err(error) => Err(error),
    }
}
