//! Checks: of unsaved fields, and of what is stored.

use std::{collections::BTreeMap, sync::Arc};

use keytrail_domain::{
    CredentialId, Scope, SecretPayload, StreamId, TenantId,
    component::Component,
    credential::{Credential, CredentialCommand, State},
    verification::{Report, Trigger},
};
use keytrail_ports::{Action, CheckRequest, Completeness, Object};
use serde_json::Value;

use crate::{
    App, AppError, Call, Done, FieldsTest, Mutation,
    execute::Execution,
    idempotency::{About, Admission, principal_key},
};

impl App {
    /// Tries fields out; saves nothing.
    ///
    /// # Errors
    /// Bad input with paths; `RATE_LIMITED` after ten in a minute.
    pub async fn test_fields(&self, call: &Call, input: FieldsTest) -> Result<Report, AppError> {
        call.must_have(Scope::Verify)?;
        self.ports().authorizer.role(&call.principal).await?;
        self.0.tests.take(principal_key(&call.principal.actor), self.now())?;
        let component = self.component_named(call.principal.tenant, &input.component).await?;
        let checked = self
            .ports()
            .components
            .check_fields(&component, input.fields, Completeness::Complete)
            .map_err(AppError::BadInput)?;
        let hosts = self.hosts(&component, &checked.plain, input.allowed_hosts);
        Ok(self.check(&component, &checked.plain, &checked.secrets, &hosts).await)
    }

    /// Checks a stored credential now and records what was found. One check at a time for each
    /// credential; who asks meanwhile waits and then asks for himself, because he may have mended it.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the vault is away; `RATE_LIMITED`; refusals of the domain.
    pub async fn verify_credential(
        &self,
        call: &Call,
        mutation: Mutation,
        id: CredentialId,
    ) -> Result<Done<(CredentialId, Option<Report>)>, AppError> {
        self.authorize(call, Action::Verify, Object::Credential(id)).await?;
        let stream = StreamId::credential(call.principal.tenant, id);
        let ticket = match self.admit(call, &mutation, About::Stream(stream.clone())).await? {
            Admission::Done(done) => return Ok(done.map(|_| (id, None))),
            Admission::Do(ticket) => ticket,
        };
        let _one_at_a_time = self.0.claims.take(format!("check\0{id}")).await?;
        let standing = self.standing(call).await?;
        let credential: Credential = self.load(&stream).await?;
        standing.still_may(Action::Verify, &credential)?;
        let state = present(&credential)?;
        state.may_be_checked()?;
        self.must_not_lock_out(call.principal.tenant, state).await?;
        let report = self.check_stored(state, None).await?;
        let version = state.version;
        let recorded = self
            .execute::<Credential>(Execution::of(call, stream, &ticket), |now| {
                standing.still_may(Action::Verify, now)?;
                unchanged(state, now, None)?;
                Ok(CredentialCommand::RecordCheck {
                    version,
                    trigger: Trigger::Demand,
                    report: report.clone(),
                    now: self.now(),
                })
            })
            .await?;
        // Another node was asked the same at the same time: its report counts.
        let report = (!recorded.replayed).then_some(report);
        Ok(recorded.map(|()| (id, report)))
    }

    /// A system that locks accounts is not asked again and again after it said no.
    pub(crate) async fn must_not_lock_out(&self, tenant: TenantId, state: &State) -> Result<(), AppError> {
        let component = self.component_made_with(state).await?;
        let Some(row) = self.ports().views.credentials_by_id(tenant, &[state.id]).await?.pop() else {
            return Ok(());
        };
        match self.unlocked_at(&row, &component).await? {
            Some(moment) => {
                let seconds = moment.as_seconds() - self.now().as_seconds();
                Err(AppError::RateLimited {
                    retry_after_seconds: u64::try_from(seconds).unwrap_or_default() + 1,
                })
            }
            None => Ok(()),
        }
    }

    /// Checks what is stored, with other plain fields when given.
    pub(crate) async fn check_stored(
        &self,
        state: &State,
        fields: Option<&BTreeMap<String, Value>>,
    ) -> Result<Report, AppError> {
        let component = self.component_made_with(state).await?;
        let secrets = self.ports().secrets.get(state.secret).await?;
        // Counted when it goes out: waiting for the vault is no check.
        self.0.checks.take(state.id.to_string(), self.now())?;
        Ok(self.check(&component, fields.unwrap_or(&state.fields), &secrets, &state.allowed_hosts).await)
    }

    pub(crate) async fn check(
        &self,
        component: &Component,
        fields: &BTreeMap<String, Value>,
        secrets: &SecretPayload,
        allowed_hosts: &[String],
    ) -> Report {
        self.ports().verifier.check(CheckRequest { component, fields, secrets, allowed_hosts }).await
    }

    /// The hosts that the caller chose, or the component's own.
    pub(super) fn hosts(
        &self,
        component: &Component,
        fields: &BTreeMap<String, Value>,
        chosen: Option<Vec<String>>,
    ) -> Vec<String> {
        chosen.unwrap_or_else(|| self.ports().verifier.default_hosts(component, fields))
    }

    /// The newest definition of a component.
    pub(crate) async fn component_named(
        &self,
        tenant: TenantId,
        slug: &str,
    ) -> Result<Arc<Component>, AppError> {
        let known = self.newest_component(tenant, slug).await?;
        known.map(|known| known.definition).ok_or_else(|| {
            AppError::bad_input("component", "no such component: the query `components` lists them")
        })
    }

    /// The definition that a credential follows: that of its own version, whatever it is now.
    pub(super) async fn component_made_with(&self, state: &State) -> Result<Arc<Component>, AppError> {
        let known = self.component_version(state.tenant, &state.component).await?;
        known.map(|known| known.definition).ok_or_else(|| AppError::Unavailable {
            dependency: "event log",
            source: Some("the views do not know the credential's component".into()),
        })
    }
}

/// What was merged and checked must still be what is there, or a change at the same time is lost,
/// and a verdict lands on what it was not about.
pub(crate) fn unchanged(seen: &State, now: &Credential, expected: Option<u64>) -> Result<(), AppError> {
    let same = |now: &State| {
        (now.version, now.secret, &now.fields, &now.allowed_hosts)
            == (seen.version, seen.secret, &seen.fields, &seen.allowed_hosts)
    };
    match now.live() {
        Some(now) if !same(now) => Err(AppError::Conflict {
            message: "the credential was changed at the same time: try again".into(),
            expected,
            actual: Some(now.revision),
        }),
        _ => Ok(()),
    }
}

/// The state of a credential that is neither deleted nor unknown.
pub(crate) fn present(credential: &Credential) -> Result<&State, AppError> {
    match credential {
        Credential::Live(state) => Ok(state),
        Credential::Deleted { .. } => Err(AppError::Refused {
            reason: "CREDENTIAL_DELETED",
            message: "the credential is deleted: restore it first".into(),
            details: Value::Null,
        }),
        Credential::Vacant | Credential::Purged => Err(AppError::NotFound),
    }
}
