//! One routine check of one credential.

use std::sync::Arc;

use keytrail_domain::{
    CredentialId, EventId, Principal, StreamId, TenantId, Timestamp,
    alert::{Alert, AlertCommand, Cause, Severity},
    component::Component,
    credential::{Credential, CredentialCommand, State},
    verification::{Report, Trigger, Verdict},
};
use keytrail_ports::views::CredentialRow;

use super::{NAME, bounds::Hosts, kept, plan};
use crate::{
    App, AppError, Call, Tenure,
    commands::{present, unchanged},
    execute::Execution,
};

/// Days of nothing but inconclusive answers after which somebody is told.
const PATIENCE_DAYS: i64 = 1;

/// What came of a check.
#[derive(Debug)]
pub(super) enum Checked {
    /// It was made.
    Made(Verdict, Told),
    /// There is nothing to be checked (any more).
    Nothing,
    /// Not before this moment.
    NotBefore(Timestamp),
    /// Too much goes on towards this host.
    HostBusy(String),
    /// Somebody else checks it right now.
    UnderWay,
}

/// Whether a result told anything new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It is an event.
    News,
    /// It is kept in the journal.
    NothingNew,
}

impl App {
    /// Everything that happens once when a check is due. The result counts only while the work is ours.
    pub(super) async fn routine_check(
        &self,
        (tenant, id): (TenantId, CredentialId),
        (hosts, default_interval): (&Hosts, i64),
        tenure: &Tenure,
    ) -> Result<Checked, AppError> {
        let Some(row) = self.ports().views.credentials_by_id(tenant, &[id]).await?.pop() else {
            return Ok(Checked::Nothing);
        };
        let known = self.component_version(tenant, &row.component).await?;
        let component = known.map(|known| known.definition);
        let Some(component) = component.filter(|it| plan::is_checked(&row, Some(it), self.now())) else {
            return Ok(Checked::Nothing);
        };
        // The place is held until the result is recorded.
        let host = row.allowed_hosts.first().unwrap_or(&row.component.slug);
        let Some(_place) = hosts.take(host) else { return Ok(Checked::HostBusy(host.clone())) };
        let Some(_one_at_a_time) = self.0.claims.try_take(format!("check\0{id}")) else {
            return Ok(Checked::UnderWay);
        };
        if let Some(moment) = self.too_early(&row, &component, default_interval).await? {
            return Ok(Checked::NotBefore(moment));
        }
        self.check_now(&row, &component, tenure).await
    }

    async fn too_early(
        &self,
        row: &CredentialRow,
        component: &Component,
        default_interval: i64,
    ) -> Result<Option<Timestamp>, AppError> {
        let now = self.now();
        let Some(last) = self.last_verification(row).await? else { return Ok(None) };
        let fresh = plan::fresh_until(&last, plan::interval(Some(component), default_interval));
        let locked = self.unlocked_at(row, component).await?;
        let apart = plan::apart_until(row, component, &last);
        Ok([Some(fresh), locked, apart].into_iter().flatten().max().filter(|moment| *moment > now))
    }

    /// From when on a system that locks accounts may be asked; none when it may be now.
    pub(crate) async fn unlocked_at(
        &self,
        row: &CredentialRow,
        component: &Component,
    ) -> Result<Option<Timestamp>, AppError> {
        if component.lockout_safe {
            return Ok(None);
        }
        let last = self.newest_verifications(row.tenant, row.id, 2).await?;
        Ok(plan::unlocked_at(row, component, &last).filter(|moment| *moment > self.now()))
    }

    async fn check_now(
        &self,
        row: &CredentialRow,
        component: &Arc<Component>,
        tenure: &Tenure,
    ) -> Result<Checked, AppError> {
        let stream = StreamId::credential(row.tenant, row.id);
        let credential: Credential = self.load(&stream).await?;
        let Ok(state) = present(&credential) else { return Ok(Checked::Nothing) };
        let secrets = self.ports().secrets.get(state.secret).await?;
        tenure.check()?;
        let report = self.check(component, &state.fields, &secrets, &state.allowed_hosts).await;
        drop(secrets);
        tenure.check()?;
        let call = Call { principal: Principal::internal(row.tenant, NAME), correlation: self.fresh_id() };
        let told = self.record(&call, stream, state, &report).await?;
        if report.verdict == Verdict::Inconclusive {
            self.tell_of_failing(&call, row).await?;
        }
        Ok(Checked::Made(report.verdict, told))
    }

    /// What tells nothing new is kept in the journal, anything else is an event.
    async fn record(
        &self,
        call: &Call,
        stream: StreamId,
        state: &State,
        report: &Report,
    ) -> Result<Told, AppError> {
        if state.last_report.as_ref().is_some_and(|last| last.tells_the_same_as(report)) {
            self.keep(state, report).await?;
            return Ok(Told::NothingNew);
        }
        let execution = Execution {
            call,
            stream,
            expected_revision: None,
            idempotency: None,
            cause: None,
            fresh: false,
            from: 0,
        };
        let (version, trigger) = (state.version, Trigger::Routine);
        self.execute::<Credential>(execution, |now| {
            unchanged(state, now, None)?;
            let command =
                CredentialCommand::RecordCheck { version, trigger, report: report.clone(), now: self.now() };
            Ok(command)
        })
        .await?;
        Ok(Told::News)
    }

    async fn keep(&self, state: &State, report: &Report) -> Result<(), AppError> {
        let entry = kept::entry((state.tenant, state.id), self.now(), state.version, report)
            .map_err(|error| AppError::Internal(error.into()))?;
        let number = self.ports().journal.append(vec![entry.clone()]).await?;
        self.remember_check(state.id, keytrail_ports::JournalEntry { number, entry })
    }

    /// A day of nothing but inconclusive answers is a problem of its own. The alert's event derives
    /// from the first of them, so it is said once for each such time.
    async fn tell_of_failing(&self, call: &Call, row: &CredentialRow) -> Result<(), AppError> {
        let Some((first, since)) = row.inconclusive_since else { return Ok(()) };
        if self.now() < since.plus_days(PATIENCE_DAYS) {
            return Ok(());
        }
        let cause = Cause::VerificationFailing;
        let stream = StreamId::alert(row.tenant, row.id, cause.as_str());
        let command = failing(row.id, first);
        let execution = Execution {
            call,
            stream,
            expected_revision: None,
            idempotency: None,
            cause: Some((first, cause.as_str())),
            fresh: false,
            from: 0,
        };
        self.execute::<Alert>(execution, |_| Ok(command.clone())).await?;
        Ok(())
    }
}

fn failing(credential: CredentialId, source: EventId) -> AlertCommand {
    AlertCommand::Raise {
        about: credential.into(),
        cause: Cause::VerificationFailing,
        severity: Severity::Warning,
        message: "checks have proven nothing for a day: see the last verification for the reason".into(),
        source,
    }
}
