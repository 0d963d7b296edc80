//! Opens and resolves alerts. Event ids derive from the event that is the reason, so doing it
//! twice is doing it once.

use async_trait::async_trait;
use keytrail_domain::{
    CredentialId, Principal, RecordedEvent, StreamId, StreamKind, Timestamp,
    alert::{Alert, AlertCommand, Cause, Severity},
    credential::{CredentialEvent as E, Health, RollbackReason, TransferReason},
    verification::{Report, Verdict},
};
use keytrail_ports::views::CredentialRow;
use tokio_util::sync::CancellationToken;

use super::follow::Reactor;
use crate::{App, AppError, Call, Work, execute::Execution};

/// Name of the reactor and of its mark in the journal.
pub(super) const NAME: &str = "alerts";

/// Why a restored credential has an alert whose own sentence is not known any more.
const REJECTED_BEFORE: &str = "the system rejected the credential before it was deleted";

/// Causes that another secret version ends.
const OF_A_VERSION: [Cause; 4] =
    [Cause::Invalid, Cause::Expiring, Cause::Expired, Cause::VerificationFailing];

/// What an event means for alerts.
enum Reaction {
    Raise { cause: Cause, severity: Severity, message: String },
    Recover(Cause),
}

struct Alerts(App);

#[async_trait]
impl Reactor for Alerts {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn react(&self, event: &RecordedEvent) -> Result<bool, AppError> {
        self.0.react(event).await
    }
}

impl App {
    /// Opens and resolves alerts until `stop`; comes back by itself after every failure.
    pub async fn run_alerts(&self, stop: CancellationToken) {
        let stop = &stop;
        self.while_leased(Work::Alerts, stop, |tenure| async move {
            self.follow(&Alerts(self.clone()), &tenure, stop).await;
        })
        .await;
    }

    /// True when it changed an alert.
    async fn react(&self, event: &RecordedEvent) -> Result<bool, AppError> {
        if event.stream.kind() == StreamKind::Webhook {
            return self.react_to_endpoint(event).await;
        }
        if event.stream.kind() != StreamKind::Credential {
            return Ok(false);
        }
        let Some(credential) = event.stream.credential_id() else { return Ok(false) };
        let fact = event.decode()?;
        let reactions = reactions(&fact);
        let asks_more = matches!(
            fact,
            E::Suspended { .. }
                | E::Restored {}
                | E::Verified { .. }
                | E::DetailsChanged { .. }
                | E::TokenRefreshed { .. }
        );
        if reactions.is_empty() && !asks_more {
            return Ok(false);
        }
        // The views know whether there is anything to resolve: most credentials have no alert.
        self.views_at(event.position).await?;
        let tenant = event.stream.tenant_id();
        let row = self.ports().views.credentials_by_id(tenant, &[credential]).await?.pop();
        let has_open = row.as_ref().is_some_and(|row| row.open_alerts > 0);
        let in_use = row.is_some_and(|row| !row.usages.is_empty());
        let stopped = (in_use && matches!(fact, E::Suspended { .. })).then(stopped_in_use);
        let more = match fact {
            E::Restored {} => self.still_a_problem(event).await?.into_iter().collect(),
            E::Verified { .. } | E::DetailsChanged { .. } | E::TokenRefreshed { .. } if has_open => {
                self.later_end(event).await?
            }
            _ => Vec::new(),
        };
        let mut changed = false;
        for reaction in reactions.into_iter().chain(stopped).chain(more) {
            if has_open || matches!(reaction, Reaction::Raise { .. }) {
                self.carry_out(event, credential, reaction).await?;
                changed = true;
            }
        }
        Ok(changed)
    }

    /// An end that moved away, or is none any more, is no problem any more.
    async fn later_end(&self, event: &RecordedEvent) -> Result<Vec<Reaction>, AppError> {
        let tenant = self.ports().views.tenant(event.stream.tenant_id()).await?;
        let first = tenant.and_then(|tenant| tenant.expiry_days.into_iter().max()).unwrap_or_default();
        let row = self.row_at(&event.stream, event.position).await?;
        let (end, at) = (row.as_ref().and_then(|row| row.expires_at), event.meta()?.recorded_at);
        let proven_over = row.is_some_and(|row| row.health == Health::Expired);
        let later_than = |days: u32| end.is_none_or(|end| end > at.plus_days(i64::from(days)));
        let over = (later_than(0) && !proven_over).then_some(Cause::Expired);
        let near = later_than(first).then_some(Cause::Expiring);
        Ok(over.into_iter().chain(near).map(Reaction::Recover).collect())
    }

    /// Deletion ended its alerts: one that comes back as it was, rejected or near its end, is a problem
    /// again.
    async fn still_a_problem(&self, event: &RecordedEvent) -> Result<Option<Reaction>, AppError> {
        let Some(row) = self.row_at(&event.stream, event.position).await? else { return Ok(None) };
        let cause = match row.health {
            Health::Invalid => Cause::Invalid,
            Health::Expired => Cause::Expired,
            Health::Unverified | Health::Valid => return Ok(told_end(&row, event.meta()?.recorded_at)),
        };
        // A later check can have proven nothing: it does not say why.
        let report = row.last_verification.map(|check| check.report);
        let report = report.filter(|report| report.verdict.is_definite_no());
        let message = report.map_or_else(|| REJECTED_BEFORE.to_owned(), |report| report.message);
        Ok(Some(Reaction::Raise { cause, severity: Severity::Critical, message }))
    }

    async fn carry_out(
        &self,
        event: &RecordedEvent,
        credential: CredentialId,
        reaction: Reaction,
    ) -> Result<(), AppError> {
        let source = event.id;
        let (cause, command) = match reaction {
            Reaction::Raise { cause, severity, message } => {
                (cause, AlertCommand::Raise { about: credential.into(), cause, severity, message, source })
            }
            Reaction::Recover(cause) => (cause, AlertCommand::Recover { source }),
        };
        let tenant = event.stream.tenant_id();
        let stream = StreamId::alert(tenant, credential, cause.as_str());
        if matches!(command, AlertCommand::Recover { .. }) && self.was_raised_later(event, &stream).await? {
            return Ok(());
        }
        let call =
            Call { principal: Principal::internal(tenant, NAME), correlation: event.meta()?.correlation };
        let execution = Execution {
            call: &call,
            stream,
            expected_revision: None,
            idempotency: None,
            cause: Some((event.id, cause.as_str())),
            fresh: false,
            from: 0,
        };
        self.execute::<Alert>(execution, |_| Ok(command.clone())).await?;
        Ok(())
    }

    /// Events are looked at again after a crash: an old recovery must not end a newer alert.
    pub(super) async fn was_raised_later(
        &self,
        event: &RecordedEvent,
        alert: &StreamId,
    ) -> Result<bool, AppError> {
        let Some(source) = self.load::<Alert>(alert).await?.source else { return Ok(false) };
        // The views know every event up to this one: an unknown source came later.
        let source = self.ports().views.event(event.stream.tenant_id(), source).await?;
        Ok(source.is_none_or(|source| source.position > event.position))
    }
}

fn reactions(event: &E) -> Vec<Reaction> {
    match event {
        E::Verified { .. } => recover(&[Cause::Invalid, Cause::VerificationFailing]),
        E::Invalidated { report, .. } => {
            let mut reactions = vec![rejected(report)];
            reactions.extend(recover(&[Cause::VerificationFailing]));
            reactions
        }
        E::RolledBack { from, version, reason: RollbackReason::Rejected, .. } => {
            vec![gave_way(*from, *version)]
        }
        // While the version before can be leased or come back, who knew it knows something still.
        E::SecretRotated { overlap_until: None, .. } => {
            let mut reactions = recover(&OF_A_VERSION);
            reactions.extend(recover(&[Cause::HandedOver, Cause::Compromised]));
            reactions
        }
        E::SecretRotated { .. } => recover(&OF_A_VERSION),
        E::RolledBack { reason: RollbackReason::Asked, .. } => recover(&OF_A_VERSION),
        E::Transferred { reason: TransferReason::MemberRemoved, .. } => vec![handed_over()],
        E::Expiring { days, .. } => vec![end_is_near(*days)],
        E::Expired { .. } => {
            let mut reactions = vec![end_has_come()];
            reactions.extend(recover(&[Cause::Expiring]));
            reactions
        }
        E::Shared { break_glass: true, .. } => vec![glass_was_broken()],
        // That somebody broke glass stays to be looked at: he could delete what he took.
        E::Deleted { .. } => {
            let causes = Cause::ALL.into_iter().filter(|cause| *cause != Cause::BreakGlass);
            causes.map(Reaction::Recover).collect()
        }
        E::MarkedCompromised { .. } => vec![wrong_hands()],
        E::Resumed { .. } => recover(&[Cause::Suspended, Cause::Compromised]),
        _ => Vec::new(),
    }
}

fn end_is_near(days: u32) -> Reaction {
    Reaction::Raise {
        cause: Cause::Expiring,
        severity: if days <= 1 { Severity::Critical } else { Severity::Warning },
        message: match days {
            1 => "the credential expires in less than a day: rotate it".into(),
            days => format!("the credential expires in less than {days} days: rotate it"),
        },
    }
}

fn end_has_come() -> Reaction {
    Reaction::Raise {
        cause: Cause::Expired,
        severity: Severity::Critical,
        message: "the credential has expired: rotate it, or authorize it anew".into(),
    }
}

/// What was told of the end of a credential that is back, if that is so still.
fn told_end(row: &CredentialRow, at: Timestamp) -> Option<Reaction> {
    let (end, noted) = (row.expires_at?, row.noted_expiry?);
    match noted.days {
        0 => (end <= at).then(end_has_come),
        days => (end <= at.plus_days(i64::from(days))).then(|| end_is_near(days)),
    }
}

/// The rejection has opened the alert; the next check that the earlier version passes ends it.
fn gave_way(from: u32, to: u32) -> Reaction {
    Reaction::Raise {
        cause: Cause::Invalid,
        severity: Severity::Critical,
        message: format!("the system rejected version {from}: version {to} counts again, rotate anew"),
    }
}

/// A rotation ends it: then he knows the secret no more.
fn handed_over() -> Reaction {
    Reaction::Raise {
        cause: Cause::HandedOver,
        severity: Severity::Warning,
        message: "its owner was removed and may know its secret still: rotate it".into(),
    }
}

fn glass_was_broken() -> Reaction {
    Reaction::Raise {
        cause: Cause::BreakGlass,
        severity: Severity::Critical,
        message:
            "an owner or admin took the use of the credential by his role, for an hour: its history has \
                  his reason"
                .into(),
    }
}

fn wrong_hands() -> Reaction {
    Reaction::Raise {
        cause: Cause::Compromised,
        severity: Severity::Critical,
        message: "its secret is in the wrong hands: end it at its system, and rotate; `credentialExposure` has what \
                  was done with it since"
            .into(),
    }
}

fn stopped_in_use() -> Reaction {
    Reaction::Raise {
        cause: Cause::Suspended,
        severity: Severity::Warning,
        message: "the credential was suspended while something uses it".into(),
    }
}

fn recover(causes: &[Cause]) -> Vec<Reaction> {
    causes.iter().copied().map(Reaction::Recover).collect()
}

fn rejected(report: &Report) -> Reaction {
    let cause = if report.verdict == Verdict::Expired { Cause::Expired } else { Cause::Invalid };
    Reaction::Raise { cause, severity: Severity::Critical, message: report.message.clone() }
}
